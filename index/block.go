package index

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// The shape of the head's blocks. It decides memory and speed, never an answer.
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
	// idBytesGuess is the room for ids that a new block has for each row: that of a number.
	idBytesGuess = 9
)

// maxRows returns the largest capacity of a block of rows of a stride, a power of two.
func maxRows(stride int) int {
	rows := maxBlockRows
	for rows > 1 && rows*stride*4 > maxBlockBytes {
		rows /= 2
	}
	return rows
}

// block is a run of rows with ascending slots and ordinals.
//
// Its arrays are only appended to. A View copies the header of the tail, and so sees
// the rows that were there and none of those written behind them. The bitmap of dead
// rows is different: it changes for rows that a View sees, so it is copied, with its
// header, before the first change of an epoch.
type block struct {
	stride int
	rows   []float32 // a multiple of the stride
	// matrix is the owner of rows in a block that was made for a graph; else they are of the heap.
	matrix *graph.Rows
	// vectors is what a View sees of the matrix.
	vectors graph.Vectors
	// graph is over the rows of the matrix, or nil: then rows are compared one by one.
	graph    *graph.Graph
	ids      ids
	slots    []uint64
	ordinals ordinals
	// dead has a bit for each removed row; nil while there is none.
	dead  []uint64
	nDead int
	// absent, a part of dead that never changes, are the rows that do not belong to the
	// block's segment: they were dead when it was cut or merged.
	absent  []uint64
	nAbsent int
	// segment is what the block is a part of; nil in the head.
	segment *segment
	// epoch is the Index's epoch in which this header and this bitmap were made.
	epoch uint64
}

func newBlock(capacity, stride int, epoch uint64) *block {
	return &block{
		stride: stride,
		rows:   make([]float32, 0, capacity*stride),
		ids:    newIDs(capacity * idBytesGuess),
		slots:  make([]uint64, 0, capacity),
		epoch:  epoch,
	}
}

// newMatrix returns a block for the rows of a graph, whose ids take that many bytes.
func newMatrix(cfg Config, capacity, idBytes int, epoch uint64) *block {
	m := graph.NewRows(cfg, capacity)
	return &block{
		matrix: m,
		ids:    newIDs(idBytes),
		slots:  make([]uint64, 0, capacity),
		epoch:  epoch,
	}
}

func (b *block) full() bool     { return len(b.slots) == cap(b.slots) }
func (b *block) live() int      { return len(b.slots) - b.nDead }
func (b *block) halfDead() bool { return 2*b.nDead >= len(b.slots) }
func (b *block) first() uint64  { return b.slots[0] }
func (b *block) last() uint64   { return b.slots[len(b.slots)-1] }

// content returns how many rows belong to the block's segment, dead since or not.
func (b *block) content() int { return len(b.slots) - b.nAbsent }

// bytes returns the memory of the block.
func (b *block) bytes() uint64 {
	n := uint64(unsafe.Sizeof(*b)) + b.ids.memory() + b.ordinals.memory() + 8*uint64(cap(b.slots)+len(b.dead)+len(b.absent))
	if b.matrix == nil {
		return n + 4*uint64(cap(b.rows))
	}
	n += b.matrix.Bytes()
	if b.graph != nil {
		n += b.graph.Bytes()
	}
	return n
}

// push appends a row. The block must not be full; m is Config.M.
func (b *block) push(slot uint64, ordinal uint32, id flow.PointID, v []float32, m int) {
	if b.matrix != nil {
		b.matrix.Add(v, graph.LevelOf(xxhash.Sum64String(string(id)), m))
		b.vectors = b.matrix.Vectors
	} else {
		n := len(b.rows)
		b.rows = b.rows[:n+b.stride]
		copy(b.rows[n:], v)
	}
	b.ordinals.push(len(b.slots), ordinal)
	b.ids.push(len(b.slots), id)
	b.slots = append(b.slots, slot)
}

// vector returns a row, in buffer or in place. It has as many components as buffer.
func (b *block) vector(buffer []float32, row int) []float32 {
	if b.matrix == nil {
		return b.rows[row*b.stride:][:len(buffer)]
	}
	b.vectors.Vector(buffer, row)
	return buffer
}

// distances sets out[i] to the distance between q and row first+i.
func (b *block) distances(metric flow.Metric, out, q []float32, first int) {
	if b.matrix == nil {
		graph.Measure(metric, out, q, b.rows[first*b.stride:], b.stride)
		return
	}
	b.vectors.Distances(out, q, first)
}

// distancesAt sets out[i] to the distance between q and row at[i].
func (b *block) distancesAt(metric flow.Metric, out, q []float32, at []uint32) {
	if b.matrix == nil {
		graph.MeasureAt(metric, out, q, b.rows, b.stride, at)
		return
	}
	b.vectors.DistancesAt(out, q, at)
}

// floats returns rows first to first+n-1 as floats, at a stride, in the buffer if it must.
func (b *block) floats(buffer []float32, first, n int) (rows []float32, stride int) {
	if b.matrix == nil {
		return b.rows[first*b.stride:], b.stride
	}
	return b.vectors.Rows(buffer, first, n)
}

// take appends the rows of another block that are not in a bitmap.
func (b *block) take(from *block, without []uint64, cfg *Config) {
	buffer := make([]float32, cfg.Dim)
	for i, slot := range from.slots {
		if !has(without, i) {
			b.push(slot, from.ordinals.at(i), from.ids.at(i), from.vector(buffer, i), cfg.M)
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

// nextLive returns the first live row from one on, in steps of 1 or -1. There must be one.
func (b *block) nextLive(row, step int) int {
	for b.isDead(row) {
		row += step
	}
	return row
}

func (b *block) isDead(row int) bool { return has(b.dead, row) }

// deadWord returns the bits of the rows from word*wordRows on.
func (b *block) deadWord(word int) uint64 { return wordOf(b.dead, word) }

// has says whether a bitmap, nil for none, has a bit.
func has(bitmap []uint64, i int) bool { return wordOf(bitmap, i/wordRows)>>(i%wordRows)&1 != 0 }

func wordOf(bitmap []uint64, word int) uint64 {
	if bitmap == nil {
		return 0
	}
	return bitmap[word]
}

// eachBit calls do with the bits of a that are not in b, ascending.
func eachBit(a, b []uint64, do func(i int)) {
	for w, word := range a {
		for word &^= wordOf(b, w); word != 0; word &= word - 1 {
			do(w*wordRows + bits.TrailingZeros64(word))
		}
	}
}
