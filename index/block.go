package index

import (
	"slices"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// The shape of blocks. It decides memory and speed, never an answer.
const (
	// firstBlockRows is the capacity of a small index's blocks: ten thousand
	// collections of a few points each must stay small. A new block has room for as
	// many rows as are live, so that at most about half of the room is unused.
	firstBlockRows = 4
	// maxBlockRows and maxBlockBytes bound a block, and with it how long one
	// insert or remove can take when it allocates or rewrites one.
	maxBlockRows  = 1024
	maxBlockBytes = 1 << 20
	// strideFloats is what a row's length is rounded up to: 32 bytes, so that a
	// load of eight floats never straddles two cache lines.
	strideFloats = 8
	// wordRows is the number of rows that share a word of the bitmap of dead rows; a
	// search compares them in one kernel call.
	wordRows = 64
)

// maxRows returns the largest capacity of a block of rows of a stride, a power of two.
func maxRows(stride int) int {
	rows := maxBlockRows
	for rows > 1 && rows*stride*4 > maxBlockBytes {
		rows /= 2
	}
	return rows
}

// block is a run of rows with ascending slots.
//
// Its arrays are allocated once at full capacity and only appended to. A View copies
// the header of the tail, and so sees the rows that were there and none of those
// written behind them. The bitmap is different: it changes for rows that a View
// sees, so it is copied, with its header, before the first change of an epoch.
type block struct {
	rows []float32 // len and capacity are a multiple of the stride
	// ids is full of pointers for the garbage collector to visit; an off-heap layout is
	// to replace it together with the graph segments.
	ids   []flow.PointID
	slots []uint64
	// dead has a bit for each removed row; nil while there is none.
	dead    []uint64
	nDead   int
	idBytes uint64
	// epoch is the Index's epoch in which this header and this bitmap were made.
	epoch uint64
}

func newBlock(capacity, stride int, epoch uint64) *block {
	return &block{
		rows:  make([]float32, 0, capacity*stride),
		ids:   make([]flow.PointID, 0, capacity),
		slots: make([]uint64, 0, capacity),
		epoch: epoch,
	}
}

func (b *block) full() bool     { return len(b.slots) == cap(b.slots) }
func (b *block) live() int      { return len(b.slots) - b.nDead }
func (b *block) halfDead() bool { return 2*b.nDead >= len(b.slots) }

// bytes returns the memory of the block, ids included.
func (b *block) bytes() uint64 {
	return uint64(unsafe.Sizeof(*b)) + 4*uint64(cap(b.rows)) + 16*uint64(cap(b.ids)) +
		8*uint64(cap(b.slots)) + 8*uint64(len(b.dead)) + b.idBytes
}

// push appends a row and returns its zeroed floats for the caller to fill. The block
// must not be full.
func (b *block) push(slot uint64, id flow.PointID, stride int) []float32 {
	n := len(b.rows)
	b.rows = b.rows[:n+stride]
	b.slots = append(b.slots, slot)
	b.ids = append(b.ids, id)
	b.idBytes += uint64(len(id))
	return b.rows[n:]
}

// take appends the live rows of another block.
func (b *block) take(from *block, stride int) {
	for i, slot := range from.slots {
		if !from.isDead(i) {
			copy(b.push(slot, from.ids[i], stride), from.rows[i*stride:(i+1)*stride])
		}
	}
}

// row returns the position of a live slot. A nil block has none.
func (b *block) row(slot uint64) (int, bool) {
	if b == nil {
		return 0, false
	}
	i, ok := slices.BinarySearch(b.slots, slot)
	return i, ok && !b.isDead(i)
}

// clone returns a block with the same rows whose header and bitmap nobody else has.
func (b *block) clone(epoch uint64) *block {
	c := *b
	c.dead = slices.Clone(b.dead)
	c.epoch = epoch
	return &c
}

// kill marks a live row as removed. The header and the bitmap must be the owner's alone.
func (b *block) kill(row int) {
	if b.dead == nil {
		b.dead = make([]uint64, (cap(b.slots)+wordRows-1)/wordRows)
	}
	b.dead[row/wordRows] |= 1 << (row % wordRows)
	b.nDead++
}

func (b *block) isDead(row int) bool { return b.deadWord(row/wordRows)>>(row%wordRows)&1 != 0 }

// deadWord returns the bits of the rows from word*wordRows on.
func (b *block) deadWord(word int) uint64 {
	if b.dead == nil {
		return 0
	}
	return b.dead[word]
}
