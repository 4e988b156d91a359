package index

import (
	"fmt"
	"math"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// View is an Index at one moment. It never changes, and may be searched by any
// number of goroutines while the Index goes on.
type View struct {
	cfg    Config
	stride int
	sealed []*block
	tail   block
	live   int
	bytes  uint64
}

// Query asks for the points nearest to a vector.
type Query struct {
	// Vector has the index's dimension and only finite components.
	Vector flow.Vector
	// K is how many candidates to return; none for 0 or less.
	K int
	// Exact compares every point. Without it an approximate answer is allowed; this
	// index gives the exact one all the same.
	Exact bool
	// Accept, if set, limits the answer to slots for which it returns true. It is
	// asked only about rows that are near enough, and must always say the same of a slot.
	Accept func(slot uint64) bool
}

// Candidate is a point of the answer. Distance is as in flow.Hit: squared L2,
// Manhattan, 1-cosine (0 to 2), or -dot, and never NaN or infinite: beyond the range
// of float32 it is ±math.MaxFloat32.
type Candidate struct {
	Slot     uint64
	ID       flow.PointID
	Distance float32
}

// compare orders candidates by distance, then id, as flow.Hit.Less does, and at last
// by slot.
func (c *Candidate) compare(o *Candidate) int {
	switch {
	case c.Distance != o.Distance:
		if c.Distance < o.Distance {
			return -1
		}
		return 1
	case c.ID != o.ID:
		if c.ID < o.ID {
			return -1
		}
		return 1
	case c.Slot < o.Slot:
		return -1
	case c.Slot > o.Slot:
		return 1
	}
	return 0
}

// Len returns the number of live points.
func (v *View) Len() int { return v.live }

// Bytes returns how many bytes of vectors an exact search reads, an estimate of its cost.
func (v *View) Bytes() uint64 { return v.bytes }

// Search returns the K nearest points ordered by (Distance, ID); all accepted points
// if there are fewer. It allocates the answer and, under the cosine metric, a
// normalised copy of the query; nothing else. It panics on a vector of another dimension.
func (v *View) Search(q Query) []Candidate {
	if len(q.Vector) != v.cfg.Dim {
		panic(fmt.Sprintf("index: query of %d components, dimension is %d", len(q.Vector), v.cfg.Dim))
	}
	k := min(q.K, v.live)
	if k <= 0 {
		return nil
	}
	if v.cfg.Metric == flow.Cosine {
		unit := make(flow.Vector, len(q.Vector))
		distance.Normalize(unit, q.Vector)
		q.Vector = unit
	}
	best := newTop(k)
	for _, b := range v.sealed {
		v.scan(b, &q, &best)
	}
	v.scan(&v.tail, &q, &best)
	return best.sorted()
}

// scan offers a block's live and accepted rows to best.
func (v *View) scan(b *block, q *Query, best *top) {
	var buf [wordRows]float32
	for first := 0; first < len(b.slots); first += wordRows {
		out := buf[:min(wordRows, len(b.slots)-first)]
		dead := b.deadWord(first / wordRows)
		if dead == math.MaxUint64 {
			continue
		}
		v.distances(out, q.Vector, b.rows[first*v.stride:])
		for i, d := range out {
			if d > best.bound || dead>>i&1 != 0 {
				continue
			}
			c := Candidate{Slot: b.slots[first+i], ID: b.ids[first+i], Distance: d}
			if best.admits(&c) && (q.Accept == nil || q.Accept(c.Slot)) {
				best.add(c)
			}
		}
	}
}

// distances sets out to the distances of the first len(out) rows, all finite.
func (v *View) distances(out, q, rows []float32) {
	switch v.cfg.Metric {
	case flow.Euclid:
		distance.SquaredL2(out, q, rows, v.stride)
		for i, d := range out {
			out[i] = bounded(d, 0, math.MaxFloat32)
		}
	case flow.Manhattan:
		distance.Manhattan(out, q, rows, v.stride)
		for i, d := range out {
			out[i] = bounded(d, 0, math.MaxFloat32)
		}
	case flow.Cosine:
		distance.Dot(out, q, rows, v.stride)
		for i, d := range out {
			// Rounding can make the cosine of two unit vectors a little more than 1.
			out[i] = bounded(1-d, 0, 2)
		}
	case flow.Dot:
		distance.Dot(out, q, rows, v.stride)
		for i, d := range out {
			// 0-d and not -d: the distance must not be -0.
			out[i] = bounded(0-d, -math.MaxFloat32, math.MaxFloat32)
		}
	default:
		panic(fmt.Sprintf("index: search under metric %d", v.cfg.Metric))
	}
}

// bounded returns d kept between lo and hi. What is not a number (lanes that overflowed
// with opposite signs) is hi, the farthest: NaN would have no place in the order.
func bounded(d, lo, hi float32) float32 {
	if d < lo {
		return lo
	}
	if d <= hi {
		return d
	}
	return hi
}
