package sim

import (
	"encoding/binary"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// lyingStore says that a batch is durable as soon as it has it.
type lyingStore struct{ store }

func (s lyingStore) Apply(b *disk.Batch, sync bool, done func(error)) {
	s.store.Apply(b, sync, func(error) {})
	if sync {
		s.h.enqueue(input{kind: doneInput, done: func() { done(nil) }})
	}
}

// bentStore changes what the process writes before it reaches the disk.
type bentStore struct {
	store
	bend func(op *disk.Op)
}

func (s bentStore) Apply(b *disk.Batch, sync bool, done func(error)) {
	for i := range b.Ops() {
		s.bend(&b.Ops()[i])
	}
	s.store.Apply(b, sync, done)
}

// bendWrites changes the puts of some hosts.
func bendWrites(w *World, bend func(h *host, op *disk.Op)) {
	w.boot = func(h *host) (Machine, error) {
		return bootOn(h, bentStore{store{h.disk, h, h.incarnation}, func(op *disk.Op) { bend(h, op) }})
	}
}

// bendRaft changes the Raft messages that every host receives.
func bendRaft(w *World, bend func(h *host, m *raftpb.Message)) {
	warp(w, func(x *warped) {
		x.receive = func(in Machine, frame []byte) {
			f, err := net.Decode(frame)
			if err != nil {
				return
			}
			for _, m := range f.Messages {
				if r, ok := m.(*net.Raft); ok {
					bend(x.h, r.M)
				}
			}
			in.Receive(net.Encode(f))
		}
	})
}

// onStart changes what a host finds when it starts again.
func onStart(w *World, change func(h *host)) {
	boot := w.boot
	w.boot = func(h *host) (Machine, error) {
		if h.incarnation > 1 {
			change(h)
		}
		return boot(h)
	}
}

// plantedBelow are bugs of disks and networks, which must be seen in the logs, votes
// and promises of the replicas, not only in what clients are told.
var plantedBelow = []plantedBug{
	{"a disk that acknowledges what it has not kept", []Oracle{OraclePersist}, func(w *World) {
		w.boot = func(h *host) (Machine, error) {
			return bootOn(h, lyingStore{store{h.disk, h, h.incarnation}})
		}
	}, []Oracle{OracleDurability}},
	{"a disk that forgets its last seconds", []Oracle{OracleVote, OracleCompleteness, OracleCommitted, OracleHistory, OracleDigest, OraclePanic, OracleLiveness, OracleIdentity}, func(w *World) {
		old := make([]*diskRow, len(w.hosts))
		var keep func()
		keep = func() {
			for i, h := range w.hosts {
				if h.id != 0 && h.up() {
					old[i] = h.disk.rows.share()
				}
			}
			w.after(10*time.Second, keep)
		}
		keep()
		onStart(w, func(h *host) {
			if old[h.index] != nil && w.load.running {
				h.disk.rows.root = old[h.index]
				h.disk.rows.epoch++
				w.checks.began(h)
			}
		})
	}, nil},
	{"a term that a restart forgets", []Oracle{OracleVote}, func(w *World) {
		onStart(w, func(h *host) {
			for s := range w.scenario.Shards + 1 {
				key := []byte{keyOfGroup, 0, 0, 0, byte(s), tagHardState}
				g := h.written[flow.ShardID(s)]
				if g == nil || g.term < 2 { // Raft itself refuses to run without one
					continue
				}
				h.disk.rows.put(key, appendUints(g.term-1, 0, g.commit))
			}
			w.checks.began(h)
		})
	}, []Oracle{OracleLog, OracleRead}}, // who forgets its term may lead, and answer, in two
	{"an entry changed on the way", []Oracle{OracleLog}, func(w *World) {
		bendRaft(w, func(h *host, m *raftpb.Message) {
			for _, e := range m.GetEntries() {
				if n := len(e.Data); n > 40 && m.GetType() == raftpb.MsgApp && rare(h, 50) {
					e.Data[n-1]++
				}
			}
		})
	}, nil},
	{"a commit index that runs ahead", []Oracle{OracleCommitted}, func(w *World) {
		bendWrites(w, func(h *host, op *disk.Op) {
			shard, tag, ok := groupOf(op.Key)
			if g := h.written[shard]; ok && g != nil && op.Kind == disk.Put && tag == tagHardState && g.last() > g.commit {
				r := wire.NewReader(op.Value)
				op.Value = appendUints(r.Uint(), r.Uint(), g.last())
			}
		})
	}, []Oracle{OracleRead, OracleDurability}},
	{"a candidate whose log is taken for the longest", []Oracle{OracleCompleteness, OracleCommitted, OraclePanic}, func(w *World) {
		bendRaft(w, func(_ *host, m *raftpb.Message) {
			if t := m.GetType(); t == raftpb.MsgVote || t == raftpb.MsgPreVote {
				m.Index = new(m.GetIndex() + 1000)
				m.LogTerm = new(m.GetLogTerm() + 1000)
			}
		})
	}, nil},
	{"rows that one replica does not store", []Oracle{OracleDigest}, func(w *World) {
		bendWrites(w, func(h *host, op *disk.Op) {
			if _, tag, ok := groupOf(op.Key); ok && tag == tagState && op.Kind == disk.Put && isResult(op.Key[stateKeyAt]) && h.index == 0 && !w.load.running {
				*op = disk.Op{Kind: disk.Delete, Key: op.Key}
			}
		})
	}, nil},
	{"a placement that one node knows otherwise", []Oracle{OraclePlacement}, func(w *World) {
		bendWrites(w, func(h *host, op *disk.Op) {
			shard, tag, ok := groupOf(op.Key)
			if !ok || shard != systemGroup || tag != tagState || op.Kind != disk.Put || op.Key[stateKeyAt] != rowPlacement || h.index != 1 {
				return
			}
			op.Value = append([]byte(nil), op.Value...)
			op.Value[len(op.Value)-1] ^= 1
		})
	}, nil},
	{"a log that is never cut on disk", []Oracle{OracleBounds, OracleLog}, func(w *World) {
		bendWrites(w, func(h *host, op *disk.Op) {
			shard, tag, ok := groupOf(op.Key)
			g := h.written[shard]
			if !ok || tag != tagLog || g == nil || op.Kind != disk.DeleteRange || len(op.Key) != logKeySize {
				return
			}
			if binary.BigEndian.Uint64(op.Value[tagAt+1:]) <= g.last() { // at the head
				op.Value = op.Key
			}
		})
	}, nil},
	{"views of the store that are never closed", []Oracle{OracleBounds}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				if rare(m.h, 50) {
					m.h.disk.Snapshot()
				}
				in.Serve(req, reply)
			}
		})
	}, nil},
	{"a refusal for want of a place on a node that has some", []Oracle{OracleBounds}, func(w *World) {
		warp(w, func(m *warped) {
			m.serve = func(in Machine, req flow.Request, reply func(flow.Response)) {
				if _, ok := req.(*flow.GetRequest); ok && rare(m.h, 50) {
					reply(&flow.GetResponse{Outcome: flow.Outcome{Err: flow.Errorf(flow.ResourceExhausted, "sim", "%w", flow.ErrQueueFull)}})
					return
				}
				in.Serve(req, reply)
			}
		})
	}, nil},
	{"no vote counts once a node is lost", []Oracle{OracleLiveness}, func(w *World) {
		bendRaft(w, func(_ *host, m *raftpb.Message) {
			if t := m.GetType(); len(w.core()) < len(w.hosts) && (t == raftpb.MsgVoteResp || t == raftpb.MsgPreVoteResp) {
				m.Reject = new(true)
			}
		})
	}, nil},
	{"a result that one replica remembers otherwise", []Oracle{OracleOnce}, func(w *World) {
		bendWrites(w, func(h *host, op *disk.Op) {
			shard, tag, ok := groupOf(op.Key)
			if !ok || shard == systemGroup || tag != tagState || op.Kind != disk.Put || !isResult(op.Key[stateKeyAt]) || !rare(h, 20) {
				return
			}
			op.Value = append([]byte(nil), op.Value...)
			op.Value[len(op.Value)-1] ^= 1
		})
	}, nil},
}

// appendUints encodes a hard state.
func appendUints(v ...uint64) []byte {
	var w wire.Writer
	for _, u := range v {
		w.Uint(u)
	}
	return w.Buf
}

// isResult says whether a row that begins so holds the result of a request.
func isResult(tag byte) bool { return tag == rowResult || tag == rowSummed }
