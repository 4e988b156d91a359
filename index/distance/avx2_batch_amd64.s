#include "textflag.h"

// Kernels over float32: four queries against rows in order.
//
// Two rows and four queries give eight sums, and with all 32 lanes of the definition
// they would fill 32 registers. So sixteen lanes of two queries are taken at a time, in
// four passes over the pair of rows; loads alternate between the halves of a cache
// line, since the cache gives two loads a cycle only from different banks. What a pass
// leaves is kept on the stack until its partner in the tree is there. The last of an
// odd number of rows is its own partner.
//
// In a pass, Y0 and Y1 are lanes 0-7 of the first row with the two queries, Y2 and Y3
// those of the second row, and Y4-Y7 lanes 8-15 likewise.
//
// Registers: CX rows left, SI, DI, R8, R9 queries, R13 stride in bytes, R10 bytes of whole
// blocks, R11 elements in the tail, BX and R12 the pair, AX offset in the row, DX
// offset in the results. R14 and R15 are free. Y15 is a constant, Y14 a mask.

// ones is read from 4*(16-n) bytes on: n lanes of ones, then zeros.
DATA ones<>+0(SB)/8, $-1
DATA ones<>+8(SB)/8, $-1
DATA ones<>+16(SB)/8, $-1
DATA ones<>+24(SB)/8, $-1
DATA ones<>+32(SB)/8, $-1
DATA ones<>+40(SB)/8, $-1
DATA ones<>+48(SB)/8, $-1
DATA ones<>+56(SB)/8, $-1
GLOBL ones<>(SB), RODATA|NOPTR, $128

#define ROWS \
	VMOVUPS (BX)(AX*1), Y8; \
	VMOVUPS 32(BX)(AX*1), Y10; \
	VMOVUPS (R12)(AX*1), Y9; \
	VMOVUPS 32(R12)(AX*1), Y11

#define ADDBOTH(a, b) \
	VADDPS Y13, a, a; \
	VADDPS Y12, b, b

#define SQUAREBOTH \
	VMULPS Y13, Y13, Y13; \
	VMULPS Y12, Y12, Y12

// L2TERM adds the squares of the differences of the query's eight elements in Y12 with
// those of the rows in x and y.
#define L2TERM(x, y, a, b) \
	VSUBPS Y12, x, Y13; \
	VSUBPS y, Y12, Y12; \
	SQUAREBOTH; \
	ADDBOTH(a, b)

// L2TERMB does so with a multiply-subtract by 1, which runs on the ports of products.
#define L2TERMB(x, y, a, b) \
	VSUBPS      Y12, x, Y13; \
	VFMSUB213PS y, Y15, Y12; \
	SQUAREBOTH; \
	ADDBOTH(a, b)

#define DOTTERM(x, y, a, b) \
	VMULPS Y12, x, Y13; \
	VMULPS Y12, y, Y12; \
	ADDBOTH(a, b)

#define TILE(p, q, TERM, TERMB) \
	ROWS; \
	VMOVUPS (p)(AX*1), Y12; \
	TERM(Y8, Y9, Y0, Y2); \
	VMOVUPS 32(p)(AX*1), Y12; \
	TERMB(Y10, Y11, Y4, Y6); \
	VMOVUPS (q)(AX*1), Y12; \
	TERM(Y8, Y9, Y1, Y3); \
	VMOVUPS 32(q)(AX*1), Y12; \
	TERMB(Y10, Y11, Y5, Y7)

// MASKED adds eight elements, from off on, under the mask that begins at m.
#define MASKED(p, q, TERM, off, m, a, b, c, d) \
	VMOVUPS    m(R14)(R15*4), Y14; \
	VMASKMOVPS off(BX)(AX*1), Y14, Y8; \
	VMASKMOVPS off(R12)(AX*1), Y14, Y9; \
	VMASKMOVPS off(p)(AX*1), Y14, Y12; \
	TERM(Y8, Y9, a, b); \
	VMASKMOVPS off(q)(AX*1), Y14, Y12; \
	TERM(Y8, Y9, c, d)

// PASS sums the lanes from first to first+15: whole blocks, then what the tail has.
#define PASS(first, p, q, TERM, TERMB, loop, tail, whole, done) \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	MOVQ   $(4*first), AX; \
	LEAQ   (4*first)(R10), R14; \
	TESTQ  R10, R10; \
	JZ     tail; \
loop: \
	TILE(p, q, TERM, TERMB); \
	ADDQ   $128, AX; \
	CMPQ   AX, R14; \
	JLT    loop; \
tail: \
	MOVQ   R11, R15; \
	SUBQ   $first, R15; \
	JLE    done; \
	CMPQ   R15, $16; \
	JGE    whole; \
	NEGQ   R15; \
	LEAQ   ones<>+64(SB), R14; \
	MASKED(p, q, TERM, 0, 0, Y0, Y2, Y1, Y3); \
	MASKED(p, q, TERM, 32, 32, Y4, Y6, Y5, Y7); \
	JMP    done; \
whole: \
	TILE(p, q, TERM, TERMB); \
done:

#define KEEP4(at) \
	VMOVUPS Y0, at+0(SP); \
	VMOVUPS Y1, at+32(SP); \
	VMOVUPS Y2, at+64(SP); \
	VMOVUPS Y3, at+96(SP)

#define KEEP8(at) \
	KEEP4(at); \
	VMOVUPS Y4, at+128(SP); \
	VMOVUPS Y5, at+160(SP); \
	VMOVUPS Y6, at+192(SP); \
	VMOVUPS Y7, at+224(SP)

// HALVE adds the kept lanes of the other pass, then the upper half to the lower.
#define HALVE(at) \
	VADDPS at+0(SP), Y0, Y0; \
	VADDPS at+32(SP), Y1, Y1; \
	VADDPS at+64(SP), Y2, Y2; \
	VADDPS at+96(SP), Y3, Y3; \
	VADDPS at+128(SP), Y4, Y4; \
	VADDPS at+160(SP), Y5, Y5; \
	VADDPS at+192(SP), Y6, Y6; \
	VADDPS at+224(SP), Y7, Y7; \
	VADDPS Y4, Y0, Y0; \
	VADDPS Y5, Y1, Y1; \
	VADDPS Y6, Y2, Y2; \
	VADDPS Y7, Y3, Y3

// FOLD leaves in z the lower halves of both rows' lanes plus the upper ones.
#define FOLD(a, b, z) \
	VPERM2F128 $0x20, b, a, Y8; \
	VPERM2F128 $0x31, b, a, Y9; \
	VADDPS     Y9, Y8, z

// FINISH halves the eight lanes of the eight sums at once: X0 is the first row's
// results, X1 the second's. The sums of the first two queries are kept at 0(SP).
#define FINISH \
	VMOVUPS      0(SP), Y4; \
	VMOVUPS      32(SP), Y5; \
	VMOVUPS      64(SP), Y6; \
	VMOVUPS      96(SP), Y7; \
	FOLD(Y4, Y6, Y4); \
	FOLD(Y5, Y7, Y5); \
	FOLD(Y0, Y2, Y6); \
	FOLD(Y1, Y3, Y7); \
	VUNPCKLPD    Y5, Y4, Y8; \
	VUNPCKHPD    Y5, Y4, Y9; \
	VADDPS       Y9, Y8, Y0; \
	VUNPCKLPD    Y7, Y6, Y8; \
	VUNPCKHPD    Y7, Y6, Y9; \
	VADDPS       Y9, Y8, Y2; \
	VSHUFPS      $0x88, Y2, Y0, Y8; \
	VSHUFPS      $0xDD, Y2, Y0, Y9; \
	VADDPS       Y9, Y8, Y0; \
	VEXTRACTF128 $1, Y0, X1

#define STORE(x) \
	MOVQ       out+0(FP), R14; \
	MOVQ       0(R14), R15; \
	VMOVSS     x, (R15)(DX*1); \
	MOVQ       24(R14), R15; \
	VEXTRACTPS $1, x, (R15)(DX*1); \
	MOVQ       48(R14), R15; \
	VEXTRACTPS $2, x, (R15)(DX*1); \
	MOVQ       72(R14), R15; \
	VEXTRACTPS $3, x, (R15)(DX*1); \
	ADDQ       $4, DX

#define KERNEL(TERM, TERMB) \
	MOVQ    q+8(FP), AX; \
	MOVQ    0(AX), SI; \
	MOVQ    24(AX), DI; \
	MOVQ    48(AX), R8; \
	MOVQ    72(AX), R9; \
	MOVQ    n+16(FP), CX; \
	MOVQ    dim+24(FP), R10; \
	MOVQ    rows+32(FP), BX; \
	MOVQ    stride+40(FP), R13; \
	SHLQ    $2, R13; \
	MOVQ    R10, R11; \
	ANDQ    $31, R11; \
	SHRQ    $5, R10; \
	SHLQ    $7, R10; \
	XORL    DX, DX; \
pair: \
	MOVQ    BX, R12; \
	CMPQ    CX, $2; \
	JLT     sum; \
	ADDQ    R13, R12; \
sum: \
	PASS(0, SI, DI, TERM, TERMB, loop0, tail0, whole0, done0); \
	KEEP8(0); \
	PASS(0, R8, R9, TERM, TERMB, loop1, tail1, whole1, done1); \
	KEEP8(256); \
	PASS(16, SI, DI, TERM, TERMB, loop2, tail2, whole2, done2); \
	HALVE(0); \
	KEEP4(0); \
	PASS(16, R8, R9, TERM, TERMB, loop3, tail3, whole3, done3); \
	HALVE(256); \
	FINISH; \
	STORE(X0); \
	DECQ    CX; \
	JZ      end; \
	STORE(X1); \
	LEAQ    (R12)(R13*1), BX; \
	DECQ    CX; \
	JNZ     pair; \
end: \
	VZEROUPPER; \
	RET

// func squaredL2BatchAVX2(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·squaredL2BatchAVX2(SB), NOSPLIT, $512-48
	VPCMPEQD Y15, Y15, Y15
	VPSRLD   $25, Y15, Y15
	VPSLLD   $23, Y15, Y15 // 1.0 in every lane
	KERNEL(L2TERM, L2TERMB)

// func dotBatchAVX2(out, q *[4][]float32, n, dim int, rows *float32, stride int)
TEXT ·dotBatchAVX2(SB), NOSPLIT, $512-48
	KERNEL(DOTTERM, DOTTERM)
