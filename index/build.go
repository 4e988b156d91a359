package index

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
)

// Runner runs do(0), ..., do(n-1), perhaps on several goroutines, and returns when all
// are done. What is built does not depend on it; nil runs them one after the other.
type Runner func(n int, do func(i int))

// Builder makes the graph of a segment. Its input never changes: it may be used on
// another goroutine, in slices, while the owner of the Index goes on. What it makes is a
// function of the rows of the segment, in the order of their slots, dead or not, and
// of the Config: every replica that builds gets the same bytes.
type Builder struct {
	cfg     Config
	stride  int
	segment *segment
	inputs  []block // headers, of which dead is not read
	rows    int
	bytes   uint64
	input   int // the next one to copy
	out     *block
	built   *Built
}

// Builder returns what builds a segment's graph, or nil when there is no such segment
// or its graph is attached.
func (x *Index) Builder(id SegmentID) *Builder {
	x.settle()
	i := x.position(id)
	if i < 0 || x.segments[i].built {
		return nil
	}
	s := x.segments[i]
	b := &Builder{cfg: x.cfg, stride: x.stride, segment: s}
	idBytes := 0
	for _, in := range x.blocksOf(s) {
		b.inputs = append(b.inputs, block{
			rows: in.rows, ids: in.ids, slots: in.slots, ordinals: in.ordinals, absent: in.absent, nAbsent: in.nAbsent,
		})
		b.rows += in.content()
		idBytes += len(in.ids.bytes)
	}
	b.bytes = uint64(b.rows)*(uint64(b.stride)*4+16) + uint64(idBytes)
	s.building = b.bytes
	return b
}

// Rows returns how many rows the segment has, dead ones included.
func (b *Builder) Rows() int { return b.rows }

// Bytes returns how much memory the Builder will hold at most, what it makes included.
// The Index counts it from the call of Index.Builder until the segment's graph is
// attached or the segment merged.
func (b *Builder) Bytes() uint64 { return b.bytes }

// Step builds for about as long as budget comparisons of vectors take, and says
// whether the graph is complete. The result does not depend on the budgets.
func (b *Builder) Step(budget int, run Runner) (done bool) {
	if b.built != nil {
		return true
	}
	for b.input < len(b.inputs) {
		if budget <= 0 {
			return false
		}
		budget -= b.gather()
	}
	h := xxhash.New()
	var word [8]byte
	for i, slot := range b.out.slots {
		binary.LittleEndian.PutUint64(word[:], slot)
		h.Write(word[:])
		h.WriteString(string(b.out.ids.at(i)))
	}
	for _, f := range b.out.rows {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(f))
		h.Write(word[:4])
	}
	b.built = &Built{segment: b.segment, block: b.out, digest: h.Sum64()}
	return true
}

// gather copies the next input and returns how many rows that was.
func (b *Builder) gather() int {
	if b.out == nil {
		b.out = newBlock(b.rows, b.stride, 0)
	}
	in := &b.inputs[b.input]
	b.input++
	b.out.take(in, in.absent, b.stride)
	return in.content()
}

// Built returns what was made, or nil before Step has returned true.
func (b *Builder) Built() *Built { return b.built }

// Built is the graph of a segment, to be attached to the Index whose Builder made it.
// It is read by any number of goroutines.
type Built struct {
	segment *segment
	block   *block
	digest  uint64
}

// Digest returns the digest of the graph: replicas that have the same rows have the
// same digest.
func (b *Built) Digest() uint64 { return b.digest }

// Append appends the graph in a form that DecodeBuilt reads, without the rows.
func (b *Built) Append(dst []byte) []byte { return binary.LittleEndian.AppendUint64(dst, b.digest) }

// DecodeBuilt makes of the bytes that Append gave, perhaps on another replica, what
// the Builder would make, faster. The Builder must not have been stepped; it is used up
// even by an error: Corrupt when the bytes are damaged or not of these rows. That
// they are what other replicas have is for the host to see, by Digest.
func DecodeBuilt(b *Builder, data []byte) (*Built, error) {
	if len(data) != 8 {
		return nil, flow.Errorf(flow.Corrupt, "index.DecodeBuilt", "graph of %d bytes", len(data))
	}
	for !b.Step(math.MaxInt, nil) {
		continue
	}
	if got := binary.LittleEndian.Uint64(data); got != b.built.digest {
		return nil, flow.Errorf(flow.Corrupt, "index.DecodeBuilt", "graph of digest %x for rows of digest %x", got, b.built.digest)
	}
	return b.built, nil
}

// Attach puts a graph in the place of the segment's former blocks and graphs. Removals
// since its Builder was made are kept. It does nothing and returns false if the segment
// has been merged, or has a graph.
func (x *Index) Attach(built *Built) bool {
	s := built.segment
	if i := x.position(s.id); i < 0 || x.segments[i] != s || s.built {
		return false
	}
	lo, hi := x.span(s.first, s.last)
	b := *built.block
	b.segment, b.epoch = s, x.epoch
	row := 0
	for _, old := range x.sealed[lo:hi] {
		x.forget(old)
		for i := range old.slots {
			if has(old.absent, i) {
				continue
			}
			if old.isDead(i) {
				b.kill(row)
			}
			row++
		}
	}
	x.account(&b)
	x.replace(lo, hi, &b)
	x.view = nil
	s.built, s.digest, s.building = true, built.digest, 0
	return true
}
