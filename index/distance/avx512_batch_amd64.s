#include "textflag.h"

// Kernels over float32: four queries against rows in order.
//
// Rows are taken in pairs. Lanes 0-15 and 16-31 of the definition are Z0 and Z1 for the
// first query with the first row, Z2 and Z3 with the second row, and Z4-Z7, Z8-Z11 and
// Z12-Z15 for the other queries. The last of an odd number of rows is its own partner.
// The tail of dim mod 32 elements is loaded under the masks K1 and K2.
//
// Registers: CX rows left, SI, DI, R8, R9 queries, R13 stride in bytes, R10 bytes of whole
// blocks, R11 elements in the tail, BX and R12 the pair, AX offset in the row, DX
// offset in the results. R14 and R15 are free.

#define ZERO4(a, b, c, d) \
	VPXORD a, a, a; \
	VPXORD b, b, b; \
	VPXORD c, c, c; \
	VPXORD d, d, d

#define SQUARE(x, a) \
	VSUBPS x, Z20, Z21; \
	VMULPS Z21, Z21, Z21; \
	VADDPS Z21, a, a

#define PRODUCT(x, a) \
	VMULPS x, Z20, Z21; \
	VADDPS Z21, a, a

// QUERY adds the terms of a query with both rows.
#define QUERY(TERM, q, a, b, c, d) \
	VMOVUPS (q)(AX*1), Z20; \
	TERM(Z16, a); \
	TERM(Z18, c); \
	VMOVUPS 64(q)(AX*1), Z20; \
	TERM(Z17, b); \
	TERM(Z19, d)

#define MASKEDQUERY(TERM, q, a, b, c, d) \
	VMOVUPS.Z (q)(AX*1), K1, Z20; \
	TERM(Z16, a); \
	TERM(Z18, c); \
	VMOVUPS.Z 64(q)(AX*1), K2, Z20; \
	TERM(Z17, b); \
	TERM(Z19, d)

// HALVE leaves the first eight lanes of a sum in the lower half of a.
#define HALVE(a, b) \
	VADDPS     b, a, a; \
	VSHUFF64X2 $0x4E, a, a, Z16; \
	VADDPS     Z16, a, a

// FOLD leaves in z the lower halves of both rows' lanes plus the upper ones.
#define FOLD(a, b, z) \
	VPERM2F128 $0x20, b, a, Y13; \
	VPERM2F128 $0x31, b, a, Y15; \
	VADDPS     Y15, Y13, z

// FINISH halves the lanes of the eight sums: X0 is the first row's results, X1 the second's.
#define FINISH \
	HALVE(Z0, Z1); \
	HALVE(Z2, Z3); \
	HALVE(Z4, Z5); \
	HALVE(Z6, Z7); \
	HALVE(Z8, Z9); \
	HALVE(Z10, Z11); \
	HALVE(Z12, Z13); \
	HALVE(Z14, Z15); \
	FOLD(Y0, Y2, Y0); \
	FOLD(Y4, Y6, Y1); \
	FOLD(Y8, Y10, Y2); \
	FOLD(Y12, Y14, Y3); \
	VUNPCKLPD    Y1, Y0, Y8; \
	VUNPCKHPD    Y1, Y0, Y9; \
	VADDPS       Y9, Y8, Y0; \
	VUNPCKLPD    Y3, Y2, Y8; \
	VUNPCKHPD    Y3, Y2, Y9; \
	VADDPS       Y9, Y8, Y2; \
	VSHUFPS      $0x88, Y2, Y0, Y8; \
	VSHUFPS      $0xDD, Y2, Y0, Y9; \
	VADDPS       Y9, Y8, Y0; \
	VEXTRACTF128 $1, Y0, X1

#define STORE(x) \
	MOVQ       out+0(FP), R14; \
	MOVQ       0(R14), R15; \
	VMOVSS     x, (R15)(DX*1); \
	MOVQ       24(R14), R15; \
	VEXTRACTPS $1, x, (R15)(DX*1); \
	MOVQ       48(R14), R15; \
	VEXTRACTPS $2, x, (R15)(DX*1); \
	MOVQ       72(R14), R15; \
	VEXTRACTPS $3, x, (R15)(DX*1); \
	ADDQ       $4, DX

#define KERNEL(TERM) \
	MOVQ  q+8(FP), AX; \
	MOVQ  0(AX), SI; \
	MOVQ  24(AX), DI; \
	MOVQ  48(AX), R8; \
	MOVQ  72(AX), R9; \
	MOVQ  dim+24(FP), R10; \
	MOVQ  rows+32(FP), BX; \
	MOVQ  stride+40(FP), R13; \
	SHLQ  $2, R13; \
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
	MOVQ  n+16(FP), CX; \
	XORL  DX, DX; \
pair: \
	MOVQ  BX, R12; \
	CMPQ  CX, $2; \
	JLT   sum; \
	ADDQ  R13, R12; \
sum: \
	ZERO4(Z0, Z1, Z2, Z3); \
	ZERO4(Z4, Z5, Z6, Z7); \
	ZERO4(Z8, Z9, Z10, Z11); \
	ZERO4(Z12, Z13, Z14, Z15); \
	XORL  AX, AX; \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	VMOVUPS (BX)(AX*1), Z16; \
	VMOVUPS 64(BX)(AX*1), Z17; \
	VMOVUPS (R12)(AX*1), Z18; \
	VMOVUPS 64(R12)(AX*1), Z19; \
	QUERY(TERM, SI, Z0, Z1, Z2, Z3); \
	QUERY(TERM, DI, Z4, Z5, Z6, Z7); \
	QUERY(TERM, R8, Z8, Z9, Z10, Z11); \
	QUERY(TERM, R9, Z12, Z13, Z14, Z15); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ R11, R11; \
	JZ    finish; \
	VMOVUPS.Z (BX)(AX*1), K1, Z16; \
	VMOVUPS.Z 64(BX)(AX*1), K2, Z17; \
	VMOVUPS.Z (R12)(AX*1), K1, Z18; \
	VMOVUPS.Z 64(R12)(AX*1), K2, Z19; \
	MASKEDQUERY(TERM, SI, Z0, Z1, Z2, Z3); \
	MASKEDQUERY(TERM, DI, Z4, Z5, Z6, Z7); \
	MASKEDQUERY(TERM, R8, Z8, Z9, Z10, Z11); \
	MASKEDQUERY(TERM, R9, Z12, Z13, Z14, Z15); \
finish: \
	FINISH; \
	STORE(X0); \
	DECQ  CX; \
	JZ    end; \
	STORE(X1); \
	LEAQ  (R12)(R13*1), BX; \
	DECQ  CX; \
	JNZ   pair; \
end: \
	VZEROUPPER; \
	RET

// func squaredL2BatchAVX512(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·squaredL2BatchAVX512(SB), NOSPLIT, $0-48
	KERNEL(SQUARE)

// func dotBatchAVX512(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·dotBatchAVX512(SB), NOSPLIT, $0-48
	KERNEL(PRODUCT)
