package index

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestReal compares answers on ordinary vectors, in several blocks and with removals,
// with distances in float64: the same points in the same order but for rounding.
func TestReal(t *testing.T) {
	for _, metric := range metrics {
		r := rand.New(rand.NewPCG(5, uint64(metric)))
		const dim, n, k = 100, 3000, 50
		x, m := newIndex(t, dim, metric), &model{metric: metric}
		for i := range n {
			p := point{slot: uint64(i), id: testID(i), v: normal(r, dim)}
			x.Insert(p.slot, p.id, p.v)
			m.points = append(m.points, p)
		}
		for i := n - 1; i >= 0; i-- {
			if i%4 != 0 && i < 2*n/3 {
				x.Remove(m.points[i].slot)
				m.points = slices.Delete(m.points, i, i+1)
			}
		}
		checkAccounts(t, x)
		for range 5 {
			q := Query{Vector: normal(r, dim), K: k}
			got, want := x.View().Search(q), m.search(q, nil)
			if len(got) != k {
				t.Fatalf("%v: %d candidates, want %d", metric, len(got), k)
			}
			for i := range got {
				if diff := math.Abs(float64(got[i].Distance - want[i].Distance)); diff > 1e-4*(1+math.Abs(float64(want[i].Distance))) {
					t.Fatalf("%v: candidate %d is %v, want %v", metric, i, got[i], want[i])
				}
			}
		}
	}
}

func normal(r *rand.Rand, dim int) flow.Vector {
	v := make(flow.Vector, dim)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// TestSameOperationsSameAnswers feeds two indexes the same changes, one of them
// searched and viewed all the while.
func TestSameOperationsSameAnswers(t *testing.T) {
	for _, metric := range metrics {
		r := rand.New(rand.NewPCG(6, uint64(metric)))
		const dim = 20
		a, b := newIndex(t, dim, metric), newIndex(t, dim, metric)
		var live []uint64
		for i := range uint64(4000) {
			v := normal(r, dim)
			a.Insert(i, testID(int(i)), v)
			b.Insert(i, testID(int(i)), v)
			live = append(live, i)
			if i%3 != 0 {
				j := r.IntN(len(live))
				a.Remove(live[j])
				b.Remove(live[j])
				live = slices.Delete(live, j, j+1)
			}
			if i%5 == 0 {
				a.View().Search(Query{Vector: v, K: 3})
			}
		}
		if a.blockBytes != b.blockBytes || len(a.sealed) != len(b.sealed) {
			t.Fatalf("%v: blocks of %d and %d bytes, %d and %d of them", metric, a.blockBytes, b.blockBytes, len(a.sealed), len(b.sealed))
		}
		for range 20 {
			q := Query{Vector: normal(r, dim), K: 100}
			if x, y := a.View().Search(q), b.View().Search(q); !slices.Equal(x, y) || len(x) != 100 {
				t.Fatalf("%v: %v and %v", metric, x, y)
			}
		}
	}
}

// TestExtremes: distances beyond float32 stay finite and ordered, and nothing is lost.
func TestExtremes(t *testing.T) {
	const big = math.MaxFloat32
	for _, metric := range metrics {
		x := newIndex(t, 2, metric)
		for i, v := range []flow.Vector{{big, big}, {-big, -big}, {big, -big}, {-big, big}, {1, 1}, {0, 0}} {
			x.Insert(uint64(i), flow.NumberID(uint64(9-i)), v)
		}
		for _, q := range []flow.Vector{{big, big}, {-big, big}, {0, 0}, {math.SmallestNonzeroFloat32, 0}} {
			got := x.View().Search(Query{Vector: q, K: 10})
			if len(got) != 6 {
				t.Fatalf("%v of %v: %d candidates, want all 6", metric, q, len(got))
			}
			for i, c := range got {
				if c.Distance != c.Distance || math.Abs(float64(c.Distance)) > big || c.Distance == 0 && math.Signbit(float64(c.Distance)) {
					t.Errorf("%v of %v: distance %v", metric, q, c.Distance)
				}
				if i > 0 && got[i-1].compare(&c) >= 0 {
					t.Errorf("%v of %v: %v before %v", metric, q, got[i-1], c)
				}
			}
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{Dim: 0, Metric: flow.Dot}, {Dim: -1, Metric: flow.Dot}, {Dim: flow.MaxDim + 1, Metric: flow.Dot}, {Dim: 4}, {Dim: 4, Metric: 9},
		{Dim: 4, Metric: flow.Dot, M: 1}, {Dim: 4, Metric: flow.Dot, EfConstruct: -1}, {Dim: 4, Metric: flow.Dot, Quantization: 9},
	} {
		if x, err := New(c); x != nil || flow.KindOf(err) != flow.InvalidArgument {
			t.Errorf("New(%v) = %v, %v; want InvalidArgument", c, x, err)
		}
	}
	if _, err := New(Config{Dim: flow.MaxDim, Metric: flow.Manhattan}); err != nil {
		t.Error(err)
	}
}

func TestBrokenInvariantsPanic(t *testing.T) {
	v := flow.Vector{1, 2}
	filled := func() *Index {
		x := newIndex(t, 2, flow.Euclid)
		for i := range uint64(20) {
			x.Insert(5+2*i, flow.NumberID(i), v)
		}
		x.Remove(7)
		return x
	}
	for name, call := range map[string]func(x *Index){
		"slot again":        func(x *Index) { x.Insert(43, flow.NumberID(99), v) },
		"slot too small":    func(x *Index) { x.Insert(6, flow.NumberID(99), v) },
		"dimension":         func(x *Index) { x.Insert(99, flow.NumberID(99), v[:1]) },
		"remove before all": func(x *Index) { x.Remove(4) },
		"remove between":    func(x *Index) { x.Remove(8) },
		"remove after all":  func(x *Index) { x.Remove(99) },
		"remove twice":      func(x *Index) { x.Remove(7) },
		"query dimension":   func(x *Index) { x.View().Search(Query{Vector: v[:1], K: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			x := filled()
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			call(x)
		})
	}
	empty := newIndex(t, 2, flow.Euclid)
	if got := empty.View().Search(Query{Vector: v, K: 3}); got != nil || empty.Len() != 0 {
		t.Errorf("an empty index answered %v", got)
	}
}

// TestAllocations: a search allocates nothing once its Scratch has served one like it,
// whether it compares or walks, on floats or on codes, filtered or not.
func TestAllocations(t *testing.T) {
	for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
		for _, metric := range metrics {
			x, err := New(Config{Dim: 32, Metric: metric, EfConstruct: 32, Quantization: quantization})
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, 7))
			allow := roaring.New()
			for i := range uint64(2000) {
				if ordinal := x.Insert(i, flow.NumberID(i), normal(r, 32)); i%3 == 0 {
					allow.Add(ordinal)
				}
				if i == 1500 {
					x.Cut(1)
					x.Attach(finish(x.Builder(1)))
				}
			}
			x.Remove(700)
			for _, target := range []Target{{View: x.View()}, {View: x.View(), Allow: allow}} {
				targets, q := []Target{target}, Query{Vector: normal(r, 32), K: 10}
				var s Scratch
				dst := SearchAll(nil, targets, q, &s)
				if got := testing.AllocsPerRun(50, func() { dst = SearchAll(dst[:0], targets, q, &s) }); got != 0 {
					t.Errorf("%v, %v, filtered %v: %v allocations a search", metric, quantization, target.Allow != nil, got)
				}
				dst = walkAll(dst[:0], targets, q, &s)
				if got := testing.AllocsPerRun(50, func() { dst = walkAll(dst[:0], targets, q, &s) }); got != 0 || s.Stats.Walks == 0 {
					t.Errorf("%v, %v, filtered %v: %v allocations a walk, %+v", metric, quantization, target.Allow != nil, got, s.Stats)
				}
			}
		}
	}
}

// TestBytes compares the index's account with the heap's, large and small.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ indexes, points, dim int }{{1, 20000, 64}, {500, 3, 384}} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		xs := make([]*Index, c.indexes)
		v := normal(rand.New(rand.NewPCG(8, 8)), c.dim)
		var counted uint64
		for i := range xs {
			xs[i] = newIndex(t, c.dim, flow.Euclid)
			for j := range uint64(c.points) {
				xs[i].Insert(j, flow.NumberID(j), v)
			}
			counted += xs[i].Bytes()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		heap := float64(after.HeapAlloc) - float64(before.HeapAlloc)
		if ratio := float64(counted) / heap; ratio < 0.9 || ratio > 1.1 {
			t.Errorf("%d indexes of %d points: counted %d bytes, the heap grew by %.0f", c.indexes, c.points, counted, heap)
		}
		if per, raw := counted/uint64(c.indexes*c.points), uint64(4*c.dim); per > 2*raw+100 {
			t.Errorf("%d indexes of %d points: %d bytes a point of %d", c.indexes, c.points, per, raw)
		}
		runtime.KeepAlive(xs)
	}
}

// TestBoundedGarbage overwrites the points of an index many times: neither memory nor
// the work of a search may grow.
func TestBoundedGarbage(t *testing.T) {
	for _, points := range []int{1, 10, 1500} {
		x := newIndex(t, 16, flow.Euclid)
		r := rand.New(rand.NewPCG(9, 9))
		at := make([]uint64, points)
		slot := uint64(0)
		for i := range points {
			x.Insert(slot, testID(i), normal(r, 16))
			at[i] = slot
			slot++
		}
		first := x.Bytes()
		for range 20 * points {
			i := r.IntN(points)
			x.Remove(at[i])
			x.Insert(slot, testID(i), normal(r, 16))
			at[i] = slot
			slot++
		}
		checkAccounts(t, x)
		if x.Bytes() > 3*first+2048 || x.View().Bytes() > uint64(3*points+2*firstBlockRows)*16*4 {
			t.Errorf("%d points: %d bytes became %d, a search reads %d", points, first, x.Bytes(), x.View().Bytes())
		}
		for i := range at {
			x.Remove(at[i])
		}
		if x.Len() != 0 || x.blockBytes != 0 || x.View().Bytes() != 0 {
			t.Errorf("%d points removed: %d live, %d bytes", points, x.Len(), x.blockBytes)
		}
	}
}

// TestFewBlocksAfterRemovals removes nearly everything from either end: what is left
// must not lie scattered over as many blocks as there once were.
func TestFewBlocksAfterRemovals(t *testing.T) {
	const points, keep = 32 * maxBlockRows, 100
	for _, descending := range []bool{false, true} {
		x := newIndex(t, 1, flow.Euclid)
		for i := range uint64(points) {
			x.Insert(i, flow.NumberID(i), flow.Vector{1})
		}
		for i := range uint64(points) {
			if descending {
				i = points - 1 - i
			}
			if i%keep != 0 {
				x.Remove(i)
			}
		}
		checkAccounts(t, x)
		if rows := x.View().Bytes() / strideFloats / 4; len(x.sealed) > 3 || rows > 3*points/keep {
			t.Errorf("descending %v: %d points lie in %d blocks of %d rows", descending, x.Len(), len(x.sealed), rows)
		}
	}
}
