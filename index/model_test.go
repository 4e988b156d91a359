package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"pgregory.net/rapid"
)

var metrics = []flow.Metric{flow.Euclid, flow.Cosine, flow.Dot, flow.Manhattan}

// point is what the model keeps.
type point struct {
	slot    uint64
	id      flow.PointID
	v       flow.Vector
	ordinal uint32
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

func (m *model) search(q Query, allow *roaring.Bitmap) []Candidate {
	var all []Candidate
	for _, p := range m.points {
		if allow == nil || allow.Contains(p.ordinal) {
			all = append(all, Candidate{Slot: p.slot, ID: p.id, Distance: float32(m.distance(q.Vector, p.v))})
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(q.K, len(all))]
}

// find returns the position of a live slot, or -1.
func (m *model) find(slot uint64) int {
	return slices.IndexFunc(m.points, func(p point) bool { return p.slot == slot })
}

func (m *model) has(slot uint64) bool { return m.find(slot) >= 0 }

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
			ids += uint64(len(b.ids.at(row)))
			if b.isDead(row) {
				dead++
			}
		}
		if dead != b.nDead || ids != uint64(len(b.ids.bytes)) || b.segment == nil && b.live() == 0 || b.matrix == nil && len(b.rows) != len(b.slots)*x.stride || b.matrix != nil && b.matrix.Len() != len(b.slots) {
			t.Fatalf("block %d: %d dead counted as %d, %d id bytes as %d, %d floats for %d rows",
				i, dead, b.nDead, ids, len(b.ids.bytes), len(b.rows), len(b.slots))
		}
		if i < len(x.sealed) && b.segment == nil && b.halfDead() {
			t.Fatalf("block %d of %d: %d of %d rows dead, not compacted", i, len(x.sealed), b.nDead, len(b.slots))
		}
		live, rows, bytes = live+b.live(), rows+len(b.slots), bytes+b.bytes()
	}
	if live != x.live || rows != x.rows || bytes != x.blockBytes {
		t.Fatalf("counted %d live, %d rows, %d bytes; the index says %d, %d, %d", live, rows, bytes, x.live, x.rows, x.blockBytes)
	}
}
