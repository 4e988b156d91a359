package client

import (
	"flag"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

var everyFloat = flag.Bool("every-float", false, "check all 2^31 positive float32 values (minutes)")

// checkFloat compares with strconv, which finds the shortest decimal in another way.
func checkFloat(t *testing.T, x float32) {
	var buffer, want [32]byte
	if got, want := AppendFloat(buffer[:0], x), strconv.AppendFloat(want[:0], float64(x), 'g', -1, 32); string(got) != string(want) {
		if n := float32(int32(x)); n == x && string(got) == strconv.FormatInt(int64(n), 10) {
			return // integers are written without an e
		}
		if len(got) == len(want) && halfway(t, x, string(got), string(want)) {
			return // both are as near; any of the two will do
		}
		t.Fatalf("%x: got %s, strconv %s", math.Float32bits(x), got, want)
	}
}

// halfway says that both decimals read back as x, which lies in the middle of them.
func halfway(t *testing.T, x float32, a, b string) bool {
	t.Helper()
	sum := new(big.Rat)
	for _, s := range []string{a, b} {
		y, err := strconv.ParseFloat(s, 32)
		r, ok := new(big.Rat).SetString(s)
		if err != nil || !ok || float32(y) != x {
			return false
		}
		sum.Add(sum, r)
	}
	twice := new(big.Rat).SetFloat64(float64(x))
	return sum.Cmp(twice.Add(twice, twice)) == 0
}

// TestAppendFloatShortest goes through all exponents, at the ends and at random in between,
// or through all numbers: go test ./client -run Shortest -every-float -timeout 1h
func TestAppendFloatShortest(t *testing.T) {
	const infinity = 0xff << mantissaBits
	if *everyFloat {
		for b := uint32(0); b < infinity; b++ {
			checkFloat(t, math.Float32frombits(b))
		}
	}
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for e := uint32(0); e < infinity; e += hiddenBit {
		for n := range uint32(1000) {
			m := r.Uint32() % hiddenBit
			if n < 16 {
				m = (n - 8) % hiddenBit // around the power of two
			}
			x := math.Float32frombits(e | m)
			checkFloat(t, x)
			checkFloat(t, -x)
		}
	}
	for n := range 100000 { // short decimals
		checkFloat(t, float32(n)/1000)
		checkFloat(t, float32(n)*1e-9)
		checkFloat(t, float32(n)*1e30)
	}
}

func TestTenPowers(t *testing.T) {
	for i, g := range tenPowers {
		k := minPower + i
		want := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(k, -k))), nil))
		if k < 0 {
			want.Inv(want)
		}
		shift := 63 - floorLog2Pow10(k) // what brings 10^k to 64 bits
		two := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(shift, -shift))))
		if shift < 0 {
			two.Inv(two)
		}
		want.Mul(want, two)
		up := new(big.Int).Add(want.Num(), new(big.Int).Sub(want.Denom(), big.NewInt(1)))
		if up.Div(up, want.Denom()); !up.IsUint64() || up.Uint64() != g || g>>63 != 1 {
			t.Errorf("10^%d is %#x, want %#x", k, g, up)
		}
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 0))
	v := make([]float32, 1000)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	out := make([]byte, 0, 32)
	b.Run("own", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			out = AppendFloat(out[:0], v[i%1000])
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			out = strconv.AppendFloat(out[:0], float64(v[i%1000]), 'g', -1, 32)
		}
	})
}
