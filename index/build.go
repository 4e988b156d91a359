package index

import (
	"math"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

// Runner runs do(0), ..., do(n-1), perhaps on several goroutines, and returns when all
// are done. What is built does not depend on it; nil runs them one after the other.
type Runner = graph.Runner

// gatherShare is how many rows are copied for the price of linking one.
const gatherShare = 64

// Builder makes the graph of a segment. Its input never changes: it may be used on
// another goroutine, in slices, while the owner of the Index goes on. What it makes is a
// function of the rows of the segment, in the order of their slots, dead or not, and
// of the Config: every replica that builds gets the same bytes.
type Builder struct {
	cfg     Config
	segment *segment
	inputs  []block // headers, of which dead is not read
	rows    int
	idBytes int
	bytes   uint64
	input   int // the next one to copy,
	row     int // and its next row
	out     *block
	linking *graph.Builder
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
	b := &Builder{cfg: x.cfg, segment: s}
	for _, in := range x.blocksOf(s) {
		b.inputs = append(b.inputs, block{
			stride: in.stride, rows: in.rows, matrix: in.matrix, vectors: in.vectors, ids: in.ids, slots: in.slots,
			ordinals: in.ordinals, absent: in.absent, nAbsent: in.nAbsent,
		})
		b.rows += in.content()
		b.idBytes += len(in.ids.bytes)
	}
	if b.rows == 0 {
		return nil // none has been restored
	}
	b.bytes = buildBytes(&x.cfg, b.rows) + uint64(b.idBytes)
	s.building = b.bytes
	return b
}

// buildBytes estimates, from above, the memory of building a graph: rows, links with
// their distances, codes, and the encoded graph.
func buildBytes(cfg *Config, rows int) uint64 {
	row := 5*cfg.Dim + 64 + 3*4*2*cfg.M + 4*cfg.M
	return uint64(rows) * uint64(row)
}

// Rows returns how many rows the segment has, dead ones included.
func (b *Builder) Rows() int { return b.rows }

// Bytes returns about how much memory the Builder will hold at most, what it makes
// included. The Index counts it from the call of Index.Builder until the segment's graph
// is attached or the segment merged.
func (b *Builder) Bytes() uint64 { return b.bytes }

// Step does as much as linking budget rows takes, or a little more, and says whether the
// graph is complete. The result does not depend on the budgets.
func (b *Builder) Step(budget int, run Runner) (done bool) {
	if b.built != nil {
		return true
	}
	if !b.gather(budget * gatherShare) {
		return false
	}
	if b.linking == nil {
		b.linking = graph.NewBuilder(b.cfg, b.out.matrix)
	}
	if !b.linking.Step(budget, run) {
		return false
	}
	b.finish(b.linking.Graph())
	return true
}

func (b *Builder) finish(g *graph.Graph) {
	b.out.graph = g
	b.built = &Built{segment: b.segment, block: b.out}
	b.inputs, b.linking = nil, nil
}

// gather brings the rows of the segment together in one matrix, at most that many at a
// time, and says whether all are there.
func (b *Builder) gather(budget int) bool {
	if b.out == nil {
		if in := &b.inputs[0]; len(b.inputs) == 1 && in.matrix != nil && in.nAbsent == 0 {
			b.out, b.input = in, 1
		} else {
			b.out = newMatrix(b.cfg, b.rows, b.idBytes, 0)
		}
	}
	buffer := make([]float32, b.cfg.Dim)
	for b.input < len(b.inputs) {
		in := &b.inputs[b.input]
		for ; b.row < len(in.slots); b.row++ {
			if budget == 0 {
				return false
			}
			if !has(in.absent, b.row) {
				budget--
				b.out.push(in.slots[b.row], in.ordinals.at(b.row), in.ids.at(b.row), in.vector(buffer, b.row), b.cfg.M)
			}
		}
		b.input, b.row = b.input+1, 0
	}
	return true
}

// Built returns what was made, or nil before Step has returned true.
func (b *Builder) Built() *Built { return b.built }

// Built is the graph of a segment, to be attached to the Index whose Builder made it.
// It is read by any number of goroutines.
type Built struct {
	segment *segment
	block   *block
}

// Digest returns the digest of the graph: replicas that have the same rows have the
// same digest.
func (b *Built) Digest() uint64 { return b.block.graph.Digest() }

// Append appends the graph in a form that DecodeBuilt reads, without the rows.
func (b *Built) Append(dst []byte) []byte { return b.block.graph.Append(dst) }

// DecodeBuilt makes of the bytes that Append gave, perhaps on another replica, what
// the Builder would make, faster, and is the end of the Builder. The error is Corrupt
// when the bytes are damaged or not of such rows. That they are what other replicas
// have is for the host to see, by Digest.
func DecodeBuilt(b *Builder, data []byte) (*Built, error) {
	b.gather(math.MaxInt)
	g, err := graph.Decode(b.cfg, b.out.matrix, data)
	if err != nil {
		return nil, flow.Errorf(flow.KindOf(err), "index.DecodeBuilt", "segment %d of %d rows: %w", b.segment.id, b.rows, err)
	}
	b.finish(g)
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
	s.built, s.digest, s.building = true, built.Digest(), 0
	return true
}
