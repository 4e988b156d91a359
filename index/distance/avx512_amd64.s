#include "textflag.h"

// Kernels over float32: one query against rows in order or in a list.
//
// Rows are taken in pairs, so that a load of the query serves two. Lanes 0-15 and 16-31
// of the definition are Z0 and Z1 for the first row, Z2 and Z3 for the second. Rows of a
// list are asked from memory while the pair before them is summed.
//
// The tail of dim mod 32 elements is loaded under the masks K1 and K2: a lane without an
// element loads +0 and adds +0, which changes no bit, since a lane is never -0 (it
// starts at +0, and a sum is -0 only when both terms are). A masked element is not
// touched in memory.
//
// Registers: DI out, CX rows left, SI query, R8 rows, R9 stride in bytes, R13 what is
// left of the list or 0, R10 bytes of whole blocks, R11 elements in the tail, AX offset
// in the row, BX and R12 the pair, R14 and R15 the next. Z15 is a constant.

#define SETUP \
	MOVQ  out+0(FP), DI; \
	MOVQ  q+16(FP), SI; \
	MOVQ  dim+24(FP), R10; \
	MOVQ  rows+32(FP), R8; \
	MOVQ  stride+40(FP), R9; \
	MOVQ  at+48(FP), R13; \
	SHLQ  $2, R9; \
	MOVQ  R10, R11; \
	ANDQ  $31, R11; \
	SHRQ  $5, R10; \
	SHLQ  $7, R10; \
	MOVQ  R11, CX; \
	MOVL  $1, AX; \
	SHLQ  CX, AX; \
	DECQ  AX; \
	KMOVW AX, K1; \
	SHRQ  $16, AX; \
	KMOVW AX, K2; \
	MOVQ  n+8(FP), CX

// PLACE sets p to the row that the list names at off.
#define PLACE(off, p) \
	MOVL  off(R13), p; \
	IMULQ R9, p; \
	ADDQ  R8, p

#define ZERO \
	VPXORD Z0, Z0, Z0; \
	VPXORD Z1, Z1, Z1; \
	VPXORD Z2, Z2, Z2; \
	VPXORD Z3, Z3, Z3

#define PREFETCH(p) \
	PREFETCHT0 (p)(AX*1); \
	PREFETCHT0 64(p)(AX*1)

// FINISH1 halves the lanes of one row and stores its result.
#define FINISH1 \
	VADDPS        Z1, Z0, Z0; \
	VEXTRACTF64X4 $1, Z0, Y1; \
	VADDPS        Y1, Y0, Y0; \
	VEXTRACTF128  $1, Y0, X1; \
	VADDPS        X1, X0, X0; \
	VPSHUFD       $0x4E, X0, X1; \
	VADDPS        X1, X0, X0; \
	VPSHUFD       $0x01, X0, X1; \
	VADDSS        X1, X0, X0; \
	VMOVSS        X0, (DI)

// FINISH2 does so for a pair, both at once, and steps on.
#define FINISH2 \
	VADDPS        Z1, Z0, Z0; \
	VADDPS        Z3, Z2, Z2; \
	VEXTRACTF64X4 $1, Z0, Y1; \
	VEXTRACTF64X4 $1, Z2, Y3; \
	VADDPS        Y1, Y0, Y0; \
	VADDPS        Y3, Y2, Y2; \
	VPERM2F128    $0x20, Y2, Y0, Y1; \
	VPERM2F128    $0x31, Y2, Y0, Y3; \
	VADDPS        Y3, Y1, Y0; \
	VPSHUFD       $0x4E, Y0, Y1; \
	VADDPS        Y1, Y0, Y0; \
	VPSHUFD       $0xB1, Y0, Y1; \
	VADDPS        Y1, Y0, Y0; \
	VEXTRACTF128  $1, Y0, X1; \
	VMOVSS        X0, (DI); \
	VMOVSS        X1, 4(DI); \
	ADDQ          $8, DI

// KERNEL is the walk over the rows. TERM2(off, a, b) adds sixteen terms of a pair to the
// lanes a and b, TERM1 those of the row BX, MASKED2 and MASKED1 those under a mask.
#define KERNEL(TERM2, TERM1, MASKED2, MASKED1) \
	TESTQ R13, R13; \
	JNZ   list; \
	MOVQ  R8, R14; \
	LEAQ  (R8)(R9*1), R15; \
	JMP   next; \
list: \
	PLACE(0, R14); \
	CMPQ  CX, $2; \
	JLT   single; \
	PLACE(4, R15); \
	ADDQ  $8, R13; \
next: \
	CMPQ  CX, $2; \
	JLT   last; \
pair: \
	MOVQ  R14, BX; \
	MOVQ  R15, R12; \
	SUBQ  $2, CX; \
	ZERO; \
	XORL  AX, AX; \
	TESTQ R13, R13; \
	JNZ   ahead; \
	LEAQ  (R15)(R9*1), R14; \
	LEAQ  (R14)(R9*1), R15; \
	CMPQ  AX, R10; \
	JGE   tail; \
	JMP   fetching; \
ahead: \
	TESTQ CX, CX; \
	JZ    begin; \
	PLACE(0, R14); \
	MOVQ  R14, R15; \
	CMPQ  CX, $2; \
	JLT   odd; \
	PLACE(4, R15); \
odd: \
	ADDQ  $8, R13; \
	CMPQ  AX, R10; \
	JGE   tail; \
fetching: \
	PREFETCH(R14); \
	PREFETCH(R15); \
	TERM2(0, Z0, Z2); \
	TERM2(64, Z1, Z3); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   fetching; \
	PREFETCH(R14); \
	PREFETCH(R15); \
	JMP   tail; \
begin: \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	TERM2(0, Z0, Z2); \
	TERM2(64, Z1, Z3); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ R11, R11; \
	JZ    finish; \
	MASKED2(0, K1, Z0, Z2); \
	MASKED2(64, K2, Z1, Z3); \
finish: \
	FINISH2; \
	CMPQ  CX, $2; \
	JGE   pair; \
last: \
	TESTQ CX, CX; \
	JZ    done; \
single: \
	MOVQ  R14, BX; \
	ZERO; \
	XORL  AX, AX; \
	CMPQ  AX, R10; \
	JGE   tail1; \
block1: \
	TERM1(0, Z0); \
	TERM1(64, Z1); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   block1; \
tail1: \
	TESTQ R11, R11; \
	JZ    finish1; \
	MASKED1(0, K1, Z0); \
	MASKED1(64, K2, Z1); \
finish1: \
	FINISH1; \
done: \
	VZEROUPPER; \
	RET

#define LOAD2(off) \
	VMOVUPS off(SI)(AX*1), Z8; \
	VMOVUPS off(BX)(AX*1), Z9; \
	VMOVUPS off(R12)(AX*1), Z10

#define LOAD1(off) \
	VMOVUPS off(SI)(AX*1), Z8; \
	VMOVUPS off(BX)(AX*1), Z9

#define MASKEDLOAD2(off, mask) \
	VMOVUPS.Z off(SI)(AX*1), mask, Z8; \
	VMOVUPS.Z off(BX)(AX*1), mask, Z9; \
	VMOVUPS.Z off(R12)(AX*1), mask, Z10

#define MASKEDLOAD1(off, mask) \
	VMOVUPS.Z off(SI)(AX*1), mask, Z8; \
	VMOVUPS.Z off(BX)(AX*1), mask, Z9

#define SQUARE(x, a) \
	VSUBPS x, Z8, x; \
	VMULPS x, x, x; \
	VADDPS x, a, a

#define SQUARETERM2(off, a, b) \
	LOAD2(off); \
	SQUARE(Z9, a); \
	SQUARE(Z10, b)

#define SQUARETERM1(off, a) \
	LOAD1(off); \
	SQUARE(Z9, a)

#define SQUAREMASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	SQUARE(Z9, a); \
	SQUARE(Z10, b)

#define SQUAREMASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	SQUARE(Z9, a)

// func squaredL2AVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·squaredL2AVX512(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(SQUARETERM2, SQUARETERM1, SQUAREMASKED2, SQUAREMASKED1)

#define PRODUCT(x, a) \
	VMULPS x, Z8, x; \
	VADDPS x, a, a

#define PRODUCTTERM2(off, a, b) \
	LOAD2(off); \
	PRODUCT(Z9, a); \
	PRODUCT(Z10, b)

#define PRODUCTTERM1(off, a) \
	LOAD1(off); \
	PRODUCT(Z9, a)

#define PRODUCTMASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	PRODUCT(Z9, a); \
	PRODUCT(Z10, b)

#define PRODUCTMASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	PRODUCT(Z9, a)

// func dotAVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·dotAVX512(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(PRODUCTTERM2, PRODUCTTERM1, PRODUCTMASKED2, PRODUCTMASKED1)

// Z15 clears the sign.
#define ABSOLUTE(x, a) \
	VSUBPS x, Z8, x; \
	VPANDD Z15, x, x; \
	VADDPS x, a, a

#define ABSOLUTETERM2(off, a, b) \
	LOAD2(off); \
	ABSOLUTE(Z9, a); \
	ABSOLUTE(Z10, b)

#define ABSOLUTETERM1(off, a) \
	LOAD1(off); \
	ABSOLUTE(Z9, a)

#define ABSOLUTEMASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	ABSOLUTE(Z9, a); \
	ABSOLUTE(Z10, b)

#define ABSOLUTEMASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	ABSOLUTE(Z9, a)

// func manhattanAVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·manhattanAVX512(SB), NOSPLIT, $0-56
	SETUP
	VPTERNLOGD $0xFF, Z15, Z15, Z15
	VPSRLD     $1, Z15, Z15
	KERNEL(ABSOLUTETERM2, ABSOLUTETERM1, ABSOLUTEMASKED2, ABSOLUTEMASKED1)
