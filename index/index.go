// Package index holds one shard's vectors of one collection and answers which are
// nearest to a query. It is derived from the shard's points and can be rebuilt from
// them at any time. It never touches disk, network or clock, and starts no goroutine.
//
// The latest rows are the head, which is searched by comparing every row. The host
// cuts the head into segments and merges segments; for each it has a graph built or
// fetched, at leisure, and attaches it. A segment is searched exactly until then.
//
// One owner changes an Index; any number of goroutines may search its Views at the
// same time, and step a Builder. Everything an Index does is a function of the calls
// made on it, in order, so that replicas which applied the same log give the same
// answers.
package index

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// Config says what an Index holds, how its graphs are built and where they lie: all but
// Memory decides what a segment's bytes are.
type Config = graph.Config

// Index holds vectors by slot, a number that its host gives out in ascending order
// and never twice.
//
// Rows live in blocks. New rows go to the tail; a full tail is sealed. A sealed block
// of the head loses rows and is rewritten when half of them are dead; one of a segment
// keeps its rows until the segment is merged. What a View may still see is never
// written again, only replaced: see block.
type Index struct {
	cfg    Config
	stride int // of the rows of the head
	// maxRows is the largest capacity of a block of the head.
	maxRows int
	// sealed holds the full blocks by ascending slots: those of the segments, then
	// those of the head. None of the head's is without live rows.
	sealed []*block
	// tail takes the next row; nil when there is none yet.
	tail *block
	// segments are in the order of their slots; no block of the head lies before one.
	segments []*segment
	// epoch counts the views built. A block, or the list of sealed blocks, that was
	// made in an earlier epoch may be in the hands of a View.
	epoch, sealedEpoch uint64
	lastSlot           uint64
	started            bool // lastSlot is meaningful
	nextOrdinal        uint32
	// live and rows count all rows, headLive those of the head.
	live, rows, headLive int
	blockBytes           uint64
	view                 *View       // the View of this very state, or nil
	unit                 flow.Vector // for a vector that is normalised
}

// New returns an empty index, or InvalidArgument.
func New(cfg Config) (*Index, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	stride := (cfg.Dim + strideFloats - 1) / strideFloats * strideFloats
	return &Index{cfg: cfg, stride: stride, maxRows: maxRows(stride)}, nil
}

// Insert adds a point under a slot greater than all before, to the head or, after
// Restore, to the segment whose range has the slot. The vector is copied (normalised
// under the cosine metric, where a zero vector stays zero and is at distance 1 from
// everything), and so is the id. The host has checked the vector; one point has at
// most one live slot.
//
// The row's ordinal is the number of inserts before it, by which bitmaps of rows are
// made; SlotOf translates it back. An Index has 2^32-1 of them in its life.
//
// It panics on a slot out of order and on a vector of another dimension.
func (x *Index) Insert(slot uint64, id flow.PointID, v flow.Vector) (ordinal uint32) {
	if x.started && slot <= x.lastSlot {
		panic(fmt.Sprintf("index: insert of slot %d after slot %d", slot, x.lastSlot))
	}
	if len(v) != x.cfg.Dim {
		panic(fmt.Sprintf("index: vector of %d components at slot %d, dimension is %d", len(v), slot, x.cfg.Dim))
	}
	if x.nextOrdinal == math.MaxUint32 {
		panic(fmt.Sprintf("index: insert of slot %d after %d inserts: restore the rows into a new index", slot, x.nextOrdinal))
	}
	ordinal = x.nextOrdinal
	x.nextOrdinal++
	tail := x.room(slot, len(id))
	before := tail.bytes()
	if x.cfg.Metric == flow.Cosine {
		x.unit = slices.Grow(x.unit[:0], len(v))[:len(v)]
		distance.Normalize(x.unit, v)
		v = x.unit
	}
	tail.push(slot, ordinal, id, v, x.cfg.M)
	x.blockBytes += tail.bytes() - before
	x.lastSlot, x.started = slot, true
	x.live++
	x.rows++
	if tail.segment == nil {
		x.headLive++
	}
	x.view = nil
	if tail.full() {
		x.seal()
	}
	return ordinal
}

// room returns the tail, with room for a row and its id in the segment of the slot or
// in the head.
func (x *Index) room(slot uint64, idBytes int) *block {
	s := x.segmentAt(slot)
	if x.tail != nil && (x.tail.segment != s || len(x.tail.ids.bytes)+idBytes > maxIDBytes) {
		x.seal()
	}
	if x.tail == nil {
		if s != nil && s.rows > s.filled {
			rows := s.rows - s.filled
			x.tail = newMatrix(x.cfg, rows, rows*idBytesGuess, x.epoch)
		} else {
			x.tail = newBlock(min(max(x.live, firstBlockRows), x.maxRows), x.stride, x.epoch)
		}
		x.tail.segment = s
		x.blockBytes += x.tail.bytes()
	}
	if s != nil {
		s.filled++
	}
	return x.tail
}

// Remove takes the point at a slot away and returns its ordinal. The row is retained
// if it belongs to a segment: the host keeps what it stores of it until a Merge drops
// it. Else it is gone. It panics when the slot holds no point: the host's table and the
// index have then parted.
func (x *Index) Remove(slot uint64) (ordinal uint32, retained bool) {
	i, b := x.find(slot)
	row, ok := b.row(slot)
	if !ok {
		panic(fmt.Sprintf("index: remove of slot %d, which holds no point (%d live, last slot %d)", slot, x.live, x.lastSlot))
	}
	ordinal, retained = b.ordinals.at(row), b.segment != nil
	x.live--
	if !retained {
		x.headLive--
	}
	x.view = nil
	before := b.bytes()
	if b.epoch != x.epoch {
		b = b.clone(x.epoch)
	}
	b.kill(row)
	x.blockBytes += b.bytes() - before
	switch {
	case i < len(x.sealed):
		x.replace(i, i+1, b)
		if !retained && b.halfDead() {
			x.compact(i)
		}
	case !retained && b.live() == 0:
		x.forget(b)
		x.tail = nil
	default:
		x.tail = b
	}
	return ordinal, retained
}

// find returns the block whose slots may include slot, and its position: that of the
// tail is len(x.sealed). The block is nil when every slot is greater.
func (x *Index) find(slot uint64) (int, *block) {
	if x.tail != nil && slot >= x.tail.first() {
		return len(x.sealed), x.tail
	}
	i := sort.Search(len(x.sealed), func(i int) bool { return x.sealed[i].first() > slot }) - 1
	if i < 0 {
		return 0, nil
	}
	return i, x.sealed[i]
}

// seal ends the tail.
func (x *Index) seal() {
	b := x.tail
	x.tail = nil
	x.sealed = append(x.sealed, b) // beyond what any View sees of the list
	if b.segment == nil && b.halfDead() {
		x.compact(len(x.sealed) - 1)
	}
}

// compact rewrites the sealed block i of the head, which has lost half of its rows,
// together with a neighbour if the live rows of both fit in one block. A row is copied
// at most once for every row that died or was inserted, up to a constant.
func (x *Index) compact(i int) {
	lo, hi := i, i+1
	live := x.sealed[i].live()
	fits := func(b *block) bool { return b.segment == nil && b.live()+live <= x.maxRows }
	switch {
	case live == 0:
		x.forget(x.sealed[i])
		x.replace(i, i+1)
		return
	case i > 0 && fits(x.sealed[i-1]):
		lo--
	case i+1 < len(x.sealed) && fits(x.sealed[i+1]):
		hi++
	}
	rows := 0
	for _, b := range x.sealed[lo:hi] {
		rows += b.live()
	}
	merged := newBlock(rows, x.stride, x.epoch)
	for _, b := range x.sealed[lo:hi] {
		merged.take(b, b.dead, &x.cfg)
		x.forget(b)
	}
	x.account(merged)
	x.replace(lo, hi, merged)
}

// replace puts other blocks in the place of sealed[lo:hi], in a copy of the list if
// a View may have it.
func (x *Index) replace(lo, hi int, with ...*block) {
	if x.sealedEpoch != x.epoch {
		x.sealed = slices.Clone(x.sealed)
		x.sealedEpoch = x.epoch
	}
	x.sealed = slices.Replace(x.sealed, lo, hi, with...)
}

// forget takes a block out of the accounts, and account puts one in.
func (x *Index) forget(b *block) {
	x.blockBytes -= b.bytes()
	x.rows -= len(b.slots)
}

func (x *Index) account(b *block) {
	x.blockBytes += b.bytes()
	x.rows += len(b.slots)
}

// Len returns the number of live points.
func (x *Index) Len() int { return x.live }

// HeadRows returns the number of live points in the head.
func (x *Index) HeadRows() int { return x.headLive }

// Bytes returns the memory the index holds, as it was asked of the allocator: rows,
// graphs, ids, slots, bitmaps and headers, and what Builders will hold at most. Blocks
// that only an older View still holds are not counted.
func (x *Index) Bytes() uint64 {
	n := uint64(unsafe.Sizeof(*x)) + 4*uint64(cap(x.unit)) + 8*uint64(cap(x.sealed)+cap(x.segments)) + x.blockBytes
	for _, s := range x.segments {
		n += s.bytes()
	}
	return n
}

// View returns the index as it is now, for ever. It costs one small allocation after
// a change and nothing otherwise.
func (x *Index) View() *View {
	if x.view != nil {
		return x.view
	}
	v := &View{
		cfg: x.cfg, live: x.live,
		sealed: x.sealed[:len(x.sealed):len(x.sealed)],
		bytes:  uint64(x.rows) * uint64(x.stride) * 4,
	}
	if x.tail != nil {
		v.tail = *x.tail
	}
	x.view = v
	x.epoch++
	return v
}
