package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// callTicks is after how many ticks a call without an answer has failed (1 s), unless
// it says otherwise.
const callTicks = 40

// answerFunc takes the answer to a call. A nil err comes with a body.
type answerFunc func(body net.Body, err *flow.Error)

// calls holds the calls to other nodes that wait for an answer.
type calls struct {
	next    uint64
	waiting map[uint64]*call
	queue   []uint64 // ids by age
	// lost holds the nodes that went silent since the last tick.
	lost map[flow.NodeID]bool
}

type call struct {
	to   flow.NodeID
	due  uint64 // tick
	done answerFunc
}

func (c *calls) init() { c.waiting, c.lost = map[uint64]*call{}, map[flow.NodeID]bool{} }

// call asks a node, this one included. done is called once; Unknown means that no
// answer came.
func (n *Node) call(to flow.NodeID, body net.Body, done answerFunc) {
	n.callUntil(n.ticks+callTicks, to, body, done)
}

// callUntil is call with another tick at which it fails.
func (n *Node) callUntil(due uint64, to flow.NodeID, body net.Body, done answerFunc) {
	if to == n.identity.Node {
		n.serveCall(body, done)
		return
	}
	n.calls.next++
	id := n.calls.next
	n.calls.waiting[id] = &call{to: to, due: due, done: done}
	n.calls.queue = append(n.calls.queue, id)
	n.send(to, &net.Call{ID: id, Body: body})
}

func (n *Node) takeReply(from flow.NodeID, m *net.Reply) {
	c := n.calls.waiting[m.ID]
	if c == nil || c.to != from {
		return // too late, or repeated
	}
	delete(n.calls.waiting, m.ID)
	if m.Err == nil && m.Body == nil {
		m.Err = flow.Errorf(flow.Internal, "node.takeReply", "an answer without content")
	}
	c.done(m.Body, m.Err)
}

// tickCalls fails the calls whose time is up or whose node has gone silent.
func (n *Node) tickCalls() {
	q := n.calls.queue
	n.calls.queue = nil
	for _, id := range q {
		c := n.calls.waiting[id]
		switch {
		case c == nil:
		case n.ticks >= c.due || n.calls.lost[c.to]:
			delete(n.calls.waiting, id)
			c.done(nil, flow.Errorf(flow.Unknown, "node.call", "no answer from node %v", c.to))
		default:
			n.calls.queue = append(n.calls.queue, id)
		}
	}
	clear(n.calls.lost)
}

// serveCall answers a call from a node, or from this one.
func (n *Node) serveCall(body net.Body, done answerFunc) {
	switch b := body.(type) {
	case *net.Write:
		n.serveWrite(b, done)
	case *net.Read:
		n.serveRead(b, done)
	case *net.Checkpoint:
		r := n.touch(b.Shard)
		if r == nil {
			done(nil, n.notHosted(b.Shard))
			return
		}
		r.Checkpoint(b.Request, func(res replica.Result) { answerWrite(res, done) })
	case *net.Graph:
		n.serveGraph(b, done)
	case *net.Digest:
		n.serveDigest(b, done)
	default:
		done(nil, flow.Errorf(flow.InvalidArgument, "node.serveCall", "unknown call"))
	}
}

func (n *Node) notHosted(s flow.ShardID) *flow.Error {
	e := flow.Errorf(flow.NotLeader, "node", "node %v has no replica of the shard", n.identity.Name).OnShard(s)
	e.Leader = n.leaderOf(s)
	return e
}

// serveWrite proposes a command to a replica that leads here.
func (n *Node) serveWrite(b *net.Write, done answerFunc) {
	r := n.touch(b.Shard)
	if r == nil {
		done(nil, n.notHosted(b.Shard))
		return
	}
	if n.stalled() {
		done(nil, flow.Errorf(flow.Unavailable, "node.serveWrite", "the disk of node %v does not answer", n.identity.Name).OnShard(b.Shard))
		return
	}
	if n.lowDisk() && b.Shard != flow.SystemShard && shard.AddsData(b.Command) {
		done(nil, flow.Errorf(flow.ResourceExhausted, "node.serveWrite", "the disk of node %v is almost full; writes are refused until space is free", n.identity.Name).OnShard(b.Shard))
		return
	}
	if err := n.memoryFull(b.Shard); err != nil && shard.AddsData(b.Command) {
		done(nil, err)
		return
	}
	r.Propose(b.Request, b.Command, func(res replica.Result) { answerWrite(res, done) })
}

func answerWrite(res replica.Result, done answerFunc) {
	if res.Err != nil {
		done(nil, res.Err)
		return
	}
	done(&net.Written{Index: res.Index, Result: res.Result}, nil)
}

func (n *Node) serveDigest(b *net.Digest, done answerFunc) {
	r := n.replicas[b.Shard]
	if r == nil {
		done(nil, n.notHosted(b.Shard))
		return
	}
	digest, known := r.Noted(b.Index)
	done(&net.DigestResult{Replica: r.ID(), Known: known, Passed: !known && r.Applied() >= b.Index, Digest: digest}, nil)
}

// window remembers which of the latest numbers of a peer's calls have come, so that a
// call that was refused is not obeyed when the network repeats it.
type window struct {
	highest uint64
	seen    [windowCalls / 64]uint64 // bit i%windowCalls: number i, of the latest windowCalls
}

// windowCalls is how late a call may be, in calls that its sender made since.
const windowCalls = 1024

// first says whether a number comes for the first time; one that is too old does not.
func (w *window) first(id uint64) bool {
	if id > w.highest {
		if id-w.highest >= windowCalls {
			w.seen = [windowCalls / 64]uint64{}
		} else {
			for i := w.highest + 1; i <= id; i++ {
				w.seen[i%windowCalls/64] &^= 1 << (i % 64)
			}
		}
		w.highest = id
	}
	bit := &w.seen[id%windowCalls/64]
	if w.highest-id >= windowCalls || *bit&(1<<(id%64)) != 0 {
		return false
	}
	*bit |= 1 << (id % 64)
	return true
}
