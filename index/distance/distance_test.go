package distance

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// function is one of the kernels over float32, with a float64 account of it.
type function struct {
	name     string
	run      func(k kernel, out, q, rows []float32, stride int, at []uint32)
	exported func(out, q, rows []float32, stride int)
	gather   func(out, q, rows []float32, stride int, at []uint32)
	pair     func(a, b []float32) float32
	term     func(a, b float64) float64
}

var functions = []function{
	{"SquaredL2", squaredL2, SquaredL2, SquaredL2At, SquaredL2Pair, func(a, b float64) float64 { return (a - b) * (a - b) }},
	{"Dot", dot, Dot, DotAt, DotPair, func(a, b float64) float64 { return a * b }},
	{"Manhattan", manhattan, Manhattan, ManhattanAt, ManhattanPair, func(a, b float64) float64 { return math.Abs(a - b) }},
}

const testDims = 300 // covers nine whole blocks of 32 and every tail

// same compares bits; two values that are not numbers are the same.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// generators make the components that the kernels are compared on.
var generators = []struct {
	name string
	next func(r *rand.Rand) float32
}{
	{"normal", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) }},
	{"cancelling", func(r *rand.Rand) float32 { return float32(math.Ldexp(float64(r.IntN(3)-1), r.IntN(40))) }},
	{"denormal", func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32N(1<<23) | r.Uint32N(2)<<31) }},
	{"huge", func(r *rand.Rand) float32 { return float32(r.NormFloat64() * 1e19) }},
	{"zeros", func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32N(2) << 31) }},
	{"finite bits", func(r *rand.Rand) float32 {
		for {
			if x := math.Float32frombits(r.Uint32()); x-x == 0 {
				return x
			}
		}
	}},
	{"infinities", func(r *rand.Rand) float32 {
		if r.IntN(50) == 0 {
			return float32(math.Inf(r.IntN(2)*2 - 1))
		}
		return float32(r.NormFloat64())
	}},
}

// TestKernelsEqualDefinition compares every kernel this processor runs with the
// portable one, bit for bit, on every length, misaligned and surrounded by NaNs
// that must not be read, on rows in order and on rows that a list names.
func TestKernelsEqualDefinition(t *testing.T) {
	needKernels(t)
	for gi, g := range generators {
		r := rand.New(rand.NewPCG(1, uint64(gi)))
		for dim := 0; dim <= testDims; dim++ {
			n, stride, shift := 1+r.IntN(6), dim+r.IntN(9), r.IntN(16)
			q, rows := fill(r, g.next, 1, dim, dim, shift), fill(r, g.next, n, dim, stride, r.IntN(16))
			for _, at := range [][]uint32{nil, places(r, n)} {
				want, got := make([]float32, max(n, len(at))), make([]float32, max(n, len(at)))
				for _, f := range functions {
					f.run(portable, want, q, rows, stride, at)
					for _, k := range kernels()[1:] {
						clear(got)
						f.run(k, got, q, rows, stride, at)
						for i := range got {
							if !same(got[i], want[i]) {
								t.Fatalf("%s of %s, %s, dim %d, row %d of %d, stride %d, at %v: got %x, the definition says %x",
									k, f.name, g.name, dim, i, n, stride, at, math.Float32bits(got[i]), math.Float32bits(want[i]))
							}
						}
					}
				}
			}
		}
	}
}

// needKernels skips a comparison of kernels where there is only one.
func needKernels(t *testing.T) {
	t.Helper()
	if len(kernels()) == 1 {
		t.Skip("this processor runs the portable kernel only: nothing to compare")
	}
}

// places returns a list of at least n rows out of n, with repetitions.
func places(r *rand.Rand, n int) []uint32 {
	at := make([]uint32, n+r.IntN(4))
	for i := range at {
		at[i] = r.Uint32N(uint32(n))
	}
	return at
}

// fill returns n rows at a stride, starting shift floats into an allocation; what is
// not part of a row is NaN.
func fill(r *rand.Rand, next func(*rand.Rand) float32, n, dim, stride, shift int) []float32 {
	all := make([]float32, shift+n*stride+lanes)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	rows := all[shift:]
	for i := range n {
		for j := range dim {
			rows[i*stride+j] = next(r)
		}
	}
	return rows[:(n-1)*stride+dim]
}

// FuzzKernels compares the kernels on arbitrary bytes read as floats.
func FuzzKernels(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint8(2))
	f.Add([]byte(strings.Repeat("\x7f\x80\x00\x00", 40)), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		var v []float32
		for i := 0; i+4 <= len(b); i += 4 {
			v = append(v, math.Float32frombits(uint32(b[i])|uint32(b[i+1])<<8|uint32(b[i+2])<<16|uint32(b[i+3])<<24))
		}
		rows := int(n%8) + 1
		dim := len(v) / (rows + 1)
		q, v := v[:dim], v[dim:]
		want, got := make([]float32, rows), make([]float32, rows)
		for _, fn := range functions {
			for _, at := range [][]uint32{nil, places(rand.New(rand.NewPCG(7, uint64(n))), rows)[:rows]} {
				fn.run(portable, want, q, v, dim, at)
				for _, k := range kernels()[1:] {
					fn.run(k, got, q, v, dim, at)
					if i := differ(got, want); i >= 0 {
						t.Fatalf("%s of %s, dim %d, at %v, result %d: got %x, the definition says %x", k, fn.name, dim, at, i,
							math.Float32bits(got[i]), math.Float32bits(want[i]))
					}
				}
			}
		}
		for _, fn := range batches {
			fn.single(portable, want, q, v, dim, nil)
			for _, k := range kernels() {
				out := [batchQueries][]float32{make([]float32, rows), make([]float32, rows), make([]float32, rows), make([]float32, rows)}
				fn.run(k, &out, &[batchQueries][]float32{q, q, q, q}, v, dim)
				for j := range out {
					if i := differ(out[j], want); i >= 0 {
						t.Fatalf("%s of %s, dim %d, query %d, row %d: got %x, the definition says %x", k, fn.name, dim, j, i,
							math.Float32bits(out[j][i]), math.Float32bits(want[i]))
					}
				}
			}
		}
	})
}

// differ returns the first place where two results are not the same, or -1.
func differ(a, b []float32) int {
	for i := range a {
		if !same(a[i], b[i]) {
			return i
		}
	}
	return -1
}

// TestDefinition pins the order of summation itself: the lanes and the tree, written
// out a second time as plainly as possible, and the exact sum where rounding plays no part.
func TestDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for dim := 0; dim <= testDims; dim++ {
		q, row := make([]float32, dim), make([]float32, dim)
		whole, other := make([]float32, dim), make([]float32, dim)
		for i := range dim {
			q[i], row[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
			whole[i], other[i] = float32(r.IntN(41)-20), float32(r.IntN(41)-20)
		}
		for _, f := range functions {
			var tree func(first, step int) float32
			tree = func(first, step int) float32 {
				if step < lanes {
					return tree(first, step*2) + tree(first+step, step*2)
				}
				var lane float32
				for i := first; i < dim; i += lanes {
					// A difference of float32 must be rounded before the float64 term is taken.
					if f.name == "Dot" {
						lane += float32(f.term(float64(q[i]), float64(row[i])))
					} else {
						lane += float32(f.term(float64(q[i]-row[i]), 0))
					}
				}
				return lane
			}
			if got, want := f.pair(q, row), tree(0, 1); !same(got, want) {
				t.Fatalf("%s, dim %d: got %v (%x), written out it is %v (%x)", f.name, dim,
					got, math.Float32bits(got), want, math.Float32bits(want))
			}
			var exact float64
			for i := range dim {
				exact += f.term(float64(whole[i]), float64(other[i]))
			}
			if got := f.pair(whole, other); float64(got) != exact {
				t.Fatalf("%s, dim %d: got %v for whole numbers, the exact sum is %v", f.name, dim, got, exact)
			}
		}
	}
}

// TestPinned holds bits that must never change on any machine: replicas of
// different architectures would answer differently.
func TestPinned(t *testing.T) {
	a, b := make([]float32, 211), make([]float32, 211)
	for i := range a {
		a[i], b[i] = 1/float32(i+1), float32(i*i)/7
	}
	for _, f := range functions {
		for _, k := range kernels() {
			var out [1]float32
			f.run(k, out[:], a, b, len(a), nil)
			if want := pinned[f.name]; math.Float32bits(out[0]) != want {
				t.Errorf("%s of %s: got %#08x, pinned is %#08x", k, f.name, math.Float32bits(out[0]), want)
			}
		}
	}
}

func TestRowsEqualPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	const n, dim, stride = 7, 45, 48
	next := func(r *rand.Rand) float32 { return r.Float32() }
	q, rows := fill(r, next, 1, dim, dim, 0), fill(r, next, n, dim, stride, 0)
	out := make([]float32, n)
	for _, f := range functions {
		f.exported(out, q, rows, stride)
		for i := range out {
			if want := f.pair(q, rows[i*stride:][:dim]); out[i] != want {
				t.Fatalf("%s: row %d is %v, as a pair %v", f.name, i, out[i], want)
			}
		}
		f.exported(nil, q, nil, stride) // no rows: nothing is read
		f.gather(nil, q, nil, stride, nil)
		at := []uint32{6, 0, 3, 3}
		f.gather(out, q, rows, stride, at)
		for i, p := range at {
			if want := f.pair(q, rows[p*stride:][:dim]); out[i] != want {
				t.Fatalf("%s: row %d, in place %d, is %v, as a pair %v", f.name, p, i, out[i], want)
			}
		}
	}
}

func TestBadShapesPanic(t *testing.T) {
	v := make([]float32, 64)
	for name, call := range map[string]func(){
		"rows overlap":         func() { SquaredL2(v[:2], v[:8], v, 7) },
		"one float too few":    func() { Dot(v[:3], v[:8], v[:23], 8) },
		"no row":               func() { Manhattan(v[:1], v[:8], v[:7], 8) },
		"product wraps around": func() { Dot(make([]float32, 3), v[:8], v, math.MaxInt/2+5) },
		"no such row":          func() { SquaredL2At(v[:2], v[:8], v[:24], 8, []uint32{2, 3}) },
		"no room":              func() { DotAt(v[:1], v[:8], v[:24], 8, []uint32{0, 1}) },
		"batch of two lengths": func() { DotBatch(&[4][]float32{}, &[4][]float32{v[:8], v[:8], v[:7], v[:8]}, v, 8) },
		"batch of two results": func() { SquaredL2Batch(&[4][]float32{1: v[:1]}, &[4][]float32{}, v, 8) },
		"codes":                func() { DotU8(make([]uint32, 2), make([]uint8, 8), make([]uint8, 15), 8) },
		"words":                func() { HammingAt(make([]uint32, 2), make([]uint64, 2), make([]uint64, 4), 2, []uint32{2}) },
		"pair":                 func() { SquaredL2Pair(v[:3], v[:4]) },
		"normalize":            func() { Normalize(v[:3], v[:4]) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			call()
		})
	}
}

func TestNormalize(t *testing.T) {
	v := []float32{3, 0, -4}
	if got := Norm(v); got != 5 {
		t.Fatalf("Norm = %v, want 5", got)
	}
	Normalize(v, v)
	if v[0] != 0.6 || v[1] != 0 || v[2] != -0.8 {
		t.Fatalf("Normalize = %v", v)
	}
	for _, big := range []float32{math.MaxFloat32, math.SmallestNonzeroFloat32} {
		v := []float32{big, big, big, big}
		Normalize(v, v)
		if v[0] != 0.5 || v[3] != 0.5 {
			t.Fatalf("Normalize of four times %v = %v, want halves", big, v)
		}
	}
	zero := []float32{0, 0}
	if Normalize(zero, zero); zero[0] != 0 || zero[1] != 0 {
		t.Fatalf("Normalize of zero = %v", zero)
	}
}

func TestNoAllocation(t *testing.T) {
	rows, codes, words := make([]float32, 64*128), make([]uint8, 64*128), make([]uint64, 64*2)
	signed := make([]int8, 64*128)
	allocs := testing.AllocsPerRun(100, func() {
		var out [64]float32
		var sums [64]uint32
		var dots [64]int32
		at := [3]uint32{9, 1, 5}
		SquaredL2(out[:], rows[:128], rows, 128)
		Dot(out[:], rows[:128], rows, 128)
		Manhattan(out[:], rows[:128], rows, 128)
		SquaredL2At(out[:], rows[:128], rows, 128, at[:])
		DotAt(out[:], rows[:128], rows, 128, at[:])
		ManhattanAt(out[:], rows[:128], rows, 128, at[:])
		q := [4][]float32{rows[:128], rows[:128], rows[:128], rows[:128]}
		SquaredL2Batch(&[4][]float32{out[:9], out[9:18], out[18:27], out[27:36]}, &q, rows, 128)
		DotBatch(&[4][]float32{out[:9], out[9:18], out[18:27], out[27:36]}, &q, rows, 128)
		SquaredL2U8At(sums[:], codes[:128], codes, 128, at[:])
		DotU8(sums[:], codes[:128], codes, 128)
		DotI8At(dots[:], signed[:128], signed, 128, at[:])
		HammingAt(sums[:], words[:2], words, 2, at[:])
		_ = DotPair(rows[:128], rows[128:256])
	})
	if allocs != 0 {
		t.Fatalf("%v allocations a call, want none", allocs)
	}
}

// pinned is what this package computed on its first day; see TestPinned.
var pinned = map[string]uint32{"SquaredL2": 0x4ec9178c, "Dot": 0x4543fb46, "Manhattan": 0x48d8def9}
