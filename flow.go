// Package flow holds the words every other room speaks: identifiers, points,
// requests and their answers, read levels, errors. It does nothing by itself and
// imports nothing of the project.
package flow

import (
	"fmt"
	"time"
)

// NodeID identifies a node for the life of a cluster. The system group assigns
// it; it is never used again after the node is removed. 0 means "no node".
type NodeID uint32

// String returns the form used in logs and traces, for example "n3".
func (id NodeID) String() string { return fmt.Sprintf("n%d", uint32(id)) }

// ShardID identifies a shard. 0 is the system group; data shards are 1..S inside
// the core and are shown to users as 0..S-1 (see UserID).
type ShardID uint32

// SystemShard is the group that holds nodes, collections and the placement table.
const SystemShard ShardID = 0

// UserID returns the number users see for a data shard: 0 for the first one.
// The system group has none and answers -1.
func (id ShardID) UserID() int { return int(id) - 1 }

// String returns "system" for group 0 and "s<user id>" for a data shard.
func (id ShardID) String() string {
	if id == SystemShard {
		return "system"
	}
	return fmt.Sprintf("s%d", id.UserID())
}

// ReplicaID identifies one member of one Raft group for ever: the node it lives
// on and the generation at which the placement table put it there. A replica
// that is removed and added again on the same node is another replica.
type ReplicaID uint64

// NewReplicaID returns the id of the replica of the given generation (>= 1) on a node.
func NewReplicaID(node NodeID, generation uint32) ReplicaID {
	return ReplicaID(uint64(generation)<<32 | uint64(node))
}

// Node returns the node the replica lives on.
func (id ReplicaID) Node() NodeID { return NodeID(uint32(id)) }

// Generation returns the generation at which the placement table created the replica.
func (id ReplicaID) Generation() uint32 { return uint32(id >> 32) }

// String returns "n<node>.<generation>".
func (id ReplicaID) String() string { return fmt.Sprintf("%v.%d", id.Node(), id.Generation()) }

// CollectionID identifies a collection for the life of a cluster. The system
// group assigns it and never uses it again, so that a new collection of an old
// name is another collection.
type CollectionID uint64

// Time is a node's clock reading in nanoseconds. It never goes backwards inside
// one process; readings of two nodes may differ by their clock skew. In
// production it is anchored at the Unix epoch when the process starts.
type Time int64

// Add returns t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the duration t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Limits on what a request may carry; going past one is InvalidArgument.
const (
	// MaxPointIDBytes is the longest string id.
	MaxPointIDBytes = 512
	// MaxDim is the largest number of components of a vector.
	MaxDim = 65536
	// MaxPayloadBytes is the longest payload (metadata) of one point, as JSON.
	MaxPayloadBytes = 1 << 20
	// MaxBatchPoints is the largest number of points in one write or get.
	MaxBatchPoints = 10000
	// MaxBatchBytes is the largest sum of vector and payload bytes in one write.
	MaxBatchBytes = 64 << 20
	// MaxK is the largest number of hits a search may ask for.
	MaxK = 10000
	// MaxScroll is the largest page of a scroll.
	MaxScroll = 10000
	// MaxCollectionNameBytes is the longest collection name.
	MaxCollectionNameBytes = 255
)
