package net_test

import (
	"errors"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3/raftpb"
)

var goldenRequest = flow.RequestID{1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0x70, 1, 0x80, 2, 3, 4, 5, 6, 7, 8}

// golden holds one message of each kind, with a different value in every field.
var golden = map[string]net.Message{
	"raft": &net.Raft{Shard: 3, M: &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), To: new(uint64(flow.NewReplicaID(2, 1))), From: new(uint64(flow.NewReplicaID(1, 1))), Term: new(uint64(5)),
		LogTerm: new(uint64(4)), Index: new(uint64(1000)), Commit: new(uint64(999)), Reject: new(true), RejectHint: new(uint64(77)), Context: []byte("ctx"),
		Entries: []*raftpb.Entry{
			{Type: raftpb.EntryNormal.Enum(), Term: new(uint64(5)), Index: new(uint64(1001)), Data: []byte("data")},
			{Type: raftpb.EntryConfChangeV2.Enum(), Term: new(uint64(5)), Index: new(uint64(1002))},
		},
	}},
	"call none":       &net.Call{ID: 9},
	"call write":      &net.Call{ID: 9, Body: &net.Write{Shard: 2, Request: goldenRequest, Command: []byte("Wcommand")}},
	"call checkpoint": &net.Call{ID: 9, Body: &net.Checkpoint{Shard: 2, Request: goldenRequest}},
	"call digest":     &net.Call{ID: 9, Body: &net.Digest{Shard: 2, Index: 512}},
	"call graph":      &net.Call{ID: 9, Body: &net.Graph{Shard: 2, Collection: 11, Segment: 700, Offset: 1 << 20}},
	"call read": &net.Call{ID: 9, Body: &net.Read{
		Kind: net.ReadSearch, Collection: 11, Shards: []flow.ShardID{1, 4}, Level: flow.Bounded, Token: flow.SessionToken{{Shard: 1, Index: 20}, {Shard: 4, Index: 300}},
		MaxStaleness: time.Second, Patience: 400 * time.Millisecond, WithVector: true, WithPayload: true, Exact: true,
		IDs: []flow.PointID{flow.NumberID(7), "sseven"}, From: "sfrom", Limit: 101, Vector: flow.Vector{1, -0.5}, K: 10, EF: 64, Oversampling: 2.5, Filter: flow.Filter(`{"must":[]}`),
	}},
	"reply error": &net.Reply{ID: 9, Err: &flow.Error{
		Op: "replica.Propose", Kind: flow.NotLeader, HasShard: true, Shard: 2, Leader: 3, Err: errors.New("replica n1.1 does not lead"),
	}},
	"reply written": &net.Reply{ID: 9, Body: &net.Written{Index: 1001, Result: []byte{0, 1, 1}}},
	"reply read": &net.Reply{ID: 9, Body: &net.ReadResult{Served: flow.SessionToken{{Shard: 1, Index: 20}}, Dropped: true, Count: 60000, MemoryBytes: 1 << 28, DiskBytes: 1 << 29, Segments: 7, Hits: []flow.Hit{
		{Point: flow.Point{ID: flow.NumberID(7), Vector: flow.Vector{1, 2}, Payload: []byte(`{"a":1}`), Version: 20}, Distance: 0.25},
		{Point: flow.Point{ID: "sx", Version: 19}, Distance: -1},
	}}},
	"reply digest": &net.Reply{ID: 9, Body: &net.DigestResult{Replica: flow.NewReplicaID(2, 1), Known: true, Passed: true, Digest: 0xdeadbeefcafef00d}},
	"reply graph":  &net.Reply{ID: 9, Body: &net.GraphPart{Known: true, Size: 3 << 20, Sum: 0x0123456789abcdef, Data: []byte("links")}},
	"status": &net.Status{
		Usage: flow.NodeUsage{MemoryBytes: 1 << 30, MemoryLimitBytes: 1 << 31, CPUPercent: 12.5, NetworkBitsPerSecond: 8e6, CPUSeconds: 100.25, DiskUsedBytes: 1 << 31, DiskFreeBytes: 1 << 40, Kernel: "avx2"},
		Replicas: []flow.ReplicaStatus{{
			Shard: 1, Replica: flow.NewReplicaID(1, 1), Role: flow.Voter, Leader: flow.NewReplicaID(2, 1), Leading: true, Term: 5, Applied: 1000, Commit: 1001,
			FirstIndex: 700, LastIndex: 1002, Digest: 0x1122334455667788, Points: 123, MemoryBytes: 456789, DiskBytes: 567890, Segments: 4, Graphs: 3, BadGraphs: 1,
		}},
		NoLead: true, Promised: 2, Addr: "10.0.0.1:7401",
		Noted: []net.NotedDigest{{Shard: 1, Index: 768, Digest: 0x8877665544332211}},
	},
	"chunk": &net.SnapshotChunk{
		Shard: 1, From: flow.NewReplicaID(1, 1), To: flow.NewReplicaID(3, 2), Stream: 4<<32 | 1, Seq: 6, Derived: true, Last: true,
		Head: net.SnapshotHead{Term: 5, Index: 1000, IndexTerm: 4, Digest: 0x0102030405060708, Meta: []byte("meta"), Conf: &raftpb.ConfState{
			Voters: []uint64{1, 2}, Learners: []uint64{3}, VotersOutgoing: []uint64{4}, LearnersNext: []uint64{5}, AutoLeave: new(true),
		}},
		Rows: []net.Row{{Key: []byte("key"), Value: []byte("value")}, {Key: []byte("dropped")}},
	},
	"ack": &net.SnapshotAck{Shard: 1, From: flow.NewReplicaID(3, 2), To: flow.NewReplicaID(1, 1), Stream: 4<<32 | 1, Seq: 6, Failed: true},
}
