package sim

import (
	"bytes"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// pointKey names a point in the history.
type pointKey struct {
	collection string
	id         flow.PointID
}

// lastChange is the latest change of a point that was acknowledged or applied.
type lastChange struct {
	version uint64
	kind    flow.OpKind
}

// lastChanges returns what each point must hold in a quiet cluster, by what clients
// were told and what the groups' logs made of the rest.
func (c *checks) lastChanges() map[pointKey]lastChange {
	last := map[pointKey]lastChange{}
	c.eachChange(func(k pointKey, is lastChange) {
		if is.version >= last[k].version {
			last[k] = is
		}
	})
	return last
}

// deletedSince says whether a point was deleted after a version: by a write that nobody
// knows the outcome of, which may be applied even during the last reads.
func (c *checks) deletedSince(point pointKey, version uint64) (found bool) {
	c.eachChange(func(k pointKey, is lastChange) {
		found = found || k == point && is.kind == flow.Delete && is.version > version
	})
	return found
}

// eachChange calls f with every change that has been applied so far.
func (c *checks) eachChange(f func(pointKey, lastChange)) {
	starts := ring.Starts(c.w.scenario.Shards)
	for _, op := range c.w.load.history.Operations() {
		req, ok := op.Request.(*flow.WriteRequest)
		if !ok {
			continue
		}
		resp := op.Response.(*flow.WriteResponse)
		next := map[flow.ShardID]int{} // position among the shard's operations
		for i, o := range req.Ops {
			s := flow.ShardID(ring.Find(starts, ring.Hash(o.ID)) + 1)
			result := resp.Results[i]
			if result.Status != flow.Applied {
				result = c.appliedOp(s, req.ID, next[s])
			}
			next[s]++
			if result.Status == flow.Applied {
				f(pointKey{req.Collection, o.ID}, lastChange{result.Version, o.Kind})
			}
		}
	}
}

// appliedOp returns what a group's log made of the n-th of a request's operations there.
func (c *checks) appliedOp(s flow.ShardID, id flow.RequestID, n int) flow.OpResult {
	applied, ok := c.facts(s).results[id]
	if !ok {
		return flow.OpResult{}
	}
	_, results, err := shard.DecodeResult(applied.result)
	if err != nil || n >= len(results) {
		return flow.OpResult{}
	}
	return results[n]
}

// keeps checks that a read of a quiet collection holds every change.
func (c *checks) keeps(h *host, collection string, req *flow.GetRequest, resp *flow.GetResponse, last map[pointKey]lastChange) {
	got := map[flow.PointID]uint64{}
	for _, p := range resp.Points {
		got[p.ID] = p.Version
	}
	for _, id := range req.IDs {
		k := pointKey{collection, id}
		want, version := last[k], got[id]
		switch {
		case want.version == 0 || version > want.version:
		case want.kind == flow.Delete && version != 0:
			c.w.fail(OracleDurability, "%s reads v%d of point %v in %q, which was deleted at v%d", h.name, version, id, collection, want.version)
		case want.kind != flow.Delete && version != want.version && (version != 0 || !c.deletedSince(k, want.version)):
			c.w.fail(OracleDurability, "%s reads v%d of point %v in %q, of which v%d was written", h.name, version, id, collection, want.version)
		}
	}
}

// storedState is a replica's rows as they are on its disk.
type storedState struct {
	host          *host
	applied       uint64
	digest, bytes uint64 // of the rows in order
	rows          int
}

// compareStored reads the rows of every replica off the disks: replicas at one index
// hold the same bytes, and the digest they report is that of these bytes.
func (c *checks) compareStored(hosts []*host) {
	first := map[flow.ShardID]storedState{}
	for _, h := range hosts {
		groups := readGroups(h.disk.rows.root)
		for s := range flow.ShardID(c.w.scenario.Shards + 1) {
			g := groups[s]
			if g == nil || len(g.appliedRecord) == 0 {
				continue
			}
			c.dropsWhole(h, g)
			now := stateOf(h, g)
			if want, _ := parseApplied(g.appliedRecord); want != now.digest {
				c.w.fail(OracleDigest, "%s stores rows of %v with digest %016x, its record at %d says %016x", h.name, s, now.digest, g.applied, want)
			}
			was, seen := first[s]
			if !seen || was.applied != now.applied {
				first[s] = now
				continue
			}
			c.rows += now.rows
			if was.bytes != now.bytes {
				c.w.fail(OracleDigest, "%v at index %d: the %d rows on %s are not the %d on %s", s, g.applied, now.rows, h.name, was.rows, was.host.name)
			}
		}
	}
}

// statePrefix is what the keys of the state in force begin with.
func (g *writtenGroup) statePrefix() []byte {
	prefix := binary.BigEndian.AppendUint32([]byte{keyOfGroup}, uint32(g.shard))
	return binary.BigEndian.AppendUint32(append(prefix, tagState), g.number)
}

func stateOf(h *host, g *writtenGroup) storedState {
	st := storedState{host: h, applied: g.applied}
	prefix := g.statePrefix()
	var order xxhash.Digest
	h.disk.rows.root.visit(prefix, disk.After(prefix), func(key, value []byte) bool {
		row := bytes.TrimPrefix(key, prefix)
		st.digest += replica.RowHash(row, value)
		order.Write(binary.AppendUvarint(nil, uint64(len(row))))
		order.Write(row)
		order.Write(binary.AppendUvarint(nil, uint64(len(value))))
		order.Write(value)
		st.rows++
		return true
	})
	st.bytes = order.Sum64()
	return st
}
