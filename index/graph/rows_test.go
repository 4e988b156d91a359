package graph

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// whole draws rows of whole numbers from 0 to 255, as bytes and as floats.
func whole(t *testing.T, cfg Config, n int) (narrow, wide *Rows) {
	t.Helper()
	cfg, err := cfg.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	narrow, wide = NewRows(cfg, n+1), NewRows(cfg, n+1)
	wide.widen()
	for i := range n {
		v := make(flow.Vector, cfg.Dim)
		for j := range v {
			v[j] = float32(r.IntN(256))
		}
		narrow.Add(v, LevelOf(uint64(i), cfg.M))
		wide.Add(v, LevelOf(uint64(i), cfg.M))
	}
	return narrow, wide
}

// TestBytesAreFloats: rows of bytes give what the same rows of float32 give, also where
// sums are beyond what float32 holds exactly, and become float32 at any moment.
func TestBytesAreFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, metric := range []flow.Metric{flow.Euclid, flow.Dot} {
		cfg := Config{Dim: 2000, Metric: metric}
		narrow, wide := whole(t, cfg, 70)
		if narrow.bytes == nil || wide.bytes != nil {
			t.Fatal("rows have the wrong form")
		}
		v, w := make(flow.Vector, cfg.Dim), make(flow.Vector, cfg.Dim)
		narrow.Vector(v, 5)
		wide.Vector(w, 5)
		if !slices.Equal(v, w) {
			t.Fatal("row 5 differs")
		}
		for _, step := range []float32{1, 0.25} {
			q := make(flow.Vector, cfg.Dim)
			for i := range q {
				q[i] = float32(r.IntN(256)) * step
			}
			compareRows(t, narrow, wide, q)
		}
		v[1999] = 0.5
		before := narrow.Vectors
		narrow.Add(v, 0)
		if narrow.bytes != nil || before.bytes == nil {
			t.Fatal("rows have the wrong form once they are wide")
		}
		for row := range 70 {
			narrow.Vector(v, row)
			wide.Vector(w, row)
			if !slices.Equal(v, w) {
				t.Fatalf("row %d differs once the rows are wide", row)
			}
		}
	}
}

func compareRows(t *testing.T, narrow, wide *Rows, q flow.Vector) {
	t.Helper()
	at := []uint32{3, 69, 0, 3}
	a, b := make([]float32, 60), make([]float32, 60)
	narrow.Distances(a, q, 7)
	wide.Distances(b, q, 7)
	c, d := make([]float32, len(at)), make([]float32, len(at))
	narrow.DistancesAt(c, q, at)
	wide.DistancesAt(d, q, at)
	large := 0
	for i := range b {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("row %d: %v as bytes, %v as floats", 7+i, a[i], b[i])
		}
		if b[i] >= exactSum || b[i] <= -exactSum {
			large++
		}
	}
	if large == 0 && slices.Max(q) > 200 {
		t.Fatal("no sum is beyond what float32 holds exactly")
	}
	if !slices.Equal(c, d) {
		t.Fatalf("listed rows: %v as bytes, %v as floats", c, d)
	}
}

// TestBytesSameGraph: the form of the rows cannot be seen in a graph over them.
func TestBytesSameGraph(t *testing.T) {
	narrow, wide := whole(t, Config{Dim: 50, Metric: flow.Euclid, M: 6, EfConstruct: 30}, 800)
	a, b := NewBuilder(narrow.cfg, narrow), NewBuilder(wide.cfg, wide)
	a.Step(1000, nil)
	b.Step(1000, nil)
	if x, y := a.Graph().Digest(), b.Graph().Digest(); x != y {
		t.Errorf("digest %x over bytes, %x over floats", x, y)
	}
}

func TestSortable(t *testing.T) {
	order := []float32{-math.MaxFloat32, -2, -1e-30, 0, 1e-40, 1, 3.5, math.MaxFloat32}
	for i, d := range order {
		if got := unsortable(sortable(d)); got != d {
			t.Errorf("%v came back as %v", d, got)
		}
		if i > 0 && sortable(order[i-1]) >= sortable(d) {
			t.Errorf("%v does not sort before %v", order[i-1], d)
		}
	}
}
