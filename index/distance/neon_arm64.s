#include "textflag.h"
#include "neon_arm64.h"

// Kernels over float32, and between a query of float32 and rows of bytes: one query
// against rows in order or in a list.
//
// The 32 lanes of the definition are V0-V7. The tail of dim mod 32 elements is taken
// four at a time; the last one to three are loaded with zeros behind them, and a lane
// without an element adds +0, which changes no bit, since a lane is never -0. The next
// row of a list is asked from memory while one is summed.
//
// Registers: R0 out, R1 rows left, R2 query, R3 blocks of 32, R4 rows (or the row, in
// order), R5 stride in bytes, R6 what is left of the list or 0, R7 elements in the tail,
// R9 and R10 walk through the query and the row, R11 blocks left, R12 the next row, R13
// tail left, R14 its last one to three, R8 and R15 free.

// BLOCK adds 16 elements to four registers of lanes.
#define BLOCK(TERM, ROW16, a, b, c, d) \
	VLD1.P 64(R9), [V16.S4, V17.S4, V18.S4, V19.S4]; \
	ROW16; \
	TERM(16, 20); \
	TERM(17, 21); \
	TERM(18, 22); \
	TERM(19, 23); \
	FADD(20, a, a); \
	FADD(21, b, b); \
	FADD(22, c, c); \
	FADD(23, d, d)

// FOUR adds four elements of the tail to a register of lanes, or goes to last.
#define FOUR(TERM, ROW4, a, last) \
	SUBS   $4, R13; \
	BLT    last; \
	VLD1.P 16(R9), [V16.S4]; \
	ROW4; \
	TERM(16, 20); \
	FADD(20, a, a)

// LAST adds the last elements of the tail.
#define LAST(a, last) \
last: \
	FADD(24, a, a); \
	JMP finish

// KERNEL is the walk over the rows, whose elements have 1<<shift bytes. TERM(q, v) turns
// the row's elements in v into terms, ROW16 loads sixteen of them to V20-V23, ROW4 four
// to V20, ROWLAST(p) the last R14 at p to V24.
#define KERNEL(TERM, ROW16, ROW4, ROWLAST, shift) \
	MOVD  out+0(FP), R0; \
	MOVD  n+8(FP), R1; \
	MOVD  q+16(FP), R2; \
	MOVD  dim+24(FP), R3; \
	MOVD  rows+32(FP), R4; \
	MOVD  stride+40(FP), R5; \
	MOVD  at+48(FP), R6; \
	LSL   $shift, R5; \
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
	BLOCK(TERM, ROW16, 0, 1, 2, 3); \
	BLOCK(TERM, ROW16, 4, 5, 6, 7); \
	ADD   $(32<<shift), R15; \
	SUBS  $1, R11; \
	BNE   block; \
tail: \
	CBZ   R7, finish; \
	AND   $28, R7, R13; \
	ADD   R13<<2, R9, R11; \
	PARTIAL(R11, V16, F16, qone, qdone); \
	ADD   R13<<shift, R10, R11; \
	ROWLAST(R11); \
	TERM(16, 24); \
	FOUR(TERM, ROW4, 0, last0); \
	FOUR(TERM, ROW4, 1, last1); \
	FOUR(TERM, ROW4, 2, last2); \
	FOUR(TERM, ROW4, 3, last3); \
	FOUR(TERM, ROW4, 4, last4); \
	FOUR(TERM, ROW4, 5, last5); \
	FOUR(TERM, ROW4, 6, last6); \
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

#define FLOATS16 VLD1.P 64(R10), [V20.S4, V21.S4, V22.S4, V23.S4]

#define FLOATS4 VLD1.P 16(R10), [V20.S4]

#define FLOATSLAST(p) PARTIAL(p, V24, F24, rone, rdone)

// WIDEN makes floats of four bytes.
#define WIDEN(v, n) \
	VUXTL v.B8, v.H8; \
	VUXTL v.H4, v.S4; \
	UCVTF(n, n)

#define BYTES16 \
	VLD1.P 16(R10), [V24.B16]; \
	VUXTL  V24.B8, V22.H8; \
	VUXTL2 V24.B16, V24.H8; \
	VUXTL  V22.H4, V20.S4; \
	VUXTL2 V22.H8, V21.S4; \
	VUXTL  V24.H4, V22.S4; \
	VUXTL2 V24.H8, V23.S4; \
	UCVTF(20, 20); \
	UCVTF(21, 21); \
	UCVTF(22, 22); \
	UCVTF(23, 23)

#define BYTES4 \
	FMOVS.P 4(R10), F20; \
	WIDEN(V20, 20)

#define BYTESLAST(p) \
	MOVD  ZR, R15; \
	CBZ   R14, rdone; \
	MOVBU (p), R15; \
	CMP   $2, R14; \
	BLT   rdone; \
	MOVBU 1(p), R8; \
	ORR   R8<<8, R15; \
	BEQ   rdone; \
	MOVBU 2(p), R8; \
	ORR   R8<<16, R15; \
rdone: \
	FMOVS R15, F24; \
	WIDEN(V24, 24)

#define SQUARE(q, v) \
	FSUB(v, q, v); \
	FMUL(v, v, v)

#define PRODUCT(q, v) FMUL(v, q, v)

#define ABSOLUTE(q, v) FABD(v, q, v)

// func squaredL2NEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·squaredL2NEON(SB), NOSPLIT, $0-56
	KERNEL(SQUARE, FLOATS16, FLOATS4, FLOATSLAST, 2)

// func dotNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·dotNEON(SB), NOSPLIT, $0-56
	KERNEL(PRODUCT, FLOATS16, FLOATS4, FLOATSLAST, 2)

// func manhattanNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·manhattanNEON(SB), NOSPLIT, $0-56
	KERNEL(ABSOLUTE, FLOATS16, FLOATS4, FLOATSLAST, 2)

// func squaredL2MixedNEON(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2MixedNEON(SB), NOSPLIT, $0-56
	KERNEL(SQUARE, BYTES16, BYTES4, BYTESLAST, 0)

// func dotMixedNEON(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotMixedNEON(SB), NOSPLIT, $0-56
	KERNEL(PRODUCT, BYTES16, BYTES4, BYTESLAST, 0)
