package placement

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Leaders returns for each shard of the view, in its order, the node that should
// lead it, or 0 when no replica is on a live node.
//
// Each shard first gets the live replica that its preference list names first,
// which depends on no other shard; then leaders move from nodes with many to
// nodes with few, along the shortest chain of shards that share nodes, until no
// chain narrows a gap of two or more. So no node leads two shards more than one it could
// pass a shard to; where every node holds every shard, counts differ by at most
// one. The answer depends on the view alone: one that has not changed, or has
// changed back, gives the same leaders.
func Leaders(v View) []flow.NodeID {
	c := newCluster(v)
	b := balance{leads: make([]int, len(c.nodes)), leader: make([]int, len(v.Shards))}
	for i, s := range v.Shards {
		b.candidates = append(b.candidates, c.candidates(s))
		b.leader[i] = -1
		if len(b.candidates[i]) > 0 {
			b.leader[i] = b.candidates[i][0]
			b.leads[b.leader[i]]++
		}
	}
	for b.improve() {
	}
	leaders := make([]flow.NodeID, len(v.Shards))
	for i, n := range b.leader {
		if n >= 0 {
			leaders[i] = c.nodes[n].ID
		}
	}
	return leaders
}

// candidates returns the live nodes that hold a replica, the most preferred first.
func (c *cluster) candidates(s Shard) []int {
	var live []int
	for _, id := range c.ring.Preference(s.Start, len(c.nodes)) {
		if n := c.find(id); c.nodes[n].live() && slices.Contains(s.Replicas, id) {
			live = append(live, n)
		}
	}
	return live
}

// balance spreads leaders over nodes; nodes and shards are indices.
type balance struct {
	candidates [][]int // per shard
	leader     []int   // per shard, -1 for none
	leads      []int   // per node, how many shards it leads
}

// improve moves one leader's worth of load from the fullest node it can to one
// that leads at least two fewer, and says whether it found any. Every success
// lowers the sum of the squares of leads, so that it ends.
func (b *balance) improve() bool {
	order := make([]int, len(b.leads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return b.leads[y] - b.leads[x] })
	for _, from := range order {
		if b.shift(from) {
			return true
		}
	}
	return false
}

// shift looks, breadth first, for the shortest chain of shards by which from can
// hand one on to a node that leads at least two fewer, and applies it: each shard
// of the chain goes to the next node, so that only the ends' counts change.
func (b *balance) shift(from int) bool {
	via := make([]int, len(b.leads)) // the shard by which a node was reached
	for i := range via {
		via[i] = -1
	}
	reached := []int{from}
	for at := 0; at < len(reached); at++ {
		node := reached[at]
		if b.leads[node] <= b.leads[from]-2 {
			b.apply(from, node, via)
			return true
		}
		for s, leader := range b.leader {
			if leader != node {
				continue
			}
			for _, n := range b.candidates[s] {
				if n != from && via[n] < 0 {
					via[n] = s
					reached = append(reached, n)
				}
			}
		}
	}
	return false
}

// apply walks the chain back from its end and passes each shard on.
func (b *balance) apply(from, to int, via []int) {
	b.leads[from]--
	b.leads[to]++
	for n := to; n != from; {
		s := via[n]
		n, b.leader[s] = b.leader[s], n
	}
}
