package index

import (
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"pgregory.net/rapid"
)

// TestMerge compares with sorting all hits, stably, list after list.
func TestMerge(t *testing.T) {
	same := func(a, b flow.Hit) bool {
		return a.ID == b.ID && a.Distance == b.Distance && a.Version == b.Version
	}
	order := func(a, b flow.Hit) int {
		switch {
		case a.Less(b):
			return -1
		case b.Less(a):
			return 1
		}
		return 0
	}
	rapid.Check(t, func(t *rapid.T) {
		lists := make([][]flow.Hit, rapid.IntRange(0, 20).Draw(t, "lists"))
		var all []flow.Hit
		for i := range lists {
			for range rapid.IntRange(0, 10).Draw(t, "hits") {
				lists[i] = append(lists[i], flow.Hit{
					Point: flow.Point{
						ID:      flow.NumberID(rapid.Uint64Range(0, 5).Draw(t, "id")),
						Version: uint64(i), // tells the lists apart
					},
					Distance: float32(rapid.IntRange(-2, 2).Draw(t, "distance")),
				})
			}
			slices.SortStableFunc(lists[i], order)
			all = append(all, lists[i]...)
		}
		slices.SortStableFunc(all, order)
		k := rapid.IntRange(-1, 50).Draw(t, "k")
		got, want := Merge(k, lists...), all[:min(max(k, 0), len(all))]
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("k=%d:\n got %v\nwant %v", k, got, want)
		}
	})
}
