package index

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"
)

// SegmentID names a segment of an Index; its host gives it out.
type SegmentID uint64

// SegmentInfo describes a segment. All but Dead, Built and Bytes is a function of the
// calls made on the Index, and what the host remembers for Restore.
type SegmentInfo struct {
	ID SegmentID
	// FirstSlot and LastSlot are those of the first and the last of its rows. The ranges of
	// segments do not overlap, and no row of the head lies below the last of them.
	FirstSlot, LastSlot uint64
	// Rows is how many rows belong to the segment, those removed since it was made
	// included: the host has stored all of them. It never changes.
	Rows int
	// Dead is how many of Rows have been removed since.
	Dead int
	// Built says that the graph is attached. Digest is that of the graph, or what Restore
	// was told of it, or 0.
	Built  bool
	Digest uint64
	// Bytes is the memory of the segment, that of its Builder included.
	Bytes uint64
}

// segment is a run of the sealed blocks: those whose slots lie in its range.
type segment struct {
	id          SegmentID
	first, last uint64
	rows        int
	// filled is how many of its rows have been inserted after Restore.
	filled int
	built  bool
	digest uint64
	// building is the most that the latest Builder of the segment will hold.
	building uint64
}

func (s *segment) bytes() uint64 { return uint64(unsafe.Sizeof(*s)) + s.building }

// Restore tells an empty index its segments, by ascending slots, as Segments described
// them when they were saved. ID, FirstSlot, LastSlot, Rows and Digest are read; Rows may
// be 0 if it is not known, which costs memory. The host then inserts all rows that it has
// stored in the order of their slots, and removes those that are dead. It panics if the
// index is not empty or the ranges are not ascending.
func (x *Index) Restore(segments []SegmentInfo) {
	if x.started || len(x.segments) > 0 {
		panic(fmt.Sprintf("index: restore of %d segments into an index that is in use", len(segments)))
	}
	for i, s := range segments {
		if s.FirstSlot > s.LastSlot || i > 0 && s.FirstSlot <= segments[i-1].LastSlot {
			panic(fmt.Sprintf("index: restore of segment %d with slots %d to %d out of order", s.ID, s.FirstSlot, s.LastSlot))
		}
		x.segments = append(x.segments, &segment{id: s.ID, first: s.FirstSlot, last: s.LastSlot, rows: s.Rows, digest: s.Digest})
	}
}

// Segments describes the segments, by ascending slots.
func (x *Index) Segments() []SegmentInfo {
	x.settle()
	infos := make([]SegmentInfo, len(x.segments))
	for i, s := range x.segments {
		infos[i] = x.info(s)
	}
	return infos
}

func (x *Index) info(s *segment) SegmentInfo {
	info := SegmentInfo{ID: s.id, FirstSlot: s.first, LastSlot: s.last, Built: s.built, Digest: s.digest, Bytes: s.bytes()}
	for _, b := range x.blocksOf(s) {
		info.Rows += b.content()
		info.Dead += b.nDead - b.nAbsent
		info.Bytes += b.bytes()
	}
	return info
}

// settle seals the tail if it belongs to a segment, whose rows are then complete.
func (x *Index) settle() {
	if x.tail != nil && x.tail.segment != nil {
		x.seal()
	}
}

// segmentAt returns the segment whose range has a slot, or nil.
func (x *Index) segmentAt(slot uint64) *segment {
	n := len(x.segments)
	if n == 0 || slot > x.segments[n-1].last {
		return nil
	}
	i := sort.Search(n, func(i int) bool { return x.segments[i].last >= slot })
	if slot < x.segments[i].first {
		panic(fmt.Sprintf("index: insert of slot %d before segment %d, in no segment", slot, x.segments[i].id))
	}
	return x.segments[i]
}

// position returns where a segment is in the list, or -1.
func (x *Index) position(id SegmentID) int {
	return slices.IndexFunc(x.segments, func(s *segment) bool { return s.id == id })
}

// span returns where the blocks of a segment are in the list of sealed blocks. A row
// before first or after last is dead since before the segment was made, and lies in a
// block that has others.
func (x *Index) span(first, last uint64) (lo, hi int) {
	lo = sort.Search(len(x.sealed), func(i int) bool { return x.sealed[i].last() >= first })
	hi = sort.Search(len(x.sealed), func(i int) bool { return x.sealed[i].first() > last })
	return lo, max(lo, hi)
}

func (x *Index) blocksOf(s *segment) []*block {
	lo, hi := x.span(s.first, s.last)
	return x.sealed[lo:hi]
}

// Cut makes the rows of the head a segment without a graph, and the head empty. It does
// nothing and returns false if the head is empty or there is such a segment already. It
// copies no row.
func (x *Index) Cut(id SegmentID) (SegmentInfo, bool) {
	if x.headLive == 0 || x.position(id) >= 0 {
		return SegmentInfo{}, false
	}
	x.view = nil
	if x.tail != nil {
		x.seal() // which may be all there is of a tail without live rows
	}
	lo := 0
	if n := len(x.segments); n > 0 {
		_, lo = x.span(x.segments[n-1].first, x.segments[n-1].last)
	}
	s := &segment{id: id}
	x.adopt(s, lo, len(x.sealed))
	x.segments = append(x.segments, s)
	x.headLive = 0
	return x.info(s), true
}

// Merge makes adjacent segments, from first to last, one segment without a graph,
// which the dead rows do not belong to: it returns their slots, ascending, and the host
// deletes what it stores of them. The graphs of the sources serve until that of the merged
// segment is attached. One segment may be merged alone, to be rid of its dead rows. If
// all rows are dead, no segment is left: its SegmentInfo has no Rows.
//
// It does nothing and returns false if a source is missing, they are not in order, or there
// is a segment with the new id. It copies no row.
func (x *Index) Merge(id, first, last SegmentID) (merged SegmentInfo, dropped []uint64, ok bool) {
	x.settle()
	from, to := x.position(first), x.position(last)
	if from < 0 || to < from || x.position(id) >= 0 {
		return SegmentInfo{}, nil, false
	}
	x.view = nil
	lo, hi := x.span(x.segments[from].first, x.segments[to].last)
	for _, b := range x.sealed[lo:hi] {
		eachBit(b.dead, b.absent, func(row int) { dropped = append(dropped, b.slots[row]) })
	}
	s := &segment{id: id}
	if x.adopt(s, lo, hi) == 0 {
		x.segments = slices.Delete(x.segments, from, to+1)
		return SegmentInfo{ID: id}, dropped, true
	}
	x.segments = slices.Replace(x.segments, from, to+1, s)
	return x.info(s), dropped, true
}

// adopt makes the live rows of sealed[lo:hi] those of a segment, and forgets blocks that
// have none. It returns how many rows the segment has.
func (x *Index) adopt(s *segment, lo, hi int) int {
	var blocks []*block
	for _, b := range x.sealed[lo:hi] {
		x.forget(b)
		if b.live() == 0 {
			continue
		}
		b = b.clone(x.epoch)
		b.segment = s
		b.absent, b.nAbsent = slices.Clone(b.dead), b.nDead
		x.account(b)
		if len(blocks) == 0 {
			s.first = b.slots[b.nextLive(0, 1)]
		}
		s.last = b.slots[b.nextLive(len(b.slots)-1, -1)]
		s.rows += b.live()
		blocks = append(blocks, b)
	}
	x.replace(lo, hi, blocks...)
	s.filled = s.rows
	return s.rows
}
