package node

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
)

const (
	// bridgeTicks is how long the graphs of a collection must have been as they are before
	// they are joined.
	bridgeTicks = 20
	// bridgeComparisons is about how many rows the end of a bridge is chosen from.
	bridgeComparisons = 130
)

// bridging joins the graphs that this node has of a collection in several shards, so that
// a search through all of them is led from one to the others (see index.Bridges). Bridges
// are made of the graphs by this node for itself and kept in memory alone. After a start,
// and when graphs change, searches go on without them, or with the former ones, until a
// background job has built them.
type bridging struct {
	collections map[flow.CollectionID]*bridged
	// building says that a job is under way: there is one at a time.
	building bool
}

// bridged is what the node knows of a collection's bridges.
type bridged struct {
	bridges *index.Bridges // nil for none
	// changed says that graphs have come or gone since they were built, the last at changedAt.
	changed   bool
	changedAt uint64
	// shards are those whose graphs were joined. They share the memory.
	shards []flow.ShardID
}

func (b *bridging) init() { b.collections = map[flow.CollectionID]*bridged{} }

// of returns the bridges of a collection, or nil.
func (b *bridging) of(id flow.CollectionID) *index.Bridges {
	if c := b.collections[id]; c != nil {
		return c.bridges
	}
	return nil
}

// bytes returns what a shard's part of a collection takes of its bridges.
func (b *bridging) bytes(s flow.ShardID, id flow.CollectionID) uint64 {
	c := b.collections[id]
	if c == nil || !slices.Contains(c.shards, s) {
		return 0
	}
	return c.bridges.Bytes() / uint64(len(c.shards))
}

// shardBytes returns what a shard takes of all bridges.
func (b *bridging) shardBytes(s flow.ShardID) (sum uint64) {
	for id := range b.collections { // order-free: a sum
		sum += b.bytes(s, id)
	}
	return sum
}

// Joined returns how many graphs are joined with others of their collection by bridges.
func (n *Node) Joined() (graphs int) {
	for _, c := range n.bridging.collections { // order-free: a sum
		graphs += c.bridges.Graphs()
	}
	return graphs
}

// graphsChanged notes that a graph of a collection has come or gone.
func (n *Node) graphsChanged(id flow.CollectionID) {
	c := n.bridging.collections[id]
	if c == nil {
		c = &bridged{}
		n.bridging.collections[id] = c
	}
	c.changed, c.changedAt = true, n.ticks
}

// tickBridges begins to join the graphs of a collection that have changed and rested since.
func (n *Node) tickBridges() {
	b := &n.bridging
	if b.building {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(b.collections)) {
		if c := b.collections[id]; c.changed && n.ticks-c.changedAt >= bridgeTicks {
			n.join(id, c)
			return
		}
	}
}

// join builds the bridges of a collection in a job.
func (n *Node) join(id flow.CollectionID, c *bridged) {
	c.changed = false
	var views []*index.View
	var shards []flow.ShardID
	for _, s := range n.hosted {
		m := n.shard(s)
		if m == nil || m.Index(id) == nil {
			continue
		}
		views, shards = append(views, m.View(id)), append(shards, s)
	}
	if len(views) == 0 {
		delete(n.bridging.collections, id)
		return
	}
	if work := index.NewBridging(c.bridges, views, n.cfg.Tuning.Index.BridgedRows); work != nil {
		n.bridging.building = true
		n.joinSlice(c, work, shards)
	}
}

func (n *Node) joinSlice(c *bridged, work *index.Bridging, shards []flow.ShardID) {
	comparisons := bridgeComparisons * max(work.Dim(), 1)
	budget := buildStepFloats/comparisons + 1
	done := false
	n.cfg.Workers.Do(Job{
		Cost: 4 * comparisons * min(budget, work.Rows()), Background: true,
		Run: func() { done = work.Step(budget) },
		Done: func() {
			switch {
			case n.err != nil:
			case !done:
				n.joinSlice(c, work, shards)
			default:
				n.bridging.building = false
				c.bridges, c.shards = work.Bridges(), shards
			}
		},
	})
}
