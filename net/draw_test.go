package net_test

import (
	"errors"
	"reflect"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// kinds lists what a message can be, bodies of calls and replies included.
var kinds = []string{
	"raft", "call none", "call write", "call read", "call checkpoint", "call digest", "call graph",
	"reply error", "reply written", "reply read", "reply digest", "reply graph", "status", "chunk", "ack",
}

// source draws the content of messages; its values are in the form that Decode
// returns: empty slices of bytes, floats and ids are nil.
type source struct{ t *rapid.T }

func (s source) uint() uint64   { return rapid.Uint64().Draw(s.t, "uint") }
func (s source) small() int     { return rapid.IntRange(0, 4).Draw(s.t, "count") }
func (s source) int() int       { return rapid.IntRange(0, 1<<40).Draw(s.t, "int") }
func (s source) bool() bool     { return rapid.Bool().Draw(s.t, "bool") }
func (s source) byte() byte     { return rapid.Byte().Draw(s.t, "byte") }
func (s source) text() string   { return rapid.String().Draw(s.t, "text") }
func (s source) float() float64 { return rapid.Float64().Draw(s.t, "float") }

func (s source) shard() flow.ShardID     { return flow.ShardID(rapid.Uint32().Draw(s.t, "shard")) }
func (s source) node() flow.NodeID       { return flow.NodeID(rapid.Uint32().Draw(s.t, "node")) }
func (s source) replica() flow.ReplicaID { return flow.ReplicaID(s.uint()) }

func (s source) bytes() []byte {
	return slices.Clip(append([]byte(nil), rapid.SliceOf(rapid.Byte()).Draw(s.t, "bytes")...))
}

func (s source) floats() []float32 {
	return append([]float32(nil), rapid.SliceOf(rapid.Float32()).Draw(s.t, "floats")...)
}

func (s source) request() (id flow.RequestID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(s.t, "request"))
	return id
}

func many[T any](s source, draw func() T) (list []T) {
	for range s.small() {
		list = append(list, draw())
	}
	return list
}

func (s source) frame() *net.Frame {
	format := flow.FormatVersion(rapid.IntRange(int(flow.OldestFormat), int(flow.NewestFormat)).Draw(s.t, "format"))
	f := &net.Frame{Header: net.Header{
		Format: format, Newest: flow.FormatVersion(rapid.IntRange(int(format), 255).Draw(s.t, "newest")),
		ClusterID: s.uint(), From: s.node(), To: s.node(), Incarnation: s.uint(), ToIncarnation: s.uint(), Sent: flow.Time(s.int()),
	}}
	f.Messages = append([]net.Message{}, many(s, func() net.Message {
		return in(format, s.message(rapid.SampledFrom(kinds).Draw(s.t, "kind")))
	})...)
	return f
}

// in is what a message says in a format version.
func in(format flow.FormatVersion, m net.Message) net.Message {
	if format >= 2 {
		return m
	}
	switch m := m.(type) {
	case *net.Status:
		former := *m
		former.Promised, former.Addr, former.Replicas = 0, "", slices.Clone(m.Replicas)
		for i := range former.Replicas {
			former.Replicas[i].DiskBytes = 0
		}
		return &former
	case *net.Reply:
		if result, ok := m.Body.(*net.ReadResult); ok {
			body := *result
			body.DiskBytes, body.Segments = 0, 0
			former := *m
			former.Body = &body
			return &former
		}
	}
	return m
}

func (s source) message(kind string) net.Message {
	switch kind {
	case "raft":
		return &net.Raft{Shard: s.shard(), M: s.raft()}
	case "status":
		return s.status()
	case "chunk":
		return s.chunk()
	case "ack":
		return &net.SnapshotAck{Shard: s.shard(), From: s.replica(), To: s.replica(), Stream: s.uint(), Seq: s.uint(), Failed: s.bool()}
	case "reply error":
		return &net.Reply{ID: s.uint(), Err: s.error()}
	case "reply written", "reply read", "reply digest", "reply graph":
		return &net.Reply{ID: s.uint(), Body: s.body(kind)}
	}
	return &net.Call{ID: s.uint(), Body: s.body(kind)}
}

func (s source) body(kind string) net.Body {
	switch kind {
	case "call write":
		return &net.Write{Shard: s.shard(), Request: s.request(), Command: s.bytes()}
	case "call read":
		return &net.Read{
			Kind: net.ReadKind(s.byte()), Collection: flow.CollectionID(s.uint()), Shards: many(s, s.shard), Level: flow.ReadLevel(s.byte()),
			Token: s.token(), MaxStaleness: time.Duration(s.int()), Patience: time.Duration(-s.int()),
			WithVector: s.bool(), WithPayload: s.bool(), Exact: s.bool(),
			IDs:  many(s, func() flow.PointID { return flow.PointID(s.text()) }),
			From: flow.PointID(s.text()), Limit: s.int(), Vector: s.floats(), K: s.int(), EF: s.int(), Oversampling: s.float(), Filter: s.bytes(),
		}
	case "call checkpoint":
		return &net.Checkpoint{Shard: s.shard(), Request: s.request()}
	case "call digest":
		return &net.Digest{Shard: s.shard(), Index: s.uint()}
	case "call graph":
		return &net.Graph{Shard: s.shard(), Collection: flow.CollectionID(s.uint()), Segment: s.uint(), Offset: s.uint()}
	case "reply graph":
		return &net.GraphPart{Known: s.bool(), Size: s.uint(), Sum: s.uint(), Data: s.bytes()}
	case "reply written":
		return &net.Written{Index: s.uint(), Result: s.bytes()}
	case "reply read":
		return &net.ReadResult{Served: s.token(), Dropped: s.bool(), Count: s.uint(), MemoryBytes: s.uint(), DiskBytes: s.uint(), Segments: s.int(), Hits: append([]flow.Hit{}, many(s, s.hit)...)}
	case "reply digest":
		return &net.DigestResult{Replica: s.replica(), Known: s.bool(), Passed: s.bool(), Digest: s.uint()}
	}
	return nil
}

func (s source) raft() *raftpb.Message {
	m := &raftpb.Message{
		Type: raftpb.MessageType(rapid.IntRange(0, 20).Draw(s.t, "type")).Enum(), To: new(s.uint()), From: new(s.uint()), Term: new(s.uint()),
		LogTerm: new(s.uint()), Index: new(s.uint()), Commit: new(s.uint()), Reject: new(s.bool()), RejectHint: new(s.uint()), Context: s.bytes(),
	}
	m.Entries = many(s, func() *raftpb.Entry {
		return &raftpb.Entry{Type: raftpb.EntryType(s.small() % 3).Enum(), Term: new(s.uint()), Index: new(s.uint()), Data: s.bytes()}
	})
	return m
}

func (s source) error() *flow.Error {
	e := &flow.Error{Op: s.text(), Kind: flow.Kind(s.byte()), HasShard: s.bool(), Shard: s.shard(), Leader: s.node()}
	if text := s.text(); text != "" {
		e.Err = errors.New(text)
	}
	return e
}

func (s source) token() flow.SessionToken {
	return many(s, func() flow.ShardIndex { return flow.ShardIndex{Shard: s.shard(), Index: s.uint()} })
}

func (s source) hit() flow.Hit {
	return flow.Hit{
		Point:    flow.Point{ID: flow.PointID(s.text()), Version: s.uint(), Vector: s.floats(), Payload: s.bytes()},
		Distance: rapid.Float32().Draw(s.t, "distance"),
	}
}

func (s source) status() *net.Status {
	return &net.Status{
		NoLead: s.bool(), Promised: flow.FormatVersion(s.byte()), Addr: s.text(),
		Usage: flow.NodeUsage{
			MemoryBytes: s.uint(), MemoryLimitBytes: s.uint(), CPUPercent: s.float(), NetworkBitsPerSecond: s.float(), CPUSeconds: s.float(),
			DiskUsedBytes: s.uint(), DiskFreeBytes: s.uint(), Kernel: s.text(),
		},
		Replicas: many(s, func() flow.ReplicaStatus {
			return flow.ReplicaStatus{
				Shard: s.shard(), Replica: s.replica(), Role: flow.ReplicaRole(s.byte()), Leader: s.replica(), Leading: s.bool(),
				Term: s.uint(), Applied: s.uint(), Commit: s.uint(), FirstIndex: s.uint(), LastIndex: s.uint(),
				Digest: s.uint(), Points: s.uint(), MemoryBytes: s.uint(), DiskBytes: s.uint(),
				Segments: s.int(), Graphs: s.int(), BadGraphs: s.int(),
			}
		}),
		Noted: many(s, func() net.NotedDigest { return net.NotedDigest{Shard: s.shard(), Index: s.uint(), Digest: s.uint()} }),
	}
}

func (s source) chunk() *net.SnapshotChunk {
	return &net.SnapshotChunk{
		Shard: s.shard(), From: s.replica(), To: s.replica(), Stream: s.uint(), Seq: s.uint(), Derived: s.bool(), Last: s.bool(),
		Head: net.SnapshotHead{Term: s.uint(), Index: s.uint(), IndexTerm: s.uint(), Digest: s.uint(), Meta: s.bytes(), Conf: &raftpb.ConfState{
			Voters: many(s, s.uint), Learners: many(s, s.uint), VotersOutgoing: many(s, s.uint), LearnersNext: many(s, s.uint), AutoLeave: new(s.bool()),
		}},
		Rows: append([]net.Row{}, many(s, func() net.Row { return net.Row{Key: s.bytes(), Value: s.bytes()} })...),
	}
}

// equal compares two messages in full: Raft's parts by their fields, the rest as Go values.
func equal(a, b net.Message) bool {
	switch x := a.(type) {
	case *net.Raft:
		y, ok := b.(*net.Raft)
		return ok && x.Shard == y.Shard && proto.Equal(x.M, y.M)
	case *net.SnapshotChunk:
		y, ok := b.(*net.SnapshotChunk)
		if !ok || !proto.Equal(x.Head.Conf, y.Head.Conf) {
			return false
		}
		c, d := *x, *y
		c.Head.Conf, d.Head.Conf = nil, nil
		return reflect.DeepEqual(c, d)
	}
	return reflect.DeepEqual(a, b)
}
