package scan_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// FuzzFloat: every number reads as strconv reads it, or is refused with it.
func FuzzFloat(f *testing.F) {
	for _, s := range []string{"0", "-0", "1", "16777216", "16777217", "33554433", "0.1", "1e22", "1e23", "8388608.5", "1.00000005960464477539", "1.1754943e-38",
		"7.0064923e-46", "1e-46", "3.4028236e38", "9007199254740991e22", "9007199254740993", "1e-22", "0.000000000000000000000000000000000001", "0e999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || strings.TrimLeft(text, "-0123456789") == text {
			return
		}
		checkFloat(t, strings.TrimSpace(text))
	})
}

func checkFloat(t *testing.T, text string) {
	t.Helper()
	want, wantErr := strconv.ParseFloat(text, 32)
	for _, body := range []string{text, " " + text + " "} {
		s := scan.New([]byte(body))
		got, err := s.Float()
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, strconv's %v", text, err, wantErr)
		}
		if err == nil && math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%q: got %v (%x), strconv %v", text, got, math.Float32bits(got), float32(want))
		}
	}
	for at, array := range []string{text + ",7]", "7," + text + "]", "7,7, " + text + " ]"} {
		v, err := scan.New([]byte("[" + array)).Floats(nil)
		if (err == nil) != (wantErr == nil) || err == nil && math.Float32bits(v[at]) != math.Float32bits(float32(want)) {
			t.Fatalf("[%s: got %v %v, strconv %v %v", array, v, err, want, wantErr)
		}
	}
}

// TestFloats checks float32 values in several notations, and decimals close to
// where float32 rounds the other way.
func TestFloats(t *testing.T) {
	const seed = 2
	r := rand.New(rand.NewPCG(seed, 0))
	for range 100000 {
		x := math.Float32frombits(r.Uint32())
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			continue
		}
		checkFloat(t, string(client.AppendFloat(nil, x)))
		checkFloat(t, strconv.FormatFloat(float64(x), 'e', r.IntN(20), 64))
		checkFloat(t, strconv.FormatFloat(r.Float64()*math.Pow10(r.IntN(12)), 'f', r.IntN(24), 64))
		// Halfway to the next value, and a little to each side.
		half := (float64(x) + float64(math.Nextafter32(x, 2*x))) / 2
		if math.IsInf(half, 0) || math.IsNaN(half) {
			continue
		}
		for _, h := range []float64{half, math.Nextafter(half, 0), math.Nextafter(half, 2*half)} {
			checkFloat(t, strconv.FormatFloat(h, 'e', -1, 64))
		}
		checkFloat(t, strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)+"e"+strconv.Itoa(r.IntN(100)-50))
	}
}
