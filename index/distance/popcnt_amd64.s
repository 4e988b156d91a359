#include "textflag.h"

// Hamming distance over words, by POPCNT. Eight rows of a list ahead are asked from
// memory: a row of bits is a few cache lines.
//
// Registers: DI out, CX rows left, SI query, DX words, R8 rows, R9 stride in bytes, R13
// what is left of the list or 0, BX row, AX offset in words, R10 sum, R11 and R12 words,
// R14 the row that is asked for, R15 bytes of a row.

// ASK asks for all cache lines of the row R14.
#define ASK(again) \
	XORL       AX, AX; \
again: \
	PREFETCHT0 (R14)(AX*1); \
	ADDQ       $64, AX; \
	CMPQ       AX, R15; \
	JLT        again; \
	PREFETCHT0 -1(R14)(R15*1)

#define WORDS(off, a) \
	MOVQ    off(SI)(AX*8), a; \
	XORQ    off(BX)(AX*8), a; \
	POPCNTQ a, a; \
	ADDQ    a, R10

// func hammingPOPCNT(out *uint32, n int, q *uint64, dim int, rows *uint64, stride int, at *uint32)
TEXT ·hammingPOPCNT(SB), NOSPLIT, $0-56
	MOVQ  out+0(FP), DI
	MOVQ  n+8(FP), CX
	MOVQ  q+16(FP), SI
	MOVQ  dim+24(FP), DX
	MOVQ  rows+32(FP), R8
	MOVQ  stride+40(FP), R9
	MOVQ  at+48(FP), R13
	SHLQ  $3, R9
	MOVQ  DX, R15
	SHLQ  $3, R15
	MOVQ  R8, BX
	TESTQ R13, R13
	JZ    row
	MOVQ  CX, R12
	CMPQ  R12, $8
	JLE   first
	MOVL  $8, R12

first:
	DECQ  R12
	MOVL  (R13)(R12*4), R14
	IMULQ R9, R14
	ADDQ  R8, R14
	ASK(firstlines)
	TESTQ R12, R12
	JNZ   first

row:
	TESTQ R13, R13
	JZ    begin
	CMPQ  CX, $9
	JLT   place
	MOVL  32(R13), R14
	IMULQ R9, R14
	ADDQ  R8, R14
	ASK(lines)

place:
	MOVL  (R13), BX
	IMULQ R9, BX
	ADDQ  R8, BX
	ADDQ  $4, R13

begin:
	XORL  R10, R10
	XORL  AX, AX
	SUBQ  $4, DX
	JLT   rest

block:
	WORDS(0, R11)
	WORDS(8, R12)
	WORDS(16, R11)
	WORDS(24, R12)
	ADDQ  $4, AX
	CMPQ  AX, DX
	JLE   block

rest:
	ADDQ  $4, DX
	CMPQ  AX, DX
	JGE   store

word:
	WORDS(0, R11)
	INCQ  AX
	CMPQ  AX, DX
	JLT   word

store:
	MOVL  R10, (DI)
	ADDQ  $4, DI
	ADDQ  R9, BX
	DECQ  CX
	JNZ   row
	RET
