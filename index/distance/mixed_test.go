package distance

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMixed compares every kernel on bytes with the definition over float32.
func TestMixed(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for dim := range 140 {
		const n = 9
		stride := dim + r.IntN(5)
		rows, wide := make([]uint8, n*stride+dim), make([]float32, n*stride+dim)
		for i := range rows {
			rows[i] = uint8(r.UintN(256))
			wide[i] = float32(rows[i])
		}
		q := make([]float32, dim)
		for i := range q {
			q[i] = float32(r.NormFloat64() * 200)
		}
		at := make([]uint32, r.IntN(2*n))
		for i := range at {
			at[i] = uint32(r.IntN(n))
		}
		for _, k := range kernels() {
			got, want := make([]float32, n), make([]float32, n)
			gotAt, wantAt := make([]float32, len(at)), make([]float32, len(at))
			squaredL2Mixed(k, got, q, rows, stride, nil)
			squaredL2Portable(want, q, wide, stride, nil)
			checkMixed(t, "squared L2", k, dim, got, want)
			squaredL2Mixed(k, gotAt, q, rows, stride, at)
			squaredL2Portable(wantAt, q, wide, stride, at)
			checkMixed(t, "squared L2 of a list", k, dim, gotAt, wantAt)
			dotMixed(k, got, q, rows, stride, nil)
			dotPortable(want, q, wide, stride, nil)
			checkMixed(t, "dot", k, dim, got, want)
			dotMixed(k, gotAt, q, rows, stride, at)
			dotPortable(wantAt, q, wide, stride, at)
			checkMixed(t, "dot of a list", k, dim, gotAt, wantAt)
		}
	}
}

func checkMixed(t *testing.T, what string, k kernel, dim int, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s of %v, dim %d, row %d: %v, want %v", what, k, dim, i, got[i], want[i])
		}
	}
}
