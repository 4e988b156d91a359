package index

import "github.com/ruvector-flow/ruvector-flow/index/graph"

// The EF of a query that leaves it to the index: 64 in one graph. Each graph beyond the
// first is a beginning of its own, and finds as much with less in view: of images in 1, 5
// and 16 graphs, 64, 35 and 16 find the same (.997).
const (
	graphsEF     = 320
	beforeGraphs = 4
)

// efOf returns how many rows the walk of some graphs for a query of k candidates keeps.
func efOf(q *Query, k, graphs int) int {
	if q.EF > 0 {
		return max(q.EF, k)
	}
	return max(k+k/graphs, graphsEF/(graphs+beforeGraphs))
}

// What comparing costs, in nanoseconds of a Zen 3 core, of which only the ratios
// matter: some, and some for each 64 bytes of a row. A walk fetches rows that nothing
// could foresee; a scan is told which come next.
const (
	scanCost, scanLineCost = 10, 4
	walkCost, walkLineCost = 120, 8
	// entryDistances is about how many distances it takes to come into a graph.
	entryDistances = 80
)

// distancesOf returns about how many distances a walk with an ef computes: measured, on
// images and on clusters, half as many again each time that ef doubles.
func distancesOf(ef int) int {
	n := 160
	for e := 8; e < ef; e *= 2 {
		n += n / 2
	}
	return n
}

// plan decides which pieces are walked: those whose share of a walk costs less than
// comparing their eligible rows. A walk among rows of which a part s is eligible costs
// s^(-2/3) times as much as one among eligible rows alone (measured from 1/2 to 1/100).
//
// Replicas must decide alike. Products of floats are the same on every machine, which
// sums of products and powers need not be.
func (s *Scratch) plan(cfg *Config, q *Query, k int) {
	rows, eligible, graphs := 0, 0, 0
	for i := range s.pieces {
		if p := &s.pieces[i]; p.graph != nil {
			rows, eligible, graphs = rows+len(p.slots), eligible+p.eligible, graphs+1
		}
	}
	if graphs == 0 {
		return
	}
	s.ef = efOf(q, k, graphs)
	lines := (4*cfg.Dim + 63) / 64
	scan, distance := scanCost+lines*scanLineCost, walkCost+lines*walkLineCost
	walk := distancesOf(s.ef) * distance
	for i := range s.pieces {
		p := &s.pieces[i]
		if p.graph == nil {
			continue
		}
		a, b := float64(p.eligible*scan), float64(walk*p.eligible/eligible+entryDistances*distance)
		if of, all := float64(eligible), float64(rows); a*a*a*of*of > b*b*b*all*all {
			s.choose(i)
		}
	}
}

// choose has the graph of a piece walked.
func (s *Scratch) choose(i int) {
	p := &s.pieces[i]
	p.walk = true
	part := graph.Part{Graph: p.graph, Dead: p.dead}
	if p.mask != nil {
		part.Dead, part.Allow = nil, p.mask
	}
	s.parts = append(s.parts, part)
	s.walked = append(s.walked, i)
}
