#include "textflag.h"

// func widenAVX2(dst *float32, src *uint8, n int)
// n is a multiple of 8.
TEXT ·widenAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

eight:
	CMPQ      AX, CX
	JGE       done
	VPMOVZXBD (SI)(AX*1), Y0
	VCVTDQ2PS Y0, Y0
	VMOVUPS   Y0, (DI)(AX*4)
	ADDQ      $8, AX
	JMP       eight

done:
	VZEROUPPER
	RET
