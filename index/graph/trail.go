package graph

import (
	"math"
	"math/bits"
)

// leapShare is the share of a part's rows, 1/leapShare, that may be returned at most for
// the walk to go from one of them to the next and leave the others out.
const leapShare = 3

// minBeam is the narrowest beam: the nearest row alone is often the end of a way that
// leads nowhere.
const minBeam = 3

// trail is a walk through one part.
type trail struct {
	part   *Part
	base   uint32 // what its rows' numbers begin at
	space  space
	target target
	// picky: some rows must not be returned. leap: most of them.
	picky, leap bool

	// The beam best rows that scouting has found, and where it stands: the layer, the node
	// there, the rows to be measured next and their nodes, the nearest row.
	pool      pool
	far       queue
	layer     int
	node      uint32
	at, nodes []uint32
	nearest   entry
	entered   bool // at was chosen by sketches
	// row is the one to be expanded, if one is chosen.
	row    uint32
	chosen bool
	// sifting: the rows at are those whose outlines are to be compared with the query's.
	sifting bool
	outline target
	// crossed says that a bridge has led here.
	crossed bool
}

// choosy says whether some of the rows must not be returned, and whether they are so many
// that the walk leaps over them.
func (p *Part) choosy() (picky, leap bool) {
	if len(p.Dead) == 0 && p.Allow == nil {
		return false, false
	}
	n, returned := p.Graph.rows.Len(), 0
	for w := range (n + 63) / 64 {
		word := ^uint64(0)
		if p.Allow != nil {
			word = wordOf(p.Allow, w)
		}
		word &^= wordOf(p.Dead, w)
		if rest := n - 64*w; rest < 64 {
			word &= 1<<rest - 1
		}
		returned += bits.OnesCount64(word)
	}
	return returned < n, returned <= n/leapShare
}

func wordOf(words []uint64, w int) uint64 {
	if w < len(words) {
		return words[w]
	}
	return 0
}

// scout looks for the neighbourhood of the query in each part, with a narrow beam, and
// puts the best rows of all into the pool. A part must come near before its rows are
// measured against those of the others: its way there is long, and would else be cut
// off. The parts take turns, so that each one's memory arrives during the others' turns.
func (s *Scratch) scout(ef int) {
	beam := beamOf(ef, len(s.active))
	s.several = len(s.active) > 1
	if s.bridges != nil && s.several {
		s.cross(s.bridges, beam)
	}
	for _, t := range s.active {
		if !t.crossed {
			t.start(s, beam)
		}
	}
	for left := len(s.active); left > 0; {
		for i := 0; i < left; {
			t := s.active[i]
			if t.step(s, beam) {
				i++
				continue
			}
			s.leave(t)
			left--
			copy(s.active[i:], s.active[i+1:])
		}
	}
}

// leave ends the scouting of a part.
func (s *Scratch) leave(t *trail) {
	for _, e := range t.far.entries {
		s.far.push(e)
	}
}

// beamOf returns how many of the best rows scouting expands in each part. In a single one it
// only comes down to the lowest layer. In several, ef over the square root of their number
// finds, with as many rows in all, what one finds with ef (measured with 4 and 16).
func beamOf(ef, parts int) int {
	if parts == 1 {
		return 0
	}
	return max(int(math.Ceil(float64(ef)/math.Sqrt(float64(parts)))), minBeam)
}

// reset prepares for scouting that begins in the lowest layer.
func (t *trail) reset(s *Scratch, beam int) {
	t.pool.reset(max(beam, 1))
	t.far.reset()
	t.layer, t.node, t.nearest, t.entered = 0, 0, ^entry(0), false
	t.chosen, t.sifting = false, false
	t.at = t.at[:0]
	if o := t.part.Graph.outlines; o != nil && s.several {
		o.aim(&t.outline, s.outline[:])
	}
}

// start stands at the nodes with the nearest sketches, or the first node of the highest layer.
func (t *trail) start(s *Scratch, beam int) {
	t.reset(s, beam)
	layers := t.part.Graph.layers
	t.layer = len(layers) - 1
	if k := t.part.Graph.sketches; k != nil && s.several {
		t.enter(s, k)
	} else {
		row := layers[t.layer].row(0)
		t.at, t.nodes = append(t.at[:0], row), append(t.nodes[:0], 0)
		s.see(t.base + row)
	}
	t.space.prefetch(t.at)
}

// step does what can be done without waiting for memory: it measures the rows that were
// listed, or lists the neighbours of the row that was chosen, or sifts them, and asks for
// what the next step needs. It returns false when the beam best rows are expanded.
func (t *trail) step(s *Scratch, beam int) bool {
	switch {
	case t.sifting:
		t.sifting = false
		s.sift(t)
		t.space.prefetch(t.at)
		return true
	case t.chosen:
		t.chosen = false
		if o := t.part.Graph.outlines; o != nil && !t.leap {
			if s.listNew(t, t.row); len(t.at) > 0 {
				t.sifting = true
				o.prefetch(t.at)
				return true
			}
		} else if t.at = s.list(t, t.row, t.at[:0]); len(t.at) > 0 {
			t.space.prefetch(t.at)
			return true
		}
	default:
		s.measureAt(t, t.at)
		s.note(t)
		if t.layer > 0 && t.descend(s) {
			return true
		}
	}
	e, ok := nearest(&t.pool, &t.far, beam)
	if !ok {
		return false
	}
	s.pool.expand(e)
	t.row, t.chosen = e.ref()-t.base, true
	s.at = append(s.at[:0], t.row)
	t.part.Graph.layers[0].prefetch(s.at)
	return true
}

// descend goes on in the upper layers, by steps to nearer nodes, and returns false when
// it has come to the lowest.
func (t *trail) descend(s *Scratch) bool {
	moved := false
	for i, row := range t.at {
		if e := newEntry(s.out[i], row); e < t.nearest {
			t.nearest, t.node, moved = e, t.nodes[i], true
		}
	}
	if t.entered {
		t.entered, moved = false, false // the sketches have chosen among the nodes of the layer
	}
	layers := t.part.Graph.layers
	for {
		if !moved {
			if t.layer--; t.layer == 0 {
				return false
			}
			t.node = layers[t.layer].node(t.nearest.ref())
		}
		moved = false
		s.gather(&layers[t.layer], t.node, t.base)
		if len(s.at) > 0 {
			t.at, t.nodes = append(t.at[:0], s.at...), append(t.nodes[:0], s.nodes...)
			t.space.prefetch(t.at)
			return true
		}
	}
}

// flight is a node whose neighbours' rows are on their way from memory.
type flight struct {
	trail *trail
	at    []uint32
}

// follow expands the nearest entries of the pool until all are expanded. While the rows
// of one node are measured, those of the next arrive.
func (s *Scratch) follow(ef int) {
	now, next := &s.flights[0], &s.flights[1]
	for busy := s.launch(now, ef); busy; {
		ahead := s.launch(next, ef)
		s.measureAt(now.trail, now.at)
		s.offer(now.trail, now.at)
		now.trail.part.Graph.layers[0].prefetch(s.at)
		if !ahead {
			ahead = s.launch(next, ef)
		}
		now, next, busy = next, now, ahead
	}
}

// launch lists the neighbours of the nearest entry that has any not seen before.
func (s *Scratch) launch(f *flight, ef int) bool {
	for {
		e, ok := nearest(&s.pool, &s.far, ef)
		if !ok {
			return false
		}
		f.trail = &s.trails[s.trail(e.ref())]
		f.at = s.list(f.trail, e.ref()-f.trail.base, f.at[:0])
		if len(f.at) > 0 {
			f.trail.space.prefetch(f.at)
			return true
		}
	}
}

// nearest takes the nearest unexpanded entry that is not beyond the beam best of the pool.
func nearest(p *pool, far *queue, beam int) (entry, bool) {
	if beam == 0 {
		return 0, false
	}
	bound := p.bestBound(beam)
	if e, ok := far.top(); ok && e < p.frontier() {
		if e >= bound {
			return 0, false
		}
		far.pop()
		return e, true
	}
	if p.frontier() > bound {
		return 0, false
	}
	return p.pop()
}

// list appends the rows to be measured when a row of the lowest layer is expanded.
func (s *Scratch) list(t *trail, row uint32, at []uint32) []uint32 {
	s.Stats.Hops++
	l := &t.part.Graph.layers[0]
	if t.leap {
		return s.leap(t, l, row, at)
	}
	// Whether a neighbour is new cannot be predicted: nothing branches on it.
	neighbours, m := l.neighbours(row), len(s.touched)
	s.touched = append(s.touched, neighbours...)
	touched, listed := s.touched[m:], 0
	at = resized(at, len(neighbours))
	for _, n := range neighbours {
		if n == none {
			break
		}
		ref := t.base + n
		w, b := &s.seen[ref/64], ref%64
		at[listed], touched[listed] = n, ref
		listed += int(*w>>b&1 ^ 1)
		*w |= 1 << b
	}
	s.touched = s.touched[:m+listed]
	return at[:listed]
}

// leap lists the neighbours that may be returned, and those of the other neighbours
// (Patel et al. 2024): the walk goes through the rows that may be returned as if they were
// linked with each other. It lists no more than a node has links.
func (s *Scratch) leap(t *trail, l *layer, row uint32, at []uint32) []uint32 {
	s.nodes = s.nodes[:0]
	for _, n := range l.neighbours(row) {
		if n == none {
			break
		}
		switch {
		case !t.part.returns(n):
			s.nodes = append(s.nodes, n)
		case s.see(t.base + n):
			at = append(at, n)
		}
	}
	for _, through := range s.nodes {
		if len(at) >= l.degree {
			break
		}
		if !s.see(t.base + through) {
			continue
		}
		for _, n := range l.neighbours(through) {
			if n == none {
				break
			}
			if t.part.returns(n) && s.see(t.base+n) {
				at = append(at, n)
			}
		}
	}
	return at
}

// measureAt computes the distances of rows of a part.
func (s *Scratch) measureAt(t *trail, at []uint32) {
	s.Stats.Distances += len(at)
	s.out = resized(s.out, len(at))
	t.space.at(s.out, &t.target, at)
}

// note puts the rows that a trail has measured into its pool and into that of all, or,
// those that are not returned, where they wait.
func (s *Scratch) note(t *trail) {
	for i, row := range t.at {
		e := newEntry(s.out[i], t.base+row)
		near := e < t.pool.bound()
		switch {
		case !near && e >= s.pool.bound():
		case !t.picky || t.part.returns(row):
			t.pool.add(e)
			s.pool.add(e)
		case near:
			t.far.push(e)
		default:
			s.far.push(e)
		}
	}
}

// offer puts measured rows into the pool, or where those that are not returned wait, and
// lists in s.at those that it did.
func (s *Scratch) offer(t *trail, at []uint32) {
	s.at = s.at[:0]
	for i, row := range at {
		e := newEntry(s.out[i], t.base+row)
		switch {
		case e >= s.pool.bound():
			continue
		case !t.picky || t.part.returns(row):
			s.pool.add(e)
		default:
			s.far.push(e)
		}
		s.at = append(s.at, row)
	}
}
