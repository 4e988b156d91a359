#include "textflag.h"

// func prefetch(base unsafe.Pointer, stride, bytes int, at *uint32, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-40
	MOVD base+0(FP), R0
	MOVD stride+8(FP), R1
	MOVD bytes+16(FP), R2
	MOVD at+24(FP), R3
	MOVD n+32(FP), R4

row:
	MOVWU.P 4(R3), R5
	MADD    R1, R0, R5, R5
	MOVD    ZR, R6

line:
	ADD  R6, R5, R7
	PRFM (R7), PLDL1KEEP
	ADD  $64, R6
	CMP  R2, R6
	BLT  line
	SUBS $1, R4
	BNE  row
	RET
