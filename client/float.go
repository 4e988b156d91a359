package client

import (
	"math"
	"math/bits"
)

// The shortest decimal of a float32 is found as in Schubfach (R. Giulietti, "The
// Schubfach way to render doubles", 2021, sections 8 and 9, with the widths of a
// float32): the float and the ends of what rounds to it are scaled by one
// multiplication with a power of ten, so that the decimals in between can be counted.

const (
	mantissaBits = 23
	hiddenBit    = 1 << mantissaBits
	exponentBias = 127 + mantissaBits
	// minPower is the exponent of the first of tenPowers.
	minPower = -31
	// plainFrom and plainBelow are the decimal exponents that are written without an e,
	// as strconv does.
	plainFrom  = -4
	plainBelow = 6
	// maxDigits is the longest shortest decimal of a float32.
	maxDigits = 9
)

// tenPowers holds 10^k from k = minPower, scaled by a power of two to 64 bits and
// rounded up; TestTenPowers computes it again.
var tenPowers = [...]uint64{
	0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e, 0x9e74d1b791e07e49,
	0xc612062576589ddb, 0xf79687aed3eec552, 0x9abe14cd44753b53, 0xc16d9a0095928a28, 0xf1c90080baf72cb2,
	0x971da05074da7bef, 0xbce5086492111aeb, 0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a,
	0xe69594bec44de15c, 0x901d7cf73ab0acda, 0xb424dc35095cd810, 0xe12e13424bb40e14, 0x8cbccc096f5088cc,
	0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd, 0xd6bf94d5e57a42bd,
	0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c, 0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b,
	0xcccccccccccccccd, 0x8000000000000000, 0xa000000000000000, 0xc800000000000000, 0xfa00000000000000,
	0x9c40000000000000, 0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000,
	0xee6b280000000000, 0x9502f90000000000, 0xba43b74000000000, 0xe8d4a51000000000, 0x9184e72a00000000,
	0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000, 0xb1a2bc2ec5000000, 0xde0b6b3a76400000,
	0x8ac7230489e80000, 0xad78ebc5ac620000, 0xd8d726b7177a8000, 0x878678326eac9000, 0xa968163f0a57b400,
	0xd3c21bcecceda100, 0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
	0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e, 0xc5371912364ce306,
	0xf684df56c3e01bc7, 0x9a130b963a6c115d, 0xc097ce7bc90715b4, 0xf0bdc21abb48db21, 0x96769950b50d88f5,
	0xbc143fa4e250eb32, 0xeb194f8e1ae525fe, 0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a,
	0x8f7e32ce7bea5c70, 0xb35dbf821ae4f38c,
}

// floorLog2Pow10 returns floor(log2(10^k)), right for all k in question.
func floorLog2Pow10(k int) int { return k * 1741647 >> 19 }

// scaled returns floor(g·c / 2^64) with the lowest bit set if anything was cut off
// ("round to odd"), so that comparisons with multiples of two come out right.
func scaled(g uint64, c uint32) uint32 {
	hi, lo := bits.Mul64(g, uint64(c))
	y := uint32(hi)
	if lo>>32 > 1 {
		y |= 1
	}
	return y
}

// shortest returns the decimal d × 10^k, d < 10^maxDigits, that is nearest to x among
// the shortest that read back as x. x must be finite, above 0; d may end in zeros.
func shortest(x float32) (d uint32, k int) {
	b := math.Float32bits(x)
	c, q := b&(hiddenBit-1), 1-exponentBias
	lower := uint32(2) // distance to the lower end of what rounds to x, in quarters
	if e := int(b >> mantissaBits); e != 0 {
		if c == 0 && e > 1 {
			lower = 1 // the value below is half as far
		}
		c, q = c|hiddenBit, e-exponentBias
	}
	k = q * 1262611 >> 22 // floor(log10(2^q))
	if lower == 1 {
		k = (q*1262611 - 524031) >> 22 // floor(log10(3/4 · 2^q))
	}
	h := q + floorLog2Pow10(-k) + 1
	g := tenPowers[-k-minPower]
	left, middle, right := scaled(g, (4*c-lower)<<h), scaled(g, 4*c<<h), scaled(g, (4*c+2)<<h)
	if c&1 != 0 { // the ends round to the even neighbour
		left++
		right--
	}
	s := middle / 4
	if s >= 10 {
		ten := s / 10
		down, up := left <= 40*ten, 40*ten+40 <= right
		if down != up {
			if up {
				ten++
			}
			return ten, k + 1
		}
	}
	down, up := left <= 4*s, 4*s+4 <= right
	if half := 4*s + 2; down == up {
		up = middle > half || middle == half && s&1 != 0
	}
	if up {
		s++
	}
	return s, k
}

// appendFraction appends a finite number that is not an integer below 2^24, in the form
// that strconv gives with format 'g' and precision -1.
func appendFraction(b []byte, x float32) []byte {
	if x < 0 {
		b = append(b, '-')
		x = -x
	}
	d, k := shortest(x)
	for d%10 == 0 {
		d /= 10
		k++
	}
	var buffer [maxDigits]byte
	i := len(buffer)
	for d >= 100 {
		i -= 2
		pair := d % 100 * 2
		d /= 100
		buffer[i], buffer[i+1] = digitPairs[pair], digitPairs[pair+1]
	}
	if d >= 10 {
		i--
		buffer[i] = byte('0' + d%10)
		d /= 10
	}
	i--
	buffer[i] = byte('0' + d)
	digits := buffer[i:]
	point := len(digits) + k // digits before the point
	switch exponent := point - 1; {
	case exponent < plainFrom || exponent >= plainBelow:
		return appendScientific(b, digits, exponent)
	case point <= 0:
		b = append(append(b, "0."...), "0000"[:-point]...)
		return append(b, digits...)
	}
	b = append(append(b, digits[:point]...), '.')
	return append(b, digits[point:]...)
}

const digitPairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// appendScientific appends d.ddde±dd.
func appendScientific(b, digits []byte, exponent int) []byte {
	b = append(b, digits[0])
	if len(digits) > 1 {
		b = append(append(b, '.'), digits[1:]...)
	}
	sign := byte('+')
	if exponent < 0 {
		sign, exponent = '-', -exponent
	}
	return append(b, 'e', sign, byte('0'+exponent/10), byte('0'+exponent%10))
}
