package shard

import (
	"encoding/binary"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// The steps that a maintenance command takes.
const (
	stepCut   = 'c'
	stepMerge = 'm'
	stepBuilt = 'b'
)

// Segment is a row of a collection's segment table, which is replicated state: which
// rows a segment has, and what its graph must be, are the log's to say. Whether this
// replica has the graph yet is not.
type Segment struct {
	// ID is the index of the command that made it.
	ID index.SegmentID
	// First and Last are the slots of its first and last rows, Rows how many it was made of.
	First, Last uint64
	Rows        int
	// Built says that Digest is that of its graph.
	Built  bool
	Digest uint64
}

func (s *Segment) encode() []byte {
	var w wire.Writer
	w.Uint(s.First)
	w.Uint(s.Last)
	w.Uint(uint64(s.Rows))
	w.Bool(s.Built)
	w.Fixed64(s.Digest)
	return w.Buf
}

func decodeSegment(id uint64, value []byte) (Segment, bool) {
	r := wire.NewReader(value)
	s := Segment{ID: index.SegmentID(id), First: r.Uint(), Last: r.Uint(), Rows: int(r.Uint()), Built: r.Bool(), Digest: r.Fixed64()}
	return s, r.Done() == nil && s.First <= s.Last && s.Rows >= 1 && s.Rows <= maxSegmentRows
}

// maxSegmentRows is more rows than a segment ever has.
const maxSegmentRows = 1 << 26

func segmentKey(id flow.CollectionID, s index.SegmentID) []byte {
	return binary.BigEndian.AppendUint64(key(rowSegment, id, 8), uint64(s))
}

// EncodeCut returns the command that makes a segment of a collection's head. after is
// the last slot of the segment before, 0 for none: once the head is cut, a copy of the
// command does nothing.
func EncodeCut(id flow.CollectionID, after uint64) []byte {
	return encodeStep(stepCut, id, after, 0)
}

// EncodeMerge returns the command that makes one segment of those from first to last,
// which may be the same one.
func EncodeMerge(id flow.CollectionID, first, last index.SegmentID) []byte {
	return encodeStep(stepMerge, id, uint64(first), uint64(last))
}

// EncodeBuilt returns the command that enters the digest of a segment's graph.
func EncodeBuilt(id flow.CollectionID, s index.SegmentID, digest uint64) []byte {
	return encodeStep(stepBuilt, id, uint64(s), digest)
}

func encodeStep(step byte, id flow.CollectionID, a, b uint64) []byte {
	w := wire.Writer{Buf: []byte{commandMaintain, step}}
	w.Uint(uint64(id))
	w.Fixed64(a)
	w.Fixed64(b)
	return w.Buf
}

// step is a decoded maintenance command; a and b are as its kind says.
type step struct {
	kind       byte
	collection flow.CollectionID
	a, b       uint64
}

func decodeStep(body []byte) (step, error) {
	r := wire.NewReader(body)
	s := step{kind: r.Byte(), collection: flow.CollectionID(r.Uint()), a: r.Fixed64(), b: r.Fixed64()}
	if s.kind != stepCut && s.kind != stepMerge && s.kind != stepBuilt {
		r.Fail()
	}
	return s, r.Done()
}

// maintain takes a step, or does nothing when the step no longer fits.
func (m *Machine) maintain(at uint64, s step, rows *replica.Rows) {
	c := m.collections[s.collection]
	if c == nil {
		return
	}
	m.changed[s.collection] = true
	switch s.kind {
	case stepCut:
		c.cut(s.collection, index.SegmentID(at), s.a, rows)
	case stepMerge:
		c.merge(s.collection, index.SegmentID(at), index.SegmentID(s.a), index.SegmentID(s.b), rows)
	case stepBuilt:
		c.noteBuilt(s.collection, index.SegmentID(s.a), s.b, rows)
	}
}

func (c *collection) cut(id flow.CollectionID, made index.SegmentID, after uint64, rows *replica.Rows) {
	last := uint64(0)
	if n := len(c.segments); n > 0 {
		last = c.segments[n-1].Last
	}
	if last != after {
		return
	}
	if info, ok := c.index.Cut(made); ok {
		c.segments = append(c.segments, c.putSegment(id, info, rows))
	}
}

func (c *collection) merge(id flow.CollectionID, made, first, last index.SegmentID, rows *replica.Rows) {
	from, to := c.segment(first), c.segment(last)
	info, dropped, ok := c.index.Merge(made, first, last)
	if !ok {
		return
	}
	for _, slot := range dropped {
		hash := c.dead[slot]
		delete(c.dead, slot)
		rows.Delete(PointKey(id, slot), hash)
		c.hashes -= hash
	}
	for i := range c.segments[from : to+1] {
		k, value := segmentKey(id, c.segments[from+i].ID), c.segments[from+i].encode()
		hash := replica.RowHash(k, value)
		rows.Delete(k, hash)
		c.hashes -= hash
	}
	var merged []Segment
	if info.Rows > 0 {
		merged = append(merged, c.putSegment(id, info, rows))
	}
	c.segments = slices.Replace(c.segments, from, to+1, merged...)
}

func (c *collection) putSegment(id flow.CollectionID, info index.SegmentInfo, rows *replica.Rows) Segment {
	s := Segment{ID: info.ID, First: info.FirstSlot, Last: info.LastSlot, Rows: info.Rows}
	c.hashes += rows.Put(segmentKey(id, s.ID), s.encode())
	return s
}

func (c *collection) noteBuilt(id flow.CollectionID, s index.SegmentID, digest uint64, rows *replica.Rows) {
	i := c.segment(s)
	if i < 0 || c.segments[i].Built {
		return
	}
	k, old := segmentKey(id, s), c.segments[i].encode()
	c.segments[i].Built, c.segments[i].Digest = true, digest
	value := c.segments[i].encode()
	rows.Replace(k, old, value)
	c.hashes += replica.RowHash(k, value) - replica.RowHash(k, old)
}

// segment returns where a segment is in the table, or -1.
func (c *collection) segment(id index.SegmentID) int {
	return slices.IndexFunc(c.segments, func(s Segment) bool { return s.ID == id })
}

// TakeChanged returns the collections that have changed since it was called last,
// ascending: all of them after a restore.
func (m *Machine) TakeChanged() []flow.CollectionID {
	if len(m.changed) == 0 {
		return nil
	}
	ids := make([]flow.CollectionID, 0, len(m.changed))
	for id := range m.changed { // order-free: sorted below
		ids = append(ids, id)
	}
	clear(m.changed)
	slices.Sort(ids)
	return ids
}

// Collections returns the collections that the shard has a slice of, ascending.
func (m *Machine) Collections() []flow.CollectionID { return slices.Sorted(maps.Keys(m.collections)) }

// Writes counts the operations that changed a collection's points since the machine was made.
func (m *Machine) Writes(id flow.CollectionID) uint64 {
	if c := m.collections[id]; c != nil {
		return c.writes
	}
	return 0
}

// Segments returns a collection's segment table by ascending slots; it must not be changed.
func (m *Machine) Segments(id flow.CollectionID) []Segment {
	if c := m.collections[id]; c != nil {
		return c.segments
	}
	return nil
}

// Index returns a collection's index, or nil when the shard has none of it. Its rows and
// segments are changed by Apply alone; graphs are built and attached by the host.
func (m *Machine) Index(id flow.CollectionID) *index.Index {
	if c := m.collections[id]; c != nil {
		return c.index
	}
	return nil
}
