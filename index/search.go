package index

import (
	"fmt"
	"math"
	"runtime"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// Query asks for the points nearest to a vector.
type Query struct {
	// Vector has the index's dimension and only finite components.
	Vector flow.Vector
	// K is how many candidates to return; none for 0 or less.
	K int
	// EF is how many rows a walk of the graphs keeps in view, at least K; 0 is max(K, 64).
	// More takes longer and finds more.
	EF int
	// Exact compares every point. Without it an approximate answer is allowed.
	Exact bool
	// Oversampling is how many times K candidates of a quantised walk are compared in full;
	// 0 leaves it to the index.
	Oversampling float64
}

// Target is a view to search and, unless Allow is nil, the ordinals of the rows that
// may be found in it. Ordinals that no live row has are not found.
type Target struct {
	View  *View
	Allow *roaring.Bitmap
}

// Candidate is a point of the answer. Distance is as in flow.Hit: squared L2,
// Manhattan, 1-cosine (0 to 2), or -dot, and never NaN or infinite: beyond the range
// of float32 it is ±math.MaxFloat32. Distances are of the vectors themselves, exact or
// not. The ID shares memory with the View.
type Candidate struct {
	Slot     uint64
	ID       flow.PointID
	Distance float32
	// Target is the position of the candidate's view among those searched.
	Target int
}

// compare orders candidates by distance, then id, as flow.Hit.Less does, and at last
// by target and slot.
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
	case c.Target != o.Target:
		return c.Target - o.Target
	case c.Slot < o.Slot:
		return -1
	case c.Slot > o.Slot:
		return 1
	}
	return 0
}

// Scratch is the working memory of a search, to be used again by later ones, of any
// views, one at a time. The zero value is ready.
type Scratch struct {
	unit flow.Vector
	top  top
}

// Search returns the K nearest points of the view ordered by (Distance, ID), all
// points if there are fewer. It panics on a vector of another dimension.
func (v *View) Search(q Query) []Candidate {
	return SearchAll(nil, []Target{{View: v}}, q, new(Scratch))
}

// SearchAll appends to dst the K nearest allowed points of all the views together,
// ordered by (Distance, ID), all allowed points if there are fewer. It costs less than
// searching one view after the other. With room in dst and a Scratch that has been used
// before, it allocates nothing. It panics on views of different Configs and on a vector
// of another dimension.
func SearchAll(dst []Candidate, targets []Target, q Query, s *Scratch) []Candidate {
	live := 0
	for i, t := range targets {
		v := t.View
		if len(q.Vector) != v.cfg.Dim || v.cfg.Metric != targets[0].View.cfg.Metric {
			panic(fmt.Sprintf("index: query of %d components, view %d has %d under %v", len(q.Vector), i, v.cfg.Dim, v.cfg.Metric))
		}
		live += v.live
	}
	k := min(q.K, live)
	if k <= 0 {
		return dst
	}
	if targets[0].View.cfg.Metric == flow.Cosine {
		s.unit = append(s.unit[:0], q.Vector...)
		distance.Normalize(s.unit, q.Vector)
		q.Vector = s.unit
	}
	s.top.reset(k)
	for i := range targets {
		for _, b := range targets[i].View.sealed {
			scan(&targets[i], i, b, &q, &s.top)
		}
		scan(&targets[i], i, &targets[i].View.tail, &q, &s.top)
	}
	runtime.KeepAlive(targets)
	return append(dst, s.top.sorted()...)
}

// scan offers a block's live and allowed rows to best.
func scan(t *Target, target int, b *block, q *Query, best *top) {
	var buf [wordRows]float32
	stride := t.View.stride
	for first := 0; first < len(b.slots); first += wordRows {
		out := buf[:min(wordRows, len(b.slots)-first)]
		dead := b.deadWord(first / wordRows)
		if dead == math.MaxUint64 {
			continue
		}
		distances(t.View.cfg.Metric, out, q.Vector, b.rows[first*stride:], stride)
		for i, d := range out {
			if d > best.bound || dead>>i&1 != 0 {
				continue
			}
			c := Candidate{Slot: b.slots[first+i], ID: b.ids.at(first + i), Distance: d, Target: target}
			if best.admits(&c) && (t.Allow == nil || t.Allow.Contains(b.ordinals[first+i])) {
				best.add(c)
			}
		}
	}
}

// distances sets out to the distances of the first len(out) rows, all finite.
func distances(metric flow.Metric, out, q, rows []float32, stride int) {
	switch metric {
	case flow.Euclid:
		distance.SquaredL2(out, q, rows, stride)
	case flow.Manhattan:
		distance.Manhattan(out, q, rows, stride)
	case flow.Cosine, flow.Dot:
		distance.Dot(out, q, rows, stride)
	default:
		panic(fmt.Sprintf("index: search under metric %d", metric))
	}
	bound(metric, out)
}

// bound turns what kernels give into distances, all finite.
func bound(metric flow.Metric, out []float32) {
	switch metric {
	case flow.Cosine:
		for i, d := range out {
			// Rounding can make the cosine of two unit vectors a little more than 1.
			out[i] = bounded(1-d, 0, 2)
		}
	case flow.Dot:
		for i, d := range out {
			// 0-d and not -d: the distance must not be -0.
			out[i] = bounded(0-d, -math.MaxFloat32, math.MaxFloat32)
		}
	default:
		for i, d := range out {
			out[i] = bounded(d, 0, math.MaxFloat32)
		}
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
