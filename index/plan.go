package index

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// efOf returns how many rows the walk of some graphs for a query of k candidates keeps:
// if the index is to choose, 64 in one graph and fewer in more, down to 32. Each graph is
// a beginning of its own; of images and clusters in 1 and 16 graphs, 64 and 32 find .994 or
// more.
func efOf(q *Query, k, graphs int) int {
	if q.EF > 0 {
		return max(q.EF, k)
	}
	return max(k+k/graphs, 32+32/graphs)
}

// What comparing costs, in nanoseconds of a Zen 3 core, of which only the ratios
// matter: some, and some for each 64 bytes of a row. A scan is told which rows come next; a
// walk fetches rows that nothing could foresee. Where few rows may be returned, a walk
// leaps over the others (see package graph): then it computes few distances, and its
// hops are what costs.
const (
	scanCost, scanLineCost = 10, 4
	walkCost, walkLineCost = 120, 8
	leapCost, leapLineCost = 2000, 25
	// entryDistances and entryHops are about what it takes to come into a graph.
	entryDistances, entryHops = 80, 10
	// leapShare is the part of the rows, 1/leapShare, below which a walk leaps.
	leapShare = 3
	// scanShare is the part of the rows, 1/scanShare, below which a walk finds too little:
	// in 2 of 100 rows, .87 to .99 of the nearest.
	scanShare = 32
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

// costs returns what comparing a row costs in a scan and in a walk, and what a leap costs.
func costs(cfg *Config) (scan, distance, leap int) {
	lines := (4*cfg.Dim + 63) / 64
	walked := lines
	switch cfg.Quantization {
	case flow.Int8:
		walked = (cfg.Dim + 63) / 64
	case flow.Binary:
		walked = (cfg.Dim + 511) / 512
	}
	return scanCost + lines*scanLineCost, walkCost + walked*walkLineCost, leapCost + walked*leapLineCost
}

// plan decides which pieces are walked: those whose part of a walk costs less than
// comparing their eligible rows, and those that the query wants walked. Replicas must
// decide alike: it reckons in whole numbers.
func (s *Scratch) plan(cfg *Config, q *Query, k int) {
	eligible, graphs := 0, 0
	for i := range s.pieces {
		if p := &s.pieces[i]; p.graph != nil {
			eligible, graphs = eligible+p.eligible, graphs+1
		}
	}
	if graphs == 0 {
		return
	}
	s.ef = efOf(q, k, graphs)
	scan, distance, leap := costs(cfg)
	for i := range s.pieces {
		p := &s.pieces[i]
		if !p.walkable() {
			continue
		}
		var walk int
		if p.eligible*leapShare <= len(p.slots) {
			walk = (entryHops + s.ef*p.eligible/eligible) * leap
		} else {
			// Rows that must not be returned are compared too: of twice the rows, half as many again.
			distances := entryDistances + distancesOf(s.ef)*p.eligible/eligible
			walk = distances * (p.eligible + len(p.slots)) / (2 * p.eligible) * distance
		}
		if walk < p.eligible*scan || q.WalkRows > 0 && len(p.slots) >= q.WalkRows {
			s.choose(i)
		}
	}
}

// walkable says whether a walk of the piece finds what there is.
func (p *piece) walkable() bool { return p.graph != nil && p.eligible*scanShare >= len(p.slots) }

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
