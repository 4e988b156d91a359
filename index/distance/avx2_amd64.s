#include "textflag.h"

// Kernels over float32: one query against rows in order or in a list.
//
// Rows are taken in pairs, so that a load of the query serves two. Lanes 0-7, 8-15,
// 16-23 and 24-31 of the definition are Y0, Y1, Y2, Y3 for the first row and Y4, Y5,
// Y6, Y7 for the second. A difference is a subtraction for the one row and a multiply-
// subtract by 1 for the other: it is rounded once too, gives the same bits, and runs on
// other ports. Rows of a list are asked from memory while the pair before them is summed.
//
// The tail of dim mod 32 elements: 16 are taken whole, the rest under the masks Y13 and
// Y14. A lane without an element loads +0 and adds +0, which changes no bit, since a
// lane is never -0 (it starts at +0, and a sum is -0 only when both terms are). A
// masked element is not touched in memory.
//
// Registers: DI out, CX rows left, SI query, R8 rows, R9 stride in bytes, R13 what is
// left of the list or 0, R10 bytes of whole blocks, R11 elements in the tail, AX offset
// in the row, BX and R12 the pair, R14 and R15 the next. Y15 is a constant.

// masks is read from 4*(16-n) bytes on: n lanes of ones, then zeros.
DATA masks<>+0(SB)/8, $-1
DATA masks<>+8(SB)/8, $-1
DATA masks<>+16(SB)/8, $-1
DATA masks<>+24(SB)/8, $-1
DATA masks<>+32(SB)/8, $-1
DATA masks<>+40(SB)/8, $-1
DATA masks<>+48(SB)/8, $-1
DATA masks<>+56(SB)/8, $-1
GLOBL masks<>(SB), RODATA|NOPTR, $128

#define SETUP \
	MOVQ    out+0(FP), DI; \
	MOVQ    n+8(FP), CX; \
	MOVQ    q+16(FP), SI; \
	MOVQ    dim+24(FP), R10; \
	MOVQ    rows+32(FP), R8; \
	MOVQ    stride+40(FP), R9; \
	MOVQ    at+48(FP), R13; \
	SHLQ    $2, R9; \
	MOVQ    R10, R11; \
	ANDQ    $31, R11; \
	SHRQ    $5, R10; \
	SHLQ    $7, R10; \
	MOVQ    R11, AX; \
	ANDQ    $15, AX; \
	NEGQ    AX; \
	LEAQ    masks<>+64(SB), DX; \
	VMOVUPS (DX)(AX*4), Y13; \
	VMOVUPS 32(DX)(AX*4), Y14

// PLACE sets p to the row that the list names at off.
#define PLACE(off, p) \
	MOVL  off(R13), p; \
	IMULQ R9, p; \
	ADDQ  R8, p

#define ZERO4(a, b, c, d) \
	VXORPS a, a, a; \
	VXORPS b, b, b; \
	VXORPS c, c, c; \
	VXORPS d, d, d

#define PREFETCH(p) \
	PREFETCHT0 (p)(AX*1); \
	PREFETCHT0 64(p)(AX*1)

// FINISH1 halves the lanes of one row and stores its result.
#define FINISH1 \
	VADDPS       Y2, Y0, Y0; \
	VADDPS       Y3, Y1, Y1; \
	VADDPS       Y1, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VADDPS       X1, X0, X0; \
	VPSHUFD      $0x4E, X0, X1; \
	VADDPS       X1, X0, X0; \
	VPSHUFD      $0x01, X0, X1; \
	VADDSS       X1, X0, X0; \
	VMOVSS       X0, (DI)

// FINISH2 does so for a pair, both at once, and steps on.
#define FINISH2 \
	VADDPS       Y2, Y0, Y0; \
	VADDPS       Y3, Y1, Y1; \
	VADDPS       Y6, Y4, Y4; \
	VADDPS       Y7, Y5, Y5; \
	VADDPS       Y1, Y0, Y0; \
	VADDPS       Y5, Y4, Y4; \
	VPERM2F128   $0x20, Y4, Y0, Y1; \
	VPERM2F128   $0x31, Y4, Y0, Y2; \
	VADDPS       Y2, Y1, Y0; \
	VPSHUFD      $0x4E, Y0, Y1; \
	VADDPS       Y1, Y0, Y0; \
	VPSHUFD      $0xB1, Y0, Y1; \
	VADDPS       Y1, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1; \
	VMOVSS       X0, (DI); \
	VMOVSS       X1, 4(DI); \
	ADDQ         $8, DI

// KERNEL is the walk over the rows. TERM2(off, a, b) adds eight terms of a pair to the
// lanes a and b, TERM2B does the same for every other eight, TERM1 those of the row BX, and MASKED2 and MASKED1 those under a mask.
#define KERNEL(TERM2, TERM2B, TERM1, MASKED2, MASKED1) \
	TESTQ R13, R13; \
	JNZ   list; \
	MOVQ  R8, R14; \
	LEAQ  (R8)(R9*1), R15; \
	JMP   next; \
list: \
	PLACE(0, R14); \
	CMPQ  CX, $2; \
	JLT   single; \
	PLACE(4, R15); \
	ADDQ  $8, R13; \
next: \
	CMPQ  CX, $2; \
	JLT   last; \
pair: \
	MOVQ  R14, BX; \
	MOVQ  R15, R12; \
	SUBQ  $2, CX; \
	ZERO4(Y0, Y1, Y2, Y3); \
	ZERO4(Y4, Y5, Y6, Y7); \
	XORL  AX, AX; \
	TESTQ R13, R13; \
	JNZ   ahead; \
	LEAQ  (R15)(R9*1), R14; \
	LEAQ  (R14)(R9*1), R15; \
	CMPQ  AX, R10; \
	JGE   tail; \
	JMP   fetching; \
ahead: \
	TESTQ CX, CX; \
	JZ    begin; \
	PLACE(0, R14); \
	MOVQ  R14, R15; \
	CMPQ  CX, $2; \
	JLT   odd; \
	PLACE(4, R15); \
odd: \
	ADDQ  $8, R13; \
	CMPQ  AX, R10; \
	JGE   tail; \
fetching: \
	PREFETCH(R14); \
	PREFETCH(R15); \
	TERM2(0, Y0, Y4); \
	TERM2B(32, Y1, Y5); \
	TERM2B(64, Y2, Y6); \
	TERM2(96, Y3, Y7); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   fetching; \
	PREFETCH(R14); \
	PREFETCH(R15); \
	JMP   tail; \
begin: \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	TERM2(0, Y0, Y4); \
	TERM2B(32, Y1, Y5); \
	TERM2B(64, Y2, Y6); \
	TERM2(96, Y3, Y7); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ $16, R11; \
	JZ    short; \
	TERM2(0, Y0, Y4); \
	TERM2B(32, Y1, Y5); \
	TESTQ $15, R11; \
	JZ    finish; \
	MASKED2(64, Y13, Y2, Y6); \
	MASKED2(96, Y14, Y3, Y7); \
	JMP   finish; \
short: \
	TESTQ R11, R11; \
	JZ    finish; \
	MASKED2(0, Y13, Y0, Y4); \
	MASKED2(32, Y14, Y1, Y5); \
finish: \
	FINISH2; \
	CMPQ  CX, $2; \
	JGE   pair; \
last: \
	TESTQ CX, CX; \
	JZ    done; \
single: \
	MOVQ  R14, BX; \
	ZERO4(Y0, Y1, Y2, Y3); \
	XORL  AX, AX; \
	CMPQ  AX, R10; \
	JGE   tail1; \
block1: \
	TERM1(0, Y0); \
	TERM1(32, Y1); \
	TERM1(64, Y2); \
	TERM1(96, Y3); \
	ADDQ  $128, AX; \
	CMPQ  AX, R10; \
	JLT   block1; \
tail1: \
	TESTQ $16, R11; \
	JZ    short1; \
	TERM1(0, Y0); \
	TERM1(32, Y1); \
	TESTQ $15, R11; \
	JZ    finish1; \
	MASKED1(64, Y13, Y2); \
	MASKED1(96, Y14, Y3); \
	JMP   finish1; \
short1: \
	TESTQ R11, R11; \
	JZ    finish1; \
	MASKED1(0, Y13, Y0); \
	MASKED1(32, Y14, Y1); \
finish1: \
	FINISH1; \
done: \
	VZEROUPPER; \
	RET

#define MASKEDLOAD2(off, mask) \
	VMASKMOVPS off(SI)(AX*1), mask, Y8; \
	VMASKMOVPS off(BX)(AX*1), mask, Y9; \
	VMASKMOVPS off(R12)(AX*1), mask, Y10

#define MASKEDLOAD1(off, mask) \
	VMASKMOVPS off(SI)(AX*1), mask, Y8; \
	VMASKMOVPS off(BX)(AX*1), mask, Y9

#define ADD2(a, b) \
	VADDPS Y9, a, a; \
	VADDPS Y10, b, b

// DIFFERENCES sets Y9 to query - row and Y10 to row - query.
#define DIFFERENCES(off) \
	VMOVUPS     off(SI)(AX*1), Y8; \
	VMOVUPS     off(R12)(AX*1), Y10; \
	VSUBPS      off(BX)(AX*1), Y8, Y9; \
	VFMSUB213PS Y8, Y15, Y10

#define SQUARES \
	VMULPS Y9, Y9, Y9; \
	VMULPS Y10, Y10, Y10

#define L2TERM2(off, a, b) \
	DIFFERENCES(off); \
	SQUARES; \
	ADD2(a, b)

// A quarter of the differences on the ports of the products is what balances the two.
#define L2TERM2B(off, a, b) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VSUBPS  off(BX)(AX*1), Y8, Y9; \
	VSUBPS  off(R12)(AX*1), Y8, Y10; \
	SQUARES; \
	ADD2(a, b)

#define L2TERM1(off, a) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VSUBPS  off(BX)(AX*1), Y8, Y9; \
	VMULPS  Y9, Y9, Y9; \
	VADDPS  Y9, a, a

#define L2MASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	VSUBPS Y8, Y9, Y9; \
	VSUBPS Y8, Y10, Y10; \
	SQUARES; \
	ADD2(a, b)

#define L2MASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	VSUBPS Y8, Y9, Y9; \
	VMULPS Y9, Y9, Y9; \
	VADDPS Y9, a, a

// func squaredL2AVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·squaredL2AVX2(SB), NOSPLIT, $0-56
	SETUP
	VPCMPEQD Y15, Y15, Y15
	VPSRLD   $25, Y15, Y15
	VPSLLD   $23, Y15, Y15 // 1.0 in every lane
	KERNEL(L2TERM2, L2TERM2B, L2TERM1, L2MASKED2, L2MASKED1)

#define DOTTERM2(off, a, b) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VMULPS  off(BX)(AX*1), Y8, Y9; \
	VMULPS  off(R12)(AX*1), Y8, Y10; \
	ADD2(a, b)

#define DOTTERM1(off, a) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VMULPS  off(BX)(AX*1), Y8, Y9; \
	VADDPS  Y9, a, a

#define DOTMASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	VMULPS Y8, Y9, Y9; \
	VMULPS Y8, Y10, Y10; \
	ADD2(a, b)

#define DOTMASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	VMULPS Y8, Y9, Y9; \
	VADDPS Y9, a, a

// func dotAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·dotAVX2(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(DOTTERM2, DOTTERM2, DOTTERM1, DOTMASKED2, DOTMASKED1)

// Y15 clears the sign.
#define ABSTERM2(off, a, b) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VSUBPS  off(BX)(AX*1), Y8, Y9; \
	VSUBPS  off(R12)(AX*1), Y8, Y10; \
	VANDPS  Y15, Y9, Y9; \
	VANDPS  Y15, Y10, Y10; \
	ADD2(a, b)

#define ABSTERM1(off, a) \
	VMOVUPS off(SI)(AX*1), Y8; \
	VSUBPS  off(BX)(AX*1), Y8, Y9; \
	VANDPS  Y15, Y9, Y9; \
	VADDPS  Y9, a, a

#define ABSMASKED2(off, mask, a, b) \
	MASKEDLOAD2(off, mask); \
	VSUBPS Y8, Y9, Y9; \
	VSUBPS Y8, Y10, Y10; \
	VANDPS Y15, Y9, Y9; \
	VANDPS Y15, Y10, Y10; \
	ADD2(a, b)

#define ABSMASKED1(off, mask, a) \
	MASKEDLOAD1(off, mask); \
	VSUBPS Y8, Y9, Y9; \
	VANDPS Y15, Y9, Y9; \
	VADDPS Y9, a, a

// func manhattanAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)
TEXT ·manhattanAVX2(SB), NOSPLIT, $0-56
	SETUP
	VPCMPEQD Y15, Y15, Y15
	VPSRLD   $1, Y15, Y15
	KERNEL(ABSTERM2, ABSTERM2, ABSTERM1, ABSMASKED2, ABSMASKED1)
