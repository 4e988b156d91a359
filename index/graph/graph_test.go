package graph_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

func config(t testing.TB, c graph.Config) graph.Config {
	t.Helper()
	c, err := c.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clusters draws vectors around a few centres.
func clusters(seed uint64, dim, centres int) func() flow.Vector {
	r := rand.New(rand.NewPCG(seed, 1))
	mean := make([]flow.Vector, centres)
	for i := range mean {
		mean[i] = make(flow.Vector, dim)
		for j := range mean[i] {
			mean[i][j] = float32(r.NormFloat64())
		}
	}
	return func() flow.Vector {
		v, m := make(flow.Vector, dim), mean[r.IntN(centres)]
		for j := range v {
			v[j] = m[j] + float32(r.NormFloat64())*0.6
		}
		return v
	}
}

// draw returns rows, and queries of the same distribution, normalised as need be.
func draw(cfg graph.Config, n, queries int, next func() flow.Vector) (*graph.Rows, []flow.Vector) {
	unit := func() flow.Vector {
		v := next()
		if cfg.Metric == flow.Cosine {
			distance.Normalize(v, v)
		}
		return v
	}
	rows := graph.NewRows(cfg, n)
	for i := range n {
		rows.Add(unit(), graph.LevelOf(uint64(i), cfg.M))
	}
	qs := make([]flow.Vector, queries)
	for i := range qs {
		qs[i] = unit()
	}
	return rows, qs
}

func build(cfg graph.Config, rows *graph.Rows, budget int, run graph.Runner) *graph.Graph {
	b := graph.NewBuilder(cfg, rows)
	for !b.Step(budget, run) {
	}
	return b.Graph()
}

// parallel runs every call on a goroutine of its own.
func parallel(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// backwards runs the calls from the last to the first.
func backwards(n int, do func(int)) {
	for i := range n {
		do(n - 1 - i)
	}
}

// exact returns the nearest rows for which keep is true, of all parts.
func exact(parts []graph.Part, q flow.Vector, k int, keep func(part, row int) bool) []graph.Hit {
	var hits []graph.Hit
	for p := range parts {
		rows := parts[p].Graph.Rows()
		out := make([]float32, rows.Len())
		rows.Distances(out, q, 0)
		for row, d := range out {
			if keep == nil || keep(p, row) {
				hits = append(hits, graph.Hit{Part: p, Row: uint32(row), Distance: d})
			}
		}
	}
	slices.SortFunc(hits, func(a, b graph.Hit) int {
		switch {
		case a.Distance < b.Distance:
			return -1
		case a.Distance > b.Distance:
			return 1
		case a.Part != b.Part:
			return a.Part - b.Part
		}
		return int(a.Row) - int(b.Row)
	})
	return hits[:min(k, len(hits))]
}

// recall returns the share of want's hits that got has, by distance: of rows at one
// distance, each is as good as the other.
func recall(got, want []graph.Hit) float64 {
	n := 0
	for _, h := range got {
		if h.Distance <= want[len(want)-1].Distance {
			n++
		}
	}
	return float64(min(n, len(want))) / float64(len(want))
}

// uniform draws vectors from a source that gives the same on every machine.
func uniform(seed uint64, dim int) func() flow.Vector {
	r := rand.New(rand.NewPCG(seed, 2))
	return func() flow.Vector {
		v := make(flow.Vector, dim)
		for j := range v {
			v[j] = r.Float32() - 0.5
		}
		return v
	}
}

// pinned holds digests that must never change on any machine: replicas of different
// architectures build the same graphs.
var pinned = map[string]uint64{
	"Euclid/none":      0xb9cc710dc4b4bd37,
	"Euclid/int8":      0xc065b6eb38c581db,
	"Euclid/binary":    0xf9a04bb5108998f,
	"Cosine/none":      0x6db2b18076585d1b,
	"Cosine/int8":      0x9814316edc1f4773,
	"Cosine/binary":    0x9bbc079b325cc93d,
	"Dot/none":         0x2d77ed2d5a925984,
	"Dot/int8":         0x57298f65f6214f9a,
	"Dot/binary":       0xcdb22aa8f51f8941,
	"Manhattan/none":   0x4bfde304108d467b,
	"Manhattan/int8":   0xc5d940b4a63acaf1,
	"Manhattan/binary": 0x73e1a6447adda640,
}

// TestSameBytes builds one graph in many ways.
func TestSameBytes(t *testing.T) {
	for _, metric := range []flow.Metric{flow.Euclid, flow.Cosine, flow.Dot, flow.Manhattan} {
		for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
			name := fmt.Sprintf("%v/%v", metric, quantization)
			t.Run(name, func(t *testing.T) {
				cfg := config(t, graph.Config{Dim: 40, Metric: metric, M: 6, EfConstruct: 20, Quantization: quantization})
				rows, _ := draw(cfg, 1200, 0, uniform(1, cfg.Dim))
				want := build(cfg, rows, 1<<30, nil)
				if want.Digest() != pinned[name] {
					t.Errorf("digest %#x, pinned is %#x", want.Digest(), pinned[name])
				}
				others := map[string]*graph.Graph{
					"one row a step": build(cfg, rows, 1, nil),
					"parallel":       build(cfg, rows, 777, parallel),
					"backwards":      build(cfg, rows, 1<<30, backwards),
					"decoded":        decoded(t, cfg, rows, want),
				}
				fast := distance.Kernel()
				for _, kernel := range distance.Kernels() {
					use(t, kernel)
					others[kernel] = build(cfg, rows, 1<<30, nil)
				}
				use(t, fast)
				for name, g := range others {
					if g.Digest() != want.Digest() || !bytes.Equal(g.Append(nil), want.Append(nil)) {
						t.Errorf("built %s: digest %x, want %x", name, g.Digest(), want.Digest())
					}
				}
			})
		}
	}
}

func use(t *testing.T, kernel string) {
	t.Helper()
	if err := distance.Use(kernel); err != nil {
		t.Fatal(err)
	}
}

func decoded(t *testing.T, cfg graph.Config, rows *graph.Rows, g *graph.Graph) *graph.Graph {
	t.Helper()
	d, err := graph.Decode(cfg, rows, g.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRecall compares walks through one part and several with exact search.
func TestRecall(t *testing.T) {
	for _, metric := range []flow.Metric{flow.Euclid, flow.Cosine, flow.Dot, flow.Manhattan} {
		for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
			for _, parts := range []int{1, 5} {
				t.Run(fmt.Sprintf("%v/%v/%d", metric, quantization, parts), func(t *testing.T) {
					testRecall(t, metric, quantization, parts)
				})
			}
		}
	}
}

func testRecall(t *testing.T, metric flow.Metric, quantization flow.Quantization, parts int) {
	cfg := config(t, graph.Config{Dim: 64, Metric: metric, EfConstruct: 60, Quantization: quantization})
	next := clusters(7, cfg.Dim, 30)
	var ps []graph.Part
	var queries []flow.Vector
	for range parts {
		rows, qs := draw(cfg, 2400/parts, 30, next)
		ps, queries = append(ps, graph.Part{Graph: build(cfg, rows, 1<<30, nil)}), qs
	}
	ef := 100
	if quantization == flow.Binary {
		ef = 400
	}
	s, sum := &graph.Scratch{}, 0.0
	for _, q := range queries {
		hits := graph.Walk(ps, graph.Query{Vector: q, K: 10, EF: ef}, s)
		want := exact(ps, q, 10, nil)
		for i, h := range hits {
			if i > 0 && h.Distance < hits[i-1].Distance {
				t.Fatalf("hit %d at %v after %v", i, h.Distance, hits[i-1].Distance)
			}
			if got := distanceOf(ps, q, h); got != h.Distance {
				t.Fatalf("hit %+v is at %v", h, got)
			}
		}
		sum += recall(hits, want)
	}
	if got := sum / float64(len(queries)); got < 0.97 {
		t.Errorf("recall %.4f", got)
	}
}

// distanceOf measures a hit on its own.
func distanceOf(parts []graph.Part, q flow.Vector, h graph.Hit) float32 {
	var out [1]float32
	parts[h.Part].Graph.Rows().Distances(out[:], q, int(h.Row))
	return out[0]
}
