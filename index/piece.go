package index

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// piece is a block that takes part in a search.
type piece struct {
	*block
	target int
	// mask has a bit for each row that may be found; nil for all live rows.
	mask []uint64
	// eligible is how many those are.
	eligible int
	// walk says that the block's graph is walked instead of comparing its rows.
	walk bool
}

// word returns the bits of the rows that may be found, from word*wordRows on.
func (p *piece) word(word int) uint64 {
	if p.mask != nil {
		return p.mask[word]
	}
	w := ^p.deadWord(word)
	if rest := len(p.slots) - word*wordRows; rest < wordRows {
		w &= 1<<rest - 1
	}
	return w
}

// check panics unless the views are alike and a query has their dimension.
func check(targets []Target, dim int) {
	for i := range targets {
		v, first := targets[i].View, targets[0].View
		if dim != v.cfg.Dim || v.cfg.Metric != first.cfg.Metric {
			panic(fmt.Sprintf("index: query of %d components under %v, view %d has %d under %v", dim, first.cfg.Metric, i, v.cfg.Dim, v.cfg.Metric))
		}
	}
}

// gather lists the pieces of all targets that have rows that may be found, and returns
// how many rows that are.
func (s *Scratch) gather(targets []Target) int {
	for i := range targets {
		v := targets[i].View
		for _, b := range v.sealed {
			s.pieces = append(s.pieces, piece{block: b, target: i, eligible: b.live()})
		}
		if len(v.tail.slots) > 0 {
			s.pieces = append(s.pieces, piece{block: &v.tail, target: i, eligible: v.tail.live()})
		}
	}
	s.mask(targets)
	s.pieces = slices.DeleteFunc(s.pieces, func(p piece) bool { return p.eligible == 0 })
	eligible := 0
	for i := range s.pieces {
		eligible += s.pieces[i].eligible
	}
	return eligible
}

// mask makes the masks of the pieces whose targets have a set of allowed rows.
func (s *Scratch) mask(targets []Target) {
	words := 0
	for i := range s.pieces {
		if targets[s.pieces[i].target].Allow != nil {
			words += (len(s.pieces[i].slots) + wordRows - 1) / wordRows
		}
	}
	s.masks = slices.Grow(s.masks[:0], words)[:words]
	clear(s.masks)
	rest := s.masks
	for from := 0; from < len(s.pieces); {
		to := from
		for to < len(s.pieces) && s.pieces[to].target == s.pieces[from].target {
			to++
		}
		if t := &targets[s.pieces[from].target]; t.Allow != nil {
			for i := from; i < to; i++ {
				n := (len(s.pieces[i].slots) + wordRows - 1) / wordRows
				s.pieces[i].mask, rest = rest[:n:n], rest[n:]
			}
			s.spread(t.Allow, s.pieces[from:to])
			count(s.pieces[from:to])
		}
		from = to
	}
}

// spread sets the bits of the allowed rows in the masks of one view's pieces: ordinal by
// ordinal if they are few, else word by word. Both ordinals and rows ascend, so one
// pass over the runs will do.
func (s *Scratch) spread(allow *roaring.Bitmap, pieces []piece) {
	words, n := allow.DenseSize(), allow.GetCardinality()
	if n < words*denseOrdinals {
		s.allow.Initialize(allow)
		s.spreadEach(pieces)
		return
	}
	s.dense = slices.Grow(s.dense[:0], int(words))[:words]
	clear(s.dense)
	allow.WriteDenseTo(s.dense)
	for i := range pieces {
		for run := range pieces[i].ordinals.runs {
			base, row, end := pieces[i].span(run)
			copyBits(pieces[i].mask, row, s.dense, base, end-base)
		}
	}
}

// denseOrdinals is how many ordinals of a word of 64 must be allowed for words to be
// copied rather than ordinals set one by one.
const denseOrdinals = 1

// copyBits ors n bits of src, from a position on, into those of dst, from another on.
// Bits beyond the end of src are zero.
func copyBits(dst []uint64, to uint64, src []uint64, from, n uint64) {
	at := func(w uint64) uint64 {
		if w < uint64(len(src)) {
			return src[w]
		}
		return 0
	}
	for n > 0 {
		// The bits that fit the rest of a word of dst.
		bits := min(n, wordRows-to%wordRows)
		word := at(from/wordRows) >> (from % wordRows)
		if rest := wordRows - from%wordRows; rest < bits {
			word |= at(from/wordRows+1) << rest
		}
		if bits < wordRows {
			word &= 1<<bits - 1
		}
		dst[to/wordRows] |= word << (to % wordRows)
		to, from, n = to+bits, from+bits, n-bits
	}
}

// spreadEach sets the bits of the ordinals that s.allow gives.
func (s *Scratch) spreadEach(pieces []piece) {
	var buf [256]uint32
	at, next := 0, 0 // the piece, and its next run
	var base, end uint64
	var row uint64 // of base
	n := s.allow.NextMany(buf[:])
	for i := 0; n > 0; {
		if i == n {
			n, i = s.allow.NextMany(buf[:]), 0
			continue
		}
		ordinal := uint64(buf[i])
		if ordinal < end {
			if ordinal >= base {
				r := row + ordinal - base
				pieces[at].mask[r/wordRows] |= 1 << (r % wordRows)
			}
			i++
			continue
		}
		if next == len(pieces[at].ordinals.runs) {
			if at, next = at+1, 0; at == len(pieces) {
				break
			}
		}
		base, row, end = pieces[at].span(next)
		next++
	}
}

// count takes the dead rows out of the masks and counts the others.
func count(pieces []piece) {
	for i := range pieces {
		p := &pieces[i]
		p.eligible = 0
		for w := range p.mask {
			p.mask[w] &^= p.deadWord(w)
			p.eligible += bits.OnesCount64(p.mask[w])
		}
	}
}

// span returns the first ordinal of a run, its row, and the ordinal after its last.
func (b *block) span(run int) (base, row, end uint64) {
	r := b.ordinals.runs[run]
	next := len(b.slots)
	if run+1 < len(b.ordinals.runs) {
		next = int(b.ordinals.runs[run+1].row)
	}
	return uint64(r.ordinal), uint64(r.row), uint64(r.ordinal) + uint64(next) - uint64(r.row)
}
