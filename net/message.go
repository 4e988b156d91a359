package net

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"go.etcd.io/raft/v3/raftpb"
)

// Message is one of the types of this file.
type Message interface{ kind() byte }

// Raft carries one message of a shard's Raft group. Its From and To are ReplicaIDs.
type Raft struct {
	Shard flow.ShardID
	M     *raftpb.Message
}

// Call asks a node for something; a Reply with the same ID answers it. Calls are
// repeated when no answer comes, so every body is harmless to repeat.
type Call struct {
	ID   uint64
	Body Body
}

// Reply answers a Call. Err is nil, or an *flow.Error.
type Reply struct {
	ID   uint64
	Err  *flow.Error
	Body Body // nil with Err
}

// Body is what a Call asks or a Reply answers.
type Body interface{ body() byte }

// Write asks the leader of a shard to propose a command (in its log form).
type Write struct {
	Shard   flow.ShardID
	Request flow.RequestID
	Command []byte
}

// Written answers a Write with the command's result, in the form that the
// shard's state machine defines, and the index at which it applied.
type Written struct {
	Index  uint64
	Result []byte
}

// ReadKind is what a Read does.
type ReadKind uint8

// The kinds of read.
const (
	ReadGet ReadKind = iota + 1
	ReadCount
	ReadScroll
	ReadSearch
)

// Read asks a node to read from its replicas of some shards. The node answers
// with what it could read within Patience and names the rest.
type Read struct {
	Kind       ReadKind
	Collection flow.CollectionID
	Shards     []flow.ShardID
	Level      flow.ReadLevel
	Token      flow.SessionToken
	// MaxStaleness is for level Bounded.
	MaxStaleness time.Duration
	Patience     time.Duration
	WithVector   bool
	WithPayload  bool
	Exact        bool
	// Filter is of a count, scroll or search.
	Filter flow.Filter
	// IDs are what a get reads, each belonging to one of Shards.
	IDs []flow.PointID
	// From and Limit are a scroll's.
	From  flow.PointID
	Limit int
	// Vector, K, EF and Oversampling are a search's.
	Vector       flow.Vector
	K, EF        int
	Oversampling float64
}

// ReadResult answers a Read.
type ReadResult struct {
	// Served tells at which applied index each shard answered, ascending by shard.
	Served flow.SessionToken
	// Dropped says that a shard's log has dropped the collection: resolve its name again.
	Dropped bool
	Count   uint64
	// MemoryBytes and DiskBytes are what the collection takes in the shards that answer a
	// count, Segments how many it has there; the last two since format version 2.
	MemoryBytes, DiskBytes uint64
	Segments               int
	// Hits holds points in id order (get, scroll: Distance 0) or hits (search).
	Hits []flow.Hit
}

// Checkpoint asks the leader of a shard to note the state digest at a new log position.
type Checkpoint struct {
	Shard   flow.ShardID
	Request flow.RequestID
}

// Digest asks for a replica's state digest at a checkpoint.
type Digest struct {
	Shard flow.ShardID
	Index uint64
}

// DigestResult answers a Digest: Known is false while the replica has not reached
// the index, Passed true when it went past it without noting the digest.
type DigestResult struct {
	Replica flow.ReplicaID
	Known   bool
	Passed  bool
	Digest  uint64
}

// Status is a node's report of itself, sent to every node at an interval.
type Status struct {
	Usage    flow.NodeUsage
	Replicas []flow.ReplicaStatus
	// NoLead asks that no leadership be handed to the node: it is about to stop, or
	// its disk is almost full.
	NoLead bool
	// Noted holds, per replica, the digest at the latest index that is a multiple of
	// the check interval; 0 for none.
	Noted []NotedDigest
	// Promised is the version that the node's data directory will never again be opened
	// below; durable before it is sent. Since format version 2.
	Promised flow.FormatVersion
	// Addr is where the node listens for others, for those whose node table is lost or older
	// than its row. Since format version 2.
	Addr string
}

// NotedDigest is a replica's state digest at a log position.
type NotedDigest struct {
	Shard  flow.ShardID
	Index  uint64
	Digest uint64
}

// SnapshotChunk carries a part of a shard's state to a replica that is behind its
// leader's log. Chunks of one stream are sent in order, one at a time.
type SnapshotChunk struct {
	Shard    flow.ShardID
	From, To flow.ReplicaID
	// Stream tells streams of one sender apart; Seq counts chunks from 0.
	Stream uint64
	Seq    uint64
	// Head describes the snapshot.
	Head SnapshotHead
	// Rows are key-value pairs in ascending key order.
	Rows []Row
	// Derived says that Rows are not of the state but of what is derived from it; these
	// chunks come last.
	Derived bool
	Last    bool
}

// SnapshotHead is what a snapshot is of.
type SnapshotHead struct {
	// Term is the Raft term of the message that began the stream.
	Term uint64
	// Index and IndexTerm are the position of the state.
	Index, IndexTerm uint64
	Digest           uint64
	// Meta is the state machine's meta record.
	Meta []byte
	Conf *raftpb.ConfState
}

// Row is a key of the state, relative to its prefix, and its value.
type Row struct{ Key, Value []byte }

// SnapshotAck says that a chunk was taken. Failed ends the stream.
type SnapshotAck struct {
	Shard    flow.ShardID
	From, To flow.ReplicaID
	Stream   uint64
	Seq      uint64
	Failed   bool
}

// Graph asks for a part of the stored graph of a segment, from an offset on.
type Graph struct {
	Shard      flow.ShardID
	Collection flow.CollectionID
	Segment    uint64
	Offset     uint64
}

// GraphPart answers a Graph. Known is false when the node has not stored the graph.
type GraphPart struct {
	Known bool
	// Size and Sum are the length and the checksum of the whole graph.
	Size, Sum uint64
	Data      []byte
}

const (
	kindRaft byte = iota + 1
	kindCall
	kindReply
	kindStatus
	kindChunk
	kindAck
)

func (*Raft) kind() byte          { return kindRaft }
func (*Call) kind() byte          { return kindCall }
func (*Reply) kind() byte         { return kindReply }
func (*Status) kind() byte        { return kindStatus }
func (*SnapshotChunk) kind() byte { return kindChunk }
func (*SnapshotAck) kind() byte   { return kindAck }

const (
	bodyNone byte = iota
	bodyWrite
	bodyWritten
	bodyRead
	bodyReadResult
	bodyCheckpoint
	bodyDigest
	bodyDigestResult
	bodyGraph
	bodyGraphPart
)

func (*Write) body() byte        { return bodyWrite }
func (*Written) body() byte      { return bodyWritten }
func (*Read) body() byte         { return bodyRead }
func (*ReadResult) body() byte   { return bodyReadResult }
func (*Checkpoint) body() byte   { return bodyCheckpoint }
func (*Digest) body() byte       { return bodyDigest }
func (*DigestResult) body() byte { return bodyDigestResult }
func (*Graph) body() byte        { return bodyGraph }
func (*GraphPart) body() byte    { return bodyGraphPart }
