package index

import (
	"math/bits"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// denseRows is how many rows of a word must be eligible for a search to compare all of
// them, one after the other in memory, and not just those: a listed row costs up to
// twice as much.
const denseRows = wordRows / 2

// list gathers rows of a block that are compared together.
type list struct {
	at  [wordRows]uint32
	out [wordRows]float32
	n   int
}

// scan compares the eligible rows of a piece and offers them.
func (s *Scratch) scan(metric flow.Metric, q flow.Vector, at int) {
	p := &s.pieces[at]
	for first := 0; first < len(p.slots); first += wordRows {
		word := p.word(first / wordRows)
		switch n := bits.OnesCount64(word); {
		case n == 0:
		case n >= denseRows:
			from := bits.TrailingZeros64(word)
			out := s.list.out[:bits.Len64(word)-from]
			p.distances(metric, out, q, first+from)
			s.Stats.Scanned += len(out)
			for i, d := range out {
				if d <= s.top.bound && word>>(from+i)&1 != 0 {
					s.top.offer(p, first+from+i, d)
				}
			}
		default:
			for ; word != 0; word &= word - 1 {
				s.list.at[s.list.n] = uint32(first + bits.TrailingZeros64(word))
				if s.list.n++; s.list.n == wordRows {
					s.flush(metric, q, at)
				}
			}
		}
	}
	s.flush(metric, q, at)
}

// flush compares the rows that were listed and offers them.
func (s *Scratch) flush(metric flow.Metric, q flow.Vector, at int) {
	if s.list.n == 0 {
		return
	}
	p, rows := &s.pieces[at], s.list.at[:s.list.n]
	out := s.list.out[:len(rows)]
	p.distancesAt(metric, out, q, rows)
	s.Stats.Scanned += len(out)
	for i, d := range out {
		if d <= s.top.bound {
			s.top.offer(p, int(rows[i]), d)
		}
	}
	s.list.n = 0
}
