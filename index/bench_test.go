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
			targets, queries := []Target{{View: x.View()}}, 0
			var s Scratch
			var dst []Candidate
			b.ReportAllocs()
			for b.Loop() {
				if dst = SearchAll(dst[:0], targets, Query{Vector: v, K: 10, Exact: true}, &s); len(dst) != 10 {
					b.Fatalf("%d candidates", len(dst))
				}
				queries++
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(queries)/seconds, "QPS")
			b.ReportMetric(float64(queries)*float64(targets[0].View.Bytes())/seconds/1e9, "GB/s")
		})
	}
}

// BenchmarkBatch scans 60,000 random vectors of 784 components, 64 queries a pass.
func BenchmarkBatch(b *testing.B) {
	const n, dim = 60000, 784
	r := rand.New(rand.NewPCG(11, 12))
	x, vectors := newIndex(b, dim, flow.Euclid), make([]flow.Vector, passQueries)
	for i := range uint64(n) {
		v := make(flow.Vector, dim)
		for j := range v {
			v[j] = r.Float32()
		}
		x.Insert(i, flow.NumberID(i), v)
		vectors[i%passQueries] = v
	}
	targets, queries := []Target{{View: x.View()}}, 0
	var s Scratch
	for b.Loop() {
		SearchBatch(targets, vectors, 10, &s)
		queries += len(vectors)
	}
	b.ReportMetric(float64(queries)/b.Elapsed().Seconds(), "QPS")
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
