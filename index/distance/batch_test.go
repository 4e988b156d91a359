package distance

import (
	"math"
	"math/rand/v2"
	"testing"
)

// batches are the batch kernels, each with the kernel whose results it gives four times.
var batches = []struct {
	name     string
	run      func(k kernel, out, q *[batchQueries][]float32, rows []float32, stride int)
	exported func(out, q *[batchQueries][]float32, rows []float32, stride int)
	single   func(k kernel, out, q, rows []float32, stride int, at []uint32)
}{
	{"SquaredL2Batch", squaredL2Batch, SquaredL2Batch, squaredL2},
	{"DotBatch", dotBatch, DotBatch, dot},
}

// TestBatchEqualsDefinition compares the batch kernels with the portable kernel of one query.
func TestBatchEqualsDefinition(t *testing.T) {
	for gi, g := range generators {
		r := rand.New(rand.NewPCG(5, uint64(gi)))
		for dim := 0; dim <= testDims; dim++ {
			n, stride := r.IntN(6), dim+r.IntN(9)
			rows := fill(r, g.next, max(n, 1), dim, stride, r.IntN(16))
			var q, out, want [batchQueries][]float32
			for j := range q {
				q[j] = fill(r, g.next, 1, dim, dim, r.IntN(16))
				out[j], want[j] = make([]float32, n), make([]float32, n)
			}
			for _, b := range batches {
				for _, k := range kernels() {
					b.run(k, &out, &q, rows, stride)
					for j := range q {
						b.single(portable, want[j], q[j], rows, stride, nil)
						for i := range out[j] {
							if !same(out[j][i], want[j][i]) {
								t.Fatalf("%s of %s, %s, dim %d, query %d, row %d of %d, stride %d: got %x, the definition says %x",
									k, b.name, g.name, dim, j, i, n, stride, math.Float32bits(out[j][i]), math.Float32bits(want[j][i]))
							}
						}
					}
				}
			}
		}
	}
}
