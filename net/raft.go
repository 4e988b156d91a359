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

// decodeRaft reads a Raft message. Entries stay in the log for long, so their data is
// a copy: it must not keep the whole frame in memory.
func decodeRaft(r *wire.Reader) *raftpb.Message {
	m := &raftpb.Message{Type: raftpb.MessageType(r.Byte()).Enum(), To: new(r.Uint()), From: new(r.Uint()), Term: new(r.Uint()),
		LogTerm: new(r.Uint()), Index: new(r.Uint()), Commit: new(r.Uint()), Reject: new(r.Bool()), RejectHint: new(r.Uint()),
		Context: r.Bytes()}
	n := r.Count(4)
	if n == 0 {
		return m
	}
	m.Entries = make([]*raftpb.Entry, 0, n)
	for range n {
		m.Entries = append(m.Entries, &raftpb.Entry{Type: raftpb.EntryType(r.Byte()).Enum(), Term: new(r.Uint()), Index: new(r.Uint()), Data: bytes.Clone(r.Bytes())})
	}
	return m
}
