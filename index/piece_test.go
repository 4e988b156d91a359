package index

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCopyBits compares with setting one bit after the other.
func TestCopyBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, "src")
		n := rapid.Uint64Range(0, 200).Draw(t, "n")
		to, from := rapid.Uint64Range(0, 130).Draw(t, "to"), rapid.Uint64Range(0, 300).Draw(t, "from")
		got := make([]uint64, (to+n+wordRows-1)/wordRows)
		for i := range got {
			got[i] = rapid.Uint64().Draw(t, "dst")
		}
		want := slices.Clone(got)
		for i := range n {
			if w := (from + i) / wordRows; w < uint64(len(src)) && src[w]>>((from+i)%wordRows)&1 != 0 {
				want[(to+i)/wordRows] |= 1 << ((to + i) % wordRows)
			}
		}
		if copyBits(got, to, src, from, n); !slices.Equal(got, want) {
			t.Fatalf("%d bits of %x from %d to %d:\n got %x\nwant %x", n, src, from, to, got, want)
		}
	})
}
