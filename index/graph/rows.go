package graph

import (
	"fmt"
	"math"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	// maxLevel bounds the number of layers above the lowest.
	maxLevel = 15
	// floatAlign and byteAlign are what a row's bytes are rounded up to, so that a load of a register
	// straddles two cache lines as seldom as can be.
	floatAlign, byteAlign = 32, 16
)

// Rows holds the vectors of a segment in the order in which they are linked. It is
// filled once, with Add, and read by any number of goroutines afterwards.
//
// As long as every component is a whole number from 0 to 255, as in images and many
// descriptors, a row takes a byte a component; with the first other one all become
// float32. Distances are the same to the last bit in both forms.
type Rows struct {
	Vectors
	cfg      Config
	capacity int
	levels   []uint8
}

// NewRows returns an empty Rows with room for capacity vectors. The Config must be one
// that WithDefaults returned.
func NewRows(cfg Config, capacity int) *Rows {
	r := &Rows{cfg: cfg, capacity: capacity, levels: make([]uint8, 0, capacity)}
	r.metric, r.dim = cfg.Metric, cfg.Dim
	if cfg.Metric == flow.Manhattan {
		r.widen()
		return r
	}
	r.stride = (cfg.Dim + byteAlign - 1) / byteAlign * byteAlign
	r.block = cfg.Memory.Alloc(capacity * r.stride)
	r.bytes = r.block.Bytes()
	return r
}

// Add appends a vector (normalised already under the cosine metric) and the level of
// its row, see LevelOf. It panics when there is no room and on another dimension.
func (r *Rows) Add(v flow.Vector, level int) {
	n := len(r.levels)
	if n == r.capacity || len(v) != r.cfg.Dim || level < 0 || level > maxLevel {
		panic(fmt.Sprintf("graph: add of %d components at level %d to %d rows of %d with dimension %d", len(v), level, n, r.capacity, r.cfg.Dim))
	}
	if r.bytes != nil && !narrow(r.bytes[n*r.stride:], v) {
		r.widen()
	}
	if r.bytes == nil {
		copy(r.floats[n*r.stride:], v)
	}
	r.levels = append(r.levels, uint8(level))
}

// narrow sets dst to v and says whether it could: every component is a whole number
// from 0 to 255.
func narrow(dst []uint8, v []float32) bool {
	for i, x := range v {
		c := uint8(int32(x)) // of whatever the conversion gives, only equals pass
		dst[i] = c
		if float32(c) != x {
			return false
		}
	}
	return true
}

// widen makes the rows float32.
func (r *Rows) widen() {
	per := floatAlign / 4
	stride := (r.cfg.Dim + per - 1) / per * per
	block := r.cfg.Memory.Alloc(4 * r.capacity * stride)
	floats := block.Float32s()
	for row := range r.levels {
		r.Vector(floats[row*stride:][:r.cfg.Dim], row)
	}
	r.block, r.floats, r.stride, r.bytes = block, floats, stride, nil
}

// Len returns the number of rows.
func (r *Rows) Len() int { return len(r.levels) }

// Level returns the highest layer that a row is in.
func (r *Rows) Level(row int) int { return int(r.levels[row]) }

// layers returns how many layers a graph over the rows has.
func (r *Rows) layers() int {
	if len(r.levels) == 0 {
		return 1
	}
	return int(slices.Max(r.levels)) + 1
}

// Bytes returns the memory of the vectors and their levels.
func (r *Rows) Bytes() uint64 { return uint64(len(r.block.Bytes()) + cap(r.levels)) }

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
