package graph

// Scratch is the memory of a walk, to be used again by the next one. The zero value is
// ready for use; a Scratch serves one goroutine at a time.
type Scratch struct {
	// Stats counts what the walks with this Scratch have done; reset it at will.
	Stats Stats

	// trails are the walks through the parts, of which there are count; active are those
	// of parts with rows.
	trails []trail
	count  int
	active []*trail
	// several says that the walk began with more than one; bridges lead into some, or are nil.
	several bool
	bridges *Bridges
	// pool and far are what the trails have come to: the best rows of all, and those to
	// be expanded that must not be returned.
	pool    pool
	far     queue
	flights [2]flight
	// sketch and outline are those of the query, sifted the rows of a hop with the distances of theirs.
	sketch       [sketchDims]float32
	sketchTarget target
	outline      [outlineDims]float32
	sifted       []entry
	// seen has a bit for each row met; touched lists them, to be cleared.
	seen    []uint64
	touched []uint32
	// at holds the rows and nodes the nodes of a hop, out their distances.
	at, nodes []uint32
	out       []float32
	// met holds the rows that a descent has met.
	met          []uint32
	metDistances []float32
	again        int // how many candidates are measured again
	hits         []Hit
}

// begin prepares for a walk through that many rows.
func (s *Scratch) begin(rows int) {
	s.forget()
	if words := (rows + 63) / 64; len(s.seen) < words {
		s.seen = make([]uint64, words)
	}
}

// forget clears what the last walk has seen.
func (s *Scratch) forget() {
	for _, ref := range s.touched {
		s.seen[ref/64] = 0
	}
	s.touched = s.touched[:0]
}

// see marks a row and says whether it was not seen before.
func (s *Scratch) see(ref uint32) bool {
	w, b := &s.seen[ref/64], uint64(1)<<(ref%64)
	if *w&b != 0 {
		return false
	}
	*w |= b
	s.touched = append(s.touched, ref)
	return true
}

// gather lists the neighbours of a node that were not seen before.
func (s *Scratch) gather(l *layer, node, base uint32) {
	s.Stats.Hops++
	s.at, s.nodes = s.at[:0], s.nodes[:0]
	for _, n := range l.neighbours(node) {
		if n == none {
			break
		}
		if row := l.row(n); s.see(base + row) {
			s.at, s.nodes = append(s.at, row), append(s.nodes, n)
		}
	}
}

// measure computes the distances of what gather has listed.
func (s *Scratch) measure(sp space, t *target) {
	s.Stats.Distances += len(s.at)
	s.out = resized(s.out, len(s.at))
	sp.at(s.out, t, s.at)
}

// descend goes from the first node of layer top to the nearest node it finds in layer
// end, by steps to nearer neighbours, and lists all it meets on the way. It returns
// that node's row. Below the lowest of these layers nothing that was met is nearer.
func (s *Scratch) descend(layers []layer, sp space, t *target, base uint32, top, end int) entry {
	s.met, s.metDistances = s.met[:0], s.metDistances[:0]
	best := layers[top].row(0)
	s.at, s.nodes = append(s.at[:0], best), append(s.nodes[:0], 0)
	s.see(base + best)
	s.measure(sp, t)
	nearest := newEntry(s.out[0], best)
	s.met, s.metDistances = append(s.met, best), append(s.metDistances, s.out[0])
	for l := top; l >= end; l-- {
		node := layers[l].node(nearest.ref())
		for moved := true; moved; {
			moved = false
			s.gather(&layers[l], node, base)
			s.measure(sp, t)
			for i, row := range s.at {
				if e := newEntry(s.out[i], row); e < nearest {
					nearest, node, moved = e, s.nodes[i], true
				}
			}
			s.met, s.metDistances = append(s.met, s.at...), append(s.metDistances, s.out...)
		}
	}
	return nearest
}

// queue is a binary heap with the least entry at the root.
type queue struct{ entries []entry }

func (q *queue) reset() { q.entries = q.entries[:0] }

func (q *queue) top() (entry, bool) {
	if len(q.entries) == 0 {
		return 0, false
	}
	return q.entries[0], true
}

func (q *queue) push(e entry) {
	q.entries = append(q.entries, e)
	i := len(q.entries) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if q.entries[parent] <= e {
			break
		}
		q.entries[i] = q.entries[parent]
		i = parent
	}
	q.entries[i] = e
}

func (q *queue) pop() {
	n := len(q.entries) - 1
	e := q.entries[n]
	q.entries = q.entries[:n]
	if n == 0 {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && q.entries[child+1] < q.entries[child] {
			child++
		}
		if e <= q.entries[child] {
			break
		}
		q.entries[i] = q.entries[child]
		i = child
	}
	q.entries[i] = e
}
