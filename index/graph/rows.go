package graph

import (
	"fmt"
	"math"
	"runtime"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// maxLevel bounds the number of layers above the lowest.
const maxLevel = 15

// strideFloats is what a row's length is rounded up to: 32 bytes, so that a load of
// eight floats never straddles two cache lines.
const strideFloats = 8

// Rows holds the vectors of a segment in the order in which they are linked. It is
// filled once, with Add, and read by any number of goroutines afterwards.
type Rows struct {
	cfg      Config
	stride   int // in components
	capacity int
	block    *memory.Block
	floats   []float32
	levels   []uint8
}

// NewRows returns an empty Rows with room for capacity vectors. The Config must be one
// that WithDefaults returned.
func NewRows(cfg Config, capacity int) *Rows {
	stride := (cfg.Dim + strideFloats - 1) / strideFloats * strideFloats
	r := &Rows{cfg: cfg, stride: stride, capacity: capacity, levels: make([]uint8, 0, capacity)}
	r.block = cfg.Memory.Alloc(4 * capacity * stride)
	r.floats = r.block.Float32s()
	return r
}

// Add appends a vector (normalised already under the cosine metric) and the level of
// its row, see LevelOf. It panics when there is no room and on another dimension.
func (r *Rows) Add(v flow.Vector, level int) {
	n := len(r.levels)
	if n == r.capacity || len(v) != r.cfg.Dim || level < 0 || level > maxLevel {
		panic(fmt.Sprintf("graph: add of %d components at level %d to %d rows of %d with dimension %d", len(v), level, n, r.capacity, r.cfg.Dim))
	}
	copy(r.floats[n*r.stride:], v)
	r.levels = append(r.levels, uint8(level))
}

// Len returns the number of rows.
func (r *Rows) Len() int { return len(r.levels) }

// Level returns the highest layer that a row is in.
func (r *Rows) Level(row int) int { return int(r.levels[row]) }

// Bytes returns the memory of the vectors and their levels.
func (r *Rows) Bytes() uint64 { return uint64(len(r.block.Bytes()) + cap(r.levels)) }

// Floats returns the vectors, one after the other at Stride: memory that is valid while
// the Rows is reachable.
func (r *Rows) Floats() []float32 { return r.floats[:len(r.levels)*r.stride] }

// Stride returns how many floats a row takes, the dimension or a little more; those behind
// the dimension are zero.
func (r *Rows) Stride() int { return r.stride }

// Vector copies a row into dst, which has the dimension of the rows.
func (r *Rows) Vector(dst flow.Vector, row int) {
	copy(dst, r.floats[row*r.stride:][:r.cfg.Dim])
	runtime.KeepAlive(r)
}

// Distances sets out[i] to the distance (see Measure) between q and row first+i.
func (r *Rows) Distances(out, q []float32, first int) {
	if len(out) > 0 {
		Measure(r.cfg.Metric, out, q, r.floats[first*r.stride:], r.stride)
	}
	runtime.KeepAlive(r)
}

// DistancesAt sets out[i] to the distance (see Measure) between q and row at[i].
func (r *Rows) DistancesAt(out, q []float32, at []uint32) {
	for i, row := range at {
		Measure(r.cfg.Metric, out[i:i+1], q, r.floats[int(row)*r.stride:], r.stride)
	}
	runtime.KeepAlive(r)
}

// LevelOf returns the highest layer of the row of a point: level l or more with
// probability m^-l, as a function of a hash of its id. Integers alone decide, so that
// every machine gives the same level.
func LevelOf(hash uint64, m int) int {
	// The ids of one shard have hashes of one range: all bits must count.
	hash ^= hash >> 30
	hash *= 0xbf58476d1ce4e5b9
	hash ^= hash >> 27
	hash *= 0x94d049bb133111eb
	hash ^= hash >> 31
	level := 0
	for limit := uint64(math.MaxUint64) / uint64(m); hash < limit && level < maxLevel; limit /= uint64(m) {
		level++
	}
	return level
}
