package node

import (
	"fmt"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

// A replica whose stored log or state cannot be read may have forgotten an entry that
// it acknowledged or a vote that it gave, so it never takes part under its id again: it
// is broken. Its node goes on without it and reports it; the leader of the system group
// has it replaced by one with another id, which is empty and has promised nothing. What
// is stored of it stays, until that one takes its place.

// broken is what the node knows of a replica that it cannot run.
type broken struct {
	// id is 0 while it is not known which replica it was.
	id  flow.ReplicaID
	err error
}

// foundBroken notes a stored replica that does not start.
func (n *Node) foundBroken(s flow.ShardID, err error) {
	id, _ := replica.StoredID(n.cfg.Disk, s) // 0 when not even that can be read
	n.broken[s] = &broken{id: id, err: err}
	n.event(ReplicaBroken, s, n.identity.Node, uint64(id))
}

// condemn takes a replica out of service whose rows turned out to be corrupt. Without
// its copy of the system state a node cannot work: it stops, and is started again.
func (n *Node) condemn(s flow.ShardID, err error) {
	r := n.replicas[s]
	switch {
	case r == nil:
	case s == flow.SystemShard:
		n.err = flow.Errorf(flow.Corrupt, "node.condemn", "the copy of the system state: %w", err)
	default:
		n.unhost(s)
		n.broken[s] = &broken{id: r.ID(), err: err}
		n.peers.reportSoon = true
		n.event(ReplicaBroken, s, n.identity.Node, uint64(r.ID()))
	}
}

// abandon takes a replica out of service that was to come in the place of a broken one,
// and whose move was given up. Both are broken then.
func (n *Node) abandon(r *replica.Replica) {
	s := r.Shard()
	n.unhost(s)
	n.broken[s] = &broken{id: r.ID(), err: flow.Errorf(flow.Unavailable, "node.abandon", "the move that made replica %v was cancelled", r.ID())}
	n.peers.reportSoon = true
	n.event(ReplicaBroken, s, n.identity.Node, uint64(r.ID()))
}

// renewSystem replaces the node's broken copy of the system state by an empty one with
// the next generation of its id, which the leader of the system group learns from this
// node's reports. The new id is durable before anything is sent under it.
func (n *Node) renewSystem() error {
	id := n.identity.SystemReplica
	n.identity.SystemReplica = flow.NewReplicaID(id.Node(), id.Generation()+1)
	n.fx.Batch.Put(identityKey, n.identity.encode())
	n.fx.Sync = true
	r, err := replica.New(&n.fx.Batch, n.replicaConfig(flow.SystemShard), n.identity.SystemReplica)
	if err != nil {
		return err
	}
	delete(n.broken, flow.SystemShard)
	n.event(ReplicaCreated, flow.SystemShard, n.identity.Node, uint64(r.ID()))
	n.host(flow.SystemShard, r)
	return nil
}

// brokenStatus reports the broken replicas, ascending by shard.
func (n *Node) brokenStatus() []flow.ReplicaStatus {
	var list []flow.ReplicaStatus
	for _, s := range slices.Sorted(maps.Keys(n.broken)) {
		list = append(list, flow.ReplicaStatus{Shard: s, Replica: n.broken[s].id, Role: flow.Broken})
	}
	return list
}

// brokenProblems says why this node's broken replicas are so.
func (n *Node) brokenProblems() (list []string) {
	for _, s := range slices.Sorted(maps.Keys(n.broken)) {
		list = append(list, fmt.Sprintf("shard %d: this node's replica is broken: %v", s.UserID(), n.broken[s].err))
	}
	return list
}

// reported returns the latest report of a replica, its node's or this one's own, or nil.
func (n *Node) reported(s flow.ShardID, id flow.ReplicaID) *flow.ReplicaStatus {
	var list []flow.ReplicaStatus
	if id.Node() == n.identity.Node {
		list = n.Replicas()
	} else if p := n.peers.known[id.Node()]; p != nil && p.status != nil {
		list = p.status.Replicas
	}
	for i := range list {
		if list[i].Shard == s && list[i].Replica == id {
			return &list[i]
		}
	}
	return nil
}

// brokenOn says whether a replica is reported as broken, or one that took its place on
// its node is: that one may have been given up since, and the former was destroyed for it.
func (n *Node) brokenOn(s flow.ShardID, id flow.ReplicaID) bool {
	list := n.brokenStatus()
	if id.Node() != n.identity.Node {
		list = nil
		if p := n.peers.known[id.Node()]; p != nil && p.status != nil {
			list = p.status.Replicas
		}
	}
	return slices.ContainsFunc(list, func(r flow.ReplicaStatus) bool {
		return r.Shard == s && r.Role == flow.Broken && r.Replica.Generation() >= id.Generation()
	})
}

// runsOn says whether a replica is reported as running.
func (n *Node) runsOn(s flow.ShardID, id flow.ReplicaID) bool {
	r := n.reported(s, id)
	return r != nil && r.Role != flow.Broken
}

// isLost says whether a node is declared lost, or is none of the cluster.
func (n *Node) isLost(id flow.NodeID) bool {
	row := n.system().Nodes[id]
	return row == nil || row.Lost
}

// forgetLost takes the rows of lost nodes out of the node table when nothing names them.
func (n *Node) forgetLost() {
	if n.ticks%stepTicks != 0 {
		return
	}
	for _, row := range n.system().SortedNodes() {
		if row.Lost && !n.system().Named(row.ID) && n.stepDue(stepForget, flow.ShardID(row.ID)) {
			n.ownCommand(system.EncodeForget(row.ID), func(system.Result, *flow.Error) {})
		}
	}
}

// anyLost says whether some node reports a broken replica, or is lost itself.
func (n *Node) anyLost() bool {
	if len(n.broken) > 0 || len(n.system().Live()) < len(n.system().Nodes) {
		return true
	}
	for _, id := range n.peers.ids() {
		if st := n.peers.known[id].status; st != nil && slices.ContainsFunc(st.Replicas, func(r flow.ReplicaStatus) bool { return r.Role == flow.Broken }) {
			return true
		}
	}
	return false
}

// renewals enters the new ids of renewed copies of the system state into the node table.
func (n *Node) renewals() {
	for _, row := range n.system().SortedNodes() {
		id := n.systemReplicaOf(row.ID)
		if id.Generation() <= row.SystemReplica.Generation() || !n.stepDue(stepRenew, flow.ShardID(row.ID)) {
			continue
		}
		n.ownCommand(system.EncodeRenew(id), func(system.Result, *flow.Error) {})
	}
}

// systemReplicaOf returns the member of the system group that a node reports, or 0.
func (n *Node) systemReplicaOf(id flow.NodeID) flow.ReplicaID {
	if p := n.peers.known[id]; p != nil && p.status != nil {
		for _, r := range p.status.Replicas {
			if r.Shard == flow.SystemShard && r.Replica.Node() == id {
				return r.Replica
			}
		}
	}
	return 0
}
