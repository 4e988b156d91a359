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
}

// Hit is a row that a walk has found, with the distance that Measure gives it.
type Hit struct {
	Part     int
	Row      uint32
	Distance float32
}

// Stats counts what walks have done.
type Stats struct {
	// Distances is how many distances were computed, Hops how many nodes were expanded.
	Distances, Hops int
}

// Walk returns the K nearest rows it finds in all parts, nearest first, ties by part
// and row. The hits are the Scratch's, and valid until its next use.
func Walk(parts []Part, q Query, s *Scratch) []Hit {
	total := 0
	for i := range parts {
		total += parts[i].Graph.rows.Len()
	}
	if total > maxRef {
		panic(fmt.Sprintf("graph: walk through %d rows, more than %d", total, maxRef))
	}
	s.begin(total)
	k := max(q.K, 0)
	s.prepare(parts, &q)
	s.best.reset(max(k, s.again))
	for i := range parts {
		s.pool.reset(max(q.EF, k, s.again, 1))
		s.far.reset()
		s.enter(&parts[i], i)
		s.follow(&parts[i], i)
		for _, e := range s.pool.entries[:min(s.best.limit, len(s.pool.entries))] {
			s.best.add(e)
		}
	}
	hits := s.collect(parts, &q)
	runtime.KeepAlive(parts)
	return hits
}

// prepare numbers the rows of all parts and brings the query into the form of each.
func (s *Scratch) prepare(parts []Part, q *Query) {
	s.bases, s.again = s.bases[:0], 0
	for len(s.targets) < len(parts) {
		s.targets = append(s.targets, target{})
	}
	base := 0
	for i := range parts {
		g := parts[i].Graph
		s.bases = append(s.bases, uint32(base))
		base += g.rows.Len()
		sp := g.walkSpace()
		sp.aim(&s.targets[i], q.Vector)
		if g.codes != nil {
			s.again = max(s.again, q.again(g.codes.words != nil))
		}
	}
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

// enter goes down the upper layers of a part and offers all that it meets.
func (s *Scratch) enter(p *Part, part int) {
	if p.Graph.rows.Len() == 0 {
		return
	}
	base := s.bases[part]
	s.descend(p.Graph.layers, p.Graph.walkSpace(), &s.targets[part], base, len(p.Graph.layers)-1, 1)
	for i, row := range s.met {
		s.offer(p, base, row, s.metDistances[i])
	}
}

// offer puts a row into the pool, or where those that are not returned wait.
func (s *Scratch) offer(p *Part, base, row uint32, d float32) {
	e := newEntry(d, base+row)
	switch {
	case e >= s.pool.bound():
	case p.returns(row):
		s.pool.add(e)
	default:
		s.far.push(e)
	}
}

// follow expands the nearest entries until all that are left are beyond the pool.
func (s *Scratch) follow(p *Part, part int) {
	base, sp := s.bases[part], p.Graph.walkSpace()
	for {
		e, ok := s.nearest()
		if !ok {
			return
		}
		s.gather(&p.Graph.layers[0], e.ref()-base, base)
		s.measure(sp, &s.targets[part])
		for i, row := range s.at {
			s.offer(p, base, row, s.out[i])
		}
	}
}

// nearest takes the nearest unexpanded entry.
func (s *Scratch) nearest() (entry, bool) {
	if e, ok := s.far.top(); ok {
		if e < s.pool.frontier() {
			s.far.pop()
			return e, e < s.pool.bound()
		}
	}
	return s.pool.pop()
}

// part returns which part a ref belongs to.
func (s *Scratch) part(ref uint32) int {
	lo, hi := 0, len(s.bases)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; s.bases[mid] <= ref {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// collect returns the K best entries as hits, with the distances that Measure gives.
func (s *Scratch) collect(parts []Part, q *Query) []Hit {
	k := min(max(q.K, 0), len(s.best.entries))
	s.hits = s.hits[:0]
	measured := true
	for _, e := range s.best.entries {
		part := s.part(e.ref())
		sp := parts[part].Graph.walkSpace()
		measured = measured && sp.measured(&s.targets[part], e.distance())
		s.hits = append(s.hits, Hit{Part: part, Row: e.ref() - s.bases[part], Distance: e.distance()})
	}
	if !measured {
		for i := range s.hits {
			h := &s.hits[i]
			s.at, s.out = append(s.at[:0], h.Row), resized(s.out, 1)
			parts[h.Part].Graph.rows.DistancesAt(s.out, q.Vector, s.at)
			h.Distance = s.out[0]
		}
		s.Stats.Distances += len(s.hits)
		slices.SortFunc(s.hits, Hit.compare)
	}
	return s.hits[:k]
}

func (h Hit) compare(o Hit) int {
	return cmp.Or(cmp.Compare(h.Distance, o.Distance), cmp.Compare(h.Part, o.Part), cmp.Compare(h.Row, o.Row))
}
