package replica

import (
	"fmt"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Advance takes all the work Raft has ready and adds its effects to e.
func (r *Replica) Advance(e *Effects) {
	r.reads.begin(r)
	if r.sweep {
		r.sweepStaged(&e.Batch)
	}
	for r.raft.HasReady() {
		rd := r.raft.Ready()
		if rd.SoftState != nil {
			r.takeRole(e, rd.SoftState)
		}
		for i := range rd.ReadStates {
			r.reads.confirmed(r, &rd.ReadStates[i])
		}
		var local []*raftpb.Message
		for _, m := range rd.Messages {
			switch m.GetType() {
			case raftpb.MsgStorageAppend:
				r.store(e, m)
			case raftpb.MsgStorageApply:
				for _, entry := range m.GetEntries() {
					r.apply(e, entry)
				}
				local = append(local, m.GetResponses()...)
			case raftpb.MsgSnap:
				r.beginSend(e, flow.ReplicaID(m.GetTo()), m.GetTerm())
			case raftpb.MsgVote:
				r.sendDurable(e, m)
			default:
				r.send(e, m)
			}
		}
		for _, m := range local {
			r.must(r.raft.Step(m))
		}
	}
	if r.dirty {
		r.dirty = false
		r.writeApplied(e)
	}
	r.reads.release(r)
	r.dropRefused(e)
}

func (r *Replica) writeApplied(e *Effects) {
	a := appliedRow{index: r.applied, term: r.appliedTerm, digest: r.digest, conf: r.conf, meta: r.machine.Meta()}
	e.Batch.Put(groupKey(r.cfg.Shard, tagApplied), a.encode())
}

func (r *Replica) send(e *Effects, m *raftpb.Message) {
	e.Send = append(e.Send, r.outgoing(m))
}

func (r *Replica) outgoing(m *raftpb.Message) Outgoing {
	return Outgoing{To: flow.ReplicaID(m.GetTo()).Node(), Message: &net.Raft{Shard: r.cfg.Shard, M: m}}
}

// sendDurable sends a message once the term and the vote that this turn writes are
// durable. Raft lets a candidate ask for votes before: one that the others elect, loses
// its power and comes back in the term before may be elected a second time in the same
// term, and write other entries at the places of the first ones (seed 102000005545).
func (r *Replica) sendDurable(e *Effects, m *raftpb.Message) {
	e.Sync = true
	e.Durable = append(e.Durable, Durable{Replica: r, index: r.log.last(), sends: []Outgoing{r.outgoing(m)}})
}

// takeRole follows a change of leader or of role. A replica that stops leading
// cannot promise anything about what it proposed: those who wait are told to ask
// the new leader, by the same request id.
func (r *Replica) takeRole(e *Effects, s *raft.SoftState) {
	was := r.state
	r.state = s.RaftState
	if lead := flow.ReplicaID(s.Lead); lead != r.lead {
		r.lead = lead
		if lead != 0 {
			r.resetTimer()
		}
		r.reads.restart()
		if r.cfg.OnRole != nil {
			r.cfg.OnRole(r.cfg.Shard, r.raft.BasicStatus().GetTerm(), lead)
		}
	}
	if was == raft.StateLeader && r.state != raft.StateLeader {
		r.resetTimer()
		r.abandon(e)
		r.endSends()
	}
}

// abandon answers every waiting proposal with Unknown.
func (r *Replica) abandon(e *Effects) {
	err := flow.Errorf(flow.Unknown, "replica.Propose", "replica %v stopped leading", r.id).OnShard(r.cfg.Shard)
	err.Leader = r.lead.Node()
	waiters := r.waiters
	r.waiters = map[flow.RequestID]*waiting{}
	for _, id := range sortedRequests(waiters) {
		for _, done := range waiters[id].done {
			e.Reply = append(e.Reply, func() { done(Result{Err: err}) })
		}
	}
}

// store writes what Raft wants durable and remembers what waits for it.
func (r *Replica) store(e *Effects, m *raftpb.Message) {
	if m.Term != nil {
		hs := &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
		if m.GetTerm() != r.term || m.GetVote() != r.vote {
			if v := m.GetVote(); v != 0 && v != uint64(r.id) { // a candidate that loses tries again soon
				r.resetTimer()
			}
		}
		r.term, r.vote, r.commit = m.GetTerm(), m.GetVote(), m.GetCommit()
		e.Batch.Put(groupKey(r.cfg.Shard, tagHardState), encodeHardState(hs))
	}
	if s := m.GetSnapshot(); s != nil && s.GetMetadata().GetIndex() > 0 {
		r.install(e, s.GetMetadata())
	}
	if entries := m.GetEntries(); len(entries) > 0 {
		r.log.append(&e.Batch, entries)
		// What an append replaces is no longer durable, whatever was known of it.
		r.durable = min(r.durable, entries[0].GetIndex()-1)
	}
	if len(m.GetResponses()) > 0 {
		e.Sync = true
		e.Durable = append(e.Durable, Durable{Replica: r, index: r.log.last(), responses: m.GetResponses()})
	}
}

// Durable delivers what waited for a batch that is now durable.
func (r *Replica) Durable(d Durable, e *Effects) {
	e.Send = append(e.Send, d.sends...)
	for _, m := range d.responses {
		if flow.ReplicaID(m.GetTo()) != r.id {
			r.send(e, m)
			continue
		}
		if m.GetType() == raftpb.MsgStorageAppendResp && m.GetTerm() == r.term {
			r.durable = max(r.durable, min(m.GetIndex(), r.log.last()))
		}
		_ = r.raft.Step(m) // refused only when the term has moved on
	}
}

// apply applies one committed entry. It reads nothing but the entry and the state.
func (r *Replica) apply(e *Effects, entry *raftpb.Entry) {
	if entry.GetIndex() != r.applied+1 {
		panic(flow.Errorf(flow.Internal, "replica.apply", "entry %d follows applied index %d", entry.GetIndex(), r.applied).OnShard(r.cfg.Shard))
	}
	r.applied, r.appliedTerm, r.dirty = entry.GetIndex(), entry.GetTerm(), true
	switch {
	case entry.GetType() == raftpb.EntryConfChangeV2 || entry.GetType() == raftpb.EntryConfChange:
		r.applyConf(entry)
	case len(entry.Data) > 0:
		r.applyCommand(e, entry)
	}
	if r.applied%r.cfg.Tuning.NoteEvery == 0 {
		r.note()
	}
}

func (r *Replica) applyConf(entry *raftpb.Entry) {
	cc := &raftpb.ConfChangeV2{}
	if err := proto.Unmarshal(entry.Data, cc); err != nil {
		panic(flow.Errorf(flow.Corrupt, "replica.applyConf", "membership change at %d: %w", entry.GetIndex(), err).OnShard(r.cfg.Shard))
	}
	r.conf = r.raft.ApplyConfChange(cc)
	r.resetTimer() // the turns are others now
	if r.cfg.OnConf != nil {
		r.cfg.OnConf()
	}
}

func (r *Replica) applyCommand(e *Effects, entry *raftpb.Entry) {
	v, err := decodeEnvelope(entry.Data)
	if err != nil {
		panic(flow.Errorf(flow.Corrupt, "replica.applyCommand", "entry %d: %w", entry.GetIndex(), err).OnShard(r.cfg.Shard))
	}
	res := Result{Index: r.applied}
	switch v.kind {
	case entryCheckpoint:
		r.note()
	case entryCommand:
		rows := Rows{batch: &e.Batch, prefix: r.StatePrefix(), digest: r.digest}
		res.Result = r.machine.Apply(r.applied, Command{Request: v.request, Time: v.time, Body: v.body}, &rows)
		r.digest = rows.digest
	default:
		panic(flow.Errorf(flow.Corrupt, "replica.applyCommand", "entry %d has unknown kind %q", entry.GetIndex(), v.kind).OnShard(r.cfg.Shard))
	}
	if w := r.waiters[v.request]; w != nil && w.sum == sumOf(v.kind, v.body) { // else theirs comes later
		for _, done := range w.done {
			e.Reply = append(e.Reply, func() { done(res) })
		}
		delete(r.waiters, v.request)
	}
	// Cut only what is durable here: Raft still holds the rest as not yet stored.
	if to := min(v.truncate, r.durable, r.applied-1); to > r.log.cutIndex {
		r.log.truncate(&e.Batch, to)
	}
}

// note remembers the state digest at Applied.
func (r *Replica) note() {
	if n := len(r.noted); n > 0 && r.noted[n-1].Index == r.applied {
		return
	}
	r.noted = append(r.noted, net.NotedDigest{Shard: r.cfg.Shard, Index: r.applied, Digest: r.Digest()})
	if len(r.noted) > maxNoted {
		r.noted = append(r.noted[:0], r.noted[1:]...)
	}
}

// maxNoted bounds the digests a replica remembers.
const maxNoted = 16

// quiet is Raft's logger: it keeps nothing but turns its panics into ours.
type quiet struct{ r *Replica }

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}
func (q quiet) Fatal(v ...any)        { q.Panic(v...) }
func (q quiet) Panic(v ...any)        { q.Panicf("%s", fmt.Sprint(v...)) }
func (q quiet) Fatalf(format string, v ...any) {
	q.Panicf(format, v...)
}
func (q quiet) Panicf(format string, v ...any) {
	panic(flow.Errorf(flow.Internal, "raft", "replica %v: "+format, append([]any{q.r.id}, v...)...).OnShard(q.r.cfg.Shard))
}
