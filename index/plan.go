package index

import "github.com/ruvector-flow/ruvector-flow/index/graph"

// minEF is the least EF of a query that leaves it to the index.
const minEF = 64

// efOf returns how many rows the walk for a query of k candidates keeps.
func efOf(q *Query, k int) int {
	if q.EF > 0 {
		return max(q.EF, k)
	}
	return max(2*k, minEF)
}

// plan decides which pieces are walked.
func (s *Scratch) plan(cfg *Config, q *Query) {
	if q.Exact {
		return
	}
	for i := range s.pieces {
		p := &s.pieces[i]
		if p.graph == nil {
			continue
		}
		p.walk = true
		part := graph.Part{Graph: p.graph, Dead: p.dead}
		if p.mask != nil {
			part.Dead, part.Allow = nil, p.mask
		}
		s.parts = append(s.parts, part)
		s.walked = append(s.walked, i)
	}
}
