//go:build !race

// The race detector's memory is not the product's.

package shard

import (
	"encoding/binary"
	"math"
	"runtime"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestDedupBytes measures what a remembered request takes, as the mean over tables of sizes
// that lie evenly in a doubling: a map and a heap grow in steps.
func TestDedupBytes(t *testing.T) {
	const sizes, smallest, slack = 16, 30_000, 0.05
	const index = 1 << 20
	written := outcome{results: []flow.OpResult{{Status: flow.Applied, Version: index}}}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	mean := 0.0
	for i := range sizes {
		n := int(smallest * math.Exp2(float64(i)/sizes))
		before := heap()
		d := dedup{results: map[flow.RequestID]remembered{}}
		for j := range n {
			var id flow.RequestID
			binary.BigEndian.PutUint64(id[:], uint64(j))
			binary.BigEndian.PutUint64(id[8:], uint64(j)*0x9E3779B97F4A7C15)
			d.restore(id, remembered{sum: uint64(j), result: written.encode(index)})
		}
		mean += float64(heap()-before) / float64(n) / sizes
		runtime.KeepAlive(d)
	}
	t.Logf("%.1f bytes", mean)
	if math.Abs(mean-dedupBytes) > slack*dedupBytes {
		t.Errorf("a remembered request takes %.1f bytes, dedupBytes is %d", mean, dedupBytes)
	}
}
