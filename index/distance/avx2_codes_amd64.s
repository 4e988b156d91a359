#include "textflag.h"

// Kernels over 8-bit codes: one query against rows in order or in a list, of 32 codes
// or more.
//
// Rows are taken in pairs, so that a load of the query serves two. The last dim mod 32
// codes are the end of a block that reaches back into the one before; the mask Y14
// makes zeros of what was counted already. Y0 and Y1 sum the first row, Y2 and Y3 the
// second. Rows of a list are asked from memory two pairs ahead.
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

// KERNEL is the walk over the rows. TERMS(off) adds 32 terms of both rows; LAST adds
// those under the mask, at the offset AX. An odd row is its own partner.
#define KERNEL(TERMS, LAST) \
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
	MOVQ  R8, BX; \
	MOVQ  R8, R12; \
	CMPQ  CX, $2; \
	JLT   one; \
	ADDQ  R9, R12; \
	TESTQ R13, R13; \
	JNZ   two; \
	LEAQ  (R12)(R9*1), R8; \
	JMP   begin; \
one: \
	TESTQ R13, R13; \
	JZ    begin; \
	PLACE(0, BX); \
	MOVQ  BX, R12; \
	JMP   begin; \
two: \
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
	TERMS(0); \
	TERMS(32); \
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
	TERMS(0); \
	TERMS(32); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ $32, R11; \
	JZ    rest; \
	TERMS(0); \
	ADDQ  $32, AX; \
rest: \
	TESTQ $31, R11; \
	JZ    finish; \
	LEAQ  (R10)(R11*1), AX; \
	SUBQ  $32, AX; \
	LAST; \
finish: \
	FINISH2; \
	VMOVD X0, (DI); \
	CMPQ  CX, $2; \
	JLT   end; \
	VMOVD X1, 4(DI); \
	ADDQ  $8, DI; \
	SUBQ  $2, CX; \
	JNZ   pair; \
end: \
	VZEROUPPER; \
	RET

// EVENMASK sets the even bytes of Y15 to ones: what it and a shift by 8 take of a
// vector of codes are the even and the odd ones, as 16-bit numbers.
#define EVENMASK \
	VPCMPEQD Y15, Y15, Y15; \
	VPSRLW   $8, Y15, Y15

#define QUERY(off) \
	VMOVDQU off(SI)(AX*1), Y8

#define QUERYLAST \
	VPAND (SI)(AX*1), Y14, Y8

#define SPLIT(x, odd) \
	VPSRLW $8, x, odd; \
	VPAND  Y15, x, x

#define PRODUCTS(a, b) \
	SPLIT(Y10, Y11); \
	VPMADDWD Y8, Y10, Y10; \
	VPMADDWD Y9, Y11, Y11; \
	VPADDD   Y10, a, a; \
	VPADDD   Y11, b, b

#define DOTTERMS(off) \
	QUERY(off); \
	SPLIT(Y8, Y9); \
	VMOVDQU off(BX)(AX*1), Y10; \
	PRODUCTS(Y0, Y1); \
	VMOVDQU off(R12)(AX*1), Y10; \
	PRODUCTS(Y2, Y3)

#define DOTLAST \
	QUERYLAST; \
	SPLIT(Y8, Y9); \
	VMOVDQU (BX)(AX*1), Y10; \
	PRODUCTS(Y0, Y1); \
	VMOVDQU (R12)(AX*1), Y10; \
	PRODUCTS(Y2, Y3)

// func dotU8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotU8AVX2(SB), NOSPLIT, $0-56
	SETUP
	EVENMASK
	KERNEL(DOTTERMS, DOTLAST)

#define SQUARES(a, b) \
	SPLIT(Y10, Y11); \
	VPSUBW   Y8, Y10, Y10; \
	VPSUBW   Y9, Y11, Y11; \
	VPMADDWD Y10, Y10, Y10; \
	VPMADDWD Y11, Y11, Y11; \
	VPADDD   Y10, a, a; \
	VPADDD   Y11, b, b

#define L2TERMS(off) \
	QUERY(off); \
	SPLIT(Y8, Y9); \
	VMOVDQU off(BX)(AX*1), Y10; \
	SQUARES(Y0, Y1); \
	VMOVDQU off(R12)(AX*1), Y10; \
	SQUARES(Y2, Y3)

#define L2LAST \
	QUERYLAST; \
	SPLIT(Y8, Y9); \
	VPAND (BX)(AX*1), Y14, Y10; \
	SQUARES(Y0, Y1); \
	VPAND (R12)(AX*1), Y14, Y10; \
	SQUARES(Y2, Y3)

// func squaredL2U8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2U8AVX2(SB), NOSPLIT, $0-56
	SETUP
	EVENMASK
	KERNEL(L2TERMS, L2LAST)

// The product of two signed codes is that of the query's magnitude with the row's code
// under the query's sign. Two of them are at most 2*127*127, which 16 bits hold.
// Y15 is ones of 16 bits, with which those sums become 32 bits.
#define SIGNED(a) \
	VPSIGNB    Y8, Y10, Y10; \
	VPMADDUBSW Y10, Y9, Y10; \
	VPMADDWD   Y15, Y10, Y10; \
	VPADDD     Y10, a, a

#define SIGNEDTERMS(off) \
	QUERY(off); \
	VPABSB  Y8, Y9; \
	VMOVDQU off(BX)(AX*1), Y10; \
	SIGNED(Y0); \
	VMOVDQU off(R12)(AX*1), Y10; \
	SIGNED(Y2)

#define SIGNEDLAST \
	QUERYLAST; \
	VPABSB  Y8, Y9; \
	VMOVDQU (BX)(AX*1), Y10; \
	SIGNED(Y0); \
	VMOVDQU (R12)(AX*1), Y10; \
	SIGNED(Y2)

// func dotI8AVX2(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)
TEXT ·dotI8AVX2(SB), NOSPLIT, $0-56
	SETUP
	VPCMPEQD Y15, Y15, Y15
	VPSRLW   $15, Y15, Y15
	KERNEL(SIGNEDTERMS, SIGNEDLAST)
