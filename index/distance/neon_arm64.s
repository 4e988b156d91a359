#include "textflag.h"
#include "neon_arm64.h"

// Kernels over float32: one query against rows in order or in a list.
//
// The 32 lanes of the definition are V0-V7. The tail of dim mod 32 elements is taken
// four at a time; the last one to three are loaded with zeros behind them, and a lane
// without an element adds +0, which changes no bit, since a lane is never -0. The next
// row of a list is asked from memory while one is summed.
//
// Registers: R0 out, R1 rows left, R2 query, R3 blocks of 32, R4 rows (or the row, in
// order), R5 stride in bytes, R6 what is left of the list or 0, R7 elements in the tail,
// R9 and R10 walk through the query and the row, R11 blocks left, R12 the next row, R13
// tail left, R14 its last one to three, R15 free.

// BLOCK adds 16 elements to four registers of lanes.
#define BLOCK(TERM, a, b, c, d) \
	VLD1.P 64(R9), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	VLD1.P 64(R10), [V20.S4, V21.S4, V22.S4, V23.S4]; \
	TERM(16, 20); \
	TERM(17, 21); \
	TERM(18, 22); \
	TERM(19, 23); \
	FADD(20, a, a); \
	FADD(21, b, b); \
	FADD(22, c, c); \
	FADD(23, d, d)

// FOUR adds four elements of the tail to a register of lanes, or goes to last.
#define FOUR(TERM, a, last) \
	SUBS   $4, R13; \
	BLT    last; \
	VLD1.P 16(R9), [V16.S4]; \
	VLD1.P 16(R10), [V20.S4]; \
	TERM(16, 20); \
	FADD(20, a, a)

// LAST adds the last elements of the tail.
#define LAST(a, last) \
last: \
	FADD(24, a, a); \
	JMP finish

// KERNEL is the walk over the rows. TERM(q, v) turns the row's elements in v into terms.
#define KERNEL(TERM) \
	MOVD  out+0(FP), R0; \
	MOVD  n+8(FP), R1; \
	MOVD  q+16(FP), R2; \
	MOVD  dim+24(FP), R3; \
	MOVD  rows+32(FP), R4; \
	MOVD  stride+40(FP), R5; \
	MOVD  at+48(FP), R6; \
	LSL   $2, R5; \
	AND   $31, R3, R7; \
	LSR   $5, R3; \
	AND   $3, R7, R14; \
	MOVD  R4, R12; \
	CBZ   R6, row; \
	MOVWU.P 4(R6), R12; \
	MADD  R5, R4, R12, R12; \
row: \
	MOVD  R2, R9; \
	MOVD  R12, R10; \
	ADD   R5, R12; \
	CBZ   R6, begin; \
	SUB   R5, R12; \
	CMP   $1, R1; \
	BEQ   begin; \
	MOVWU.P 4(R6), R12; \
	MADD  R5, R4, R12, R12; \
begin: \
	ZERO8(V0, V1, V2, V3, V4, V5, V6, V7); \
	MOVD  R3, R11; \
	MOVD  R12, R15; \
	CBZ   R11, tail; \
block: \
	PRFM  (R15), PLDL1KEEP; \
	PRFM  64(R15), PLDL1KEEP; \
	BLOCK(TERM, 0, 1, 2, 3); \
	BLOCK(TERM, 4, 5, 6, 7); \
	ADD   $128, R15; \
	SUBS  $1, R11; \
	BNE   block; \
tail: \
	CBZ   R7, finish; \
	AND   $28, R7, R13; \
	ADD   R13<<2, R9, R11; \
	PARTIAL(R11, V16, F16, qone, qdone); \
	ADD   R13<<2, R10, R11; \
	PARTIAL(R11, V24, F24, rone, rdone); \
	TERM(16, 24); \
	FOUR(TERM, 0, last0); \
	FOUR(TERM, 1, last1); \
	FOUR(TERM, 2, last2); \
	FOUR(TERM, 3, last3); \
	FOUR(TERM, 4, last4); \
	FOUR(TERM, 5, last5); \
	FOUR(TERM, 6, last6); \
	LAST(7, last7); \
	LAST(0, last0); \
	LAST(1, last1); \
	LAST(2, last2); \
	LAST(3, last3); \
	LAST(4, last4); \
	LAST(5, last5); \
	LAST(6, last6); \
finish: \
	FADD(4, 0, 0); \
	FADD(5, 1, 1); \
	FADD(6, 2, 2); \
	FADD(7, 3, 3); \
	FADD(2, 0, 0); \
	FADD(3, 1, 1); \
	FADD(1, 0, 0); \
	VEXT  $8, V0.B16, V0.B16, V1.B16; \
	FADD(1, 0, 0); \
	FADDPAIR(0, 0); \
	FMOVS.P F0, 4(R0); \
	SUBS  $1, R1; \
	BNE   row; \
	RET

#define SQUARE(q, v) \
	FSUB(v, q, v); \
	FMUL(v, v, v)

#define PRODUCT(q, v) FMUL(v, q, v)

#define ABSOLUTE(q, v) FABD(v, q, v)

// func squaredL2NEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·squaredL2NEON(SB), NOSPLIT, $0-56
	KERNEL(SQUARE)

// func dotNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·dotNEON(SB), NOSPLIT, $0-56
	KERNEL(PRODUCT)

// func manhattanNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·manhattanNEON(SB), NOSPLIT, $0-56
	KERNEL(ABSOLUTE)
