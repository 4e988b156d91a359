#include "textflag.h"

// Kernels over 8-bit codes: one query against rows in order or in a list.
//
// VPDPBUSD adds products of unsigned with signed bytes, four to a 32-bit sum, exactly.
// A byte x of the wrong sort is made one of the right sort by adding or taking 128, and
// what that adds to the sum is summed beside it. The last dim mod 64 codes are loaded
// under the mask K1, with zeros in the place of the others.
//
// Rows are taken in pairs: Z0 and Z1 sum the first, Z2 and Z3 the second; a result is
// Z0 + 2*Z1. Rows of a list are asked from memory two pairs ahead.
//
// Registers: as in avx2_codes_amd64.s. Z14 is 128 in every byte, Z15 a constant.

#define SETUP \
	MOVQ  out+0(FP), DI; \
	MOVQ  q+16(FP), SI; \
	MOVQ  dim+24(FP), R10; \
	MOVQ  rows+32(FP), R8; \
	MOVQ  stride+40(FP), R9; \
	MOVQ  at+48(FP), R13; \
	MOVQ  R10, R11; \
	ANDQ  $63, R11; \
	ANDQ  $-64, R10; \
	MOVQ  R11, CX; \
	MOVL  $1, AX; \
	SHLQ  CX, AX; \
	DECQ  AX; \
	KMOVQ AX, K1; \
	MOVQ  n+8(FP), CX; \
	MOVL  $0x80808080, AX; \
	VPBROADCASTD AX, Z14; \
	MOVL  $0x40404040, AX; \
	VPBROADCASTD AX, Z15

// PLACE sets p to the row that the list names at off.
#define PLACE(off, p) \
	MOVL  off(R13), p; \
	IMULQ R9, p; \
	ADDQ  R8, p

#define ZERO \
	VPXORD Z0, Z0, Z0; \
	VPXORD Z1, Z1, Z1; \
	VPXORD Z2, Z2, Z2; \
	VPXORD Z3, Z3, Z3; \
	XORL   AX, AX

// FINISH adds up the sums of a pair, both at once: X0 is the first row's, X1 the second's.
#define FINISH \
	VPADDD        Z1, Z1, Z1; \
	VPADDD        Z3, Z3, Z3; \
	VPADDD        Z1, Z0, Z0; \
	VPADDD        Z3, Z2, Z2; \
	VEXTRACTI64X4 $1, Z0, Y1; \
	VEXTRACTI64X4 $1, Z2, Y3; \
	VPADDD        Y1, Y0, Y0; \
	VPADDD        Y3, Y2, Y2; \
	VPERM2I128    $0x20, Y2, Y0, Y1; \
	VPERM2I128    $0x31, Y2, Y0, Y3; \
	VPADDD        Y3, Y1, Y0; \
	VPSHUFD       $0x4E, Y0, Y1; \
	VPADDD        Y1, Y0, Y0; \
	VPSHUFD       $0xB1, Y0, Y1; \
	VPADDD        Y1, Y0, Y0; \
	VEXTRACTI128  $1, Y0, X1

#define LOAD2 \
	VMOVDQU8 (SI)(AX*1), Z8; \
	VMOVDQU8 (BX)(AX*1), Z9; \
	VMOVDQU8 (R12)(AX*1), Z10

#define MASKEDLOAD2 \
	VMOVDQU8.Z (SI)(AX*1), K1, Z8; \
	VMOVDQU8.Z (BX)(AX*1), K1, Z9; \
	VMOVDQU8.Z (R12)(AX*1), K1, Z10

// KERNEL is the walk over the rows. TERMS adds 64 terms of the query in Z8 with the rows
// in Z9 and Z10. A last row without a partner is its own.
#define KERNEL(TERMS) \
	TESTQ R13, R13; \
	JZ    pair; \
	MOVQ  CX, DX; \
	CMPQ  DX, $4; \
	JLE   first; \
	MOVL  $4, DX; \
first: \
	DECQ  DX; \
	MOVL  (R13)(DX*4), R14; \
	IMULQ R9, R14; \
	ADDQ  R8, R14; \
	XORL  AX, AX; \
line: \
	PREFETCHT0 (R14)(AX*1); \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLE   line; \
	TESTQ DX, DX; \
	JNZ   first; \
pair: \
	ZERO; \
	MOVQ  R8, BX; \
	MOVQ  R8, R12; \
	TESTQ R13, R13; \
	JNZ   list; \
	CMPQ  CX, $2; \
	JLT   begin; \
	ADDQ  R9, R12; \
	LEAQ  (R12)(R9*1), R8; \
	JMP   begin; \
list: \
	PLACE(0, BX); \
	MOVQ  BX, R12; \
	CMPQ  CX, $2; \
	JLT   begin; \
	PLACE(4, R12); \
	CMPQ  CX, $6; \
	JLT   near; \
	PLACE(16, R14); \
	PLACE(20, R15); \
	ADDQ  $8, R13; \
	CMPQ  AX, R10; \
	JGE   tail; \
fetching: \
	PREFETCHT0 (R14)(AX*1); \
	PREFETCHT0 (R15)(AX*1); \
	LOAD2; \
	TERMS; \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   fetching; \
	PREFETCHT0 (R14)(AX*1); \
	PREFETCHT0 (R15)(AX*1); \
	JMP   tail; \
near: \
	ADDQ  $8, R13; \
begin: \
	CMPQ  AX, R10; \
	JGE   tail; \
block: \
	LOAD2; \
	TERMS; \
	ADDQ  $64, AX; \
	CMPQ  AX, R10; \
	JLT   block; \
tail: \
	TESTQ R11, R11; \
	JZ    finish; \
	MASKEDLOAD2; \
	TERMS; \
finish: \
	FINISH; \
	VMOVD X0, (DI); \
	CMPQ  CX, $2; \
	JLT   end; \
	VMOVD X1, 4(DI); \
	ADDQ  $8, DI; \
	SUBQ  $2, CX; \
	JNZ   pair; \
end: \
	VZEROUPPER; \
	RET

// q*r is q*(r-128) + 2*(q*64).
#define DOT \
	VPXORD   Z14, Z9, Z9; \
	VPXORD   Z14, Z10, Z10; \
	VPDPBUSD Z9, Z8, Z0; \
	VPDPBUSD Z10, Z8, Z2; \
	VPDPBUSD Z15, Z8, Z1; \
	VPDPBUSD Z15, Z8, Z3

// func dotU8AVX512(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·dotU8AVX512(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(DOT)

// d*d is d*(d-128) + 2*(d*64), where d is the magnitude of the difference.
#define SQUARE(x, a, b) \
	VPSUBUSB x, Z8, Z11; \
	VPSUBUSB Z8, x, x; \
	VPORD    x, Z11, Z11; \
	VPXORD   Z14, Z11, x; \
	VPDPBUSD x, Z11, a; \
	VPDPBUSD Z15, Z11, b

#define SQUARES \
	SQUARE(Z9, Z0, Z1); \
	SQUARE(Z10, Z2, Z3)

// func squaredL2U8AVX512(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)
TEXT ·squaredL2U8AVX512(SB), NOSPLIT, $0-56
	SETUP
	KERNEL(SQUARES)

// q*r is (q+128)*r + 2*(64*-r). Z15 is 64 as an unsigned byte; a code has a negative.
#define SIGNED \
	VPXORD   Z14, Z8, Z8; \
	VPDPBUSD Z9, Z8, Z0; \
	VPDPBUSD Z10, Z8, Z2; \
	VPSUBB   Z9, Z13, Z9; \
	VPSUBB   Z10, Z13, Z10; \
	VPDPBUSD Z9, Z15, Z1; \
	VPDPBUSD Z10, Z15, Z3

// func dotI8AVX512(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)
TEXT ·dotI8AVX512(SB), NOSPLIT, $0-56
	SETUP
	VPXORD Z13, Z13, Z13
	KERNEL(SIGNED)
