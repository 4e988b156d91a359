#include "textflag.h"

// func prefetch(base unsafe.Pointer, stride, bytes int, at *uint32, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-40
	MOVQ base+0(FP), R8
	MOVQ stride+8(FP), R9
	MOVQ bytes+16(FP), R10
	MOVQ at+24(FP), R13
	MOVQ n+32(FP), CX

row:
	MOVL  (R13), BX
	IMULQ R9, BX
	ADDQ  R8, BX
	XORL  AX, AX

line:
	PREFETCHT0 (BX)(AX*1)
	ADDQ       $64, AX
	CMPQ       AX, R10
	JLT        line
	ADDQ       $4, R13
	DECQ       CX
	JNZ        row
	RET
