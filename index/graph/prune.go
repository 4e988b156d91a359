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
//
// Those at the least distance get half of the places at most: of many equal rows, each
// would else be linked to its equals alone, and the graph fall apart. Nor must all be
// linked to the same ones: each node goes through them from another one on.
func (p *pruner) pick(picked, candidates []entry, l *layer, s *space, node uint32, m int) []entry {
	if len(candidates) < m {
		return append(picked, candidates...)
	}
	equals := 1
	for equals < len(candidates) && candidates[equals].distance() == candidates[0].distance() {
		equals++
	}
	turn := int(node*0x9e3779b1>>16) % equals
	p.rows = p.rows[:0]
	for i, e := range candidates {
		if i < equals {
			if len(picked) >= max(m/2, 1) {
				continue
			}
			e = candidates[(i+turn)%equals]
		}
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
