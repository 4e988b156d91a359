package shard

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// restoring is what a collection knows only while its rows are coming.
type restoring struct {
	// begun says that the index knows the segments, whose rows all came before.
	begun bool
	// points holds the live points by ascending slots, and next is where the payload rows,
	// which come later in the same order, have got to.
	points []restored
	next   int
	// last is the least slot that the next point row may have.
	last uint64
}

type restored struct {
	slot uint64
	id   flow.PointID
}

// Restore implements replica.Machine.
func (m *Machine) Restore(k, value []byte) error {
	ok := false
	switch {
	case len(k) == 17 && k[0] == rowDedup:
		m.dedup.restore(flow.RequestID(k[1:]), remembered{result: bytes.Clone(value)})
		return nil
	case len(k) == 17 && k[0] == rowSummed && m.newest >= 2:
		ok = m.dedup.restoreSummed(flow.RequestID(k[1:]), value)
	case len(k) < 9:
	case k[0] == rowCollection && len(k) == 9:
		ok = m.restoreCollection(collectionOf(k), value)
	case k[0] == rowDropped && len(k) == 9:
		m.dropped[collectionOf(k)] = true
		return nil
	default:
		if c := m.collections[collectionOf(k)]; c != nil {
			ok = c.restore(m, k, value)
		}
	}
	if !ok {
		return flow.Errorf(flow.Corrupt, "shard.Restore", "row with key %q is malformed", k)
	}
	return nil
}

func collectionOf(k []byte) flow.CollectionID {
	return flow.CollectionID(binary.BigEndian.Uint64(k[1:]))
}

func (m *Machine) restoreCollection(id flow.CollectionID, value []byte) bool {
	r := wire.NewReader(value)
	d := decodeDefinition(r)
	if r.Done() != nil || !d.valid() {
		return false
	}
	m.create(id, d).restoring = &restoring{}
	return true
}

// restore takes a row of the collection and says whether it is well formed.
func (c *collection) restore(m *Machine, k, value []byte) bool {
	hash := replica.RowHash(k, value)
	c.hashes += hash
	switch {
	case c.restoring == nil:
		return false
	case k[0] == rowID && len(k) > 9:
		slot, err := DecodeSlot(value)
		c.points[flow.PointID(k[9:])] = location{slot: slot}
		return err == nil
	case len(k) != 17:
		return false
	case k[0] == rowSegment:
		s, ok := decodeSegment(binary.BigEndian.Uint64(k[9:]), value)
		c.segments = append(c.segments, s)
		return ok && !c.restoring.begun
	case k[0] == rowPoint:
		return c.restorePoint(m, binary.BigEndian.Uint64(k[9:]), value, hash)
	case k[0] == rowPayload:
		return c.restorePayload(binary.BigEndian.Uint64(k[9:]), hash)
	}
	return false
}

// begin tells the index the segments.
func (c *collection) begin() bool {
	if c.restoring.begun {
		return true
	}
	c.restoring.begun = true
	slices.SortFunc(c.segments, func(a, b Segment) int { return cmp.Compare(a.First, b.First) })
	infos := make([]index.SegmentInfo, len(c.segments))
	for i, s := range c.segments {
		if i > 0 && s.First <= c.segments[i-1].Last {
			return false
		}
		infos[i] = index.SegmentInfo{ID: s.ID, FirstSlot: s.First, LastSlot: s.Last, Rows: s.Rows, Digest: s.Digest}
	}
	c.index.Restore(infos)
	return true
}

// inSegment says whether a slot lies in a segment.
func (c *collection) inSegment(slot uint64) bool {
	i := sort.Search(len(c.segments), func(i int) bool { return c.segments[i].Last >= slot })
	return i < len(c.segments) && c.segments[i].First <= slot
}

// aboveSegments says whether a slot lies in the head.
func (c *collection) aboveSegments(slot uint64) bool {
	n := len(c.segments)
	return n == 0 || c.segments[n-1].Last < slot
}

func (c *collection) restorePoint(m *Machine, slot uint64, value []byte, hash uint64) bool {
	r := wire.NewReader(value)
	id := flow.PointID(r.Text())
	m.scratch = r.AppendFloats(m.scratch[:0])
	at, ok := c.points[id]
	live := ok && at.slot == slot
	if r.Done() != nil || len(m.scratch) != c.dim || slot < c.restoring.last || !c.begin() {
		return false
	}
	c.restoring.last = slot + 1
	switch in := c.inSegment(slot); {
	case !in && (!live || !c.aboveSegments(slot)):
		return false
	case !live:
		c.dead[slot] = hash
		c.index.Insert(slot, id, m.scratch)
		c.index.Remove(slot)
		return true
	}
	c.restoring.points = append(c.restoring.points, restored{slot: slot, id: id})
	c.insert(id, location{slot: slot, hash: hash}, m.scratch, nil)
	return true
}

func (c *collection) restorePayload(slot, hash uint64) bool {
	rs := c.restoring
	for rs.next < len(rs.points) && rs.points[rs.next].slot < slot {
		rs.next++
	}
	if rs.next == len(rs.points) || rs.points[rs.next].slot != slot {
		return false
	}
	id := rs.points[rs.next].id
	at := c.points[id]
	at.payload = hash
	c.points[id] = at
	return true
}

// Restored implements replica.Machine.
func (m *Machine) Restored(meta []byte) error {
	for id, c := range m.collections { // order-free: each is checked by itself
		if !c.begin() || c.index.Len() != len(c.points) {
			return flow.Errorf(flow.Corrupt, "shard.Restored", "collection %d has %d ids, %d points and %d segments that do not fit", id, len(c.points), c.index.Len(), len(c.segments))
		}
		for i, s := range c.index.Segments() {
			if s.Rows != c.segments[i].Rows {
				return flow.Errorf(flow.Corrupt, "shard.Restored", "segment %d of collection %d has %d rows, its own row says %d", s.ID, id, s.Rows, c.segments[i].Rows)
			}
		}
		c.restoring = nil
	}
	if len(meta) == 0 {
		return nil // a shard that has applied nothing
	}
	r := wire.NewReader(meta)
	m.dedup.logTime, m.dedup.floor, m.dropPosition = flow.Time(r.Int()), flow.Time(r.Int()), r.Uint()
	return r.Done()
}
