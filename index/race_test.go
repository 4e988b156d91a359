package index

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestSearchWhileChanging searches views from goroutines while the owner changes the
// index; run it with -race. Vectors are read by assembly, which the race detector
// does not see, but ids, slots and bitmaps are written and read beside them; that
// the vectors are right is seen in the distances: the vector of slot s is s itself.
func TestSearchWhileChanging(t *testing.T) {
	const searchers, operations = 3, 6000
	x := newIndex(t, 1, flow.Manhattan)
	views := make(chan *View)
	var wg sync.WaitGroup // the searchers end when views is closed
	for range searchers {
		wg.Go(func() {
			var held []*View
			var answers [][]Candidate
			for v := range views {
				held = append(held, v)
				answers = append(answers, checkView(t, v))
				if len(held) > 8 {
					if again := checkView(t, held[0]); !slices.Equal(again, answers[0]) {
						t.Errorf("a view answered %v and later %v", answers[0], again)
					}
					held, answers = held[1:], answers[1:]
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(10, 10))
	var live []uint64
	for i := range uint64(operations) {
		x.Insert(i, flow.NumberID(i), flow.Vector{float32(i)})
		live = append(live, i)
		for len(live) > 700 {
			j := r.IntN(len(live))
			x.Remove(live[j])
			live = slices.Delete(live, j, j+1)
			if r.IntN(2) == 0 {
				break
			}
		}
		if i%4 == 0 {
			views <- x.View()
		}
	}
	close(views)
	wg.Wait()
	checkAccounts(t, x)
}

// checkView asks for everything and returns the answer.
func checkView(t *testing.T, v *View) []Candidate {
	got := v.Search(Query{Vector: flow.Vector{0}, K: v.Len() + 1})
	if len(got) != v.Len() {
		t.Errorf("%d candidates of %d points", len(got), v.Len())
	}
	for i, c := range got {
		if c.Distance != float32(c.Slot) || c.ID != flow.NumberID(c.Slot) || i > 0 && got[i-1].Slot >= c.Slot {
			t.Errorf("candidate %d is %v", i, c)
			break
		}
	}
	return got
}
