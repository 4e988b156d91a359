package graph_test

import (
	"math"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// bridged returns the bridges between the graphs of parts.
func bridged(ps []graph.Part, have *graph.Bridges, budget int) *graph.Bridges {
	var graphs []*graph.Graph
	for _, p := range ps {
		graphs = append(graphs, p.Graph)
	}
	b := graph.NewBridging(have, graphs, 500)
	if b == nil {
		return have
	}
	for !b.Step(budget) {
	}
	return b.Bridges()
}

// TestBridges misses less with bridges than without, for about as many distances,
// whatever the rows are kept as and however the bridges were built.
func TestBridges(t *testing.T) {
	for _, c := range []graph.Config{
		{Dim: 48, Metric: flow.Euclid}, {Dim: 80, Metric: flow.Cosine}, {Dim: 48, Metric: flow.Dot, Quantization: flow.Int8},
	} {
		cfg := config(t, c)
		next := clusters(3, cfg.Dim, 20)
		var ps []graph.Part
		var queries []flow.Vector
		for _, n := range []int{1500, 2000, 1500, 1500, 300, 1500} {
			rows, qs := draw(cfg, n, 50, next)
			ps, queries = append(ps, graph.Part{Graph: build(cfg, rows, 1<<30, nil)}), qs
		}
		bridges := bridged(ps, nil, math.MaxInt)
		if got, want := bridges.Graphs(), 5; got != want { // one is too small
			t.Errorf("%v: bridges join %d graphs, want %d", cfg.Metric, got, want)
		}
		if got, want := bridges.Bytes(), uint64(4*2000*4); got != want {
			t.Errorf("%v: bridges have %d bytes, want %d", cfg.Metric, got, want)
		}
		slow := bridged(ps, nil, 7)
		walk := func(b *graph.Bridges) (found float64, distances int, all [][]graph.Hit) {
			s := &graph.Scratch{}
			for _, q := range queries {
				hits := graph.Walk(ps, graph.Query{Vector: q, K: 10, EF: 10, Bridges: b}, s)
				found += recall(hits, exact(ps, q, 10, func(int, int) bool { return true }))
				all = append(all, slices.Clone(hits))
			}
			return found / float64(len(queries)), s.Stats.Distances, all
		}
		without, before, _ := walk(nil)
		with, some, all := walk(bridges)
		_, _, same := walk(slow)
		t.Logf("%v: recall %.3f with %d distances, %.3f with %d without bridges", cfg.Metric, with, some, without, before)
		if with < 0.9 || 1-with > max(0.8*(1-without), 0.005) {
			t.Errorf("%v: recall %.3f with bridges, %.3f without", cfg.Metric, with, without)
		}
		if some > before+before/8 {
			t.Errorf("%v: %d distances with bridges, %d without", cfg.Metric, some, before)
		}
		if !slices.EqualFunc(all, same, slices.Equal) {
			t.Errorf("%v: bridges built in small steps lead elsewhere", cfg.Metric)
		}
	}
}

// TestBridgesChange keeps bridges while graphs come and go, and walks other graphs with
// them as without.
func TestBridgesChange(t *testing.T) {
	cfg := config(t, graph.Config{Dim: 32, Metric: flow.Euclid, M: 8, EfConstruct: 40})
	next := clusters(4, cfg.Dim, 10)
	var ps []graph.Part
	var queries []flow.Vector
	for _, n := range []int{700, 800, 600, 900, 1700} {
		rows, qs := draw(cfg, n, 20, next)
		ps, queries = append(ps, graph.Part{Graph: build(cfg, rows, 1<<30, nil)}), qs
	}
	graphs := func(ps []graph.Part) (gs []*graph.Graph) {
		for _, p := range ps {
			gs = append(gs, p.Graph)
		}
		return gs
	}
	if graph.NewBridging(nil, graphs(ps[:1]), 1) != nil || graph.NewBridging(nil, graphs(ps), 1000) != nil {
		t.Error("bridges are built where a single graph has the rows")
	}
	three := bridged(ps[:3], nil, 100)
	if graph.NewBridging(three, graphs(ps[:3]), 500) != nil {
		t.Error("bridges that are there are built again")
	}
	more := graph.NewBridging(three, graphs(ps[:4]), 500) // the hub stays
	if got, want := more.Rows(), 800; got != want {
		t.Errorf("%d ends are to be built for one more graph, want %d", got, want)
	}
	larger := graph.NewBridging(three, graphs(ps), 500) // the hub is the new one of twice its rows
	if got, want := larger.Rows(), 4*1700; got != want {
		t.Errorf("%d ends are to be built for a larger hub, want %d", got, want)
	}
	fewer := graph.NewBridging(three, graphs(ps[:2]), 500)
	if fewer == nil || fewer.Rows() != 0 || !fewer.Step(0) || fewer.Bridges().Graphs() != 2 {
		t.Error("bridges of a graph that is gone are not let go")
	}
	s := &graph.Scratch{}
	for _, others := range [][]graph.Part{ps[3:], ps[2:4], ps[:1]} {
		for _, q := range queries {
			query := graph.Query{Vector: q, K: 10, EF: 30}
			want := slices.Clone(graph.Walk(others, query, s))
			query.Bridges = three
			if got := graph.Walk(others, query, s); !slices.Equal(got, want) {
				t.Errorf("with bridges of other graphs %v, without %v", got, want)
			}
		}
	}
}
