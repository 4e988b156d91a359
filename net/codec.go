package net

import (
	"errors"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// encodeMessage appends a message as a node of a format version understands it.
func encodeMessage(w *wire.Writer, m Message, format flow.FormatVersion) {
	switch m := m.(type) {
	case *Raft:
		w.Uint(uint64(m.Shard))
		encodeRaft(w, m.M)
	case *Call:
		w.Uint(m.ID)
		encodeBody(w, m.Body, format)
	case *Reply:
		w.Uint(m.ID)
		encodeError(w, m.Err)
		encodeBody(w, m.Body, format)
	case *Status:
		encodeStatus(w, m, format)
	case *SnapshotChunk:
		encodeChunk(w, m)
	case *SnapshotAck:
		w.Uint(uint64(m.Shard))
		w.Uint(uint64(m.From))
		w.Uint(uint64(m.To))
		w.Uint(m.Stream)
		w.Uint(m.Seq)
		w.Bool(m.Failed)
	}
}

func decodeMessage(r *wire.Reader, kind byte, format flow.FormatVersion) Message {
	switch kind {
	case kindRaft:
		return &Raft{Shard: flow.ShardID(r.Uint()), M: decodeRaft(r)}
	case kindCall:
		return &Call{ID: r.Uint(), Body: decodeBody(r, format)}
	case kindReply:
		return &Reply{ID: r.Uint(), Err: decodeError(r), Body: decodeBody(r, format)}
	case kindStatus:
		return decodeStatus(r, format)
	case kindChunk:
		return decodeChunk(r)
	case kindAck:
		return &SnapshotAck{Shard: flow.ShardID(r.Uint()), From: flow.ReplicaID(r.Uint()), To: flow.ReplicaID(r.Uint()),
			Stream: r.Uint(), Seq: r.Uint(), Failed: r.Bool()}
	}
	return nil
}

func encodeBody(w *wire.Writer, b Body, format flow.FormatVersion) {
	if b == nil {
		w.Byte(bodyNone)
		return
	}
	w.Byte(b.body())
	switch b := b.(type) {
	case *Write:
		w.Uint(uint64(b.Shard))
		w.Raw(b.Request[:])
		w.Bytes(b.Command)
	case *Written:
		w.Uint(b.Index)
		w.Bytes(b.Result)
	case *Read:
		encodeRead(w, b)
	case *ReadResult:
		encodeReadResult(w, b, format)
	case *Checkpoint:
		w.Uint(uint64(b.Shard))
		w.Raw(b.Request[:])
	case *Digest:
		w.Uint(uint64(b.Shard))
		w.Uint(b.Index)
	case *DigestResult:
		w.Uint(uint64(b.Replica))
		w.Bool(b.Known)
		w.Bool(b.Passed)
		w.Fixed64(b.Digest)
	case *Graph:
		w.Uint(uint64(b.Shard))
		w.Uint(uint64(b.Collection))
		w.Uint(b.Segment)
		w.Uint(b.Offset)
	case *GraphPart:
		w.Bool(b.Known)
		w.Uint(b.Size)
		w.Fixed64(b.Sum)
		w.Bytes(b.Data)
	}
}

func decodeBody(r *wire.Reader, format flow.FormatVersion) Body {
	switch r.Byte() {
	case bodyNone:
	case bodyWrite:
		return &Write{Shard: flow.ShardID(r.Uint()), Request: decodeRequestID(r), Command: r.Bytes()}
	case bodyWritten:
		return &Written{Index: r.Uint(), Result: r.Bytes()}
	case bodyRead:
		return decodeRead(r)
	case bodyReadResult:
		return decodeReadResult(r, format)
	case bodyCheckpoint:
		return &Checkpoint{Shard: flow.ShardID(r.Uint()), Request: decodeRequestID(r)}
	case bodyDigest:
		return &Digest{Shard: flow.ShardID(r.Uint()), Index: r.Uint()}
	case bodyDigestResult:
		return &DigestResult{Replica: flow.ReplicaID(r.Uint()), Known: r.Bool(), Passed: r.Bool(), Digest: r.Fixed64()}
	case bodyGraph:
		return &Graph{Shard: flow.ShardID(r.Uint()), Collection: flow.CollectionID(r.Uint()), Segment: r.Uint(), Offset: r.Uint()}
	case bodyGraphPart:
		return &GraphPart{Known: r.Bool(), Size: r.Uint(), Sum: r.Fixed64(), Data: r.Bytes()}
	default:
		r.Fail() // of another version: not the same as no body
	}
	return nil
}

func decodeRequestID(r *wire.Reader) (id flow.RequestID) {
	for i := range id {
		id[i] = r.Byte()
	}
	return id
}

func encodeError(w *wire.Writer, e *flow.Error) {
	w.Bool(e != nil)
	if e == nil {
		return
	}
	w.Text(e.Op)
	w.Byte(byte(e.Kind))
	w.Bool(e.HasShard)
	w.Uint(uint64(e.Shard))
	w.Uint(uint64(e.Leader))
	text := ""
	if e.Err != nil {
		text = e.Err.Error()
	}
	w.Text(text)
}

func decodeError(r *wire.Reader) *flow.Error {
	if !r.Bool() {
		return nil
	}
	e := &flow.Error{Op: r.Text(), Kind: flow.Kind(r.Byte()), HasShard: r.Bool(),
		Shard: flow.ShardID(r.Uint()), Leader: flow.NodeID(r.Uint())}
	if text := r.Text(); text != "" {
		e.Err = errors.New(text)
	}
	return e
}

func encodeRead(w *wire.Writer, b *Read) {
	w.Byte(byte(b.Kind))
	w.Uint(uint64(b.Collection))
	w.Uint(uint64(len(b.Shards)))
	for _, s := range b.Shards {
		w.Uint(uint64(s))
	}
	w.Byte(byte(b.Level))
	encodeToken(w, b.Token)
	w.Int(int64(b.MaxStaleness))
	w.Int(int64(b.Patience))
	w.Bool(b.WithVector)
	w.Bool(b.WithPayload)
	w.Bool(b.Exact)
	w.Uint(uint64(len(b.IDs)))
	for _, id := range b.IDs {
		w.Text(string(id))
	}
	w.Text(string(b.From))
	w.Uint(uint64(b.Limit))
	w.Floats(b.Vector)
	w.Uint(uint64(b.K))
	w.Uint(uint64(b.EF))
	w.Float64(b.Oversampling)
	w.Bytes(b.Filter)
}

func decodeRead(r *wire.Reader) *Read {
	b := &Read{Kind: ReadKind(r.Byte()), Collection: flow.CollectionID(r.Uint())}
	for range r.Count(1) {
		b.Shards = append(b.Shards, flow.ShardID(r.Uint()))
	}
	b.Level = flow.ReadLevel(r.Byte())
	b.Token = decodeToken(r)
	b.MaxStaleness, b.Patience = time.Duration(r.Int()), time.Duration(r.Int())
	b.WithVector, b.WithPayload, b.Exact = r.Bool(), r.Bool(), r.Bool()
	for range r.Count(1) {
		b.IDs = append(b.IDs, flow.PointID(r.Text()))
	}
	b.From, b.Limit = flow.PointID(r.Text()), int(r.Uint())
	b.Vector, b.K, b.EF, b.Oversampling = r.Floats(), int(r.Uint()), int(r.Uint()), r.Float64()
	b.Filter = r.Bytes()
	return b
}

func encodeReadResult(w *wire.Writer, b *ReadResult, format flow.FormatVersion) {
	encodeToken(w, b.Served)
	w.Bool(b.Dropped)
	w.Uint(b.Count)
	w.Uint(b.MemoryBytes)
	if format >= 2 {
		w.Uint(b.DiskBytes)
		w.Uint(uint64(b.Segments))
	}
	w.Uint(uint64(len(b.Hits)))
	for i := range b.Hits {
		h := &b.Hits[i]
		w.Text(string(h.ID))
		w.Float32(h.Distance)
		w.Uint(h.Version)
		w.Floats(h.Vector)
		w.Bytes(h.Payload)
	}
}

func decodeReadResult(r *wire.Reader, format flow.FormatVersion) *ReadResult {
	b := &ReadResult{Served: decodeToken(r), Dropped: r.Bool(), Count: r.Uint(), MemoryBytes: r.Uint()}
	if format >= 2 {
		b.DiskBytes, b.Segments = r.Uint(), int(r.Uint())
	}
	n := r.Count(8)
	b.Hits = make([]flow.Hit, 0, n)
	for range n {
		h := flow.Hit{Point: flow.Point{ID: flow.PointID(r.Text())}}
		h.Distance, h.Version, h.Vector = r.Float32(), r.Uint(), r.Floats()
		h.Payload = r.Bytes()
		b.Hits = append(b.Hits, h)
	}
	return b
}

func encodeToken(w *wire.Writer, t flow.SessionToken) {
	w.Uint(uint64(len(t)))
	for _, e := range t {
		w.Uint(uint64(e.Shard))
		w.Uint(e.Index)
	}
}

func decodeToken(r *wire.Reader) flow.SessionToken {
	n := r.Count(2)
	if n == 0 {
		return nil
	}
	t := make(flow.SessionToken, 0, n)
	for range n {
		t = append(t, flow.ShardIndex{Shard: flow.ShardID(r.Uint()), Index: r.Uint()})
	}
	return t
}

func encodeStatus(w *wire.Writer, m *Status, format flow.FormatVersion) {
	u := m.Usage
	w.Uint(u.MemoryBytes)
	w.Uint(u.MemoryLimitBytes)
	w.Float64(u.CPUPercent)
	w.Float64(u.NetworkBitsPerSecond)
	w.Float64(u.CPUSeconds)
	w.Uint(u.DiskUsedBytes)
	w.Uint(u.DiskFreeBytes)
	w.Text(u.Kernel)
	w.Uint(uint64(len(m.Replicas)))
	for i := range m.Replicas {
		s := &m.Replicas[i]
		w.Uint(uint64(s.Shard))
		w.Uint(uint64(s.Replica))
		w.Byte(byte(s.Role))
		w.Uint(uint64(s.Leader))
		w.Bool(s.Leading)
		w.Uint(s.Term)
		w.Uint(s.Applied)
		w.Uint(s.Commit)
		w.Uint(s.FirstIndex)
		w.Uint(s.LastIndex)
		w.Fixed64(s.Digest)
		w.Uint(s.Points)
		w.Uint(s.MemoryBytes)
		w.Uint(uint64(s.Segments))
		w.Uint(uint64(s.Graphs))
		w.Uint(uint64(s.BadGraphs))
	}
	w.Bool(m.NoLead)
	w.Uint(uint64(len(m.Noted)))
	for _, d := range m.Noted {
		w.Uint(uint64(d.Shard))
		w.Uint(d.Index)
		w.Fixed64(d.Digest)
	}
	if format >= 2 {
		w.Byte(byte(m.Promised))
		for i := range m.Replicas {
			w.Uint(m.Replicas[i].DiskBytes)
		}
		w.Text(m.Addr)
	}
}

func decodeStatus(r *wire.Reader, format flow.FormatVersion) *Status {
	m := &Status{Usage: flow.NodeUsage{MemoryBytes: r.Uint(), MemoryLimitBytes: r.Uint(), CPUPercent: r.Float64(), NetworkBitsPerSecond: r.Float64(),
		CPUSeconds: r.Float64(), DiskUsedBytes: r.Uint(), DiskFreeBytes: r.Uint(), Kernel: r.Text()}}
	for range r.Count(20) {
		m.Replicas = append(m.Replicas, flow.ReplicaStatus{
			Shard: flow.ShardID(r.Uint()), Replica: flow.ReplicaID(r.Uint()), Role: flow.ReplicaRole(r.Byte()),
			Leader: flow.ReplicaID(r.Uint()), Leading: r.Bool(), Term: r.Uint(), Applied: r.Uint(), Commit: r.Uint(),
			FirstIndex: r.Uint(), LastIndex: r.Uint(), Digest: r.Fixed64(), Points: r.Uint(), MemoryBytes: r.Uint(),
			Segments: int(r.Uint()), Graphs: int(r.Uint()), BadGraphs: int(r.Uint()),
		})
	}
	m.NoLead = r.Bool()
	for range r.Count(10) {
		m.Noted = append(m.Noted, NotedDigest{Shard: flow.ShardID(r.Uint()), Index: r.Uint(), Digest: r.Fixed64()})
	}
	if format >= 2 {
		m.Promised = flow.FormatVersion(r.Byte())
		for i := range m.Replicas {
			m.Replicas[i].DiskBytes = r.Uint()
		}
		m.Addr = r.Text()
	}
	return m
}

func encodeChunk(w *wire.Writer, m *SnapshotChunk) {
	w.Uint(uint64(m.Shard))
	w.Uint(uint64(m.From))
	w.Uint(uint64(m.To))
	w.Uint(m.Stream)
	w.Uint(m.Seq)
	w.Uint(m.Head.Term)
	w.Uint(m.Head.Index)
	w.Uint(m.Head.IndexTerm)
	w.Fixed64(m.Head.Digest)
	w.Bytes(m.Head.Meta)
	EncodeConf(w, m.Head.Conf)
	w.Uint(uint64(len(m.Rows)))
	for _, row := range m.Rows {
		w.Bytes(row.Key)
		w.Bytes(row.Value)
	}
	w.Bool(m.Derived)
	w.Bool(m.Last)
}

func decodeChunk(r *wire.Reader) *SnapshotChunk {
	m := &SnapshotChunk{Shard: flow.ShardID(r.Uint()), From: flow.ReplicaID(r.Uint()), To: flow.ReplicaID(r.Uint()),
		Stream: r.Uint(), Seq: r.Uint()}
	m.Head = SnapshotHead{Term: r.Uint(), Index: r.Uint(), IndexTerm: r.Uint(), Digest: r.Fixed64(), Meta: r.Bytes(), Conf: DecodeConf(r)}
	n := r.Count(2)
	m.Rows = make([]Row, 0, n)
	for range n {
		m.Rows = append(m.Rows, Row{Key: r.Bytes(), Value: r.Bytes()})
	}
	m.Derived, m.Last = r.Bool(), r.Bool()
	return m
}

// EncodeConf appends a Raft membership.
func EncodeConf(w *wire.Writer, c *raftpb.ConfState) {
	for _, ids := range [][]uint64{c.GetVoters(), c.GetLearners(), c.GetVotersOutgoing(), c.GetLearnersNext()} {
		w.Uint(uint64(len(ids)))
		for _, id := range ids {
			w.Uint(id)
		}
	}
	w.Bool(c.GetAutoLeave())
}

// DecodeConf reads what EncodeConf wrote.
func DecodeConf(r *wire.Reader) *raftpb.ConfState {
	list := func() (ids []uint64) {
		for range r.Count(1) {
			ids = append(ids, r.Uint())
		}
		return ids
	}
	return &raftpb.ConfState{Voters: list(), Learners: list(), VotersOutgoing: list(), LearnersNext: list(), AutoLeave: new(r.Bool())}
}
