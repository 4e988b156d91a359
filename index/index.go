// Package index holds one shard's vectors of one collection and answers which are
// nearest to a query. It is derived from the shard's points and can be rebuilt from
// them at any time. It never touches disk, network or clock, and starts no goroutine.
//
// One owner changes an Index; any number of goroutines may search its Views at the
// same time. Everything an Index does is a function of the calls made on it, in
// order, so that replicas which applied the same log give the same answers.
package index

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// Config says what an Index holds.
type Config struct {
	// Dim is the number of components of every vector, 1 to flow.MaxDim.
	Dim int
	// Metric is how nearness is measured.
	Metric flow.Metric
}

func (c Config) validate() error {
	if c.Dim < 1 || c.Dim > flow.MaxDim {
		return flow.Errorf(flow.InvalidArgument, "index.New", "dimension %d is not in 1..%d", c.Dim, flow.MaxDim)
	}
	if !c.Metric.Valid() {
		return flow.Errorf(flow.InvalidArgument, "index.New", "metric %d is not one of the metrics", c.Metric)
	}
	return nil
}

// Index holds vectors by slot, a number that its host gives out in ascending order
// and never twice.
//
// Rows live in blocks. New rows go to the tail; a full tail is sealed. A sealed block
// loses rows and is rewritten when half of them are dead. What a View may still see
// is never written again, only replaced: see block.
type Index struct {
	cfg    Config
	stride int
	// maxRows is the largest capacity of a block.
	maxRows int
	// sealed holds the full blocks by ascending slots; none of them is without live rows.
	sealed []*block
	// tail takes the next row; nil when there is none yet.
	tail *block
	// epoch counts the views built. A block, or the list of sealed blocks, that was
	// made in an earlier epoch may be in the hands of a View.
	epoch, sealedEpoch uint64
	lastSlot           uint64
	started            bool // lastSlot is meaningful
	live, rows         int
	blockBytes         uint64
	view               *View // the View of this very state, or nil
}

// New returns an empty index, or InvalidArgument.
func New(cfg Config) (*Index, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	stride := (cfg.Dim + strideFloats - 1) / strideFloats * strideFloats
	return &Index{cfg: cfg, stride: stride, maxRows: maxRows(stride)}, nil
}

// Insert adds a point under a slot greater than all before. The vector is copied
// (normalised under the cosine metric, where a zero vector stays zero and is at
// distance 1 from everything); the id's bytes are shared. The host has checked the
// vector; one point has at most one live slot. It panics on a slot out of order and
// on a vector of another dimension.
func (x *Index) Insert(slot uint64, id flow.PointID, v flow.Vector) {
	if x.started && slot <= x.lastSlot {
		panic(fmt.Sprintf("index: insert of slot %d after slot %d", slot, x.lastSlot))
	}
	if len(v) != x.cfg.Dim {
		panic(fmt.Sprintf("index: vector of %d components at slot %d, dimension is %d", len(v), slot, x.cfg.Dim))
	}
	if x.tail == nil {
		x.tail = newBlock(min(max(x.live, firstBlockRows), x.maxRows), x.stride, x.epoch)
		x.blockBytes += x.tail.bytes()
	}
	row := x.tail.push(slot, id, x.stride)
	if x.cfg.Metric == flow.Cosine {
		distance.Normalize(row[:x.cfg.Dim], v)
	} else {
		copy(row, v)
	}
	x.blockBytes += uint64(len(id))
	x.lastSlot, x.started = slot, true
	x.live++
	x.rows++
	x.view = nil
	if x.tail.full() {
		x.seal()
	}
}

// Remove takes the point at a slot away. It panics when the slot holds none: the
// host's table and the index have then parted.
func (x *Index) Remove(slot uint64) {
	i, b := x.find(slot)
	row, ok := b.row(slot)
	if !ok {
		panic(fmt.Sprintf("index: remove of slot %d, which holds no point (%d live, last slot %d)", slot, x.live, x.lastSlot))
	}
	x.live--
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
		if b.halfDead() {
			x.compact(i)
		}
	case b.live() == 0:
		x.forget(b)
		x.tail = nil
	default:
		x.tail = b
	}
}

// find returns the block whose slots may include slot, and its position: that of the
// tail is len(x.sealed). The block is nil when every slot is greater.
func (x *Index) find(slot uint64) (int, *block) {
	if x.tail != nil && slot >= x.tail.slots[0] {
		return len(x.sealed), x.tail
	}
	i := sort.Search(len(x.sealed), func(i int) bool { return x.sealed[i].slots[0] > slot }) - 1
	if i < 0 {
		return 0, nil
	}
	return i, x.sealed[i]
}

// seal ends the tail, which is full.
func (x *Index) seal() {
	b := x.tail
	x.tail = nil
	x.sealed = append(x.sealed, b) // beyond what any View sees of the list
	if b.halfDead() {
		x.compact(len(x.sealed) - 1)
	}
}

// compact rewrites the sealed block i, which has lost half of its rows, together with
// a neighbour if the live rows of both fit in one block. A row is copied at most
// once for every row that died or was inserted, up to a constant.
func (x *Index) compact(i int) {
	lo, hi := i, i+1
	live := x.sealed[i].live()
	switch {
	case live == 0:
		x.forget(x.sealed[i])
		x.replace(i, i+1)
		return
	case i > 0 && x.sealed[i-1].live()+live <= x.maxRows:
		lo--
	case i+1 < len(x.sealed) && x.sealed[i+1].live()+live <= x.maxRows:
		hi++
	}
	rows := 0
	for _, b := range x.sealed[lo:hi] {
		rows += b.live()
	}
	merged := newBlock(rows, x.stride, x.epoch)
	for _, b := range x.sealed[lo:hi] {
		merged.take(b, x.stride)
		x.forget(b)
	}
	x.rows += len(merged.slots)
	x.blockBytes += merged.bytes()
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

// forget takes a block out of the accounts.
func (x *Index) forget(b *block) {
	x.blockBytes -= b.bytes()
	x.rows -= len(b.slots)
}

// Len returns the number of live points.
func (x *Index) Len() int { return x.live }

// Bytes returns the memory the index holds, as it was asked of the allocator: rows,
// ids with their bytes, slots, bitmaps and headers. Blocks that only an older View
// still holds are not counted.
func (x *Index) Bytes() uint64 {
	return uint64(unsafe.Sizeof(*x)) + 8*uint64(cap(x.sealed)) + x.blockBytes
}

// View returns the index as it is now, for ever. It costs one small allocation after
// a change and nothing otherwise.
func (x *Index) View() *View {
	if x.view != nil {
		return x.view
	}
	v := &View{
		cfg: x.cfg, stride: x.stride, live: x.live,
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
