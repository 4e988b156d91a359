package sim

import (
	"bytes"
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// The rows of a data shard that the record reads, by the first byte of their keys:
// the result of a request, without or after the checksum of its operations, and what is
// stored at a slot (collection, slot).
const (
	rowResult   = 'd'
	rowSummed   = 'e'
	rowStored   = 'r'
	resultSize  = 1 + 16
	sumSize     = 8
	storedSize  = 1 + 8 + 8
	storedSlot  = 1 + 8
	systemGroup = flow.SystemShard
)

// appliedResult is what a group's log made of a request, and who said so first.
type appliedResult struct {
	result []byte
	host   int
}

// wroteRow notes a row of the state in force that a process wrote as it applied.
func (c *checks) wroteRow(h *host, g *writtenGroup, key, value []byte) {
	if len(key) <= stateKeyAt || binary.BigEndian.Uint32(key[tagAt+1:]) != g.number {
		return
	}
	row := key[stateKeyAt:]
	if g.shard == systemGroup {
		switch row[0] {
		case rowPlacement:
			c.placed(h, value)
		case rowFormat:
			c.raised(h, value)
		}
		return
	}
	switch {
	case (row[0] == rowResult || row[0] == rowSummed && len(value) >= sumSize) && len(row) == resultSize:
		if row[0] == rowSummed {
			value = value[sumSize:]
		} else if h.format > formerFormat {
			c.w.marks.hit("command of a former version applied", true)
		}
		var id flow.RequestID
		copy(id[:], row[1:])
		f := c.facts(g.shard)
		was, seen := f.results[id]
		if !seen {
			f.results[id] = appliedResult{bytes.Clone(value), h.number()}
			return
		}
		c.results++
		if !bytes.Equal(was.result, value) {
			c.w.fail(OracleOnce, "%v applied request %v with result %x on %s and %x on %s", g.shard, id, was.result, c.w.hosts[was.host-1].name, value, h.name)
		}
	case row[0] == rowStored && len(row) == storedSize:
		version := binary.BigEndian.Uint64(row[storedSlot:]) >> slotOpBits
		if n := len(g.slots); n == 0 || g.slots[n-1] != version {
			g.slots = append(g.slots, version)
		}
	}
}

// storedOnce checks that no request stored points at two indexes of one log.
func (c *checks) storedOnce(h *host, g *writtenGroup) {
	if len(g.slots) == 0 {
		return
	}
	f := c.facts(g.shard)
	for _, version := range g.slots {
		if version >= uint64(len(f.committed)) || f.committed[version].request.IsZero() {
			continue // from a snapshot, or of a log that was cut before the world saw it
		}
		id := f.committed[version].request
		if first, ok := f.versions[id]; ok && first != version {
			c.w.fail(OracleOnce, "%s stored points of request %v in %v at index %d, though it was applied at %d", h.name, id, g.shard, version, first)
		}
		f.versions[id] = version
	}
	g.slots = g.slots[:0]
}

// record returns what the groups' logs made of the history's writes. It is complete:
// whatever a client can have seen was in a batch before the answer left.
func (c *checks) record(h *linearizability.History) *linearizability.Record {
	if c.w.groupless {
		return nil
	}
	starts := ring.Starts(c.w.scenario.Shards)
	r := &linearizability.Record{Complete: true}
	for _, op := range h.Operations() {
		req, ok := op.Request.(*flow.WriteRequest)
		if !ok {
			continue
		}
		parts := map[flow.ShardID][]flow.PointID{}
		for _, o := range req.Ops {
			s := flow.ShardID(ring.Find(starts, ring.Hash(o.ID)) + 1)
			parts[s] = append(parts[s], o.ID)
		}
		for s, ids := range parts { // order-free: a record is a set
			c.recordPart(r, req, s, ids)
		}
	}
	return r
}

func (c *checks) recordPart(r *linearizability.Record, req *flow.WriteRequest, s flow.ShardID, ids []flow.PointID) {
	applied, ok := c.facts(s).results[req.ID]
	if !ok {
		return
	}
	_, results, err := shard.DecodeResult(applied.result)
	if err != nil || len(results) != len(ids) {
		c.w.fail(OracleOnce, "%v remembers %d results of request %v, which had %d operations there (%v)", s, len(results), req.ID, len(ids), err)
		return
	}
	for i, o := range results {
		if o.Status == flow.Applied {
			r.Add(linearizability.Change{Request: req.ID, Collection: req.Collection, Point: ids[i], Version: o.Version})
		}
	}
}
