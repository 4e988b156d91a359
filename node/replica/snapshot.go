package replica

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// maxChunkTries bounds how often a chunk is sent before its stream is given up.
const maxChunkTries = 20

// sender streams this replica's state to one that is behind its log.
type sender struct {
	to     flow.ReplicaID
	stream uint64
	head   net.SnapshotHead
	view   disk.Snapshot
	prefix []byte
	from   []byte // key at which the next chunk begins
	// derived says that the state is sent, and what is derived from it comes now.
	derived bool
	seq     uint64
	chunk   *net.SnapshotChunk // sent and not acknowledged
	busy    bool               // a job reads view
	ended   bool
	ticks   int
	tries   int
}

// position is where the state stands, or not ok when no more streams may begin.
func (r *Replica) position() (index, term uint64, conf *raftpb.ConfState, ok bool) {
	return r.applied, r.appliedTerm, r.conf, r.applied > 0 && len(r.sends) < r.cfg.Tuning.MaxSnapshotSends
}

// beginSend starts a stream. The view is taken at the end of the turn, and the
// head with it, so that both are of the same index.
func (r *Replica) beginSend(e *Effects, to flow.ReplicaID, term uint64) {
	if r.sends[to] != nil {
		return
	}
	r.streams++
	s := &sender{to: to, stream: r.cfg.Incarnation<<32 | r.streams, head: net.SnapshotHead{Index: r.applied}}
	r.sends[to] = s
	e.Compute = append(e.Compute, func() {
		if s.ended {
			return
		}
		s.head = net.SnapshotHead{Term: term, Index: r.applied, IndexTerm: r.appliedTerm, Digest: r.digest, Meta: r.machine.Meta(), Conf: r.conf}
		s.view, s.prefix = r.cfg.Host.Snapshot(), r.StatePrefix()
		s.from = s.prefix
		r.readChunk(s)
	})
}

// readChunk reads the next chunk in a job and sends it. State that cannot be read ends the
// stream, and the replica; what is derived of it ends where it cannot be read: the receiver
// makes the rest itself, as this node does (seed 63110098).
func (r *Replica) readChunk(s *sender) {
	var rows []net.Row
	var failed error
	end := disk.After(s.prefix)
	limit, derived, whole, more := r.cfg.Tuning.ChunkBytes, s.derived, true, false
	after := DerivedPrefix(r.cfg.Shard)
	s.busy = true
	r.cfg.Host.Do(limit, func() {
		size := 0
		failed = s.view.Scan(s.from, end, func(key, value []byte) bool {
			if size >= limit {
				s.from = append([]byte(nil), key...)
				whole = false
				return false
			}
			rows = append(rows, net.Row{Key: append([]byte(nil), key[len(s.prefix):]...), Value: append([]byte(nil), value...)})
			size += len(key) + len(value)
			return true
		})
		switch {
		case derived && failed != nil:
			failed, whole = nil, true
		case whole && !derived && failed == nil:
			_ = s.view.Scan(after, disk.After(after), func(_, _ []byte) bool {
				more = true
				return false
			})
		}
	}, func() {
		s.busy = false
		if s.ended || failed != nil {
			r.endSend(s, true)
			if flow.KindOf(failed) == flow.Corrupt {
				r.cfg.Host.Condemn(r.cfg.Shard, failed)
			}
			return
		}
		s.chunk = &net.SnapshotChunk{Shard: r.cfg.Shard, From: r.id, To: s.to, Stream: s.stream, Seq: s.seq, Head: s.head, Rows: rows, Derived: derived, Last: whole && !more}
		if whole {
			s.derived, s.prefix, s.from = true, after, after
		}
		s.tries = 0
		r.sendChunk(s)
	})
}

func (r *Replica) sendChunk(s *sender) {
	s.ticks = 0
	s.tries++
	e := r.cfg.Host.Effects()
	e.Send = append(e.Send, Outgoing{To: s.to.Node(), Message: s.chunk})
}

// TakeAck takes the answer to a chunk.
func (r *Replica) TakeAck(m *net.SnapshotAck) {
	s := r.sends[m.From]
	if s == nil || m.To != r.id || m.Stream != s.stream || s.chunk == nil || m.Seq != s.seq {
		return
	}
	if s.chunk.Last && !m.Failed {
		r.landing[s.to] = &landing{index: s.head.Index}
	}
	if m.Failed || s.chunk.Last {
		r.endSend(s, m.Failed)
		return
	}
	s.seq++
	s.chunk = nil
	r.readChunk(s)
}

// landing is a snapshot that was sent whole and has yet to be put in force: the log
// after it is kept until its receiver has caught up, or it would need another.
type landing struct {
	index  uint64
	silent int // ticks without a sign of the receiver
}

// landEntries is how close to the leader a receiver has landed.
const landEntries = 64

func (r *Replica) tickLandings() {
	for _, to := range slices.Sorted(maps.Keys(r.landing)) {
		l := r.landing[to]
		match, active := r.Progress(to)
		if l.silent++; active {
			l.silent = 0
		}
		if l.silent > r.cfg.Tuning.ElectionTicks || match+landEntries >= r.applied {
			delete(r.landing, to)
		}
	}
}

// endSend ends a stream and tells Raft how.
func (r *Replica) endSend(s *sender, failed bool) {
	s.end()
	if r.sends[s.to] == s {
		delete(r.sends, s.to)
		status := raft.SnapshotFinish
		if failed {
			status = raft.SnapshotFailure
		}
		r.raft.ReportSnapshot(uint64(s.to), status)
	}
}

// end lets go of the view, unless a job still reads it: then the job's end does.
func (s *sender) end() {
	s.ended = true
	if s.view != nil && !s.busy {
		_ = s.view.Close()
		s.view = nil
	}
}

// endSends ends all streams without a word to Raft, which no longer leads.
func (r *Replica) endSends() {
	for _, to := range r.sending() {
		r.sends[to].end()
		delete(r.sends, to)
	}
	clear(r.landing)
}

func (r *Replica) sending() []flow.ReplicaID { return slices.Sorted(maps.Keys(r.sends)) }

// member says whether a replica is a member of a group, also by a joint membership.
func member(conf *raftpb.ConfState, id flow.ReplicaID) bool {
	return slices.Contains(slices.Concat(conf.GetVoters(), conf.GetLearners(), conf.GetVotersOutgoing(), conf.GetLearnersNext()), uint64(id))
}

func (r *Replica) tickSnapshots() {
	if len(r.sends) == 0 && len(r.landing) == 0 {
		return // as most groups are at most ticks
	}
	r.tickLandings()
	for _, to := range r.sending() {
		s := r.sends[to]
		if !member(r.conf, to) { // replaced meanwhile: nobody will answer
			r.endSend(s, true)
			continue
		}
		if s.ticks++; s.chunk == nil || s.ticks < r.cfg.Tuning.RetryTicks {
			continue
		}
		if s.tries >= maxChunkTries {
			r.endSend(s, true)
			continue
		}
		r.sendChunk(s)
	}
}

// receiver collects a stream under the next state number.
type receiver struct {
	from     flow.ReplicaID
	stream   uint64
	next     uint64 // sequence number of the chunk wanted
	machine  Machine
	digest   uint64
	head     net.SnapshotHead
	complete bool
}

// TakeChunk takes a part of a snapshot and acknowledges it.
func (r *Replica) TakeChunk(c *net.SnapshotChunk) {
	if c.To != r.id || r.receive != nil && r.receive.complete {
		return // for a former replica; or Raft is about to take the whole one
	}
	e := r.cfg.Host.Effects()
	ack := func(failed bool) Outgoing {
		return Outgoing{To: c.From.Node(), Message: &net.SnapshotAck{
			Shard: r.cfg.Shard, From: r.id, To: c.From, Stream: c.Stream, Seq: c.Seq, Failed: failed}}
	}
	answer := func(failed bool) { e.Send = append(e.Send, ack(failed)) }
	if c.Head.Index <= r.applied {
		// We have all that, and the leader does not know: Raft's answer tells it. Without
		// one it would send the same snapshot for ever (seed 20379). That answer waits for a
		// sync, and ours with it: before it, ours makes the leader begin another stream, with
		// every heartbeat while the disk is slow (seed 500003481).
		r.stepSnapshot(c.From, &c.Head)
		e.Sync = true
		e.Durable = append(e.Durable, Durable{Replica: r, index: r.log.last(), sends: []Outgoing{ack(true)}})
		return
	}
	rc := r.receive
	if rc == nil || rc.from != c.From || rc.stream != c.Stream {
		if c.Seq != 0 {
			answer(true) // the beginning was lost with a restart
			return
		}
		r.sweepStaged(&e.Batch)
		rc = &receiver{from: c.From, stream: c.Stream, machine: r.cfg.NewMachine(), head: c.Head}
		r.receive = rc
	}
	if c.Seq != rc.next {
		if c.Seq < rc.next {
			answer(false) // the acknowledgment was lost
		}
		return
	}
	rc.next++
	if err := rc.take(r, e, c); err != nil {
		r.receive = nil
		answer(true)
		return
	}
	answer(false)
	if c.Last {
		rc.complete = true
		r.stepSnapshot(c.From, &rc.head)
	}
}

// stepSnapshot tells Raft that the state at a position was received. Raft answers
// the leader, and asks for it to be put in force only if it is ahead of the log.
func (r *Replica) stepSnapshot(from flow.ReplicaID, h *net.SnapshotHead) {
	_ = r.raft.Step(&raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), To: new(uint64(r.id)), From: new(uint64(from)), Term: new(h.Term),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(h.Index), Term: new(h.IndexTerm), ConfState: h.Conf}},
	})
}

// take stores and loads a chunk's rows; at the end it checks the digest.
func (rc *receiver) take(r *Replica, e *Effects, c *net.SnapshotChunk) error {
	prefix := statePrefix(r.cfg.Shard, r.number+1)
	if c.Derived {
		prefix = DerivedPrefix(r.cfg.Shard)
	}
	for _, row := range c.Rows {
		if c.Derived {
			e.Batch.Put(append(prefix[:len(prefix):len(prefix)], row.Key...), row.Value)
			continue
		}
		if err := rc.machine.Restore(row.Key, row.Value); err != nil {
			return err
		}
		rc.digest += rowHash(row.Key, row.Value)
		e.Batch.Put(append(prefix[:len(prefix):len(prefix)], row.Key...), row.Value)
	}
	if !c.Last {
		return nil
	}
	if rc.digest != rc.head.Digest {
		return flow.Errorf(flow.Corrupt, "replica.TakeChunk", "snapshot digest is %016x, its head says %016x", rc.digest, rc.head.Digest)
	}
	return rc.machine.Restored(rc.head.Meta)
}

// install puts the received state in force, in the batch that Raft waits for.
func (r *Replica) install(e *Effects, m *raftpb.SnapshotMetadata) {
	rc := r.receive
	if rc == nil || !rc.complete || rc.head.Index != m.GetIndex() {
		panic(flow.Errorf(flow.Internal, "replica.install", "no received state for snapshot %d", m.GetIndex()).OnShard(r.cfg.Shard))
	}
	old := r.StatePrefix()
	r.number++
	e.Batch.DeleteRange(old, disk.After(old))
	e.Batch.Put(groupKey(r.cfg.Shard, tagGroup), groupMeta{id: r.id, number: r.number}.encode())
	r.log.reset(&e.Batch, rc.head.Index, rc.head.IndexTerm)
	r.durable = rc.head.Index
	r.machine, r.digest, r.conf = rc.machine, rc.digest, rc.head.Conf
	r.applied, r.appliedTerm, r.dirty = rc.head.Index, rc.head.IndexTerm, true
	r.receive = nil
	r.resetTimer() // by the membership that came with it
}

// dropRefused forgets a received snapshot that Raft did not want, or one that the log
// has overtaken.
func (r *Replica) dropRefused(e *Effects) {
	if rc := r.receive; rc != nil && (rc.complete || rc.head.Index <= r.applied) {
		r.receive = nil
		r.sweepStaged(&e.Batch)
	}
}

// sweepStaged removes rows of a snapshot that never came into force. It runs before
// the first row of a stream is stored, and so never after one.
func (r *Replica) sweepStaged(b *disk.Batch) {
	r.sweep = false
	prefix := statePrefix(r.cfg.Shard, r.number+1)
	b.DeleteRange(prefix, disk.After(prefix))
}

// Close ends what outlives a turn, before the replica is destroyed or the node stops.
func (r *Replica) Close() { r.endSends() }

func sortedRequests[V any](m map[flow.RequestID]V) []flow.RequestID {
	return slices.SortedFunc(maps.Keys(m), func(a, b flow.RequestID) int { return slices.Compare(a[:], b[:]) })
}
