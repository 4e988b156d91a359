#include "textflag.h"
#include "neon_arm64.h"

// Kernels over 8-bit codes and bits: one query against rows in order or in a list.
//
// V0-V3 are four 32-bit sums each. The next row of a list is asked from memory while
// one is summed.
//
// Registers: R0 out, R1 rows left, R2 query, R3 codes (or words), R4 rows, R5 stride in
// bytes, R6 what is left of the list or 0, R9 and R10 walk through the query and the
// row, R11 codes left in the row, R12 the next row, R13 sum, R14 and R15 codes.

#define SETUP \
	MOVD  out+0(FP), R0; \
	MOVD  n+8(FP), R1; \
	MOVD  q+16(FP), R2; \
	MOVD  dim+24(FP), R3; \
	MOVD  rows+32(FP), R4; \
	MOVD  stride+40(FP), R5; \
	MOVD  at+48(FP), R6

// FIRST finds the first row, NEXT the one after, or the same when there is none.
#define FIRST(row) \
	MOVD  R4, R12; \
	CBZ   R6, row; \
	MOVWU.P 4(R6), R12; \
	MADD  R5, R4, R12, R12

#define NEXT(begin) \
	MOVD  R2, R9; \
	MOVD  R12, R10; \
	ADD   R5, R12; \
	CBZ   R6, begin; \
	SUB   R5, R12; \
	CMP   $1, R1; \
	BEQ   begin; \
	MOVWU.P 4(R6), R12; \
	MADD  R5, R4, R12, R12

#define ZERO \
	VEOR V0.B16, V0.B16, V0.B16; \
	VEOR V1.B16, V1.B16, V1.B16; \
	VEOR V2.B16, V2.B16, V2.B16; \
	VEOR V3.B16, V3.B16, V3.B16

// FINISH adds up the lanes and R13, and stores the result.
#define FINISH(row) \
	VADD  V1.S4, V0.S4, V0.S4; \
	VADD  V3.S4, V2.S4, V2.S4; \
	VADD  V2.S4, V0.S4, V0.S4; \
	VADDV V0.S4, V0; \
	VMOV  V0.S[0], R14; \
	ADD   R14, R13; \
	MOVW.P R13, 4(R0); \
	SUBS  $1, R1; \
	BNE   row; \
	RET

// KERNEL is the walk over the rows. TERMS(q, v, a, b) adds the terms of sixteen codes to
// the sums a and b, ONE adds that of R14 and R15 to R13, LOAD loads one code.
#define KERNEL(TERMS, LOAD, ONE) \
	SETUP; \
	FIRST(row); \
row: \
	NEXT(begin); \
begin: \
	ZERO; \
	MOVD  ZR, R13; \
	MOVD  R12, R15; \
	SUBS  $32, R3, R11; \
	BLT   half; \
block: \
	PRFM  (R15), PLDL1KEEP; \
	VLD1.P 32(R9), [V16.B16, V17.B16]; \
	VLD1.P 32(R10), [V20.B16, V21.B16]; \
	TERMS(16, 20, 0, 1); \
	TERMS(17, 21, 2, 3); \
	ADD   $32, R15; \
	SUBS  $32, R11; \
	BGE   block; \
half: \
	ADDS  $16, R11; \
	BLT   rest; \
	VLD1.P 16(R9), [V16.B16]; \
	VLD1.P 16(R10), [V20.B16]; \
	TERMS(16, 20, 0, 1); \
	SUB   $16, R11; \
rest: \
	ADDS  $16, R11; \
	BEQ   finish; \
code: \
	LOAD  1(R9), R14; \
	LOAD  1(R10), R15; \
	ONE; \
	SUBS  $1, R11; \
	BNE   code; \
finish: \
	FINISH(row)

#define DOTTERMS(q, v, a, b) \
	UMULL(v, q, 24); \
	UMULL2(v, q, 25); \
	UADALP(24, a); \
	UADALP(25, b)

#define DOTONE MADD R14, R13, R15, R13

// func dotU8NEON(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotU8NEON(SB), NOSPLIT, $0-56
	KERNEL(DOTTERMS, MOVBU.P, DOTONE)

#define L2TERMS(q, v, a, b) \
	UABD(v, q, v); \
	UMULL(v, v, 24); \
	UMULL2(v, v, 25); \
	UADALP(24, a); \
	UADALP(25, b)

#define L2ONE \
	SUB  R14, R15; \
	MADD R15, R13, R15, R13

// func squaredL2U8NEON(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2U8NEON(SB), NOSPLIT, $0-56
	KERNEL(L2TERMS, MOVBU.P, L2ONE)

#define SIGNEDTERMS(q, v, a, b) \
	SMULL(v, q, 24); \
	SMULL2(v, q, 25); \
	SADALP(24, a); \
	SADALP(25, b)

// func dotI8NEON(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)
TEXT ·dotI8NEON(SB), NOSPLIT, $0-56
	KERNEL(SIGNEDTERMS, MOVB.P, DOTONE)

// BITS counts, byte by byte, the bits in which q and v differ.
#define BITS(q, v) \
	VEOR q.B16, v.B16, v.B16; \
	VCNT v.B16, v.B16

// func hammingNEON(out *uint32, n int, q *uint64, dim int, rows *uint64, stride int, at *uint32)
TEXT ·hammingNEON(SB), NOSPLIT, $0-56
	SETUP
	LSL  $3, R5
	FIRST(row)

row:
	NEXT(begin)

begin:
	ZERO
	MOVD ZR, R13
	MOVD R12, R15
	SUBS $4, R3, R11
	BLT  half

block:
	PRFM   (R15), PLDL1KEEP
	VLD1.P 32(R9), [V16.B16, V17.B16]
	VLD1.P 32(R10), [V20.B16, V21.B16]
	BITS(V16, V20)
	BITS(V17, V21)
	UADDLP(20, 20)
	UADDLP(21, 21)
	UADALP(20, 0)
	UADALP(21, 1)
	ADD    $32, R15
	SUBS   $4, R11
	BGE    block

half:
	ADDS   $2, R11
	BLT    rest
	VLD1.P 16(R9), [V16.B16]
	VLD1.P 16(R10), [V20.B16]
	BITS(V16, V20)
	UADDLP(20, 20)
	UADALP(20, 0)
	SUB    $2, R11

rest:
	ADDS   $2, R11
	BEQ    finish
	FMOVD  (R9), F16
	FMOVD  (R10), F20
	BITS(V16, V20)
	UADDLP(20, 20)
	UADALP(20, 0)

finish:
	FINISH(row)
