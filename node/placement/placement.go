// Package placement decides where replicas go: from a view of the cluster it
// computes the moves to start now and the preferred leaders. It is pure and
// deterministic: the same view gives the same answer on every node, in whatever
// order the view lists its nodes; it moves nothing itself and remembers nothing.
package placement

import (
	"cmp"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// Node is a node of the cluster as placement sees it.
type Node struct {
	ID     flow.NodeID
	Region string
	// Up says that the node is heard; nothing is placed on a node that is not.
	Up bool
	// Dead says that the node has been silent for so long that its replicas are
	// to be replaced.
	Dead bool
}

// live says whether the node may be given work.
func (n Node) live() bool { return n.Up && !n.Dead }

// Shard is a shard as placement sees it.
type Shard struct {
	ID flow.ShardID
	// Start is the first hash of the shard's range.
	Start uint64
	// Replicas are the nodes that hold a replica, in any order.
	Replicas []flow.NodeID
	// Broken are those of them whose replica is lost while the node is not.
	Broken []flow.NodeID
	// Moving is set while a move of this shard runs.
	Moving bool
}

// View is what placement decides from. Every Replicas entry is in Nodes or is a
// node that was removed, which counts as a replica that nobody can reach.
type View struct {
	Nodes  []Node
	Shards []Shard
	// ReplicationFactor is how many replicas a shard should have.
	ReplicationFactor int
	// VirtualNodes is how many tokens a node has on the ring.
	VirtualNodes int
	// MaxMoves is how many moves may run at once in the whole cluster.
	MaxMoves int
}

// Move is a change to one shard: a node that gains a replica and a node that
// loses one; either is 0 for none.
type Move struct {
	Shard       flow.ShardID
	Add, Remove flow.NodeID
}

// Next returns the moves to start now, the most urgent first: shards with the
// fewest live replicas, then by id. Together with the shards that are Moving they
// are at most MaxMoves, and a shard has at most one at a time. For now a move
// replaces a replica that is broken or on a dead node, or adds one to a shard that has
// fewer than ReplicationFactor; nothing is moved for balance. A shard with too few live
// replicas to agree on anything is left alone. A broken replica is made again on its node.
//
// The node that gains it is live, holds no replica of the shard and, in this
// order: has the fewest replicas of the shard in its region; is not above the
// bound of ring.MaxLoad; comes first in the ring's preference list of the shard.
// Where all are above the bound, the one with the fewest replicas. Regions come before
// balance because a badly placed replica costs availability, an uneven load
// costs only speed.
func Next(v View) []Move {
	c := newCluster(v)
	budget := v.MaxMoves
	var wanting []int
	for i, s := range v.Shards {
		switch {
		case s.Moving:
			budget--
		case c.lost(s) != 0 || len(s.Replicas) < v.ReplicationFactor:
			wanting = append(wanting, i)
		}
	}
	slices.SortFunc(wanting, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(c.liveReplicas(v.Shards[a]), c.liveReplicas(v.Shards[b])),
			cmp.Compare(v.Shards[a].ID, v.Shards[b].ID))
	})
	var moves []Move
	for _, i := range wanting {
		if budget <= 0 {
			break
		}
		if m := c.move(v.Shards[i]); m.Add != 0 {
			c.load[c.find(m.Add)]++
			budget--
			moves = append(moves, m)
		}
	}
	return moves
}

// cluster is a view with its nodes in order, their ring and their loads.
type cluster struct {
	nodes   []Node // ascending by ID
	ring    *ring.Ring
	load    []int // replicas, per node
	maxLoad int   // ring.MaxLoad once every shard has its replicas
}

func newCluster(v View) *cluster {
	c := &cluster{nodes: slices.Clone(v.Nodes), load: make([]int, len(v.Nodes))}
	slices.SortFunc(c.nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	members, live := make([]ring.Member, len(c.nodes)), 0
	for i, n := range c.nodes {
		members[i] = ring.Member{ID: n.ID, Region: n.Region}
		if n.live() {
			live++
		}
	}
	c.ring = ring.New(members, max(v.VirtualNodes, 1))
	for _, s := range v.Shards {
		for _, id := range s.Replicas {
			if n := c.find(id); n >= 0 {
				c.load[n]++
			}
		}
	}
	c.maxLoad = ring.MaxLoad(len(v.Shards)*min(v.ReplicationFactor, live), max(live, 1))
	return c
}

// find returns the index of the node, or -1 when it was removed.
func (c *cluster) find(id flow.NodeID) int {
	i, ok := slices.BinarySearchFunc(c.nodes, id, func(n Node, id flow.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return -1
	}
	return i
}

// lost returns a node whose replica of the shard is to be replaced, 0 for none.
func (c *cluster) lost(s Shard) flow.NodeID {
	for _, id := range s.Replicas {
		if n := c.find(id); n < 0 || c.nodes[n].Dead || slices.Contains(s.Broken, id) {
			return id
		}
	}
	return 0
}

// move returns the move that a shard wants, with Add 0 when none is possible.
func (c *cluster) move(s Shard) Move {
	m := Move{Shard: s.ID, Remove: c.lost(s)}
	if m.Remove != 0 && c.liveReplicas(s) <= len(s.Replicas)/2 {
		return m
	}
	if n := c.find(m.Remove); n >= 0 && slices.Contains(s.Broken, m.Remove) && c.nodes[n].live() {
		m.Add = m.Remove
		c.load[n]--
		return m
	}
	s.Replicas = slices.DeleteFunc(slices.Clone(s.Replicas), func(id flow.NodeID) bool { return id == m.Remove })
	if n := c.choose(s); n >= 0 {
		m.Add = c.nodes[n].ID
	}
	return m
}

// liveReplicas returns how many of the shard's replicas are on live nodes.
func (c *cluster) liveReplicas(s Shard) int {
	live := 0
	for _, id := range s.Replicas {
		if n := c.find(id); n >= 0 && c.nodes[n].live() && !slices.Contains(s.Broken, id) {
			live++
		}
	}
	return live
}

// choose returns the index of the node that gains a replica of the shard, or -1
// when no node can.
func (c *cluster) choose(s Shard) int {
	best, bestRank := -1, [3]int{}
	for place, id := range c.ring.Preference(s.Start, len(c.nodes)) {
		n := c.find(id)
		if !c.nodes[n].live() || slices.Contains(s.Replicas, id) {
			continue
		}
		over := max(0, c.load[n]+1-c.maxLoad)
		rank := [3]int{c.inRegion(s, c.nodes[n].Region), over, place}
		if best < 0 || slices.Compare(rank[:], bestRank[:]) < 0 {
			best, bestRank = n, rank
		}
	}
	return best
}

// inRegion returns how many replicas of the shard are in the region, reachable or not.
func (c *cluster) inRegion(s Shard, region string) int {
	count := 0
	for _, id := range s.Replicas {
		if n := c.find(id); n >= 0 && c.nodes[n].Region == region {
			count++
		}
	}
	return count
}
