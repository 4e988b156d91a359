package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
)

// centres is how many clusters there are in tests.
const centres = 20

// clustered returns vectors as embeddings lie: about some centres, near few dimensions.
// It returns the number of each one's centre, too.
func clustered(n, dim int, seed uint64) ([]flow.Vector, []int) {
	r := rand.New(rand.NewPCG(seed, 77))
	middle, basis := make([]flow.Vector, centres), make([]flow.Vector, 8)
	for i := range middle {
		middle[i] = normal(r, dim)
	}
	for i := range basis {
		basis[i] = normal(r, dim)
	}
	all, labels := make([]flow.Vector, n), make([]int, n)
	for i := range all {
		labels[i] = r.IntN(centres)
		v, c := normal(r, dim), middle[labels[i]]
		for j := range v {
			v[j] = v[j]/8 + c[j]
		}
		for _, b := range basis {
			f := float32(r.NormFloat64()) / 3
			for j := range v {
				v[j] += f * b[j]
			}
		}
		all[i] = v
	}
	return all, labels
}

// TestRecall: an index with a head, segments with graphs, one that waits for its own,
// and removals everywhere finds what an exact search finds, filtered or not.
func TestRecall(t *testing.T) {
	const n, dim, k, queries = 3000, 48, 10, 50
	all, labels := clustered(n+queries, dim, 1)
	filters := map[string]func(i int) bool{
		"all": nil, "half": func(i int) bool { return i*40503%1024 < 512 }, "tenth": func(i int) bool { return i*40503%1024 < 102 },
		"fiftieth": func(i int) bool { return i*40503%1024 < 20 }, "a third of clusters": func(i int) bool { return labels[i] < centres/3 },
		"far cluster": func(i int) bool { return labels[i] == 0 },
	}
	for _, metric := range metrics {
		for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
			if quantization != flow.NoQuantization && metric != flow.Cosine && metric != flow.Euclid {
				continue // what differs is tested in index/graph
			}
			x, err := New(Config{Dim: dim, Metric: metric, EfConstruct: 100, Quantization: quantization})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range all[:n] {
				x.Insert(uint64(i), testID(i), v)
				if i%800 == 799 {
					x.Cut(SegmentID(i))
				}
				if i%5 == 4 {
					x.Remove(uint64(i - 4))
				}
			}
			x.Merge(1, 799, 1599)
			for _, s := range x.Segments() {
				x.Attach(finish(x.Builder(s.ID)))
			}
			for i := 3; i < n; i += 10 {
				x.Remove(uint64(i))
			}
			for name, allowed := range filters {
				t.Run(fmt.Sprintf("%v/%v/%s", metric, quantization, name), func(t *testing.T) {
					target := Target{View: x.View()}
					if allowed != nil {
						target.Allow = roaring.New()
						for i := range n {
							if allowed(i) {
								target.Allow.Add(uint32(i))
							}
						}
					}
					floor := 0.97
					if quantization == flow.Binary {
						floor = 0.9 // 48 bits are little to go by
					}
					checkRecall(t, target, all[n:], k, floor)
				})
			}
		}
	}
}

func checkRecall(t *testing.T, target Target, queries []flow.Vector, k int, floor float64) {
	var s Scratch
	exact := SearchBatch([]Target{target}, queries, k, &s)
	found, asked := 0, 0
	s.Stats = Stats{}
	for i, v := range queries {
		got := walkAll(nil, []Target{target}, Query{Vector: v, K: k, EF: 100}, &s)
		if len(got) != len(exact[i]) {
			t.Fatalf("query %d: %d candidates of %d", i, len(got), len(exact[i]))
		}
		for _, c := range got {
			// Slots and ordinals are the same numbers here.
			if _, live := target.View.SlotOf(uint32(c.Slot)); !live || target.Allow != nil && !target.Allow.Contains(uint32(c.Slot)) {
				t.Fatalf("query %d found slot %d, which is dead or not allowed", i, c.Slot)
			}
			asked++
			if c.Distance <= exact[i][len(exact[i])-1].Distance {
				found++
			}
		}
	}
	if recall := float64(found) / float64(asked); recall < floor {
		t.Errorf("recall %.4f, floor %v; %+v", recall, floor, s.Stats)
	} else {
		t.Logf("recall %.4f; %+v", recall, s.Stats)
	}
}

// TestShortWalk: where a walk comes back with less than there is, all rows are compared.
func TestShortWalk(t *testing.T) {
	all, _ := clustered(500, 8, 2)
	x := newIndex(t, 8, flow.Euclid)
	for i, v := range all {
		x.Insert(uint64(i), testID(i), v)
	}
	x.Cut(1)
	x.Attach(finish(x.Builder(1)))
	x.Remove(3)
	targets, q := []Target{{View: x.View()}}, Query{Vector: all[3], K: 7}
	var s Scratch
	s.gather(targets)
	s.ef = q.K
	s.choose(0)
	s.parts[0].Allow = []uint64{1 << 20} // the walk finds one row, as in a graph that is torn
	got := s.run(nil, flow.Euclid, q, q.K)
	q.Exact = true
	if want := SearchAll(nil, targets, q, new(Scratch)); s.Stats.Short != 1 || !slices.Equal(got, want) {
		t.Fatalf("%+v\n got %v\nwant %v", s.Stats, got, want)
	}
}
