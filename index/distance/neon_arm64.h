// Instructions of AdvSIMD that the assembler does not know, on the registers Vm, Vn and
// Vd by number; and what the kernels share.

// Four float32: d = n + m, n - m, n * m, |n - m|. Not fused: each rounds once.
#define FADD(m, n, d) WORD $(0x4E20D400 | m<<16 | n<<5 | d)
#define FSUB(m, n, d) WORD $(0x4EA0D400 | m<<16 | n<<5 | d)
#define FMUL(m, n, d) WORD $(0x6E20DC00 | m<<16 | n<<5 | d)
#define FABD(m, n, d) WORD $(0x6EA0D400 | m<<16 | n<<5 | d)

// FADDPAIR adds the first two float32 of n.
#define FADDPAIR(n, d) WORD $(0x7E30D800 | n<<5 | d)

// Sixteen bytes: |n - m|; products of the lower and upper eight as 16 bits; sums of
// pairs of bytes as 16 bits; sums of pairs of 16 bits added to the 32 bits of d.
#define UABD(m, n, d) WORD $(0x6E207400 | m<<16 | n<<5 | d)
#define UMULL(m, n, d) WORD $(0x2E20C000 | m<<16 | n<<5 | d)
#define UMULL2(m, n, d) WORD $(0x6E20C000 | m<<16 | n<<5 | d)
#define SMULL(m, n, d) WORD $(0x0E20C000 | m<<16 | n<<5 | d)
#define SMULL2(m, n, d) WORD $(0x4E20C000 | m<<16 | n<<5 | d)
#define UADDLP(n, d) WORD $(0x6E202800 | n<<5 | d)
#define UADALP(n, d) WORD $(0x6E606800 | n<<5 | d)
#define SADALP(n, d) WORD $(0x4E606800 | n<<5 | d)

// UCVTF makes float32 of four 32-bit numbers.
#define UCVTF(n, d) WORD $(0x6E21D800 | n<<5 | d)

// ZERO8 clears eight registers.
#define ZERO8(a, b, c, d, e, f, g, h) \
	VEOR a.B16, a.B16, a.B16; \
	VEOR b.B16, b.B16, b.B16; \
	VEOR c.B16, c.B16, c.B16; \
	VEOR d.B16, d.B16, d.B16; \
	VEOR e.B16, e.B16, e.B16; \
	VEOR f.B16, f.B16, f.B16; \
	VEOR g.B16, g.B16, g.B16; \
	VEOR h.B16, h.B16, h.B16

// PARTIAL loads the R14 < 4 floats at p into v, and zeros above them; f is v as a scalar.
#define PARTIAL(p, v, f, one, done) \
	VEOR  v.B16, v.B16, v.B16; \
	TBZ   $1, R14, one; \
	FMOVD (p), f; \
	TBZ   $0, R14, done; \
	ADD   $8, p, R15; \
	VLD1  (R15), v.S[2]; \
	JMP   done; \
one: \
	CBZ   R14, done; \
	FMOVS (p), f; \
done:
