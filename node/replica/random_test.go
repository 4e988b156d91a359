package replica_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"
)

// walk is a random life of a group, judged from outside.
type walk struct {
	*rig
	t *rapid.T
	// digestAt holds the digest that some member had at an index.
	digestAt map[uint64]uint64
	// votes holds whom a replica voted for in a term, as it told the candidate.
	votes map[vote]uint64
	// acked is the largest index of a write that was acknowledged; accepted its results.
	acked    uint64
	accepted map[flow.RequestID]string
	next     int // request number
	carried  int // packets looked at
}

type vote struct{ voter, term uint64 }

// maxSteps bounds a walk.
const maxSteps = 800

// Whatever the order of ticks, turns, syncs, messages and crashes: no write that was
// acknowledged is lost, a read sees every write acknowledged before it, replicas at
// one index are equal, no vote is given twice, every proposal is answered once, and
// with the network healed the group comes together.
func TestRandomWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &walk{t: t, rig: newRig(4, replica.Tuning{
			HeartbeatTicks: 1, ElectionTicks: 4, TruncateEntries: 3, MaxLogEntries: 6, ChunkBytes: 200, NoteEvery: 2,
		})}
		w.digestAt, w.votes, w.accepted = map[uint64]uint64{}, map[vote]uint64{}, map[flow.RequestID]string{}
		if err := w.grow(3); err != nil {
			t.Fatal(err)
		}
		w.grown()
		// All from one seed: rapid's own numbers are mostly small ones.
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		w.random = dice.IntN
		for range rapid.IntRange(100, maxSteps).Draw(t, "steps") {
			w.step(dice.Uint64())
			w.observe()
		}
		w.heal()
	})
}

// grown takes note of what happened while the group was made.
func (w *walk) grown() {
	w.wire, w.carried = nil, 0
	w.observe()
}

// step does what a number says: its low bits are the kind of step, the rest its subject.
func (w *walk) step(s uint64) {
	kind, s := s%32, s/32
	m := w.members[s%uint64(len(w.members))]
	switch {
	case kind < 5:
		w.now = w.now.Add(tickEvery / 4)
		w.tick(m)
	case kind < 10:
		m.flush()
	case kind < 14:
		m.persist()
	case kind < 16:
		m.work()
	case kind < 23:
		w.carry(s)
	case kind < 25:
		w.deliverAll()
	case kind < 28:
		w.write(m, s)
	case kind < 29:
		w.read(m)
	case kind < 30:
		w.crash(m, int(s>>8%4))
	case kind < 31:
		m.cut = !m.cut && s>>9%4 == 0
	default:
		w.changeMembers(s)
	}
}

// carry delivers one message on its way, and perhaps leaves it there to come again,
// or loses one.
func (w *walk) carry(s uint64) {
	if len(w.wire) == 0 {
		return
	}
	i := int(s>>3) % len(w.wire)
	p := w.wire[i]
	switch s >> 24 % 8 {
	case 0:
		w.wire = slices.Delete(w.wire, i, i+1)
	case 1:
		w.receive(p)
	default:
		w.wire = slices.Delete(w.wire, i, i+1)
		w.receive(p)
	}
	w.carried = len(w.wire)
}

func (w *walk) deliverAll() {
	wire := w.wire
	w.wire, w.carried = nil, 0
	for _, p := range wire {
		w.receive(p)
	}
}

func (w *walk) write(m *member, s uint64) {
	if m.r == nil {
		return
	}
	id := requestID(w.next)
	if s>>16%4 == 0 && w.next > 0 {
		id = requestID(int(s>>18) % w.next) // a retry
	} else {
		w.next++
	}
	answered := false
	start := m.starts
	m.r.Propose(id, fmt.Appendf(nil, "put key%d %x", s>>20%5, id[14:]), func(res replica.Result) {
		if answered {
			w.t.Fatalf("request %v is answered twice", id)
		}
		answered = true
		if res.Err != nil || start != m.starts {
			return
		}
		if was, ok := w.accepted[id]; ok && was != string(res.Result) {
			w.t.Fatalf("request %v had the result %q, and now %q", id, was, res.Result)
		}
		w.accepted[id] = string(res.Result)
		w.acked = max(w.acked, res.Index)
	})
}

func (w *walk) read(m *member) {
	if m.r == nil {
		return
	}
	must, r := w.acked, m.r
	r.Linearizable(func() {
		if r.Applied() < must {
			w.t.Fatalf("a read at %v sees index %d; %d was acknowledged before it began", m.node, r.Applied(), must)
		}
	})
}

func (w *walk) crash(m *member, keep int) {
	m.crash(keep)
	w.reopen(m)
}

// reopen starts a member on what is durable; one whose creation was not is created
// again, as a node does that is to have it.
func (w *walk) reopen(m *member) {
	err := m.open()
	if flow.KindOf(err) == flow.NotFound || err == nil && m.r.ID() != m.id {
		m.r, err = replica.New(&m.fx.Batch, m.config(), m.id)
	}
	if err != nil {
		w.t.Fatalf("%v does not start: %v", m.node, err)
	}
}

// changeMembers takes a step towards another set of voters: a new learner, or a
// learner in the place of a voter.
func (w *walk) changeMembers(s uint64) {
	lead := w.leader()
	if lead == nil || len(lead.r.Conf().GetVotersOutgoing()) > 0 {
		return
	}
	conf := lead.r.Conf()
	for _, m := range w.members {
		id := uint64(m.id)
		if slices.Contains(conf.GetVoters(), id) {
			continue
		}
		if !slices.Contains(conf.GetLearners(), id) {
			m.crash(1 << 30)
			if err := m.create(); err != nil {
				w.t.Fatal(err)
			}
			lead.change(raftpb.ConfChangeTransitionAuto, raftpb.ConfChangeAddLearnerNode, m.id)
			return
		}
		if match, active := lead.r.Progress(m.id); active && match+2 >= lead.r.Applied() {
			out := conf.GetVoters()[s%uint64(len(conf.GetVoters()))]
			lead.r.ConfChange(raftpb.ConfChangeTransitionJointImplicit,
				&raftpb.ConfChangeSingle{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: &id},
				&raftpb.ConfChangeSingle{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: &out})
		}
		return
	}
}

// observe compares what members show with what was seen before.
func (w *walk) observe() {
	for _, m := range w.members {
		if m.r == nil || m.r.Applied() == 0 {
			continue
		}
		i, d := m.r.Applied(), m.r.Digest()
		if was, ok := w.digestAt[i]; ok && was != d {
			w.t.Fatalf("%v has digest %016x at %d, another had %016x:\n%s", m.node, d, i, was, w.state())
		}
		w.digestAt[i] = d
	}
	for _, p := range w.wire[min(w.carried, len(w.wire)):] {
		r, ok := p.message().(*net.Raft)
		if !ok || r.M.GetType() != raftpb.MsgVoteResp || r.M.GetReject() {
			continue
		}
		v := vote{r.M.GetFrom(), r.M.GetTerm()}
		if was, ok := w.votes[v]; ok && was != r.M.GetTo() {
			w.t.Fatalf("replica %v voted twice in term %d", flow.ReplicaID(v.voter), v.term)
		}
		w.votes[v] = r.M.GetTo()
	}
	w.carried = len(w.wire)
}

// heal mends everything and waits until the members of the group agree.
func (w *walk) heal() {
	const maxTicks = 400
	for _, m := range w.members {
		m.cut = false
		if m.r == nil {
			w.reopen(m)
		}
	}
	for range maxTicks {
		w.tickAll(1)
		if w.agreed() {
			break
		}
	}
	if !w.agreed() {
		w.t.Fatalf("after %d ticks without faults the members do not agree:\n%s", maxTicks, w.state())
	}
	w.observe()
	lead := w.leader()
	w.write(lead, 1<<16)
	w.settle()
	for _, m := range w.members {
		if !w.inGroup(m) {
			continue
		}
		k := m.r.Machine().(*kv)
		for id, result := range w.accepted {
			if got := k.rows["r/"+id.String()]; got != result {
				w.t.Fatalf("%v has lost request %v: %q, acknowledged was %q", m.node, id, got, result)
			}
		}
	}
}

func (w *walk) inGroup(m *member) bool {
	conf := w.leader().r.Conf()
	return slices.Contains(conf.GetVoters(), uint64(m.id)) || slices.Contains(conf.GetLearners(), uint64(m.id))
}

func (w *walk) agreed() bool {
	lead := w.leader()
	if lead == nil || len(lead.r.Conf().GetVotersOutgoing()) > 0 {
		return false
	}
	for _, m := range w.members {
		if w.inGroup(m) && (m.r.Applied() != lead.r.Applied() || m.r.Digest() != lead.r.Digest()) {
			return false
		}
	}
	return true
}
