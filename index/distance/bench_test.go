package distance

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// memoryBytes is the size of the rows of benchmarks that must not find them in a cache.
const memoryBytes = 200 << 20

// shape is how a benchmark calls a kernel.
type shape struct {
	name string
	n    int  // rows a call
	far  bool // rows anywhere in memoryBytes; else the same few, in the cache nearest to the core
	list bool
}

var shapes = []shape{
	{"one", 1, false, false},
	{"cache", 4, false, false},
	{"list", 4, false, true},
	{"memory", 16, true, true},
}

// BenchmarkKernel gives ns, GB/s of row bytes and GFLOP/s (three operations a
// component of SquaredL2 and Manhattan, two of Dot).
func BenchmarkKernel(b *testing.B) {
	for _, f := range functions {
		flops := 3
		if f.name == "Dot" {
			flops = 2
		}
		benchmarkRows(b, f.name, f.run, flops, 4, 128, 768, 784, 1536)
	}
}

// BenchmarkCodes does so for the kernels over codes; an operation on integers counts
// as one on floats would, and on a word of bits as one.
func BenchmarkCodes(b *testing.B) {
	benchmarkRows(b, "SquaredL2U8", codesSquaredL2U8.run, 3, 1, 128, 768, 784, 1536)
	benchmarkRows(b, "DotU8", codesDotU8.run, 2, 1, 128, 768, 784, 1536)
	benchmarkRows(b, "DotI8", codesDotI8.run, 2, 1, 128, 768, 784, 1536)
	benchmarkRows(b, "Hamming", codesHamming.run, 3, 8, 2, 12, 24)
}

func benchmarkRows[T float32 | uint8 | int8 | uint64, R float32 | uint32 | int32](b *testing.B, name string,
	run func(k kernel, out []R, q, rows []T, stride int, at []uint32), flops, size int, dims ...int) {
	for _, k := range kernels() {
		for _, s := range shapes {
			for _, dim := range dims {
				b.Run(fmt.Sprintf("%s/%s/%s/%d", name, k, s.name, dim), func(b *testing.B) {
					total := s.n
					if s.far {
						total = memoryBytes / size / dim
					}
					r := rand.New(rand.NewPCG(4, 4))
					rows, q := make([]T, total*dim), make([]T, dim)
					for i := range rows {
						rows[i] = T(r.Uint32N(100))
					}
					for i := range q {
						q[i] = T(r.Uint32N(100))
					}
					var places []uint32
					for range 1 << 16 {
						places = append(places, r.Uint32N(uint32(total)))
					}
					out := make([]R, s.n)
					calls := 0
					for b.Loop() {
						var at []uint32
						if s.list {
							at = places[calls*s.n%(len(places)-s.n):][:s.n]
						}
						run(k, out, q, rows, dim, at)
						calls++
					}
					report(b, float64(calls*s.n), flops*dim, size*dim)
				})
			}
		}
	}
}

// BenchmarkBatch gives what a distance costs when four queries share the rows.
func BenchmarkBatch(b *testing.B) {
	for _, f := range batches {
		for _, k := range kernels() {
			for _, dim := range []int{128, 768, 784, 1536} {
				b.Run(fmt.Sprintf("%s/%s/%d", f.name, k, dim), func(b *testing.B) {
					const n = 32
					var q, out [batchQueries][]float32
					r := rand.New(rand.NewPCG(4, 4))
					rows := fill(r, func(r *rand.Rand) float32 { return r.Float32() }, n, dim, dim, 0)
					for j := range q {
						q[j], out[j] = rows[j*dim:][:dim], make([]float32, n)
					}
					calls := 0
					for b.Loop() {
						f.run(k, &out, &q, rows, dim)
						calls++
					}
					flops := 3
					if f.name == "DotBatch" {
						flops = 2
					}
					report(b, float64(calls*n*batchQueries), flops*dim, 4*dim)
				})
			}
		}
	}
}

// report gives the cost of one distance, with the operations and bytes it takes.
func report(b *testing.B, distances float64, flops, bytes int) {
	ns := float64(b.Elapsed().Nanoseconds()) / distances
	b.ReportMetric(ns, "ns/row")
	b.ReportMetric(float64(bytes)/ns, "GB/s")
	b.ReportMetric(float64(flops)/ns, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}
