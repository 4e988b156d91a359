package graph

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// How codes are fitted. The numbers decide which codes a segment has.
const (
	// fitRows is about how many rows are looked at, evenly spread.
	fitRows = 16384
	// fitBins is how many parts the range of a component's magnitude is counted in.
	fitBins = 4096
	// fitCut is the share of the components, 1/fitCut, that may be beyond the codes' range
	// and are cut off: a few outliers must not make the codes of all others coarse.
	fitCut = 2000
	// Codes are from -signedCode to signedCode, or around middleCode.
	signedCode, middleCode = 127, 128
)

// codes holds the rows of a segment in a shorter form: bytes around the mean of each
// component under Euclid; signed bytes under Cosine and Dot; bits that say on which side of
// the mean a component lies. They are a function of the rows, to the last bit.
type codes struct {
	metric flow.Metric
	dim    int
	stride int // in codes, or words of bits
	block  *memory.Block
	bytes  []uint8
	ints   []int8
	words  []uint64
	mean   []float32
	scale  float32 // of one step
}

// newCodes returns the codes of rows, or nil where they would not help: without
// quantization, under Manhattan for bytes, and where the rows are bytes anyway.
func newCodes(cfg Config, rows *Rows) *codes {
	c := &codes{metric: cfg.Metric, dim: cfg.Dim}
	per := 1
	switch {
	case cfg.Quantization == flow.Binary:
		per = 8
		c.stride = (cfg.Dim + 63) / 64
	case cfg.Quantization == flow.Int8 && cfg.Metric != flow.Manhattan && rows.bytes == nil:
		c.stride = (cfg.Dim + byteAlign - 1) / byteAlign * byteAlign
	default:
		return nil
	}
	c.block = cfg.Memory.Alloc(rows.Len() * c.stride * per)
	c.fit(rows, cfg.Quantization == flow.Binary || cfg.Metric == flow.Euclid)
	switch {
	case cfg.Quantization == flow.Binary:
		c.words = c.block.Uint64s()
	case cfg.Metric == flow.Euclid:
		c.bytes = c.block.Bytes()
	default:
		c.ints = c.block.Int8s()
	}
	row := make([]float32, cfg.Dim)
	for i := range rows.Len() {
		rows.Vector(row, i)
		switch {
		case c.words != nil:
			c.bits(c.words[i*c.stride:], row)
		case c.bytes != nil:
			c.around(c.bytes[i*c.stride:], row)
		default:
			signed(c.ints[i*c.stride:], row, c.scale)
		}
	}
	return c
}

// fit chooses means and scale. Sums are of float64 in the order of the rows.
func (c *codes) fit(rows *Rows, means bool) {
	c.mean = make([]float32, c.dim)
	every := max(rows.Len()/fitRows, 1)
	row := make([]float32, c.dim)
	if means {
		sums := make([]float64, c.dim)
		n := 0
		for i := 0; i < rows.Len(); i += every {
			rows.Vector(row, i)
			n++
			for j, x := range row {
				sums[j] += float64(x)
			}
		}
		for j := range sums {
			c.mean[j] = float32(sums[j] / float64(max(n, 1)))
		}
	}
	var largest float32
	for i := 0; i < rows.Len(); i += every {
		rows.Vector(row, i)
		for j, x := range row {
			largest = max(largest, magnitude(x-c.mean[j]))
		}
	}
	c.scale = c.rangeOf(rows, every, largest) / signedCode
	if !(c.scale > 0) || math.IsInf(float64(c.scale), 0) {
		c.scale = 1
	}
}

// rangeOf returns a magnitude that all but 1/fitCut of the components do not exceed.
func (c *codes) rangeOf(rows *Rows, every int, largest float32) float32 {
	if !(largest > 0) || math.IsInf(float64(largest), 0) {
		return largest
	}
	bins := make([]int, fitBins+1)
	row := make([]float32, c.dim)
	total := 0
	for i := 0; i < rows.Len(); i += every {
		rows.Vector(row, i)
		for j, x := range row {
			bins[int(magnitude(x-c.mean[j])/largest*fitBins)]++
			total++
		}
	}
	beyond := 0
	for bin := fitBins; bin > 0; bin-- {
		if beyond += bins[bin]; beyond > total/fitCut {
			return float32(float64(bin+1) / fitBins * float64(largest))
		}
	}
	return largest
}

func magnitude(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// around sets dst to the codes of v around the means.
func (c *codes) around(dst []uint8, v []float32) {
	for i, x := range v {
		dst[i] = uint8(step(x-c.mean[i], c.scale, middleCode-1) + middleCode)
	}
}

// signed sets dst to the codes of v.
func signed(dst []int8, v []float32, scale float32) {
	for i, x := range v {
		dst[i] = int8(step(x, scale, signedCode))
	}
}

// step returns how many steps of scale x is, at most limit either way.
func step(x, scale float32, limit float64) int {
	return int(math.RoundToEven(max(-limit, min(limit, float64(x/scale)))))
}

// bits sets the bits of dst where v is above the means.
func (c *codes) bits(dst []uint64, v []float32) {
	clear(dst[:c.stride])
	for i, x := range v {
		if x > c.mean[i] {
			dst[i/64] |= 1 << (i % 64)
		}
	}
}

// aim sets a target to the codes of a query.
func (c *codes) aim(t *target, v []float32) {
	switch {
	case c.words != nil:
		t.ownWords = resized(t.ownWords, c.stride)
		t.words = t.ownWords
		c.bits(t.words, v)
	case c.bytes != nil:
		t.ownBytes = resized(t.ownBytes, c.dim)
		t.bytes = t.ownBytes
		c.around(t.bytes, v)
	default:
		var largest float32
		for _, x := range v {
			largest = max(largest, magnitude(x))
		}
		t.scale = largest / signedCode
		if !(t.scale > 0) {
			t.scale = 1
		}
		t.ownInts = resized(t.ownInts, c.dim)
		t.ints = t.ownInts
		signed(t.ints, v, t.scale)
	}
}

// aimRow sets a target to the codes of a row.
func (c *codes) aimRow(t *target, row uint32) {
	switch {
	case c.words != nil:
		t.words = c.words[int(row)*c.stride:][:c.stride]
	case c.bytes != nil:
		t.bytes = c.bytes[int(row)*c.stride:][:c.dim]
	default:
		t.ints, t.scale = c.ints[int(row)*c.stride:][:c.dim], c.scale
	}
}

// at sets out[i] to the distance between the codes of the target and those of row at[i].
func (c *codes) at(out []float32, t *target, at []uint32) {
	switch {
	case c.words != nil:
		t.sums = resized(t.sums, len(at))
		distance.HammingAt(t.sums, t.words, c.words, c.stride, at)
		c.counted(out, t.sums)
	case c.bytes != nil:
		t.sums = resized(t.sums, len(at))
		distance.SquaredL2U8At(t.sums, t.bytes, c.bytes, c.stride, at)
		c.counted(out, t.sums)
	default:
		t.signeds = resized(t.signeds, len(at))
		distance.DotI8At(t.signeds, t.ints, c.ints, c.stride, at)
		c.signed(out, t.signeds, t.scale)
	}
}

// run sets out[i] to the distance between the codes of the target and those of row first+i.
func (c *codes) run(out []float32, t *target, first int) {
	switch {
	case len(out) == 0:
	case c.words != nil:
		t.sums = resized(t.sums, len(out))
		distance.Hamming(t.sums, t.words, c.words[first*c.stride:], c.stride)
		c.counted(out, t.sums)
	case c.bytes != nil:
		t.sums = resized(t.sums, len(out))
		distance.SquaredL2U8(t.sums, t.bytes, c.bytes[first*c.stride:], c.stride)
		c.counted(out, t.sums)
	default:
		t.signeds = resized(t.signeds, len(out))
		distance.DotI8(t.signeds, t.ints, c.ints[first*c.stride:], c.stride)
		c.signed(out, t.signeds, t.scale)
	}
}

// counted scales exact sums: squares of steps, or bits that differ.
func (c *codes) counted(out []float32, sums []uint32) {
	scale := float32(1)
	if c.bytes != nil {
		scale = float32(c.scale * c.scale)
	}
	for i, x := range sums {
		out[i] = float32(float32(x) * scale)
	}
}

// signed turns dot products of steps into distances.
func (c *codes) signed(out []float32, sums []int32, scale float32) {
	scale = float32(scale * c.scale)
	one := float32(0)
	if c.metric == flow.Cosine {
		one = 1
	}
	for i, x := range sums {
		out[i] = one - float32(float32(x)*scale)
	}
}

// prefetch asks the memory for the codes of rows.
func (c *codes) prefetch(at []uint32) {
	data := c.block.Bytes()
	stride := c.stride
	if c.words != nil {
		stride *= 8
	}
	distance.Prefetch(unsafe.Pointer(unsafe.SliceData(data)), stride, stride, at)
}

// sum returns a checksum of what the codes are fitted to, 0 for none.
func (c *codes) sum() uint64 {
	if c == nil {
		return 0
	}
	d := xxhash.New()
	var buffer [4]byte
	binary.LittleEndian.PutUint32(buffer[:], math.Float32bits(c.scale))
	d.Write(buffer[:])
	for _, m := range c.mean {
		binary.LittleEndian.PutUint32(buffer[:], math.Float32bits(m))
		d.Write(buffer[:])
	}
	return d.Sum64()
}
