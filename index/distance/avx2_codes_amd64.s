#include "textflag.h"

// Kernels over 8-bit codes: one query against rows in order or in a list, of 32 codes
// or more.
//
// Rows are taken in pairs, so that a load of the query serves two. The last dim mod 32
// codes are the end of a block that reaches back into the one before; the mask Y14
// makes zeros of what was counted already. Y0 and Y1 sum the first row, Y2 and Y3 the
// second; a last row without a partner has all four. Rows of a list are asked from
// memory two pairs ahead.
//
// Registers: DI out, CX rows left, SI query, R8 rows, R9 stride, R13 what is left of the
// list or 0, R10 codes in whole blocks of 64, R11 the rest, AX offset in the row, BX and
// R12 the pair, R14 and R15 the pair that is asked for. DX is free. Y13 and Y15 are constants.

// upper is read from n bytes on: 32-n zeros, then n bytes of ones.
DATA upper<>+0(SB)/8, $0
DATA upper<>+8(SB)/8, $0
DATA upper<>+16(SB)/8, $0
DATA upper<>+24(SB)/8, $0
DATA upper<>+32(SB)/8, $-1
DATA upper<>+40(SB)/8, $-1
DATA upper<>+48(SB)/8, $-1
DATA upper<>+56(SB)/8, $-1
GLOBL upper<>(SB), RODATA|NOPTR, $64

#define SETUP \
	MOVQ    out+0(FP), DI; \
	MOVQ    n+8(FP), CX; \
	MOVQ    q+16(FP), SI; \
	MOVQ    dim+24(FP), R10; \
	MOVQ    rows+32(FP), R8; \
	MOVQ    stride+40(FP), R9; \
	MOVQ    at+48(FP), R13; \
	MOVQ    R10, R11; \
	ANDQ    $63, R11; \
	ANDQ    $-64, R10; \
	MOVQ    R11, AX; \
	ANDQ    $31, AX; \
	LEAQ    upper<>(SB), DX; \
	VMOVDQU (DX)(AX*1), Y14

// PLACE sets p to the row that the list names at off.
#define PLACE(off, p) \
	MOVL  off(R13), p; \
	IMULQ R9, p; \
	ADDQ  R8, p

#define ZERO \
	VPXOR Y0, Y0, Y0; \
	VPXOR Y1, Y1, Y1; \
	VPXOR Y2, Y2, Y2; \
	VPXOR Y3, Y3, Y3; \
	XORL  AX, AX

// FINISH2 adds up the sums of a pair, both at once: X0 is the first row's, X1 the second's.
#define FINISH2 \
	VPADDD       Y1, Y0, Y0; \
	VPADDD       Y3, Y2, Y2; \
	VPERM2I128   $0x20, Y2, Y0, Y1; \
	VPERM2I128   $0x31, Y2, Y0, Y3; \
	VPADDD       Y3, Y1, Y0; \
	VPSHUFD      $0x4E, Y0, Y1; \
	VPADDD       Y1, Y0, Y0; \
	VPSHUFD      $0xB1, Y0, Y1; \
	VPADDD       Y1, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1

// FINISH1 adds up the sums of a single row, which are all four.
#define FINISH1 \
	VPADDD       Y1, Y0, Y0; \
	VPADDD       Y3, Y2, Y2; \
	VPADDD       Y2, Y0, Y0; \
	VEXTRACTI128 $1, Y0, X1; \
	VPADDD       X1, X0, X0; \
	VPSHUFD      $0x4E, X0, X1; \
	VPADDD       X1, X0, X0; \
	VPSHUFD      $0xB1, X0, X1; \
	VPADDD       X1, X0, X0

// KERNEL is the walk over the rows. HEAD(off) loads 32 codes of the query, ROW(p, off,
// a, b) adds their terms with the row p to a and b; HEADLAST and ROWLAST are the same
// under the mask, at the offset AX.
#define KERNEL(HEAD, ROW, HEADLAST, ROWLAST) \
	TESTQ R13, R13; \
	JZ    pair; \
	MOVQ  CX, DX; \
	CMPQ  DX, $4; \
	JLE   first; \
	MOVL  $4, DX; \
first: \
	DECQ  DX; \
	MOVL  (R13)(DX*4), R14; \
	IMULQ R9, R14; \
	ADDQ  R8, R14; \
	XORL  AX, AX; \
line: \
	PREFETCHT0 (R14)(AX*1); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLE   line; \
	TESTQ DX, DX; \
	JNZ   first; \
pair: \
	ZERO; \
	CMPQ  CX, $2; \
	JLT   single; \
	MOVQ  R8, BX; \
	LEAQ  (BX)(R9*1), R12; \
	TESTQ R13, R13; \
	JNZ   list; \
	LEAQ  (R12)(R9*1), R8; \
	JMP   begin; \
list: \
	PLACE(0, BX); \
	PLACE(4, R12); \
	CMPQ  CX, $6; \
	JLT   near; \
	PLACE(16, R14); \
	PLACE(20, R15); \
	ADDQ  $8, R13; \
	CMPQ  AX, R10; \
	JGE   tail; \
fetching: \
	PREFETCHT0 (R14)(AX*1); \
	PREFETCHT0 (R15)(AX*1); \
	HEAD(0); \
	ROW(BX, 0, Y0, Y1); \
	ROW(R12, 0, Y2, Y3); \
	HEAD(32); \
	ROW(BX, 32, Y0, Y1); \
	ROW(R12, 32, Y2, Y3); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   fetching; \
	PREFETCHT0 (R14)(AX*1); \
	PREFETCHT0 (R15)(AX*1); \
	JMP   tail; \
near: \
	ADDQ  $8, R13; \
begin: \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	HEAD(0); \
	ROW(BX, 0, Y0, Y1); \
	ROW(R12, 0, Y2, Y3); \
	HEAD(32); \
	ROW(BX, 32, Y0, Y1); \
	ROW(R12, 32, Y2, Y3); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ $32, R11; \
	JZ    rest; \
	HEAD(0); \
	ROW(BX, 0, Y0, Y1); \
	ROW(R12, 0, Y2, Y3); \
rest: \
	TESTQ $31, R11; \
	JZ    finish; \
	LEAQ  -32(R10)(R11*1), AX; \
	HEADLAST; \
	ROWLAST(BX, Y0, Y1); \
	ROWLAST(R12, Y2, Y3); \
finish: \
	FINISH2; \
	VMOVD X0, (DI); \
	VMOVD X1, 4(DI); \
	ADDQ  $8, DI; \
	SUBQ  $2, CX; \
	JNZ   pair; \
	VZEROUPPER; \
	RET; \
single: \
	MOVQ  R8, BX; \
	TESTQ R13, R13; \
	JZ    begin1; \
	PLACE(0, BX); \
begin1: \
	CMPQ  AX, R10; \
	JGE   tail1; \
block1: \
	HEAD(0); \
	ROW(BX, 0, Y0, Y1); \
	HEAD(32); \
	ROW(BX, 32, Y2, Y3); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   block1; \
tail1: \
	TESTQ $32, R11; \
	JZ    rest1; \
	HEAD(0); \
	ROW(BX, 0, Y0, Y1); \
rest1: \
	TESTQ $31, R11; \
	JZ    finish1; \
	LEAQ  -32(R10)(R11*1), AX; \
	HEADLAST; \
	ROWLAST(BX, Y0, Y1); \
finish1: \
	FINISH1; \
	VMOVD X0, (DI); \
	VZEROUPPER; \
	RET

// EVENMASK sets the even bytes of Y15 to ones: what it and a shift by 8 take of a
// vector of codes are the even and the odd ones, as 16-bit numbers.
#define EVENMASK \
	VPCMPEQD Y15, Y15, Y15; \
	VPSRLW   $8, Y15, Y15

#define SPLIT(x, odd) \
	VPSRLW $8, x, odd; \
	VPAND  Y15, x, x

#define SPLITQUERY(off) \
	VMOVDQU off(SI)(AX*1), Y8; \
	SPLIT(Y8, Y9)

#define SPLITLAST \
	VPAND (SI)(AX*1), Y14, Y8; \
	SPLIT(Y8, Y9)

#define DOTROW(p, off, a, b) \
	VMOVDQU  off(p)(AX*1), Y10; \
	SPLIT(Y10, Y11); \
	VPMADDWD Y8, Y10, Y10; \
	VPMADDWD Y9, Y11, Y11; \
	VPADDD   Y10, a, a; \
	VPADDD   Y11, b, b

#define DOTLAST(p, a, b) DOTROW(p, 0, a, b)

// func dotU8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotU8AVX2(SB), NOSPLIT, $0-56
	SETUP
	EVENMASK
	KERNEL(SPLITQUERY, DOTROW, SPLITLAST, DOTLAST)

#define SQUARES(a, b) \
	SPLIT(Y10, Y11); \
	VPSUBW   Y8, Y10, Y10; \
	VPSUBW   Y9, Y11, Y11; \
	VPMADDWD Y10, Y10, Y10; \
	VPMADDWD Y11, Y11, Y11; \
	VPADDD   Y10, a, a; \
	VPADDD   Y11, b, b

#define L2ROW(p, off, a, b) \
	VMOVDQU off(p)(AX*1), Y10; \
	SQUARES(a, b)

#define L2LAST(p, a, b) \
	VPAND (p)(AX*1), Y14, Y10; \
	SQUARES(a, b)

// func squaredL2U8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2U8AVX2(SB), NOSPLIT, $0-56
	SETUP
	EVENMASK
	KERNEL(SPLITQUERY, L2ROW, SPLITLAST, L2LAST)

// The product of two signed codes is that of the query's magnitude with the row's code
// under the query's sign. Two of them are at most 2*127*127, which 16 bits hold.
// Y15 is ones of 16 bits, with which those sums become 32 bits.
#define SIGNEDQUERY(off) \
	VMOVDQU off(SI)(AX*1), Y8; \
	VPABSB  Y8, Y9

#define SIGNEDLAST \
	VPAND  (SI)(AX*1), Y14, Y8; \
	VPABSB Y8, Y9

#define SIGNEDROW(p, off, a, b) \
	VMOVDQU    off(p)(AX*1), Y10; \
	VPSIGNB    Y8, Y10, Y10; \
	VPMADDUBSW Y10, Y9, Y10; \
	VPMADDWD   Y15, Y10, Y10; \
	VPADDD     Y10, a, a

#define SIGNEDROWLAST(p, a, b) SIGNEDROW(p, 0, a, b)

// func dotI8AVX2(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)
TEXT ·dotI8AVX2(SB), NOSPLIT, $0-56
	SETUP
	VPCMPEQD Y15, Y15, Y15
	VPSRLW   $15, Y15, Y15
	KERNEL(SIGNEDQUERY, SIGNEDROW, SIGNEDLAST, SIGNEDROWLAST)
