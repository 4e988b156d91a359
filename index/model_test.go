package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"pgregory.net/rapid"
)

var metrics = []flow.Metric{flow.Euclid, flow.Cosine, flow.Dot, flow.Manhattan}

// point is what the model keeps.
type point struct {
	slot uint64
	id   flow.PointID
	v    flow.Vector
}

// model is the plainest index: a list, searched by sorting all of it.
type model struct {
	metric flow.Metric
	points []point
}

// distance is flow.Hit's, of one pair, in float64 except under Cosine, where the
// rounding of the normalised vectors is part of the answer.
func (m *model) distance(q, v flow.Vector) float64 {
	var sum float64
	for i := range q {
		a, b := float64(q[i]), float64(v[i])
		switch m.metric {
		case flow.Euclid:
			sum += (a - b) * (a - b)
		case flow.Manhattan:
			sum += math.Abs(a - b)
		case flow.Dot:
			sum -= a * b
		}
	}
	if m.metric == flow.Cosine {
		a, b := make(flow.Vector, len(q)), make(flow.Vector, len(v))
		distance.Normalize(a, q)
		distance.Normalize(b, v)
		return max(0, float64(1-distance.DotPair(a, b)))
	}
	return sum
}

func (m *model) search(q Query) []Candidate {
	var all []Candidate
	for _, p := range m.points {
		if q.Accept == nil || q.Accept(p.slot) {
			all = append(all, Candidate{p.slot, p.id, float32(m.distance(q.Vector, p.v))})
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(q.K, len(all))]
}

func (m *model) clone() *model { return &model{m.metric, slices.Clone(m.points)} }

// wholeVector has small whole numbers: distances are exact, and ties are common.
func wholeVector(dim int) *rapid.Generator[flow.Vector] {
	return rapid.Custom(func(t *rapid.T) flow.Vector {
		v := make(flow.Vector, dim)
		for i := range v {
			v[i] = float32(rapid.IntRange(-3, 3).Draw(t, "component"))
		}
		return v
	})
}

func testID(n int) flow.PointID {
	if n%3 == 0 {
		id, _ := flow.StringID(fmt.Sprint("point ", n))
		return id
	}
	return flow.NumberID(uint64(n))
}

// moment is a view and what it must answer for ever.
type moment struct {
	view  *View
	model *model
}

// TestAgainstModel runs random operations on an index and on the model, and asks
// both, now and of views taken earlier.
func TestAgainstModel(t *testing.T) {
	for _, metric := range metrics {
		t.Run(metric.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { runModel(t, metric) })
		})
	}
}

func runModel(t *rapid.T, metric flow.Metric) {
	dim := rapid.SampledFrom([]int{1, 3, 8, 33}).Draw(t, "dim")
	vectors := wholeVector(dim)
	x := newIndex(t, dim, metric)
	m := &model{metric: metric}
	slot, ids := uint64(0), 0
	var past []moment
	check := func(t *rapid.T, at moment) {
		q := Query{Vector: vectors.Draw(t, "query"), K: rapid.IntRange(0, 12).Draw(t, "k"), Exact: rapid.Bool().Draw(t, "exact")}
		if mod := rapid.Uint64Range(1, 3).Draw(t, "accept one of"); mod > 1 {
			q.Accept = func(slot uint64) bool { return slot%mod == 0 }
		}
		if at.view.Len() != len(at.model.points) {
			t.Fatalf("the view has %d points, the model %d", at.view.Len(), len(at.model.points))
		}
		if got, want := at.view.Search(q), at.model.search(q); !slices.Equal(got, want) {
			t.Fatalf("k=%d of %d points:\n got %v\nwant %v", q.K, at.view.Len(), got, want)
		}
	}
	remove := func(i int) {
		x.Remove(m.points[i].slot)
		m.points = slices.Delete(m.points, i, i+1)
	}
	t.Repeat(map[string]func(*rapid.T){
		"insert": func(t *rapid.T) {
			for range rapid.IntRange(1, 20).Draw(t, "n") {
				slot += rapid.Uint64Range(1, 3).Draw(t, "step")
				// Not in the order of slots, so that ties by id are not ties by age.
				p := point{slot, testID(ids * 7919 % 10007), vectors.Draw(t, "vector")}
				ids++
				given := slices.Clone(p.v)
				x.Insert(p.slot, p.id, given)
				clear(given) // the index has its own copy
				m.points = append(m.points, p)
			}
		},
		"remove": func(t *rapid.T) {
			for range rapid.IntRange(1, 10).Draw(t, "n") {
				if len(m.points) > 0 {
					remove(rapid.IntRange(0, len(m.points)-1).Draw(t, "position"))
				}
			}
		},
		"removeRun": func(t *rapid.T) {
			from := rapid.IntRange(0, len(m.points)).Draw(t, "from")
			for range rapid.IntRange(0, 30).Draw(t, "n") {
				if from < len(m.points) {
					remove(from)
				}
			}
		},
		"view": func(t *rapid.T) {
			if v := x.View(); v != x.View() {
				t.Fatal("two views without a change between them")
			}
			past = append(past, moment{x.View(), m.clone()})
		},
		"search":     func(t *rapid.T) { check(t, moment{x.View(), m}) },
		"searchPast": func(t *rapid.T) { check(t, rapid.SampledFrom(append(past, moment{x.View(), m})).Draw(t, "view")) },
		"":           func(t *rapid.T) { checkAccounts(t, x) },
	})
	for _, at := range past {
		check(t, at)
	}
}

type fataler interface{ Fatalf(string, ...any) }

func newIndex(t fataler, dim int, metric flow.Metric) *Index {
	x, err := New(Config{Dim: dim, Metric: metric})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return x
}

// checkAccounts recounts what an index keeps running totals of, and its invariants.
func checkAccounts(t fataler, x *Index) {
	var live, rows int
	var bytes uint64
	blocks := slices.Clone(x.sealed)
	if x.tail != nil {
		blocks = append(blocks, x.tail)
	}
	last := int64(-1)
	for i, b := range blocks {
		dead := 0
		var ids uint64
		for row, slot := range b.slots {
			if int64(slot) <= last {
				t.Fatalf("block %d: slot %d after %d", i, slot, last)
			}
			last = int64(slot)
			ids += uint64(len(b.ids[row]))
			if b.isDead(row) {
				dead++
			}
		}
		if dead != b.nDead || ids != b.idBytes || b.live() == 0 || len(b.rows) != len(b.slots)*x.stride {
			t.Fatalf("block %d: %d dead counted as %d, %d id bytes as %d, %d floats for %d rows",
				i, dead, b.nDead, ids, b.idBytes, len(b.rows), len(b.slots))
		}
		if i < len(x.sealed) && b.halfDead() {
			t.Fatalf("block %d of %d: %d of %d rows dead, not compacted", i, len(x.sealed), b.nDead, len(b.slots))
		}
		live, rows, bytes = live+b.live(), rows+len(b.slots), bytes+b.bytes()
	}
	if live != x.live || rows != x.rows || bytes != x.blockBytes {
		t.Fatalf("counted %d live, %d rows, %d bytes; the index says %d, %d, %d", live, rows, bytes, x.live, x.rows, x.blockBytes)
	}
}
