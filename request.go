package flow

import "time"

// Request is what a node serves: one of the *…Request types of this package.
type Request interface{ request() }

// Response is what a node answers: the …Response type of the request's name.
// Every response embeds Outcome.
type Response interface{ Error() error }

// Outcome is the part every response has.
type Outcome struct {
	// Err is nil, or an *Error; the rest of the response is then not meaningful
	// unless its type says so.
	Err error
}

// Error returns Err.
func (o Outcome) Error() error { return o.Err }

// OpKind is what an Op does.
type OpKind uint8

// The kinds of operation on a point.
const (
	Upsert OpKind = iota + 1
	Delete
)

// Op changes one point.
type Op struct {
	Kind OpKind
	ID   PointID
	// Vector and Payload are what an Upsert stores.
	Vector  Vector
	Payload []byte
	// If makes the change happen only when the point's version equals IfVersion;
	// version 0 means that the point does not exist.
	If        bool
	IfVersion uint64
}

// OpStatus is what became of one Op.
type OpStatus uint8

// What became of an Op.
const (
	// Applied: the change is committed and applied; Version is the point's new version.
	Applied OpStatus = iota + 1
	// Absent: a Delete found no point; nothing changed.
	Absent
	// Conflicted: the condition did not hold; Version is the point's version (0: no point).
	Conflicted
	// Failed: the change did not happen and will not.
	Failed
	// Unresolved: the change may or may not have happened; retry with the same request id.
	Unresolved
)

var opStatusNames = [...]string{Applied: "applied", Absent: "absent", Conflicted: "conflict", Failed: "failed", Unresolved: "unknown"}

// String returns the status's name.
func (s OpStatus) String() string {
	if s >= Applied && int(s) < len(opStatusNames) {
		return opStatusNames[s]
	}
	return "none"
}

// OpResult is what became of the Op at the same position.
type OpResult struct {
	Status  OpStatus
	Version uint64
	// Err is set with Failed and Unresolved.
	Err error
}

// WriteRequest changes points of one collection. It is split by shard; each
// shard's part happens wholly or not at all, in one place of the shard's order.
type WriteRequest struct {
	// ID makes a retry recognisable; the node makes one up when it is zero.
	ID         RequestID
	Collection string
	// Ops holds 1 to MaxBatchPoints operations. Two on one point apply in order.
	Ops []Op
	// Timeout bounds the wait; 0 is the node's default.
	Timeout time.Duration
}

// WriteResponse answers a WriteRequest. Err is set when the request as a whole was
// refused, or is the worst error of its shards; Results then still tells each Op's fate.
type WriteResponse struct {
	Outcome
	ID      RequestID
	Results []OpResult
	Token   SessionToken
}

// ReadInfo says where an answer came from.
type ReadInfo struct {
	// Missing names the shards that could not be reached, ascending.
	Missing []ShardID
	// Shards tells, per shard that answered, at which applied index it did; a
	// valid session token for a later read.
	Shards SessionToken
	// Stale is set when a shard answered at level Any: nothing bounds its age.
	Stale bool
}

// GetRequest reads points by id.
type GetRequest struct {
	Collection string
	IDs        []PointID
	WithVector bool
	// WithPayload asks for the payloads.
	WithPayload bool
	Read        ReadOptions
}

// GetResponse holds the points that exist, in the order of the request's ids.
type GetResponse struct {
	Outcome
	ReadInfo
	Points []Point
}

// Filter is a filter of points as Qdrant's clients send it, in JSON: an object of must,
// should, must_not and min_should, whose meaning package index/filter holds. Empty, it
// lets every point pass; what is malformed is InvalidArgument and names the field.
type Filter []byte

// CountRequest counts a collection's points exactly, those that pass the filter.
type CountRequest struct {
	Collection string
	Filter     Filter
	Read       ReadOptions
}

// CountResponse holds the number of points.
type CountResponse struct {
	Outcome
	ReadInfo
	Count uint64
	// MemoryBytes and DiskBytes are what one copy of the whole collection takes in memory and
	// on disk, filtered or not; the latter was measured some seconds ago.
	MemoryBytes, DiskBytes uint64
	// Segments is how many segments the collection has, over all shards.
	Segments int
}

// ScrollRequest reads a page of points in id order.
type ScrollRequest struct {
	Collection string
	// From is the first id that may appear; "" starts at the beginning.
	From  PointID
	Limit int
	// Filter leaves out the points that do not pass it.
	Filter      Filter
	WithVector  bool
	WithPayload bool
	Read        ReadOptions
}

// ScrollResponse holds a page; Next is the From of the next one, "" at the end.
type ScrollResponse struct {
	Outcome
	ReadInfo
	Points []Point
	Next   PointID
}

// SearchRequest asks for the K points nearest to Vector.
type SearchRequest struct {
	Collection string
	Vector     Vector
	// K is how many hits to return, 1 to MaxK.
	K int
	// Filter says which points may be hits; if at least K pass, there are K hits.
	Filter Filter
	// Exact compares every point; without it an approximate index may be used.
	Exact bool
	// EF is how many candidates the graphs keep while they are searched, 1 to MaxEF: more
	// finds more of the true nearest and takes longer. 0 lets the node choose.
	EF int
	// Oversampling is how many times K candidates found by quantised vectors are compared
	// again in full, 1 to MaxOversampling; 0 lets the node choose.
	Oversampling float64
	WithVector   bool
	WithPayload  bool
	Read         ReadOptions
}

// SearchResponse holds at most K hits, nearest first, ties by id, and the
// metric that turns their distances into scores.
type SearchResponse struct {
	Outcome
	ReadInfo
	Metric Metric
	Hits   []Hit
}

// CreateCollectionResponse holds the new row.
type CreateCollectionResponse struct {
	Outcome
	Collection Collection
}

// DropCollectionRequest removes a collection and its points. It is answered
// once every shard refuses the old collection.
type DropCollectionRequest struct {
	Name    string
	Timeout time.Duration
}

// DropCollectionResponse answers a DropCollectionRequest.
type DropCollectionResponse struct{ Outcome }

// ListCollectionsRequest lists the catalogue, linearizably unless Read says otherwise.
type ListCollectionsRequest struct{ Read ReadOptions }

// ListCollectionsResponse holds the catalogue by name.
type ListCollectionsResponse struct {
	Outcome
	Collections []Collection
}

// JoinRequest adds a node to the cluster. It is answered with the node's
// identity, and harmless to repeat with the same Nonce.
type JoinRequest struct {
	Name string
	// Addr is where the other nodes reach the new one, host:port.
	Addr string
	// APIAddr is where clients reach it, host:port.
	APIAddr string
	// Region is a label for placement; may be empty.
	Region string
	// Nonce tells a repeated join from another machine using the same name.
	Nonce [16]byte
	// Replace says that the node of that name has lost its disk for good. It is taken out
	// of the cluster, its replicas are made again elsewhere; the new node has another id.
	Replace bool
	// FormatVersion is the highest that the node understands; one below the cluster's is
	// refused with Conflict. 0, from a program that knows no versions, is OldestFormat.
	FormatVersion FormatVersion
	Timeout       time.Duration
}

// JoinResponse is the identity the new node starts with.
type JoinResponse struct {
	Outcome
	ClusterID     uint64
	Node          NodeID
	SystemReplica ReplicaID
	Peers         []NodeInfo
	// FormatVersion is the cluster's: the node must never be started with a lower one.
	FormatVersion FormatVersion
}

// NodeInfo is a row of the node table.
type NodeInfo struct {
	ID      NodeID
	Name    string
	Addr    string
	APIAddr string
	Region  string
}

// StatusRequest asks a node for what it knows of the cluster.
type StatusRequest struct{}

// NodeUsage is what a node measures of its process and disk.
type NodeUsage struct {
	// MemoryBytes is the resident memory of the process.
	MemoryBytes uint64
	// MemoryLimitBytes is what it may take; 0 is no limit. Above it the node's shards take
	// no upserts.
	MemoryLimitBytes uint64
	// CPUPercent is the processor time used over the last interval; 100 is one core.
	CPUPercent float64
	// NetworkBitsPerSecond is what was sent and received over the last interval.
	NetworkBitsPerSecond float64
	// CPUSeconds is the processor time used since the process started.
	CPUSeconds float64
	// DiskUsedBytes and DiskFreeBytes are of the store and its file system.
	DiskUsedBytes, DiskFreeBytes uint64
	// Kernel names the distance kernel in use.
	Kernel string
}

// ReplicaRole is what a replica does in its group.
type ReplicaRole uint8

// The roles.
const (
	Voter ReplicaRole = iota + 1
	Learner
	Witness
	// Broken: what is stored of the replica cannot be read. It takes no part in its
	// group any more, and waits for another to be made in its place.
	Broken
)

// String returns the role's name.
func (r ReplicaRole) String() string {
	return [...]string{"none", "voter", "learner", "witness", "broken"}[min(int(r), 4)]
}

// ReplicaStatus is a node's report of one replica it hosts.
type ReplicaStatus struct {
	Shard   ShardID
	Replica ReplicaID
	Role    ReplicaRole
	Leader  ReplicaID // 0: none known
	Leading bool
	Term    uint64
	Applied uint64
	Commit  uint64
	// FirstIndex and LastIndex are the ends of the retained log.
	FirstIndex, LastIndex uint64
	// Digest is the state digest at Applied.
	Digest uint64
	// Points is the number of live points; MemoryBytes what the replica takes in memory:
	// points, graphs, payload indexes and the retained log.
	Points      uint64
	MemoryBytes uint64
	// DiskBytes is what the replica takes of the disk: rows, graphs, log and what a
	// compaction has yet to remove, measured some seconds ago.
	DiskBytes uint64
	// Segments is how many segments the shard's log has made, and Graphs how many of them
	// are searched by their graph here: the others are searched exactly until they are.
	// BadGraphs of the others had a graph that was damaged or not what the log says.
	Segments, Graphs, BadGraphs int
}

// NodeStatus is a node's report of itself.
type NodeStatus struct {
	NodeInfo
	// Up says that the answering node hears the reported one.
	Up bool
	// LastHeard is the age of the report.
	LastHeard   time.Duration
	Incarnation uint64
	Usage       NodeUsage
	Replicas    []ReplicaStatus
	// FormatVersion is the highest that the node understands; 0 if it was never heard.
	FormatVersion FormatVersion
}

// ShardPlacement is a row of the placement table.
type ShardPlacement struct {
	Shard ShardID
	// Start is the first hash of the shard's range; the range ends where the next begins.
	Start    uint64
	Epoch    uint64
	Replicas []ReplicaID
	// Moving is set while a replica is being added or replaced.
	Moving bool
}

// StatusResponse is what a node knows of the cluster.
type StatusResponse struct {
	Outcome
	ClusterID         uint64
	Self              NodeID
	ReplicationFactor int
	VirtualNodes      int
	Epoch             uint64
	// FormatVersion is what is written into logs and snapshots. It rises by itself once
	// every node understands more, and never falls.
	FormatVersion FormatVersion
	Nodes         []NodeStatus
	Shards        []ShardPlacement
	Collections   []Collection
	// SystemLeader leads the system group; 0 if not known.
	SystemLeader NodeID
	// Problems says, a sentence each, why the cluster is not healthy; empty when it is.
	Problems []string
}

// RetireRequest makes a node hand leadership of its groups to others, before it
// stops. It is answered when it leads nothing that another could lead, or when its
// time is up; either way the node goes on serving.
type RetireRequest struct{ Timeout time.Duration }

// RetireResponse tells how many groups the node still leads.
type RetireResponse struct {
	Outcome
	Leading int
}

// VerifyRequest compares every replica's state digest at one log position of each shard.
type VerifyRequest struct{ Timeout time.Duration }

// ShardVerdict is the comparison of one shard's replicas.
type ShardVerdict struct {
	Shard ShardID
	Index uint64
	// Digests holds each replica's digest at Index.
	Digests map[ReplicaID]uint64
	// Missing names replicas that could not be asked in time.
	Missing []ReplicaID
	// Equal says that all replicas answered and agree.
	Equal bool
}

// VerifyResponse holds a verdict a shard, the system group first.
type VerifyResponse struct {
	Outcome
	Shards []ShardVerdict
}

func (*WriteRequest) request()            {}
func (*GetRequest) request()              {}
func (*CountRequest) request()            {}
func (*ScrollRequest) request()           {}
func (*SearchRequest) request()           {}
func (*CreateCollectionRequest) request() {}
func (*DropCollectionRequest) request()   {}
func (*ListCollectionsRequest) request()  {}
func (*JoinRequest) request()             {}
func (*StatusRequest) request()           {}
func (*VerifyRequest) request()           {}
func (*RetireRequest) request()           {}
