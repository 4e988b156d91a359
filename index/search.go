package index

import (
	"runtime"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// Query asks for the points nearest to a vector.
type Query struct {
	// Vector has the index's dimension and only finite components.
	Vector flow.Vector
	// K is how many candidates to return; none for 0 or less.
	K int
	// EF is how many rows a walk of the graphs keeps in view, at least K; 0 is the index's
	// choice: 64 in one graph, down to 32 in many, and more for a large K.
	// More takes longer and finds more.
	EF int
	// Exact compares every point. Without it an approximate answer is allowed.
	Exact bool
	// Oversampling is how many times K candidates of a quantised walk are compared in full;
	// 0 leaves it to the index.
	Oversampling float64
	// WalkRows, if not 0, is how many rows a segment must have for its graph to be walked
	// whatever that costs; else it is when that costs less than comparing all rows.
	WalkRows int
	// Bridges, if not nil, join the graphs of the views; they may be those of other graphs.
	Bridges *Bridges
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
// views, one at a time: a host keeps one for each worker. The zero value is ready.
type Scratch struct {
	// Stats counts what the searches with this Scratch have done; reset it at will.
	Stats Stats

	unit   flow.Vector
	pieces []piece
	masks  []uint64
	allow  roaring.ManyIntIterator
	dense  []uint64 // allowed ordinals
	top    top
	list   list
	parts  []graph.Part
	walked []int // the piece of each part
	ef     int   // of the walk
	walk   graph.Scratch
	batch  batch
}

// Stats counts the work of searches.
type Stats struct {
	// Walks is how many searches walked graphs, Short how many of the walks found too
	// little, so that rows were compared one by one.
	Walks, Short int
	// Scanned is how many rows were compared one by one.
	Scanned int
	// Distances is how many distances the walks computed, Hops how many rows they expanded.
	Distances, Hops int
}

// Search returns the K nearest points of the view ordered by (Distance, ID), all
// points if there are fewer. It panics on a vector of another dimension.
func (v *View) Search(q Query) []Candidate {
	return SearchAll(nil, []Target{{View: v}}, q, new(Scratch))
}

// SearchAll appends to dst the K nearest allowed points of all the views together,
// ordered by (Distance, ID), all allowed points if there are fewer. It costs less than
// searching one view after the other: all graphs are walked at once, for one list of
// the best. With room in dst and a Scratch that has been used before, it allocates
// nothing. It panics on views of different Configs and on a vector of another dimension.
func SearchAll(dst []Candidate, targets []Target, q Query, s *Scratch) []Candidate {
	check(targets, len(q.Vector))
	if k := min(q.K, s.gather(targets)); k > 0 {
		cfg := &targets[0].View.cfg
		if !q.Exact {
			s.plan(cfg, &q, k)
		}
		dst = s.run(dst, cfg.Metric, q, k)
	}
	s.release()
	runtime.KeepAlive(targets)
	return dst
}

// run searches the pieces as it was planned.
func (s *Scratch) run(dst []Candidate, metric flow.Metric, q Query, k int) []Candidate {
	s.top.reset(k)
	q.Vector = s.aim(metric, q.Vector)
	for i := range s.pieces {
		if !s.pieces[i].walk {
			s.scan(metric, q.Vector, i)
		}
	}
	s.follow(metric, &q)
	return append(dst, s.top.sorted()...)
}

// aim returns the vector that the kernels compare with the rows.
func (s *Scratch) aim(metric flow.Metric, v flow.Vector) flow.Vector {
	if metric != flow.Cosine {
		return v
	}
	s.unit = slices.Grow(s.unit[:0], len(v))[:len(v)]
	distance.Normalize(s.unit, v)
	return s.unit
}

// follow walks the graphs of the pieces that are to be walked, and offers what it finds.
// If that is less than there is, it compares all their rows instead.
func (s *Scratch) follow(metric flow.Metric, q *Query) {
	if len(s.parts) == 0 {
		return
	}
	there := 0
	for _, i := range s.walked {
		there += s.pieces[i].eligible
	}
	k := s.top.k
	s.walk.Stats = graph.Stats{}
	hits := graph.Walk(s.parts, graph.Query{Vector: q.Vector, K: k, EF: s.ef, Oversampling: q.Oversampling, Bridges: q.Bridges}, &s.walk)
	s.Stats.Walks++
	s.Stats.Distances += s.walk.Stats.Distances
	s.Stats.Hops += s.walk.Stats.Hops
	if len(hits) < min(k, there) {
		s.Stats.Short++
		for _, i := range s.walked {
			s.scan(metric, q.Vector, i)
		}
		return
	}
	for _, h := range hits {
		s.top.offer(&s.pieces[s.walked[h.Part]], int(h.Row), h.Distance)
	}
}

// release lets go of the views, which hold much memory.
func (s *Scratch) release() {
	clear(s.pieces)
	clear(s.parts)
	clear(s.top.heap)
	s.allow = roaring.ManyIntIterator{}
	s.pieces, s.parts, s.walked, s.top.heap = s.pieces[:0], s.parts[:0], s.walked[:0], s.top.heap[:0]
}
