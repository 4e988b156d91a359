package sim

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// rowPlacement begins the rows of the system group that say where shards are.
const rowPlacement = 'p'

// writtenPlacement is a row of the placement table as a host wrote it.
type writtenPlacement struct {
	shard    flow.ShardID
	start    uint64
	epoch    uint64
	replicas []flow.ReplicaID
}

func parsePlacement(value []byte) (p writtenPlacement, ok bool) {
	r := wire.NewReader(value)
	p.shard, p.start, p.epoch = flow.ShardID(r.Uint()), r.Fixed64(), r.Uint()
	r.Uint() // generation
	for range r.Count(1) {
		p.replicas = append(p.replicas, flow.ReplicaID(r.Uint()))
	}
	return p, r.Done() == nil
}

// placed compares a row of the placement table with what the world has seen of the
// shard: an epoch is of one set of replicas, epochs rise, and a replica that was
// removed never comes back under its id.
func (c *checks) placed(h *host, value []byte) {
	p, ok := parsePlacement(value)
	if !ok {
		c.w.fail(OraclePlacement, "%s wrote a row of the placement table that cannot be read", h.name)
		return
	}
	if last := h.epochs[p.shard]; p.epoch < last {
		c.w.fail(OraclePlacement, "%s: the epoch of %v fell from %d to %d", h.name, p.shard, last, p.epoch)
	}
	h.epochs[p.shard] = p.epoch
	history := c.placements[p.shard]
	for _, was := range history {
		switch {
		case was.epoch == p.epoch:
			if was.start != p.start || !slices.Equal(was.replicas, p.replicas) {
				c.w.fail(OraclePlacement, "%v in epoch %d is on %v, and for %s on %v", p.shard, p.epoch, was.replicas, h.name, p.replicas)
			}
			return
		case was.start != p.start:
			c.w.fail(OraclePlacement, "%v begins at %016x in epoch %d and at %016x in epoch %d", p.shard, was.start, was.epoch, p.start, p.epoch)
		}
	}
	history = append(history, p)
	slices.SortFunc(history, func(a, b writtenPlacement) int { return int(a.epoch) - int(b.epoch) })
	gone := map[flow.ReplicaID]bool{}
	for i, now := range history {
		for _, id := range now.replicas {
			if gone[id] {
				c.w.fail(OraclePlacement, "%v has replica %v again in epoch %d, after it was removed", p.shard, id, now.epoch)
			}
		}
		if i+1 < len(history) {
			for _, id := range now.replicas {
				gone[id] = gone[id] || !slices.Contains(history[i+1].replicas, id)
			}
		}
	}
	c.placements[p.shard] = history
}

// hosted checks that, in a quiet cluster, every node has the replicas that the latest
// placement names there, and no other: one that was removed serves no more.
func (c *checks) hosted(hosts []*host) {
	for s := flow.ShardID(1); int(s) <= c.w.scenario.Shards; s++ {
		history := c.placements[s]
		if len(history) == 0 {
			continue // the table of a cluster that was never changed
		}
		now := history[len(history)-1]
		for _, h := range hosts {
			var want flow.ReplicaID
			for _, id := range now.replicas {
				if id.Node() == h.id {
					want = id
				}
			}
			var have flow.ReplicaID
			if g := h.written[s]; g != nil {
				have = g.replica
			}
			if want != have {
				c.w.fail(OraclePlacement, "%s has replica %v of %v in a quiet cluster; the placement of epoch %d wants %v", h.name, have, s, now.epoch, want)
			}
		}
	}
}
