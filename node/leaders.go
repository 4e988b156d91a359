package node

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/placement"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

const (
	// leaderTicks is how often leaders look whether another should lead (1 s).
	leaderTicks = 40
	// leadAfter is how long a node must have been heard without a silence before
	// leadership is handed to it.
	leadAfter = 3 * time.Second
)

// leaders is what the node remembers to place leadership.
type leaders struct {
	// retiring holds those who wait for this node to lead nothing; retired is set from
	// the first one on, until the node stops.
	retiring []*retireOp
	retired  bool
	// preferred is placement's choice of leaders for the system state of that many
	// changes.
	preferred        []flow.NodeID
	preferredMachine *system.Machine
	preferredChanges uint64
}

// retireOp is a RetireRequest.
type retireOp struct {
	due   flow.Time
	reply func(flow.Response)
}

func (n *Node) tickLeaders() {
	n.driveRetirement()
	switch {
	case n.lowDisk():
		if n.ticks%statusTicks == 1 {
			n.leaveShards()
		}
	case n.ticks%leaderTicks == 0 && !n.leaders.retired:
		n.driveLeaders()
	}
}

// driveLeaders hands leadership of this node's shards to where placement wants it,
// once that node is up for good and has all that this one has.
func (n *Node) driveLeaders() {
	sys, m := n.system(), &n.leaders
	if m.preferredMachine != sys || m.preferredChanges != sys.Changes {
		all := func(flow.NodeID) bool { return true } // a node that is down keeps its share
		m.preferred, m.preferredMachine, m.preferredChanges = placement.Leaders(n.placementView(all)), sys, sys.Changes
	}
	preferred := m.preferred
	for i, p := range sys.Placements {
		r := n.replicas[p.Shard]
		if r == nil || !r.Leading() || sys.Moves[p.Shard] != nil || preferred[i] == n.identity.Node || n.upFor(preferred[i]) < leadAfter {
			continue
		}
		if n.wantsNoLead(preferred[i]) {
			continue
		}
		for _, id := range p.Replicas {
			if id.Node() == preferred[i] && slices.Contains(r.Conf().GetVoters(), uint64(id)) && n.caughtUp(r, id) {
				r.Transfer(id)
				n.touched[p.Shard] = true
			}
		}
	}
}

// driveRetirement hands what this node leads to the voters that have most of it.
func (n *Node) driveRetirement() {
	if len(n.leaders.retiring) == 0 {
		return
	}
	leading := 0
	for _, s := range n.hosted {
		r := n.replicas[s]
		if r.IsLeader() && n.handOver(r) {
			leading++
		}
	}
	now := n.cfg.Clock.Now()
	n.leaders.retiring = slices.DeleteFunc(n.leaders.retiring, func(op *retireOp) bool {
		if leading > 0 && now < op.due {
			return false
		}
		op.reply(&flow.RetireResponse{Leading: leading})
		return true
	})
}

// leaveShards hands the data shards that this node leads to others: its disk is
// almost full, theirs may not be.
func (n *Node) leaveShards() {
	for _, s := range n.hosted {
		if r := n.replicas[s]; s != flow.SystemShard && r.IsLeader() {
			n.handOver(r)
		}
	}
}

// handOver starts a transfer of leadership to the voter whose log matches furthest;
// it is false when there is none that is heard of.
func (n *Node) handOver(r *replica.Replica) bool {
	var best flow.ReplicaID
	var most uint64
	for _, v := range r.Conf().GetVoters() {
		id := flow.ReplicaID(v)
		if match, active := r.Progress(id); id != r.ID() && active && n.caughtUp(r, id) && n.up(id.Node()) && !n.wantsNoLead(id.Node()) && match >= most {
			best, most = id, match
		}
	}
	if best == 0 {
		return false
	}
	r.Transfer(best)
	n.touched[r.Shard()] = true
	return true
}

// wantsNoLead says that another node asked for no leadership in its latest report.
func (n *Node) wantsNoLead(id flow.NodeID) bool {
	p := n.peers.known[id]
	return p != nil && p.status != nil && p.status.NoLead
}
