#include "textflag.h"

// Lanes 0-7, 8-15, 16-23 and 24-31 of the definition are Y0, Y1, Y2 and Y3.
//
// The tail of dim mod 32 elements is loaded under the masks Y12-Y15: a lane without
// an element loads +0 and adds +0, which changes no bit, since a lane is never -0
// (it starts at +0, and a sum is -0 only when both terms are). A masked element is
// not touched in memory.
//
// Registers: DI out, CX rows left, SI query, R8 row, R9 stride in bytes, R10 whole
// blocks of 32, R11 elements in the tail; AX, BX, R12 walk through one row.

DATA iota<>+0(SB)/8, $0x0000000100000000
DATA iota<>+8(SB)/8, $0x0000000300000002
DATA iota<>+16(SB)/8, $0x0000000500000004
DATA iota<>+24(SB)/8, $0x0000000700000006
GLOBL iota<>(SB), RODATA|NOPTR, $32

// MASKS sets lane l of Y12, Y13, Y14, Y15 to ones where l, l+8, l+16, l+24 < R11.
#define MASKS \
	VMOVDQU      iota<>(SB), Y4; \
	VPCMPEQD     Y5, Y5, Y5; \
	VPSRLD       $31, Y5, Y5; \
	VPSLLD       $3, Y5, Y5; \
	VMOVQ        R11, X6; \
	VPBROADCASTD X6, Y6; \
	VPCMPGTD     Y4, Y6, Y12; \
	VPSUBD       Y5, Y6, Y6; \
	VPCMPGTD     Y4, Y6, Y13; \
	VPSUBD       Y5, Y6, Y6; \
	VPCMPGTD     Y4, Y6, Y14; \
	VPSUBD       Y5, Y6, Y6; \
	VPCMPGTD     Y4, Y6, Y15

#define SETUP \
	MOVQ out+0(FP), DI; \
	MOVQ n+8(FP), CX; \
	MOVQ q+16(FP), SI; \
	MOVQ dim+24(FP), R10; \
	MOVQ rows+32(FP), R8; \
	MOVQ stride+40(FP), R9; \
	SHLQ $2, R9; \
	MOVQ R10, R11; \
	ANDQ $31, R11; \
	SHRQ $5, R10; \
	MASKS

// START begins a row: empty lanes; the caller jumps to its tail when there is no block.
#define START \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	MOVQ   SI, AX; \
	MOVQ   R8, BX; \
	MOVQ   R10, R12

// LOAD reads a block of the query.
#define LOAD \
	VMOVUPS (AX), Y4; \
	VMOVUPS 32(AX), Y5; \
	VMOVUPS 64(AX), Y6; \
	VMOVUPS 96(AX), Y7

// LOADTAIL reads the tails of the query and the row.
#define LOADTAIL \
	VMASKMOVPS (AX), Y12, Y4; \
	VMASKMOVPS 32(AX), Y13, Y5; \
	VMASKMOVPS 64(AX), Y14, Y6; \
	VMASKMOVPS 96(AX), Y15, Y7; \
	VMASKMOVPS (BX), Y12, Y8; \
	VMASKMOVPS 32(BX), Y13, Y9; \
	VMASKMOVPS 64(BX), Y14, Y10; \
	VMASKMOVPS 96(BX), Y15, Y11

#define SUBTAIL \
	VSUBPS Y8, Y4, Y4; \
	VSUBPS Y9, Y5, Y5; \
	VSUBPS Y10, Y6, Y6; \
	VSUBPS Y11, Y7, Y7

#define SUB \
	VSUBPS (BX), Y4, Y4; \
	VSUBPS 32(BX), Y5, Y5; \
	VSUBPS 64(BX), Y6, Y6; \
	VSUBPS 96(BX), Y7, Y7

#define SQUARE \
	VMULPS Y4, Y4, Y4; \
	VMULPS Y5, Y5, Y5; \
	VMULPS Y6, Y6, Y6; \
	VMULPS Y7, Y7, Y7

#define ADD \
	VADDPS Y4, Y0, Y0; \
	VADDPS Y5, Y1, Y1; \
	VADDPS Y6, Y2, Y2; \
	VADDPS Y7, Y3, Y3

#define ADVANCE \
	ADDQ $128, AX; \
	ADDQ $128, BX; \
	DECQ R12

// FINISH halves the lanes, stores the row's result and steps to the next row.
#define FINISH \
	VADDPS       Y2, Y0, Y0; \
	VADDPS       Y3, Y1, Y1; \
	VADDPS       Y1, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS       X1, X0, X0; \
	VPSHUFD      $0x4E, X0, X1; \
	VADDPS       X1, X0, X0; \
	VPSHUFD      $0x01, X0, X1; \
	VADDSS       X1, X0, X0; \
	VMOVSS       X0, (DI); \
	ADDQ         $4, DI; \
	ADDQ         R9, R8; \
	DECQ         CX

// func squaredL2AVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)
TEXT ·squaredL2AVX2(SB), NOSPLIT, $0-48
	SETUP

row:
	START
	TESTQ R12, R12
	JZ    tail

block:
	LOAD
	SUB
	SQUARE
	ADD
	ADVANCE
	JNZ   block

tail:
	TESTQ R11, R11
	JZ    finish
	LOADTAIL
	SUBTAIL
	SQUARE
	ADD

finish:
	FINISH
	JNZ row
	VZEROUPPER
	RET

// func dotAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)
TEXT ·dotAVX2(SB), NOSPLIT, $0-48
	SETUP

row:
	START
	TESTQ R12, R12
	JZ    tail

block:
	LOAD
	VMULPS (BX), Y4, Y4
	VMULPS 32(BX), Y5, Y5
	VMULPS 64(BX), Y6, Y6
	VMULPS 96(BX), Y7, Y7
	ADD
	ADVANCE
	JNZ   block

tail:
	TESTQ R11, R11
	JZ    finish
	LOADTAIL
	VMULPS Y8, Y4, Y4
	VMULPS Y9, Y5, Y5
	VMULPS Y10, Y6, Y6
	VMULPS Y11, Y7, Y7
	ADD

finish:
	FINISH
	JNZ row
	VZEROUPPER
	RET

// ABSMASK sets every bit but the signs; ABS clears the signs with it.
#define ABS(mask) \
	VANDPS mask, Y4, Y4; \
	VANDPS mask, Y5, Y5; \
	VANDPS mask, Y6, Y6; \
	VANDPS mask, Y7, Y7

#define ABSMASK(mask) \
	VPCMPEQD mask, mask, mask; \
	VPSRLD   $1, mask, mask

// func manhattanAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)
TEXT ·manhattanAVX2(SB), NOSPLIT, $0-48
	SETUP

row:
	START
	ABSMASK(Y8)
	TESTQ R12, R12
	JZ    tail

block:
	LOAD
	SUB
	ABS(Y8)
	ADD
	ADVANCE
	JNZ   block

tail:
	TESTQ R11, R11
	JZ    finish
	LOADTAIL
	SUBTAIL
	ABSMASK(Y8)
	ABS(Y8)
	ADD

finish:
	FINISH
	JNZ row
	VZEROUPPER
	RET
