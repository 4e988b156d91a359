package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

const (
	// retryTicks is the pause before a proposal or read that failed is tried again.
	retryTicks = 2
	// maxRequestBytes bounds the bytes of the writes it routes at a time.
	maxRequestBytes = 256 << 20
)

// requests holds what is routed by this node at the moment.
type requests struct {
	proposals []*proposal
	reads     []*readOp
	serving   []*serving
	waits     []*wait
	verifies  []*verifyOp
	// open counts the proposals, reads and waits of requests that have not ended; the lists
	// hold those that have until the next tick. bytes are those of the open proposals.
	open, bytes int
}

func (q *requests) init() {}

// proposal is a command on its way to the leader of a shard. It is sent again,
// with the same request id, until an answer is definite or its time is up.
type proposal struct {
	shard   flow.ShardID
	request flow.RequestID
	command []byte
	due     flow.Time
	sentTo  flow.NodeID // 0: not under way
	attempt int
	nextTry uint64 // tick
	// uncertain says that some attempt may have happened.
	uncertain bool
	lastErr   *flow.Error
	// done is called once. Unknown: it may have happened; other errors: it did not.
	done  func(w *net.Written, err *flow.Error)
	ended bool
	// own says that it is upkeep: of no request, and in the way of none.
	own bool
}

// propose routes a command to the leader of its shard.
func (n *Node) propose(p *proposal) {
	n.requests.proposals = append(n.requests.proposals, p)
	if !p.own {
		n.requests.open++
		n.requests.bytes += len(p.command)
	}
	n.sendProposal(p)
}

func (n *Node) sendProposal(p *proposal) {
	to := n.leaderOf(p.shard)
	if to == 0 {
		p.nextTry = n.ticks + retryTicks
		return
	}
	p.sentTo = to
	p.attempt++
	attempt := p.attempt
	n.call(to, &net.Write{Shard: p.shard, Request: p.request, Command: p.command}, func(body net.Body, err *flow.Error) {
		n.answerProposal(p, attempt, body, err)
	})
}

// answerProposal takes the answer to an attempt. A definite success counts whichever
// attempt it answers; a failure only of the latest one.
func (n *Node) answerProposal(p *proposal, attempt int, body net.Body, err *flow.Error) {
	if p.ended {
		return
	}
	if w, ok := body.(*net.Written); ok && err == nil {
		n.endProposal(p, w, nil)
		return
	}
	if err == nil {
		err = flow.Errorf(flow.Internal, "node.answerProposal", "an answer of the wrong kind")
	}
	p.lastErr = err
	if err.Kind == flow.Unknown {
		p.uncertain = true
	}
	if attempt != p.attempt {
		return
	}
	p.sentTo = 0
	p.nextTry = n.ticks + retryTicks
	switch err.Kind {
	case flow.InvalidArgument, flow.Conflict:
		if p.uncertain {
			err = flow.Errorf(flow.Unknown, "node.propose", "an earlier attempt may have happened: %w", err).OnShard(p.shard)
		}
		n.endProposal(p, nil, err) // it would be refused again
	case flow.NotLeader, flow.Unknown:
		if err.Leader != 0 && err.Leader != n.identity.Node && p.attempt == 1 {
			n.peers.hints[p.shard] = hint{leader: err.Leader, term: n.peers.hints[p.shard].term}
			n.sendProposal(p)
		}
	case flow.ResourceExhausted:
		if !p.uncertain {
			n.endProposal(p, nil, err)
		}
	}
}

func (n *Node) endProposal(p *proposal, w *net.Written, err *flow.Error) {
	p.ended = true
	if !p.own {
		n.requests.open--
		n.requests.bytes -= len(p.command)
	}
	p.command = nil
	p.done(w, err)
}

// tickProposals retries, and gives up what is out of time.
func (n *Node) tickProposals() {
	now := n.cfg.Clock.Now()
	list := n.requests.proposals
	n.requests.proposals = nil
	for _, p := range list {
		if p.ended {
			continue
		}
		if now >= p.due {
			n.endProposal(p, nil, p.giveUp())
			continue
		}
		switch leader := n.leaderOf(p.shard); {
		case p.sentTo == 0 && n.ticks >= p.nextTry:
			n.sendProposal(p)
		case p.sentTo != 0 && leader != 0 && leader != p.sentTo:
			p.uncertain = true // the old leader may have it
			n.sendProposal(p)
		}
		if !p.ended {
			n.requests.proposals = append(n.requests.proposals, p)
		}
	}
}

// giveUp is the error of a proposal whose time is up.
func (p *proposal) giveUp() *flow.Error {
	if p.uncertain || p.sentTo != 0 {
		return flow.Errorf(flow.Unknown, "node.propose", "no answer in time; the write may have happened: retry with the same request id").OnShard(p.shard)
	}
	if p.lastErr != nil {
		return flow.Errorf(flow.Unavailable, "node.propose", "not written in time: %w", p.lastErr).OnShard(p.shard)
	}
	return flow.Errorf(flow.Unavailable, "node.propose", "the shard has no leader").OnShard(p.shard)
}

// wait is a linearizable look at this node's copy of the system state.
type wait struct {
	due  flow.Time
	read *replica.Read
	done func(err *flow.Error)
	end  bool
	own  bool // as a proposal's
}

// latestSystem calls done when the node's copy of the system state holds all that
// was acknowledged before, or with Unavailable at the due time.
func (n *Node) latestSystem(due flow.Time, done func(err *flow.Error)) {
	n.await(&wait{due: due, done: done})
}

func (n *Node) await(w *wait) {
	n.requests.waits = append(n.requests.waits, w)
	if !w.own {
		n.requests.open++
	}
	w.read = n.touch(flow.SystemShard).Linearizable(func() {
		if !w.end {
			n.endWait(w, nil)
		}
	})
}

func (n *Node) endWait(w *wait, err *flow.Error) {
	w.end = true
	if !w.own {
		n.requests.open--
	}
	w.done(err)
}

func (n *Node) tickWaits() {
	now := n.cfg.Clock.Now()
	list := n.requests.waits
	n.requests.waits = nil
	for _, w := range list {
		if !w.end && now >= w.due {
			w.read.Cancel()
			n.endWait(w, flow.Errorf(flow.Unavailable, "node.latestSystem", "the system group did not answer in time").OnShard(flow.SystemShard))
		}
		if !w.end {
			n.requests.waits = append(n.requests.waits, w)
		}
	}
}

// tickRequests moves everything that waits for time.
func (n *Node) tickRequests() {
	n.tickProposals()
	n.tickServing()
	n.tickReads()
	n.tickWaits()
	n.tickVerifies()
}

// admit refuses a request when too much is under way.
func (n *Node) admit() *flow.Error {
	q := &n.requests
	if q.open >= n.cfg.Tuning.MaxRequests || q.bytes >= maxRequestBytes {
		return flow.Errorf(flow.ResourceExhausted, "node.Serve", "%w: node %v routes too much at a time; retry later", flow.ErrQueueFull, n.identity.Name)
	}
	return nil
}
