package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// bitmap draws a bit for each row, set with a probability.
func bitmap(r *rand.Rand, rows int, share float64) []uint64 {
	words := make([]uint64, (rows+63)/64)
	for i := range rows {
		if r.Float64() < share {
			words[i/64] |= 1 << (i % 64)
		}
	}
	return words
}

func has(words []uint64, i int) bool { return i/64 < len(words) && words[i/64]>>(i%64)&1 != 0 }

// TestFilter walks with dead rows and filters of many widths: hits are allowed and alive,
// as many as were asked for, and the right ones.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8} {
		for _, parts := range []int{1, 4} {
			cfg := config(t, graph.Config{Dim: 48, Metric: flow.Euclid, EfConstruct: 80, Quantization: quantization})
			next := clusters(9, cfg.Dim, 10)
			var ps []graph.Part
			var queries []flow.Vector
			for range parts {
				rows, qs := draw(cfg, 6000/parts, 20, next)
				ps, queries = append(ps, graph.Part{Graph: build(cfg, rows, 1<<30, nil)}), qs
			}
			s := &graph.Scratch{}
			bridges := bridged(ps, nil, 1000)
			for _, share := range []float64{1, 0.9, 0.5, 0.3, 0.1, 0.03} {
				for _, dead := range []float64{0, 0.3} {
					for i := range ps {
						rows := ps[i].Graph.Rows().Len()
						ps[i].Allow, ps[i].Dead = bitmap(r, rows, share), bitmap(r, rows, dead)
					}
					if share == 1 {
						ps[0].Allow = nil // means the same
					}
					t.Run(fmt.Sprintf("%v/%d/%v/%v", quantization, parts, share, dead), func(t *testing.T) {
						checkFilter(t, ps, queries, nil, s)
						if bridges != nil {
							checkFilter(t, ps, queries, bridges, s)
						}
					})
				}
			}
		}
	}
}

func checkFilter(t *testing.T, ps []graph.Part, queries []flow.Vector, bridges *graph.Bridges, s *graph.Scratch) {
	t.Helper()
	sum := 0.0
	for _, q := range queries {
		keep := func(part, row int) bool {
			p := &ps[part]
			return !has(p.Dead, row) && (p.Allow == nil || has(p.Allow, row))
		}
		hits := graph.Walk(ps, graph.Query{Vector: q, K: 10, EF: 64, Bridges: bridges}, s)
		want := exact(ps, q, 10, keep)
		if len(hits) != len(want) {
			t.Fatalf("%d hits, want %d", len(hits), len(want))
		}
		for _, h := range hits {
			if !keep(h.Part, int(h.Row)) {
				t.Fatalf("hit %+v is not allowed", h)
			}
		}
		sum += recall(hits, want)
	}
	if got := sum / float64(len(queries)); got < 0.95 {
		t.Errorf("recall %.4f", got)
	}
}

// TestSmall walks graphs of none, one and a few rows, and asks for nothing and for more
// than there is.
func TestSmall(t *testing.T) {
	cfg := config(t, graph.Config{Dim: 3, Metric: flow.Euclid})
	var ps []graph.Part
	n := 0
	for _, rows := range []int{0, 1, 2, 40} {
		m, _ := draw(cfg, rows, 0, uniform(uint64(rows), 3))
		ps = append(ps, graph.Part{Graph: build(cfg, m, 3, nil)})
		n += rows
	}
	s, q := &graph.Scratch{}, flow.Vector{0.1, 0.2, 0.3}
	for _, k := range []int{-1, 0, 1, 10, 100} {
		want := min(max(k, 0), n)
		hits := graph.Walk(ps, graph.Query{Vector: q, K: k}, s)
		if k == 100 && !slices.Equal(hits, exact(ps, q, k, nil)) || len(hits) != want {
			t.Errorf("k %d: %d hits, want %d", k, len(hits), want)
		}
	}
	if hits := graph.Walk(nil, graph.Query{Vector: q, K: 3}, s); len(hits) != 0 {
		t.Errorf("%d hits of no part", len(hits))
	}
	if hits := graph.Walk(ps[:1], graph.Query{Vector: q, K: 3}, s); len(hits) != 0 {
		t.Errorf("%d hits of an empty part", len(hits))
	}
}

// TestEqualRows: thousands of equal rows do not cut the others off.
func TestEqualRows(t *testing.T) {
	cfg := config(t, graph.Config{Dim: 16, Metric: flow.Euclid, M: 8, EfConstruct: 40})
	next := uniform(3, cfg.Dim)
	same := next()
	r := rand.New(rand.NewPCG(6, 6))
	var queries []flow.Vector
	rows, _ := draw(cfg, 4000, 0, func() flow.Vector {
		if r.IntN(5) > 0 {
			return same
		}
		v := next()
		queries = append(queries, v)
		return v
	})
	ps := []graph.Part{{Graph: build(cfg, rows, 1<<30, nil)}}
	s, sum := &graph.Scratch{}, 0.0
	for _, q := range queries[:100] {
		sum += recall(graph.Walk(ps, graph.Query{Vector: q, K: 10, EF: 100}, s), exact(ps, q, 10, nil))
	}
	if sum < 95 {
		t.Errorf("recall %.4f beside equal rows", sum/100)
	}
	if hits := graph.Walk(ps, graph.Query{Vector: same, K: 50, EF: 50}, s); len(hits) != 50 || hits[49].Distance != 0 {
		t.Errorf("%d hits of the equal rows, the last at %v", len(hits), hits[len(hits)-1].Distance)
	}
}

func TestNoAllocation(t *testing.T) {
	for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
		cfg := config(t, graph.Config{Dim: 100, Metric: flow.Cosine, M: 8, EfConstruct: 40, Quantization: quantization})
		rows, queries := draw(cfg, 1000, 10, uniform(2, cfg.Dim))
		g := build(cfg, rows, 1<<30, nil)
		rows, _ = draw(cfg, 800, 10, uniform(3, cfg.Dim))
		ps := []graph.Part{{Graph: g}, {Graph: g, Dead: bitmap(rand.New(rand.NewPCG(1, 1)), 1000, 0.7)}, {Graph: build(cfg, rows, 1<<30, nil)}}
		bridges := bridged(ps[1:], nil, 1000)
		s := &graph.Scratch{}
		walk := func() {
			for _, q := range queries {
				graph.Walk(ps, graph.Query{Vector: q, K: 10, EF: 50, Bridges: bridges}, s)
			}
		}
		walk()
		if n := testing.AllocsPerRun(10, walk); n != 0 {
			t.Errorf("%v: %v allocations in %d walks", quantization, n, len(queries))
		}
	}
}

// TestParallelWalks gives the answers of one goroutine to many.
func TestParallelWalks(t *testing.T) {
	cfg := config(t, graph.Config{Dim: 30, Metric: flow.Dot, M: 8, EfConstruct: 40, Quantization: flow.Int8})
	rows, queries := draw(cfg, 1000, 50, uniform(5, cfg.Dim))
	ps := []graph.Part{{Graph: build(cfg, rows, 1<<30, parallel)}}
	var want [][]graph.Hit
	s := &graph.Scratch{}
	for _, q := range queries {
		want = append(want, slices.Clone(graph.Walk(ps, graph.Query{Vector: q, K: 5, EF: 20}, s)))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := &graph.Scratch{}
			for i, q := range queries {
				if got := graph.Walk(ps, graph.Query{Vector: q, K: 5, EF: 20}, s); !slices.Equal(got, want[i]) {
					t.Errorf("query %d: %v, alone %v", i, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestLevelOf(t *testing.T) {
	for _, m := range []int{2, 16, 128} {
		n := 0
		for i := range uint64(1 << 16) {
			if graph.LevelOf(1<<60|i, m) > 0 {
				n++
			}
		}
		if want := 1 << 16 / m; n < want*8/10 || n > want*12/10 {
			t.Errorf("m %d: %d of %d rows above the lowest layer, want about %d", m, n, 1<<16, want)
		}
	}
}
