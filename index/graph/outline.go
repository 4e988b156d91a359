package graph

import "math"

const (
	// outlineDims is how many components, and bytes, an outline has.
	outlineDims = 64
	// outlinedDims is how many components rows of floats have at least for outlines to save time.
	outlinedDims = 64
	// keptRows is how many of the rows of a hop are measured, those with the nearest outlines. Of
	// rows of coarseDims components or more an outline says less, and keptCoarse are.
	keptRows, keptCoarse, coarseDims = 4, 5, 256
)

// newOutlines returns the outlines of all rows, which are longer sketches, or nil where walks
// read short rows, or bytes or codes: of those the arithmetic costs as little as a list.
func newOutlines(cfg Config, rows *Rows, c *codes) *codes {
	if c != nil || rows.bytes != nil || rows.dim < outlinedDims || rows.Len() == 0 {
		return nil
	}
	return newShort(cfg, rows, outlineDims, rows.Len(), func(i uint32) uint32 { return i })
}

// listNew lists in t.at the neighbours of a row that were not seen before, without marking them.
func (s *Scratch) listNew(t *trail, row uint32) {
	s.Stats.Hops++
	neighbours := t.part.Graph.layers[0].neighbours(row)
	at, n := resized(t.at, len(neighbours)), 0
	for _, nb := range neighbours {
		if nb == none {
			break
		}
		ref := t.base + nb
		at[n] = nb
		n += int(s.seen[ref/64]>>(ref%64)&1 ^ 1)
	}
	t.at = at[:n]
}

// sift keeps those rows of t.at that have the nearest outlines, and marks them as seen. The
// others stay as new as they were: they are listed again by a neighbour that is nearer to
// them, or when the lists of all parts are followed to their end.
func (s *Scratch) sift(t *trail) {
	s.out = resized(s.out, len(t.at))
	t.part.Graph.outlines.at(s.out, &t.outline, t.at)
	s.sifted = resized(s.sifted, len(t.at))
	for i, d := range s.out {
		s.sifted[i] = newEntry(d, t.at[i])
	}
	kept := keptRows
	if t.part.Graph.rows.dim >= coarseDims {
		kept = keptCoarse
	}
	t.at = t.at[:0]
	for left := s.sifted; len(left) > 0 && len(t.at) < kept; left = left[:len(left)-1] {
		least, at := entry(math.MaxUint64), 0
		for i, e := range left {
			if e < least {
				least, at = e, i
			}
		}
		left[at] = left[len(left)-1]
		t.at = append(t.at, least.ref())
		s.see(t.base + least.ref())
	}
}
