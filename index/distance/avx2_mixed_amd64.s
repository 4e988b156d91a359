#include "textflag.h"

// Kernels between a query of float32 and rows of bytes, in order or in a list, of 8
// components or more. Lanes 0-7, 8-15, 16-23 and 24-31 of the definition are Y0, Y1, Y2
// and Y3.
//
// The tail of dim mod 32 components is taken in eights. The last dim mod 8 are the end of
// the row's last eight bytes, shifted so that zeros follow, against the query under the
// mask Y14. A lane without a component adds +0, which changes no bit, since a lane is
// never -0. Rows of a list are asked from memory two ahead.
//
// Registers: DI out, CX rows left, SI query, R8 rows, R9 stride, R13 what is left of the
// list or 0, R10 components in whole blocks of 32, R11 the rest, R12 dim-8, AX component,
// BX row, R14 the row that is asked for, DX the shift of the last ones in bits.

// lanemask is read from 4*(8-n) bytes on: n lanes of ones, then zeros.
DATA lanemask<>+0(SB)/8, $-1
DATA lanemask<>+8(SB)/8, $-1
DATA lanemask<>+16(SB)/8, $-1
DATA lanemask<>+24(SB)/8, $-1
GLOBL lanemask<>(SB), RODATA|NOPTR, $64

#define SETUP \
	MOVQ    out+0(FP), DI; \
	MOVQ    n+8(FP), CX; \
	MOVQ    q+16(FP), SI; \
	MOVQ    dim+24(FP), R10; \
	MOVQ    rows+32(FP), R8; \
	MOVQ    stride+40(FP), R9; \
	MOVQ    at+48(FP), R13; \
	LEAQ    -8(R10), R12; \
	MOVQ    R10, R11; \
	ANDQ    $31, R11; \
	ANDQ    $-32, R10; \
	MOVQ    R11, DX; \
	ANDQ    $7, DX; \
	MOVQ    DX, AX; \
	NEGQ    AX; \
	LEAQ    lanemask<>+32(SB), BX; \
	VMOVUPS (BX)(AX*4), Y14; \
	SHLQ    $3, DX; \
	NEGQ    DX; \
	ADDQ    $64, DX; \
	VMOVQ   DX, X13

// WIDE reads eight bytes of the row as floats.
#define WIDE(off, to) \
	VPMOVZXBD off(BX)(AX*1), to; \
	VCVTDQ2PS to, to

// ENDING reads the last ones of the row, and of the query to Y9.
#define ENDING \
	VMOVQ      (BX)(R12*1), X8; \
	VPSRLQ     X13, X8, X8; \
	VPMOVZXBD  X8, Y8; \
	VCVTDQ2PS  Y8, Y8; \
	VMASKMOVPS (SI)(AX*4), Y14, Y9

// EIGHT and LAST are the steps of the tail in one lane register.
#define EIGHT(TERM, acc, last) \
	CMPQ R11, DX; \
	JLT  last; \
	WIDE(0, Y8); \
	VMOVUPS (SI)(AX*4), Y9; \
	TERM(Y8, Y9, acc); \
	ADDQ $8, AX; \
	ADDQ $8, DX

#define LAST(TERM, acc) \
	ENDING; \
	TERM(Y8, Y9, acc); \
	JMP finish

// KERNEL is the walk over the rows; TERM(row, query, lanes) adds eight terms.
#define KERNEL(TERM) \
	TESTQ R13, R13; \
	JZ    row; \
	CMPQ  CX, $2; \
	JLT   row; \
	MOVL  4(R13), R14; \
	IMULQ R9, R14; \
	ADDQ  R8, R14; \
	XORL  AX, AX; \
ahead: \
	PREFETCHT0 (R14)(AX*1); \
	ADDQ  $64, AX; \
	CMPQ  AX, R12; \
	JLE   ahead; \
row: \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	XORL  AX, AX; \
	MOVQ  R8, BX; \
	MOVQ  R8, R14; \
	TESTQ R13, R13; \
	JNZ   listed; \
	ADDQ  R9, R8; \
	JMP   begin; \
listed: \
	MOVL  (R13), BX; \
	IMULQ R9, BX; \
	ADDQ  R8, BX; \
	MOVQ  BX, R14; \
	CMPQ  CX, $3; \
	JLT   step; \
	MOVL  8(R13), R14; \
	IMULQ R9, R14; \
	ADDQ  R8, R14; \
step: \
	ADDQ  $4, R13; \
begin: \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	PREFETCHT0 (R14)(AX*1); \
	WIDE(0, Y4); \
	WIDE(8, Y5); \
	WIDE(16, Y6); \
	WIDE(24, Y7); \
	VMOVUPS (SI)(AX*4), Y9; \
	VMOVUPS 32(SI)(AX*4), Y10; \
	VMOVUPS 64(SI)(AX*4), Y11; \
	VMOVUPS 96(SI)(AX*4), Y12; \
	TERM(Y4, Y9, Y0); \
	TERM(Y5, Y10, Y1); \
	TERM(Y6, Y11, Y2); \
	TERM(Y7, Y12, Y3); \
	ADDQ  $32, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ R11, R11; \
	JZ    finish; \
	PREFETCHT0 (R14)(R12*1); \
	MOVL  $8, DX; \
	EIGHT(TERM, Y0, last0); \
	EIGHT(TERM, Y1, last1); \
	EIGHT(TERM, Y2, last2); \
	TESTQ $7, R11; \
	JZ    finish; \
	LAST(TERM, Y3); \
last0: \
	LAST(TERM, Y0); \
last1: \
	TESTQ $7, R11; \
	JZ    finish; \
	LAST(TERM, Y1); \
last2: \
	TESTQ $7, R11; \
	JZ    finish; \
	LAST(TERM, Y2); \
finish: \
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
	DECQ         CX; \
	JNZ          row; \
	VZEROUPPER; \
	RET

#define L2TERM(r, q, acc) \
	VSUBPS r, q, q; \
	VMULPS q, q, q; \
	VADDPS q, acc, acc

#define DOTTERM(r, q, acc) \
	VMULPS r, q, q; \
	VADDPS q, acc, acc

// func squaredL2MixedAVX2(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2MixedAVX2(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(L2TERM)

// func dotMixedAVX2(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotMixedAVX2(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(DOTTERM)
