package net

import (
	"bytes"

	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// encodeRaft appends a Raft message. Heartbeats of many groups share a frame, so
// the common ones must be a few bytes; that is why this is not protobuf.
func encodeRaft(w *wire.Writer, m *raftpb.Message) {
	w.Byte(byte(m.GetType()))
	w.Uint(m.GetTo())
	w.Uint(m.GetFrom())
	w.Uint(m.GetTerm())
	w.Uint(m.GetLogTerm())
	w.Uint(m.GetIndex())
	w.Uint(m.GetCommit())
	w.Bool(m.GetReject())
	w.Uint(m.GetRejectHint())
	w.Bytes(m.GetContext())
	w.Uint(uint64(len(m.GetEntries())))
	for _, e := range m.GetEntries() {
		w.Byte(byte(e.GetType()))
		w.Uint(e.GetTerm())
		w.Uint(e.GetIndex())
		w.Bytes(e.GetData())
	}
}

// raftMessage and raftEntry lay what the fields of Raft's messages point to beside
// them: one allocation each, not one a field.
type raftMessage struct {
	raftpb.Message
	kind                                               raftpb.MessageType
	to, from, term, logTerm, index, commit, rejectHint uint64
	reject                                             bool
}

type raftEntry struct {
	raftpb.Entry
	kind        raftpb.EntryType
	term, index uint64
}

// decodeRaft reads a Raft message. Entries stay in the log for long, so their data is
// a copy: it must not keep the whole frame in memory.
func decodeRaft(r *wire.Reader) *raftpb.Message {
	d := &raftMessage{kind: raftpb.MessageType(r.Byte()), to: r.Uint(), from: r.Uint(), term: r.Uint(), logTerm: r.Uint(),
		index: r.Uint(), commit: r.Uint(), reject: r.Bool(), rejectHint: r.Uint()}
	m := &d.Message
	m.Type, m.To, m.From, m.Term, m.LogTerm = &d.kind, &d.to, &d.from, &d.term, &d.logTerm
	m.Index, m.Commit, m.Reject, m.RejectHint, m.Context = &d.index, &d.commit, &d.reject, &d.rejectHint, r.Bytes()
	n := r.Count(4)
	if n == 0 {
		return m
	}
	m.Entries = make([]*raftpb.Entry, 0, n)
	for range n {
		e := &raftEntry{kind: raftpb.EntryType(r.Byte()), term: r.Uint(), index: r.Uint()}
		e.Type, e.Term, e.Index, e.Data = &e.kind, &e.term, &e.index, bytes.Clone(r.Bytes())
		m.Entries = append(m.Entries, &e.Entry)
	}
	return m
}
