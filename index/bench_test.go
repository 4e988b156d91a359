package index

import (
	"fmt"
	"math/rand/v2"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// BenchmarkExact scans 60,000 random vectors of 784 components, one query a pass.
func BenchmarkExact(b *testing.B) {
	const n, dim = 60000, 784
	for _, metric := range metrics {
		b.Run(fmt.Sprintf("%v/%s", metric, distance.Kernel()), func(b *testing.B) {
			r := rand.New(rand.NewPCG(11, 11))
			x, v := newIndex(b, dim, metric), make(flow.Vector, dim)
			for i := range uint64(n) {
				for j := range v {
					v[j] = r.Float32()
				}
				x.Insert(i, flow.NumberID(i), v)
			}
			view, queries := x.View(), 0
			b.ReportAllocs()
			for b.Loop() {
				if got := view.Search(Query{Vector: v, K: 10, Exact: true}); len(got) != 10 {
					b.Fatalf("%d candidates", len(got))
				}
				queries++
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(queries)/seconds, "QPS")
			b.ReportMetric(float64(queries)*float64(view.Bytes())/seconds/1e9, "GB/s")
		})
	}
}

// BenchmarkOverwrite replaces a point and takes a view, as a write does.
func BenchmarkOverwrite(b *testing.B) {
	const n, dim = 5000, 784
	x, v := newIndex(b, dim, flow.Euclid), make(flow.Vector, dim)
	slot := uint64(0)
	for ; slot < n; slot++ {
		x.Insert(slot, flow.NumberID(slot), v)
	}
	b.ReportAllocs()
	for b.Loop() {
		x.Remove(slot - n)
		x.Insert(slot, flow.NumberID(slot%n), v)
		slot++
		x.View()
	}
}
