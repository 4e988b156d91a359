package scan

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	// maxExactMantissa is the first integer past which float64 skips some.
	maxExactMantissa = 1 << 53
	// maxExactPower: 10^0 to 10^22 are float64 values exactly.
	maxExactPower = 22
	// maxExponent stops an exponent from overflowing; every float is 0 or
	// infinite long before.
	maxExponent = 1 << 20
	// fastDigits decimal digits stay below 2^24, so that float32 has them exactly.
	fastDigits = 7
	// smallestNormal is the smallest float32 of full precision.
	smallestNormal = 0x1p-126
	// belowFloat32 masks the bits of a float64 that a float32 drops.
	belowFloat32 = 1<<29 - 1
	halfFloat32  = 1 << 28
)

var powersOf10 = [maxExactPower + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is a number as it was written: ±mantissa × 10^exponent, when exact.
type decimal struct {
	mantissa uint64
	exponent int
	negative bool
	// exact says that the mantissa holds all digits.
	exact bool
}

// number reads a number at its first byte.
func (s *Scanner) number() (decimal, *Error) {
	d := decimal{exact: true}
	b, i := s.b, s.i
	if i < len(b) && b[i] == '-' {
		d.negative = true
		i++
	}
	first := i
	i = d.digits(b, i)
	if i == first {
		s.i = i
		return d, s.malformed("expected a digit")
	}
	if b[first] == '0' && i > first+1 {
		s.i = first
		return d, s.malformed("a number must not begin with 0")
	}
	if i < len(b) && b[i] == '.' {
		start := i + 1
		i = d.digits(b, start)
		if i == start {
			s.i = i
			return d, s.malformed("expected a digit after the point")
		}
		d.exponent = start - i
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		var err *Error
		if i, err = s.exponent(&d, i+1); err != nil {
			return d, err
		}
	}
	s.i = i
	return d, nil
}

// digits adds the digits at b[i:] to the mantissa and returns where they end.
func (d *decimal) digits(b []byte, i int) int {
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		if d.mantissa > (math.MaxUint64-9)/10 {
			d.exact = false
			continue
		}
		d.mantissa = d.mantissa*10 + uint64(c)
	}
	return i
}

// exponent reads what follows the e and returns where it ends.
func (s *Scanner) exponent(d *decimal, i int) (int, *Error) {
	b, sign := s.b, 1
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		if b[i] == '-' {
			sign = -1
		}
		i++
	}
	e, start := 0, i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		e = min(e*10+int(b[i]-'0'), maxExponent)
	}
	if i == start {
		s.i = i
		return i, s.malformed("expected a digit in the exponent")
	}
	d.exponent += sign * e
	return i, nil
}

// float32 returns the float32 nearest to the decimal, and true, where two roundings
// provably give what one would.
//
// Proof: mantissa and 10^|exponent| are float64 values exactly, so that f is the
// decimal x correctly rounded to 53 bits (one operation). Rounding f to 24 bits
// differs from rounding x only if a boundary m, halfway between two neighbouring
// float32 values, lies between f and x or is f. m itself is a float64, and rounding is
// monotone: x < m gives f <= m and x > m gives f >= m. So only f = m is open; it
// is left to strconv, as are numbers below the smallest normal float32, where
// the boundaries lie elsewhere. 2^53 × 10^22 is below the largest float32.
func (d *decimal) float32() (float32, bool) {
	if !d.exact || d.mantissa >= maxExactMantissa || d.exponent < -maxExactPower || d.exponent > maxExactPower {
		return 0, false
	}
	f := float64(d.mantissa)
	if d.exponent < 0 {
		f /= powersOf10[-d.exponent]
	} else {
		f *= powersOf10[d.exponent]
	}
	if math.Float64bits(f)&belowFloat32 == halfFloat32 || f < smallestNormal && d.mantissa != 0 {
		return 0, false
	}
	if d.negative {
		f = -f
	}
	return float32(f), true
}

// Float reads a number as the nearest float32, bit for bit what strconv.ParseFloat
// of 32 bits gives. One that would be infinite is refused.
func (s *Scanner) Float() (float32, *Error) {
	if c := s.Peek(); c != '-' && c-'0' > 9 {
		return 0, s.Expected("a number")
	}
	start := s.i
	d, bad := s.number()
	if bad != nil {
		return 0, bad
	}
	if x, ok := d.float32(); ok {
		return x, nil
	}
	x, err := strconv.ParseFloat(string(s.b[start:s.i]), 32)
	if err != nil {
		return 0, Wrong("", "%.40s does not fit a 32-bit float", s.b[start:s.i])
	}
	return float32(x), nil
}

// Floats appends the numbers of an array, at most flow.MaxDim of them, to v; a nil v
// gets just the capacity they need. Small integers, which is what quantised data
// holds, and plain decimals take a short way through the loop.
func (s *Scanner) Floats(v []float32) ([]float32, *Error) {
	if s.Peek() != '[' {
		return v, s.Expected("an array of numbers")
	}
	s.i++
	if s.Peek() == ']' {
		s.i++
		return v, nil
	}
	if v == nil {
		v = make([]float32, 0, s.elements())
	}
	b, i, from := s.b, s.i, len(v)
	for {
		x, next := smallInteger(b, i)
		if next == i {
			x, next = fraction(b, i)
		}
		if next == i {
			s.i = i
			var err *Error
			if x, err = s.Float(); err != nil {
				return v, err.In("[" + strconv.Itoa(len(v)-from) + "]")
			}
			next = s.i
		}
		if v = append(v, x); len(v)-from > flow.MaxDim {
			return v, Wrong("", "more than %d components", flow.MaxDim)
		}
		if next < len(b) && b[next] == ',' {
			i = next + 1
			continue
		}
		s.i = next
		switch s.Peek() {
		case ',':
			s.i++
			i = s.i
		case ']':
			s.i++
			return v, nil
		default:
			return v, s.malformed("expected ',' or ']'")
		}
	}
}

// elements returns how many numbers there are up to the end of the array, or a
// limit where that cannot be right.
func (s *Scanner) elements() int {
	rest := s.b[s.i:]
	if end := bytes.IndexByte(rest, ']'); end >= 0 {
		rest = rest[:end]
	}
	return min(bytes.Count(rest, []byte{','})+1, flow.MaxDim+1)
}

// smallInteger reads an integer of at most fastDigits digits at b[i] and returns
// where it ends, or i if what is there needs a closer look.
func smallInteger(b []byte, i int) (float32, int) {
	n, j := uint32(0), i
	for j < len(b) && b[j]-'0' <= 9 {
		n = n*10 + uint32(b[j]-'0')
		j++
	}
	k := j - i
	if k == 0 || k > fastDigits || k > 1 && b[i] == '0' || j == len(b) || b[j] == '.' || b[j]|0x20 == 'e' {
		return 0, i
	}
	return float32(n), j
}

const (
	// eightDigits are read at once.
	eightDigits = 8
	tenTo8      = 100_000_000
	// maxFractionDigits keep the mantissa below 2^64 whatever the digits are.
	maxFractionDigits = 19
)

// fraction reads a decimal with a point and without exponent at b[i], such as
// -0.12345678, that is followed by ',' or ']', and returns where it ends, or i if
// what is there needs a closer look.
func fraction(b []byte, i int) (float32, int) {
	d, j := decimal{exact: true}, i
	if j < len(b) && b[j] == '-' {
		d.negative = true
		j++
	}
	first := j
	for j < len(b) && b[j]-'0' <= 9 {
		d.mantissa = d.mantissa*10 + uint64(b[j]-'0')
		j++
	}
	whole := j - first
	if whole == 0 || whole > eightDigits || whole > 1 && b[first] == '0' || j == len(b) || b[j] != '.' {
		return 0, i
	}
	j++
	first = j
	if len(b)-j >= eightDigits {
		if n, ok := eight(binary.LittleEndian.Uint64(b[j:])); ok {
			d.mantissa = d.mantissa*tenTo8 + n
			j += eightDigits
		}
	}
	for j < len(b) && b[j]-'0' <= 9 {
		d.mantissa = d.mantissa*10 + uint64(b[j]-'0') // may overflow; see below
		j++
	}
	d.exponent = first - j
	if j == first || whole+j-first > maxFractionDigits || j == len(b) || b[j] != ',' && b[j] != ']' {
		return 0, i
	}
	x, ok := d.float32()
	if !ok {
		return 0, i
	}
	return x, j
}

// eight reads eight digits, the first in the lowest byte, and says whether they all
// are digits: a byte is one if its upper half is 3, and still is when 6 is added.
// Neighbours are then joined to numbers of two, four and eight digits.
func eight(v uint64) (uint64, bool) {
	const threes, sixes, upper = 0x3030303030303030, 0x0606060606060606, 0xf0f0f0f0f0f0f0f0
	if v&upper != threes || (v+sixes)&upper != threes {
		return 0, false
	}
	v -= threes
	v = v*10 + v>>8
	v = (v&0x000000ff000000ff*(100+1_000_000<<32) + v>>16&0x000000ff000000ff*(1+10_000<<32)) >> 32
	return v & 0xffffffff, true
}
