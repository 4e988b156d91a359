package index_test

import (
	"fmt"
	"log"

	"github.com/RoaringBitmap/roaring/v2"
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

// A segment is cut from the head, gets a graph, and is searched through it.
func ExampleIndex_Builder() {
	x, err := index.New(index.Config{Dim: 2, Metric: flow.Euclid})
	if err != nil {
		log.Fatal(err)
	}
	for i := range uint64(1000) {
		x.Insert(i, flow.NumberID(i), flow.Vector{float32(i % 40), float32(i / 40)})
	}
	if _, ok := x.Cut(1); !ok {
		log.Fatal("nothing to cut")
	}
	b := x.Builder(1)
	for !b.Step(100, nil) {
		x.View().Search(index.Query{Vector: flow.Vector{3, 4}, K: 1}) // by comparing all rows
	}
	x.Attach(b.Built())

	// The same rows give the same graph; another index can take it as bytes.
	stored := b.Built().Append(nil)
	y, err := index.New(index.Config{Dim: 2, Metric: flow.Euclid})
	if err != nil {
		log.Fatal(err)
	}
	y.Restore(x.Segments())
	for i := range uint64(1000) {
		y.Insert(i, flow.NumberID(i), flow.Vector{float32(i % 40), float32(i / 40)})
	}
	built, err := index.DecodeBuilt(y.Builder(1), stored)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Attach(built), built.Digest() == b.Built().Digest())
	for _, c := range y.View().Search(index.Query{Vector: flow.Vector{3.1, 4}, K: 2, EF: 100}) {
		fmt.Println(c.ID)
	}
	// Output:
	// true true
	// 163
	// 164
}

// Several indexes, as those of a node's shards, are searched together, each among the
// rows that are allowed.
func ExampleSearchAll() {
	var targets []index.Target
	for shard := range uint64(2) {
		x, err := index.New(index.Config{Dim: 1, Metric: flow.Manhattan})
		if err != nil {
			log.Fatal(err)
		}
		odd := roaring.New()
		for i := range uint64(100) {
			ordinal := x.Insert(i, flow.NumberID(2*i+shard), flow.Vector{float32(i)})
			if i%2 == 1 {
				odd.Add(ordinal)
			}
		}
		targets = append(targets, index.Target{View: x.View(), Allow: odd})
	}
	var s index.Scratch // to be used again
	for _, c := range index.SearchAll(nil, targets, index.Query{Vector: flow.Vector{7.2}, K: 3}, &s) {
		fmt.Println(c.ID, "in", c.Target, "at", c.Distance)
	}
	// Output:
	// 14 in 0 at 0.19999981
	// 15 in 1 at 0.19999981
	// 18 in 0 at 1.8000002
}
