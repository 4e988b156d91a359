package scan

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestEight puts every byte at every place among digits.
func TestEight(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for at := range eightDigits {
		for c := range 256 {
			text := []byte(strconv.Itoa(tenTo8 + r.IntN(tenTo8)))[1:]
			text[at] = byte(c)
			want, err := strconv.ParseUint(string(text), 10, 64)
			if got, ok := eight(binary.LittleEndian.Uint64(text)); ok != (err == nil) || ok && got != want {
				t.Fatalf("%q: got %d %v, want %d %v", text, got, ok, want, err)
			}
		}
	}
}
