package graph

import (
	"cmp"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	// bridgeEF is how many rows the walk for the end of a bridge keeps in view.
	bridgeEF = 8
	// hubBeam is the narrowest beam in the hub, whose best rows show where the others begin.
	hubBeam = 10
	// bridgesCrossed is how many of the hub's best rows lead into each other graph.
	bridgesCrossed = 6
)

// Bridges lead from every row of one graph, the hub, to a row near it in each of other
// graphs. A walk through all of them finds its way in the hub, and begins in the others
// where it has come to, not far away. They choose where walks begin and decide nothing
// else. They are immutable, and hold no graph.
type Bridges struct {
	hub identity
	to  map[identity][]uint32
}

// identity tells graphs apart, as far as a walk must know.
type identity struct {
	digest uint64
	rows   int
}

func (g *Graph) identity() identity { return identity{g.digest, g.rows.Len()} }

// Bytes returns the memory that the bridges take.
func (b *Bridges) Bytes() uint64 {
	if b == nil {
		return 0
	}
	return 4 * uint64(b.size()) * uint64(len(b.to))
}

// size returns how many rows the hub has.
func (b *Bridges) size() int {
	if b == nil {
		return 0
	}
	return b.hub.rows
}

// Graphs returns how many graphs are joined, the hub included; 0 for none.
func (b *Bridges) Graphs() int {
	if b == nil {
		return 0
	}
	return len(b.to) + 1
}

// Bridging builds Bridges in slices. It may be used on another goroutine than the one
// that made it.
type Bridging struct {
	hub     *Graph
	left    []*Graph // to be joined
	row     int      // the next one of the hub
	rows    []uint32 // the ends in left[0]
	bridges *Bridges
	v       flow.Vector
	scratch Scratch
}

// NewBridging returns what builds the bridges between those of the graphs, all of one
// Config, that have at least so many rows. Of the bridges that there are it keeps those
// that still serve, and their hub unless another graph has twice its rows. It returns
// nil if those that there are need no change. Bridges are nil where there is nothing to join.
func NewBridging(have *Bridges, graphs []*Graph, least int) *Bridging {
	graphs = slices.DeleteFunc(slices.Clone(graphs), func(g *Graph) bool { return g.rows.Len() < max(least, 1) })
	if len(graphs) < 2 && have == nil {
		return nil
	}
	if len(graphs) < 2 {
		return &Bridging{}
	}
	slices.SortFunc(graphs, func(a, b *Graph) int {
		return cmp.Or(cmp.Compare(b.rows.Len(), a.rows.Len()), cmp.Compare(a.digest, b.digest))
	})
	hub := graphs[0]
	if have != nil {
		if i := slices.IndexFunc(graphs, func(g *Graph) bool { return g.identity() == have.hub }); i >= 0 && 2*have.hub.rows > hub.rows.Len() {
			hub = graphs[i]
		}
	}
	b := &Bridging{hub: hub, bridges: &Bridges{hub: hub.identity(), to: map[identity][]uint32{}}, v: make(flow.Vector, hub.rows.dim)}
	keeps := have != nil && have.hub == b.bridges.hub
	for _, g := range graphs {
		if g == hub {
			continue
		}
		if keeps && have.to[g.identity()] != nil {
			b.bridges.to[g.identity()] = have.to[g.identity()]
			continue
		}
		b.left = append(b.left, g)
	}
	if len(b.left) == 0 && keeps && len(have.to) == len(b.bridges.to) {
		return nil
	}
	return b
}

// Step builds the ends of so many bridges, and says whether all are there.
func (b *Bridging) Step(budget int) (done bool) {
	for ; budget > 0 && len(b.left) > 0; budget-- {
		to := b.left[0]
		b.hub.rows.Vector(b.v, b.row)
		hit := Walk([]Part{{Graph: to}}, Query{Vector: b.v, K: 1, EF: bridgeEF}, &b.scratch)[0]
		b.rows = append(b.rows, hit.Row)
		if b.row++; b.row == b.hub.rows.Len() {
			b.bridges.to[to.identity()] = b.rows
			b.left, b.rows, b.row = b.left[1:], nil, 0
		}
	}
	return len(b.left) == 0
}

// Rows returns how many ends are still to be built.
func (b *Bridging) Rows() int { return len(b.left)*b.bridges.size() - b.row }

// Dim returns the dimension of the graphs.
func (b *Bridging) Dim() int { return len(b.v) }

// Bridges returns what was built, once Step has returned true.
func (b *Bridging) Bridges() *Bridges { return b.bridges }

// cross looks for the query in the hub and has the trails that bridges lead to begin near
// what it finds. The hub, whose scouting is over then, is taken out of active.
func (s *Scratch) cross(b *Bridges, beam int) {
	i := slices.IndexFunc(s.active, func(t *trail) bool { return t.part.Graph.identity() == b.hub })
	if i < 0 {
		return
	}
	hub := s.active[i]
	wide := max(beam, hubBeam)
	hub.start(s, wide)
	for hub.step(s, wide) {
	}
	s.leave(hub)
	copy(s.active[i:], s.active[i+1:])
	s.active = s.active[:len(s.active)-1]
	best := hub.pool.entries[:min(bridgesCrossed, len(hub.pool.entries))]
	for _, t := range s.active {
		rows := b.to[t.part.Graph.identity()]
		if rows == nil || len(best) == 0 {
			continue // by its sketches, then
		}
		t.reset(s, beam)
		t.crossed = true
		for _, e := range best {
			if row := rows[e.ref()-hub.base]; s.see(t.base + row) {
				t.at = append(t.at, row)
			}
		}
		t.space.prefetch(t.at)
	}
}
