package distance

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkKernel gives, per row, ns and GB/s of row bytes, over 16 rows in cache
// and over 64 MiB of rows in memory.
func BenchmarkKernel(b *testing.B) {
	for _, f := range functions {
		for _, k := range kernels() {
			for _, dim := range []int{128, 768, 784, 1536} {
				b.Run(fmt.Sprintf("%s/%s/cache/%d", f.name, k, dim), func(b *testing.B) { benchmark(b, f, k, dim, 16) })
			}
			b.Run(fmt.Sprintf("%s/%s/memory/%d", f.name, k, 784), func(b *testing.B) { benchmark(b, f, k, 784, (64<<20)/(784*4)) })
		}
	}
}

func benchmark(b *testing.B, f function, k kernel, dim, n int) {
	r := rand.New(rand.NewPCG(4, 4))
	rows, q, out := make([]float32, n*dim), make([]float32, dim), make([]float32, n)
	for i := range rows {
		rows[i] = r.Float32()
	}
	for i := range q {
		q[i] = r.Float32()
	}
	calls := 0
	for b.Loop() {
		f.run(k, out, q, rows, dim, nil)
		calls++
	}
	seconds, total := b.Elapsed().Seconds(), float64(calls*n)
	b.ReportMetric(seconds/total*1e9, "ns/row")
	b.ReportMetric(total*float64(4*dim)/seconds/1e9, "GB/s")
}
