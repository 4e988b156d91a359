package replica

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"go.etcd.io/raft/v3"
)

// maxReadRounds bounds the ReadIndex rounds in flight; reads that arrive meanwhile
// share the next one.
const maxReadRounds = 4

// Read is a read that waits until the replica's state is fit for it.
type Read struct {
	fire  func()
	round uint64
	index uint64
	done  bool
}

// Cancel makes the replica forget the read; its function is not called any more.
func (r *Read) Cancel() { r.done = true }

// readQueue turns reads into ReadIndex rounds (Ongaro 2014, section 6.4). A round
// is confirmed with an index that covers every write acknowledged before the round
// began, so it serves all reads that were waiting then, here or on the leader.
type readQueue struct {
	round   uint64
	begun   []readRound // in flight, oldest first
	pending []*Read     // in no round yet
	waiting []*Read     // in a round
	ready   []*Read     // confirmed, waiting for the index to be applied
	// The state at freshIndex was current at freshAt, by this node's clock.
	freshIndex uint64
	freshAt    flow.Time
}

type readRound struct {
	round uint64
	at    flow.Time
	ticks int
}

// Linearizable calls fire when the state holds every write that was acknowledged
// before this call. It may be called within this call's turn, never inside it.
func (r *Replica) Linearizable(fire func()) *Read {
	read := &Read{fire: fire}
	r.reads.pending = append(r.reads.pending, read)
	return read
}

// AtIndex calls fire when the state has reached an index.
func (r *Replica) AtIndex(index uint64, fire func()) *Read {
	read := &Read{fire: fire, index: index}
	r.reads.ready = append(r.reads.ready, read)
	return read
}

// Fresh calls fire when the state is known to have been current at most age ago.
// Only this node's clock is asked, so skew between nodes does not matter.
func (r *Replica) Fresh(age time.Duration, fire func()) *Read {
	q := &r.reads
	if q.freshIndex > 0 && q.freshAt >= r.cfg.Now().Add(-age) {
		return r.AtIndex(q.freshIndex, fire)
	}
	return r.Linearizable(fire)
}

// begin starts a round for the reads that wait for one, or whose round was given up.
func (q *readQueue) begin(r *Replica) {
	again := len(q.waiting) > 0 && len(q.begun) == 0
	if len(q.pending) == 0 && !again || len(q.begun) >= maxReadRounds || r.lead == 0 || r.mustNotAnswer() {
		return
	}
	q.round++
	for _, read := range q.pending {
		read.round = q.round
	}
	q.waiting = append(q.waiting, q.pending...)
	q.pending = nil
	q.begun = append(q.begun, readRound{round: q.round, at: r.cfg.Now()})
	r.raft.ReadIndex(binary.BigEndian.AppendUint64(r.readContext(), q.round))
}

// readContext begins the context of every round of this replica in this
// incarnation of its node; no other replica or start has the same.
func (r *Replica) readContext() []byte {
	ctx := binary.BigEndian.AppendUint64(make([]byte, 0, 24), r.cfg.Incarnation)
	return binary.BigEndian.AppendUint64(ctx, uint64(r.id))
}

// confirmed takes the answer to a round, and with it to all earlier ones.
func (q *readQueue) confirmed(r *Replica, s *raft.ReadState) {
	mine := r.readContext()
	if len(s.RequestCtx) != len(mine)+8 || !bytes.HasPrefix(s.RequestCtx, mine) {
		return // a late answer to an earlier incarnation of this node
	}
	round := binary.BigEndian.Uint64(s.RequestCtx[len(mine):])
	for len(q.begun) > 0 && q.begun[0].round <= round {
		if b := q.begun[0]; b.round == round && b.at > q.freshAt {
			q.freshAt, q.freshIndex = b.at, s.Index
		}
		q.begun = q.begun[1:]
	}
	keep := q.waiting[:0]
	for _, read := range q.waiting {
		if read.round > round {
			keep = append(keep, read)
			continue
		}
		read.index = s.Index
		q.ready = append(q.ready, read)
	}
	clear(q.waiting[len(keep):])
	q.waiting = keep
}

// release fires the reads whose index is applied.
func (q *readQueue) release(r *Replica) {
	if len(q.ready) == 0 {
		return
	}
	ready := q.ready
	q.ready = nil
	for _, read := range ready {
		switch {
		case read.done:
		case read.index <= r.applied:
			read.done = true
			read.fire()
		default:
			q.ready = append(q.ready, read)
		}
	}
}

// any says whether a read waits.
func (q *readQueue) any() bool { return len(q.pending)+len(q.waiting)+len(q.ready) > 0 }

// restart gives up the rounds in flight: another begins for their reads, which a late
// answer to the old one still serves.
func (q *readQueue) restart() { q.begun = nil }

// mustNotAnswer says that Raft would answer a round too early: a lone voter is asked
// for no proof, but after a restart it does not know its commit index before it has
// committed an entry of its own term.
func (r *Replica) mustNotAnswer() bool {
	s := r.raft.BasicStatus() // r.state and r.term are behind until the next Advance
	return s.RaftState == raft.StateLeader && r.appliedTerm != s.GetTerm() && len(r.conf.GetVoters()) == 1 && len(r.conf.GetVotersOutgoing()) == 0
}

// tick gives up rounds that were not answered in time and forgets cancelled reads.
func (q *readQueue) tick(r *Replica) {
	for i := range q.begun {
		q.begun[i].ticks++
	}
	if len(q.begun) > 0 && q.begun[0].ticks >= r.cfg.Tuning.RetryTicks {
		q.restart()
	}
	cancelled := func(read *Read) bool { return read.done }
	q.pending = slices.DeleteFunc(q.pending, cancelled)
	q.waiting = slices.DeleteFunc(q.waiting, cancelled)
	q.ready = slices.DeleteFunc(q.ready, cancelled)
}
