package node

import (
	"math/rand/v2"
	"testing"
)

// A window lets each number pass once, in whatever order they come, and none that is
// older than it reaches back.
func TestWindow(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var w window
		seen, highest := map[uint64]bool{}, uint64(0)
		next := uint64(7) << 32
		for range 20_000 {
			next += uint64(r.IntN(4))
			if r.IntN(2000) == 0 {
				next += 5000
			}
			id := next - uint64(r.IntN(3*windowCalls/2))
			highest = max(highest, id)
			want := !seen[id] && highest-id < windowCalls
			if got := w.first(id); got != want {
				t.Fatalf("seed %d: number %d, highest %d: %v, want %v", seed, id, highest, got, want)
			}
			seen[id] = seen[id] || want
		}
	}
}
