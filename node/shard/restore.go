package shard

import (
	"bytes"
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// restoring is what a collection knows only while its rows are coming.
type restoring struct {
	// points holds the live points by ascending slots, and next is where the payload rows,
	// which come later in the same order, have got to.
	points []restored
	next   int
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
		m.dedup.restore(flow.RequestID(k[1:]), bytes.Clone(value))
		return nil
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
	case k[0] == rowPoint:
		return c.restorePoint(m, binary.BigEndian.Uint64(k[9:]), value, hash)
	case k[0] == rowPayload:
		return c.restorePayload(binary.BigEndian.Uint64(k[9:]), hash)
	}
	return false
}

func (c *collection) restorePoint(m *Machine, slot uint64, value []byte, hash uint64) bool {
	r := wire.NewReader(value)
	id := flow.PointID(r.Text())
	m.scratch = r.AppendFloats(m.scratch[:0])
	at, ok := c.points[id]
	if n := len(c.restoring.points); n > 0 && c.restoring.points[n-1].slot >= slot {
		return false
	}
	if r.Done() != nil || len(m.scratch) != c.dim || !ok || at.slot != slot {
		return false
	}
	c.restoring.points = append(c.restoring.points, restored{slot: slot, id: id})
	c.insert(id, location{slot: slot, hash: hash}, m.scratch)
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
		if c.index.Len() != len(c.points) {
			return flow.Errorf(flow.Corrupt, "shard.Restored", "collection %d has %d ids and %d points", id, len(c.points), c.index.Len())
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
