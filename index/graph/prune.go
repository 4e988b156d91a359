package graph

// pruneStride is how many distances are computed before it is seen whether one decides.
const pruneStride = 4

// pruner chooses links (algorithm 4 of the paper).
type pruner struct {
	target target
	rows   []uint32 // of what is picked
	out    [pruneStride]float32
}

// pick appends to picked those of the candidates, which are sorted, that are nearer to
// the node they are candidates for than to any that is picked before them, up to m. Fewer
// than m candidates are all picked: what few there are keeps a small graph in one piece.
func (p *pruner) pick(picked, candidates []entry, l *layer, s *space, m int) []entry {
	if len(candidates) < m {
		return append(picked, candidates...)
	}
	p.rows = p.rows[:0]
	for _, e := range candidates {
		row := l.row(e.ref())
		if p.shadowed(s, row, e.distance()) {
			continue
		}
		picked, p.rows = append(picked, e), append(p.rows, row)
		if len(picked) == m {
			break
		}
	}
	return picked
}

// shadowed says whether a row is nearer than d to one that is picked.
func (p *pruner) shadowed(s *space, row uint32, d float32) bool {
	if len(p.rows) == 0 {
		return false
	}
	s.aimRow(&p.target, row)
	for i := 0; i < len(p.rows); i += pruneStride {
		at := p.rows[i:min(i+pruneStride, len(p.rows))]
		s.at(p.out[:len(at)], &p.target, at)
		for _, x := range p.out[:len(at)] {
			if x < d {
				return true
			}
		}
	}
	return false
}
