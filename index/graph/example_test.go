package graph_test

import (
	"fmt"
	"log"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

func Example() {
	cfg, err := graph.Config{Dim: 2, Metric: flow.Euclid}.WithDefaults()
	if err != nil {
		log.Fatal(err)
	}
	rows := graph.NewRows(cfg, 3)
	for i, v := range []flow.Vector{{0, 0}, {3, 4}, {1, 1}} {
		rows.Add(v, graph.LevelOf(uint64(i), cfg.M))
	}
	b := graph.NewBuilder(cfg, rows)
	for !b.Step(100, nil) { // other work may come between two steps
	}
	parts := []graph.Part{{Graph: b.Graph()}}
	var s graph.Scratch
	for _, h := range graph.Walk(parts, graph.Query{Vector: flow.Vector{1, 2}, K: 2, EF: 50}, &s) {
		fmt.Println("row", h.Row, "at", flow.Euclid.Score(h.Distance))
	}
	// Output:
	// row 2 at 1
	// row 0 at 2.236068
}
