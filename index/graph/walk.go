package graph

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// defaultOversampling is how many times K candidates found by bytes are measured again.
const defaultOversampling = 3

// Part is a graph that takes part in a walk.
type Part struct {
	Graph *Graph
	// Dead has a bit for each row that is no longer there; nil or short where none is.
	// Such rows lead the walk on and are not returned.
	Dead []uint64
	// Allow, if not nil, has a bit for each row that may be returned.
	Allow []uint64
}

// returns says whether a row may be a hit.
func (p *Part) returns(row uint32) bool {
	return !bit(p.Dead, row) && (p.Allow == nil || bit(p.Allow, row))
}

func bit(words []uint64, i uint32) bool {
	w := int(i / 64)
	return w < len(words) && words[w]>>(i%64)&1 != 0
}

// Query asks for the rows nearest to a vector.
type Query struct {
	// Vector has the parts' dimension and only finite components, and is normalised
	// under the cosine metric.
	Vector flow.Vector
	// K is how many hits to return.
	K int
	// EF is how many of the best rows the walk keeps while it goes on, at least K: more
	// find more of the nearest and cost more. One EF is shared by all parts.
	EF int
	// Oversampling is how many times K candidates of a walk on codes are measured again
	// on their float32 rows; 0 for 3, or, where codes are bits, for all EF. It has no effect
	// without codes.
	Oversampling float64
	// Bridges, if not nil, lead from one part into others; those of other graphs do no harm.
	Bridges *Bridges
}

// Hit is a row that a walk has found, with the distance that Measure gives it.
type Hit struct {
	Part     int
	Row      uint32
	Distance float32
}

// Stats counts what walks have done.
type Stats struct {
	// Distances is how many distances of rows, or of the codes in their place, were computed
	// (not those of sketches and outlines), Hops how many nodes were expanded.
	Distances, Hops int
}

// Walk returns the K nearest rows it finds in all parts, nearest first, ties by part
// and row. The parts share one list of the EF best rows and one walk at the end; before
// that, each is scouted by itself. The hits are the Scratch's, and valid until its next use.
func Walk(parts []Part, q Query, s *Scratch) []Hit {
	total := 0
	for i := range parts {
		total += parts[i].Graph.rows.Len()
	}
	if total > maxRef {
		panic(fmt.Sprintf("graph: walk through %d rows, more than %d", total, maxRef))
	}
	s.begin(total)
	s.prepare(parts, &q)
	ef := max(q.EF, q.K, s.again, 1)
	s.pool.reset(ef)
	s.far.reset()
	s.bridges = q.Bridges
	s.scout(ef)
	s.follow(ef)
	hits := s.collect(&q)
	s.release()
	runtime.KeepAlive(parts)
	return hits
}

// prepare numbers the rows of all parts and brings the query into the form of each.
func (s *Scratch) prepare(parts []Part, q *Query) {
	s.again = 0
	for len(s.trails) < len(parts) {
		s.trails = append(s.trails, trail{})
	}
	base := uint32(0)
	sketch(s.sketch[:], q.Vector)
	sketch(s.outline[:], q.Vector)
	s.active = s.active[:0]
	for i := range parts {
		t := &s.trails[i]
		t.part, t.base = &parts[i], base
		g := t.part.Graph
		t.space = g.walkSpace()
		if i > 0 && g.codes == nil && g.rows.bytes != nil && s.trails[i-1].target.bytes != nil && s.trails[i-1].space.codes == nil {
			t.target.floats, t.target.bytes = q.Vector, s.trails[i-1].target.bytes
		} else {
			t.space.aim(&t.target, q.Vector)
		}
		t.picky, t.leap = t.part.choosy()
		t.crossed = false
		if g.codes != nil {
			s.again = max(s.again, q.again(g.codes.words != nil))
		}
		if g.rows.Len() > 0 {
			s.active = append(s.active, t)
		}
		base += uint32(g.rows.Len())
	}
	s.count = len(parts)
}

// release forgets the parts, so that a Scratch does not keep their memory.
func (s *Scratch) release() {
	for i := range s.trails[:s.count] {
		t := &s.trails[i]
		t.part, t.space = nil, space{}
		t.target.forget()
		t.outline.forget()
	}
	clear(s.active[:cap(s.active)])
	s.bridges = nil
	s.flights[0].trail, s.flights[1].trail = nil, nil
}

// again returns how many candidates are measured again.
func (q *Query) again(bits bool) int {
	oversampling := q.Oversampling
	switch {
	case oversampling <= 0 && bits:
		return max(q.EF, q.K)
	case oversampling <= 0:
		oversampling = defaultOversampling
	}
	return int(min(math.Ceil(float64(q.K)*max(oversampling, 1)), maxRef))
}

// trail returns which part a ref belongs to.
func (s *Scratch) trail(ref uint32) int {
	lo, hi := 0, s.count
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.trails[mid].base <= ref {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// collect returns the K best entries as hits, with the distances that Measure gives.
func (s *Scratch) collect(q *Query) []Hit {
	s.hits = s.hits[:0]
	measured := true
	for _, e := range s.pool.entries[:min(max(q.K, s.again, 0), len(s.pool.entries))] {
		i := s.trail(e.ref())
		t := &s.trails[i]
		measured = measured && t.space.measured(&t.target, e.distance())
		s.hits = append(s.hits, Hit{Part: i, Row: e.ref() - t.base, Distance: e.distance()})
	}
	if !measured {
		for i := range s.hits {
			h := &s.hits[i]
			s.at, s.out = append(s.at[:0], h.Row), resized(s.out, 1)
			s.trails[h.Part].part.Graph.rows.DistancesAt(s.out, q.Vector, s.at)
			h.Distance = s.out[0]
		}
		s.Stats.Distances += len(s.hits)
		slices.SortFunc(s.hits, Hit.compare)
	}
	return s.hits[:min(max(q.K, 0), len(s.hits))]
}

func (h Hit) compare(o Hit) int {
	return cmp.Or(cmp.Compare(h.Distance, o.Distance), cmp.Compare(h.Part, o.Part), cmp.Compare(h.Row, o.Row))
}
