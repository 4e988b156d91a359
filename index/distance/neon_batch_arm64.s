#include "textflag.h"
#include "neon_arm64.h"

// Kernels over float32: four queries against rows in order.
//
// Four times 32 lanes would fill all registers, so they are taken in two passes over
// the row, sixteen at a time: V0-V3 are those of the first query, V4-V7, V8-V11 and
// V12-V15 of the others. The first pass is kept on the stack until the second is there.
//
// Registers: R0 results by query, R1 rows left, R2-R5 queries, R6 row, R7 stride in bytes,
// R8 blocks of 32, R9 elements in the tail, R10 offset in the results, R11 offset in the
// row, R12 blocks left, R13 tail left, R14 its last one to three, R15, R16, R17 free, R19
// what was kept.

#define QUERY(TERM, q, a, b, c, d) \
	ADD  R11, q, R15; \
	VLD1 (R15), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	TERM(16, 20); \
	TERM(17, 21); \
	TERM(18, 22); \
	TERM(19, 23); \
	FADD(20, a, a); \
	FADD(21, b, b); \
	FADD(22, c, c); \
	FADD(23, d, d)

// SIXTEEN adds sixteen elements of the row with all queries.
#define SIXTEEN(TERM) \
	ADD  R11, R6, R15; \
	VLD1 (R15), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	QUERY(TERM, R2, 0, 1, 2, 3); \
	QUERY(TERM, R3, 4, 5, 6, 7); \
	QUERY(TERM, R4, 8, 9, 10, 11); \
	QUERY(TERM, R5, 12, 13, 14, 15)

#define ONE(TERM, q, a) \
	ADD  R11, q, R15; \
	VLD1 (R15), [V20.S4]; \
	TERM(16, 20); \
	FADD(20, a, a)

// FOUR adds four elements of the tail, or goes to last.
#define FOUR(TERM, a, b, c, d, last) \
	SUBS $4, R13; \
	BLT  last; \
	ADD  R11, R6, R15; \
	VLD1 (R15), [V16.S4]; \
	ONE(TERM, R2, a); \
	ONE(TERM, R3, b); \
	ONE(TERM, R4, c); \
	ONE(TERM, R5, d); \
	ADD  $16, R11

#define LAST(a, b, c, d, last, done) \
last: \
	FADD(24, a, a); \
	FADD(25, b, b); \
	FADD(26, c, c); \
	FADD(27, d, d); \
	JMP done

// PASS sums the lanes from first to first+15: whole blocks, then what the tail has.
#define PASS(first, TERM, block, tail, some, q0, r0, q1, r1, q2, r2, q3, r3, q4, r4, last0, last1, last2, last3, done) \
	ZERO8(V0, V1, V2, V3, V4, V5, V6, V7); \
	ZERO8(V8, V9, V10, V11, V12, V13, V14, V15); \
	MOVD $(4*first), R11; \
	MOVD R8, R12; \
	CBZ  R12, tail; \
block: \
	SIXTEEN(TERM); \
	ADD  $128, R11; \
	SUBS $1, R12; \
	BNE  block; \
tail: \
	SUBS $first, R9, R13; \
	BLE  done; \
	CMP  $16, R13; \
	BLT  some; \
	SIXTEEN(TERM); \
	JMP  done; \
some: \
	AND  $3, R13, R14; \
	AND  $12, R13, R13; \
	ADD  R13<<2, R11, R16; \
	ADD  R16, R6, R17; \
	PARTIAL(R17, V16, F16, q0, r0); \
	ADD  R16, R2, R17; \
	PARTIAL(R17, V24, F24, q1, r1); \
	ADD  R16, R3, R17; \
	PARTIAL(R17, V25, F25, q2, r2); \
	ADD  R16, R4, R17; \
	PARTIAL(R17, V26, F26, q3, r3); \
	ADD  R16, R5, R17; \
	PARTIAL(R17, V27, F27, q4, r4); \
	TERM(16, 24); \
	TERM(16, 25); \
	TERM(16, 26); \
	TERM(16, 27); \
	FOUR(TERM, 0, 4, 8, 12, last0); \
	FOUR(TERM, 1, 5, 9, 13, last1); \
	FOUR(TERM, 2, 6, 10, 14, last2); \
	LAST(3, 7, 11, 15, last3, done); \
	LAST(0, 4, 8, 12, last0, done); \
	LAST(1, 5, 9, 13, last1, done); \
	LAST(2, 6, 10, 14, last2, done); \
done:

// ADDKEPT adds the first pass to four registers of the second.
#define ADDKEPT(a, b, c, d) \
	VLD1.P 64(R19), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	FADD(16, a, a); \
	FADD(17, b, b); \
	FADD(18, c, c); \
	FADD(19, d, d)

// FINISH halves sixteen lanes until one is left and stores it for the query at slice.
#define FINISH(a, b, c, d, A, F, slice) \
	FADD(c, a, a); \
	FADD(d, b, b); \
	FADD(b, a, a); \
	VEXT $8, A.B16, A.B16, V16.B16; \
	FADD(16, a, a); \
	FADDPAIR(a, a); \
	MOVD slice(R0), R15; \
	FMOVS F, (R15)(R10)

#define KERNEL(TERM) \
	MOVD out+0(FP), R0; \
	MOVD q+8(FP), R15; \
	MOVD 0(R15), R2; \
	MOVD 24(R15), R3; \
	MOVD 48(R15), R4; \
	MOVD 72(R15), R5; \
	MOVD n+16(FP), R1; \
	MOVD dim+24(FP), R8; \
	MOVD rows+32(FP), R6; \
	MOVD stride+40(FP), R7; \
	LSL  $2, R7; \
	AND  $31, R8, R9; \
	LSR  $5, R8; \
	MOVD ZR, R10; \
row: \
	PASS(0, TERM, block0, tail0, some0, a0, b0, a1, b1, a2, b2, a3, b3, a4, b4, l0, l1, l2, l3, done0); \
	MOVD $kept-256(SP), R19; \
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R19); \
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R19); \
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R19); \
	VST1.P [V12.S4, V13.S4, V14.S4, V15.S4], 64(R19); \
	PASS(16, TERM, block1, tail1, some1, c0, d0, c1, d1, c2, d2, c3, d3, c4, d4, m0, m1, m2, m3, done1); \
	MOVD $kept-256(SP), R19; \
	ADDKEPT(0, 1, 2, 3); \
	ADDKEPT(4, 5, 6, 7); \
	ADDKEPT(8, 9, 10, 11); \
	ADDKEPT(12, 13, 14, 15); \
	FINISH(0, 1, 2, 3, V0, F0, 0); \
	FINISH(4, 5, 6, 7, V4, F4, 24); \
	FINISH(8, 9, 10, 11, V8, F8, 48); \
	FINISH(12, 13, 14, 15, V12, F12, 72); \
	ADD  $4, R10; \
	ADD  R7, R6; \
	SUBS $1, R1; \
	BNE  row; \
	RET

#define SQUARE(r, v) \
	FSUB(v, r, v); \
	FMUL(v, v, v)

#define PRODUCT(r, v) FMUL(v, r, v)

// func squaredL2BatchNEON(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·squaredL2BatchNEON(SB), NOSPLIT, $256-48
	KERNEL(SQUARE)

// func dotBatchNEON(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·dotBatchNEON(SB), NOSPLIT, $256-48
	KERNEL(PRODUCT)
