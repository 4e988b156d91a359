package index_test

import (
	"fmt"
	"log"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
)

func Example() {
	x, err := index.New(index.Config{Dim: 2, Metric: flow.Euclid})
	if err != nil {
		log.Fatal(err)
	}
	x.Insert(1, flow.NumberID(10), flow.Vector{0, 0})
	x.Insert(2, flow.NumberID(20), flow.Vector{3, 4})
	x.Insert(3, flow.NumberID(30), flow.Vector{1, 1})

	before := x.View() // never changes
	x.Remove(3)

	q := index.Query{Vector: flow.Vector{0, 0}, K: 2}
	for _, view := range []*index.View{before, x.View()} {
		for _, c := range view.Search(q) {
			fmt.Print(c.ID, " at ", flow.Euclid.Score(c.Distance), "; ")
		}
		fmt.Println(view.Len(), "points")
	}
	// Output:
	// 10 at 0; 30 at 1.4142135; 3 points
	// 10 at 0; 20 at 5; 2 points
}
