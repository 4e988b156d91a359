package node

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
)

// verifyTicks is how often a verification asks again.
const verifyTicks = 4

// verifyOp compares the replicas of every group at one log position each.
type verifyOp struct {
	due    flow.Time
	groups []*verifyGroup
	reply  func(flow.Response)
}

// verifyGroup is the verification of one group: first a checkpoint in its log, then
// the digest that every replica noted there.
type verifyGroup struct {
	flow.ShardVerdict
	replicas []flow.ReplicaID
	flying   bool
	nextTry  uint64
}

func (n *Node) serveVerify(req *flow.VerifyRequest, reply func(flow.Response)) {
	op := &verifyOp{due: n.due(req.Timeout), reply: reply}
	op.groups = append(op.groups, &verifyGroup{ShardVerdict: flow.ShardVerdict{Shard: flow.SystemShard}})
	for _, p := range n.system().Placements {
		op.groups = append(op.groups, &verifyGroup{ShardVerdict: flow.ShardVerdict{Shard: p.Shard}})
	}
	n.requests.verifies = append(n.requests.verifies, op)
	n.stepVerify(op)
}

func (n *Node) tickVerifies() {
	now := n.cfg.Clock.Now()
	list := n.requests.verifies
	n.requests.verifies = nil
	for _, op := range list {
		n.stepVerify(op)
		if now < op.due && !op.complete() {
			n.requests.verifies = append(n.requests.verifies, op)
			continue
		}
		resp := &flow.VerifyResponse{}
		for _, g := range op.groups {
			resp.Shards = append(resp.Shards, g.verdict())
		}
		op.reply(resp)
	}
}

func (op *verifyOp) complete() bool {
	for _, g := range op.groups {
		if g.Index == 0 || len(g.Digests) < len(g.replicas) {
			return false
		}
	}
	return true
}

// verdict says whether all replicas answered and agree.
func (g *verifyGroup) verdict() flow.ShardVerdict {
	v := g.ShardVerdict
	v.Equal = true
	for _, id := range g.replicas {
		d, ok := g.Digests[id]
		if !ok {
			v.Missing = append(v.Missing, id)
		}
		v.Equal = v.Equal && ok && d == g.Digests[g.replicas[0]]
	}
	return v
}

// replicasOf lists the replicas of a group: of a shard those of its placement, of the
// system group those of all nodes that are not lost.
func (n *Node) replicasOf(s flow.ShardID) (ids []flow.ReplicaID) {
	if s != flow.SystemShard {
		if p := n.system().Placement(s); p != nil {
			ids = slices.Clone(p.Replicas)
		}
		return ids
	}
	for _, node := range n.system().Live() {
		ids = append(ids, node.SystemReplica)
	}
	return ids
}

// stepVerify asks for what is still missing. A group whose replicas have become others
// begins anew: one that was replaced never answers (seed 106000003586).
func (n *Node) stepVerify(op *verifyOp) {
	for _, g := range op.groups {
		if now := n.replicasOf(g.Shard); !slices.Equal(now, g.replicas) {
			g.replicas, g.Index, g.Digests, g.nextTry = now, 0, nil, 0
		}
		if g.flying || n.ticks < g.nextTry {
			continue
		}
		g.nextTry = n.ticks + verifyTicks
		if g.Index == 0 {
			n.checkpoint(g)
			continue
		}
		for _, id := range g.replicas {
			if _, ok := g.Digests[id]; !ok {
				n.askDigest(g, id, g.Index)
			}
		}
	}
}

func (n *Node) checkpoint(g *verifyGroup) {
	leader := n.leaderOf(g.Shard)
	if leader == 0 {
		return
	}
	g.flying = true
	n.call(leader, &net.Checkpoint{Shard: g.Shard, Request: n.newRequestID()}, func(body net.Body, err *flow.Error) {
		g.flying = false
		if w, ok := body.(*net.Written); ok && err == nil {
			g.Index, g.Digests = w.Index, map[flow.ReplicaID]uint64{}
			g.nextTry = 0
		}
	})
}

func (n *Node) askDigest(g *verifyGroup, id flow.ReplicaID, at uint64) {
	n.call(id.Node(), &net.Digest{Shard: g.Shard, Index: at}, func(body net.Body, err *flow.Error) {
		d, ok := body.(*net.DigestResult)
		switch {
		case !ok || err != nil || g.Index != at || d.Replica != id:
		case d.Known:
			g.Digests[id] = d.Digest
		case d.Passed:
			g.Index = 0 // it came by a snapshot: another checkpoint
		}
	})
}
