package client

// Node is one row of GET /cluster/nodes. Figures are the node's own measurements
// of its process; they are as old as AgeMs.
type Node struct {
	// ID is the node's name; Number the identifier the cluster gave it.
	ID     string `json:"id"`
	Number uint32 `json:"number"`
	// Status is "healthy" or "down", as the answering node sees it.
	Status  string `json:"status"`
	Address string `json:"address"`
	APIAddr string `json:"apiAddress"`
	Region  string `json:"region"`
	// VectorCount and ShardCount are of all the replicas the node hosts.
	VectorCount uint64 `json:"vectorCount"`
	ShardCount  int    `json:"shardCount"`
	// LeaderCount is how many data shards the node leads.
	LeaderCount int `json:"leaderCount"`
	// MemoryGB is the resident memory of the process in 10^9 bytes.
	MemoryGB float64 `json:"memoryGB"`
	// MemoryLimitGB is the memory above which upserts are refused; 0 is no limit.
	MemoryLimitGB float64 `json:"memoryLimitGB"`
	// CPUPercent is processor time over the last interval; 100 is one core.
	CPUPercent float64 `json:"cpuPercent"`
	// CPUSeconds is processor time since the process started.
	CPUSeconds float64 `json:"cpuSeconds"`
	// NetworkMbps is what was sent and received, in 10^6 bits a second.
	NetworkMbps float64 `json:"networkMbps"`
	DiskUsedGB  float64 `json:"diskUsedGB"`
	DiskFreeGB  float64 `json:"diskFreeGB"`
	// Kernel names the distance kernel in use.
	Kernel string `json:"kernel"`
	// Incarnation counts the node's starts; AgeMs is the age of this report.
	Incarnation uint64 `json:"incarnation"`
	AgeMs       int64  `json:"ageMs"`
	// FormatVersion is the highest version of messages and logs that the node
	// understands; 0 if it was never heard.
	FormatVersion int `json:"formatVersion"`
}

// NodeList is the result of GET /cluster/nodes.
type NodeList struct {
	NodeCount    int    `json:"nodeCount"`
	HealthyNodes int    `json:"healthyNodes"`
	Nodes        []Node `json:"nodes"`
}

// Replica is one member of a shard's group.
type Replica struct {
	// NodeID is the node's name; ReplicaID is unique for ever.
	NodeID    string `json:"nodeId"`
	ReplicaID uint64 `json:"replicaId"`
	// Role is "voter", "learner", "witness", or "unknown" without a report.
	Role string `json:"role"`
	// Up says that the node is heard and reports the replica.
	Up      bool   `json:"up"`
	Leading bool   `json:"leading"`
	Term    uint64 `json:"term"`
	Applied uint64 `json:"applied"`
	Commit  uint64 `json:"commit"`
	// FirstIndex and LastIndex are the ends of the retained log.
	FirstIndex uint64 `json:"firstIndex"`
	LastIndex  uint64 `json:"lastIndex"`
	// Digest is the state digest at Applied, 16 hexadecimal digits.
	Digest      string  `json:"digest"`
	VectorCount uint64  `json:"vectorCount"`
	MemoryMB    float64 `json:"memoryMB"`
	// DiskMB is what the replica takes of the disk, rows, graphs and log, measured some
	// seconds ago, in 10^6 bytes.
	DiskMB float64 `json:"diskMB"`
	// Segments is how many segments the shard has, Graphs how many of them the replica
	// searches by their graph; the others it searches exactly.
	Segments int `json:"segments"`
	Graphs   int `json:"graphs"`
}

// Shard is one row of GET /cluster/shards.
type Shard struct {
	// ID is 0-based. NodeID is the leader's name, empty when none is known.
	ID     int    `json:"id"`
	NodeID string `json:"nodeId"`
	// VectorCount, MemoryMB and DiskMB (10^6 bytes) are of the leader's replica.
	VectorCount uint64  `json:"vectorCount"`
	MemoryMB    float64 `json:"memoryMB"`
	DiskMB      float64 `json:"diskMB"`
	// Start is the first hash of the shard's range, 16 hexadecimal digits.
	Start    string    `json:"start"`
	Epoch    uint64    `json:"epoch"`
	Moving   bool      `json:"moving"`
	Replicas []Replica `json:"replicas"`
}

// ShardList is the result of GET /cluster/shards.
type ShardList struct {
	ShardCount int     `json:"shardCount"`
	Shards     []Shard `json:"shards"`
}

// Stats is the result of GET /cluster/stats.
type Stats struct {
	NodeCount    int `json:"nodeCount"`
	HealthyNodes int `json:"healthyNodes"`
	// TotalVectors counts each point once: the sum over the shards' leaders.
	TotalVectors uint64 `json:"totalVectors"`
	// TotalMemoryGB is the resident memory of all healthy nodes, in 10^9 bytes.
	TotalMemoryGB float64 `json:"totalMemoryGB"`
	// TotalDiskGB is what the stores of all healthy nodes take of their disks, in 10^9 bytes.
	TotalDiskGB       float64 `json:"totalDiskGB"`
	ShardCount        int     `json:"shardCount"`
	ReplicationFactor int     `json:"replicationFactor"`
	CollectionCount   int     `json:"collectionCount"`
	// Segments and Graphs are the sums over all replicas.
	Segments int     `json:"segments"`
	Graphs   int     `json:"graphs"`
	Nodes    []Node  `json:"nodes"`
	Shards   []Shard `json:"shards"`
}

// The statuses of Health.
const (
	Healthy     = "healthy"
	Degraded    = "degraded"
	Unavailable = "unavailable"
)

// Health is the result of GET /cluster/health.
type Health struct {
	// Status is Healthy; Degraded: all is served, but something is missing; or
	// Unavailable: some group has no leader or no quorum.
	Status string `json:"status"`
	// Problems says a sentence each why it is not Healthy.
	Problems []string `json:"problems"`
	// ToleratesNodeLosses is how many more nodes may be lost, whichever they are,
	// with every shard still served: the smallest over all groups.
	ToleratesNodeLosses int `json:"toleratesNodeLosses"`
	NodeCount           int `json:"nodeCount"`
	HealthyNodes        int `json:"healthyNodes"`
	// FormatVersion is the version in which the cluster writes; it rises by itself once
	// every node understands a higher one.
	FormatVersion int `json:"formatVersion"`
}

// ShardLeader is the leader of one shard.
type ShardLeader struct {
	// ID is 0-based; Leader is a node's name, empty when none is known.
	ID     int    `json:"id"`
	Leader string `json:"leader"`
	Term   uint64 `json:"term"`
}

// LeaderList is the result of GET /cluster/leader.
type LeaderList struct {
	// SystemLeader is the node that leads the system group, empty when unknown.
	SystemLeader string        `json:"systemLeader"`
	Shards       []ShardLeader `json:"shards"`
}

// RingNode is a node's part of the ring.
type RingNode struct {
	ID string `json:"id"`
	// Slots is how many of the ring's tokens are the node's; Share is the part of
	// all replicas that the ring gives to it, 0 to 1.
	Slots int     `json:"slots"`
	Share float64 `json:"share"`
}

// RingShard is a shard's place on the ring.
type RingShard struct {
	// ID is 0-based; Start is the first hash of the range, 16 hexadecimal digits.
	ID    int    `json:"id"`
	Start string `json:"start"`
	// Preference lists the nodes that should hold the shard, best first.
	Preference []string `json:"preference"`
}

// Ring is the result of GET /cluster/ring.
type Ring struct {
	// VirtualNodes is the number of tokens a node; TotalSlots that of the ring.
	VirtualNodes int `json:"virtualNodes"`
	TotalSlots   int `json:"totalSlots"`
	// Variance is the variance of the nodes' shares relative to an even share.
	Variance float64     `json:"variance"`
	Nodes    []RingNode  `json:"nodes"`
	Shards   []RingShard `json:"shards"`
}

// ReplicaDigest is a replica's state digest.
type ReplicaDigest struct {
	NodeID    string `json:"nodeId"`
	ReplicaID uint64 `json:"replicaId"`
	// Digest is 16 hexadecimal digits, empty when the replica did not answer.
	Digest string `json:"digest"`
}

// Verdict is the comparison of one group's replicas at one log index.
type Verdict struct {
	// ID is 0-based; -1 is the system group. Name is "system" or "s<ID>".
	ID       int             `json:"id"`
	Name     string          `json:"name"`
	Index    uint64          `json:"index"`
	Equal    bool            `json:"equal"`
	Replicas []ReplicaDigest `json:"replicas"`
	// Missing names the nodes whose replica did not answer in time.
	Missing []string `json:"missing,omitempty"`
}

// VerifyResult is the result of POST /cluster/verify.
type VerifyResult struct {
	// Equal says that every replica of every group answered and agrees.
	Equal  bool      `json:"equal"`
	Shards []Verdict `json:"shards"`
}

// JoinBody is the body of POST /cluster/join.
type JoinBody struct {
	Name    string `json:"name"`
	Addr    string `json:"addr"`
	APIAddr string `json:"apiAddr"`
	Region  string `json:"region,omitempty"`
	// Nonce is 32 hexadecimal digits.
	Nonce string `json:"nonce"`
	// Replace says that the node of that name has lost its disk for good.
	Replace bool `json:"replace,omitempty"`
	// FormatVersion is the highest that the node understands; 0 is 1.
	FormatVersion int `json:"formatVersion,omitempty"`
}

// JoinPeer is a row of the node table in JoinResult.
type JoinPeer struct {
	ID      uint32 `json:"id"`
	Name    string `json:"name"`
	Addr    string `json:"addr"`
	APIAddr string `json:"apiAddr"`
	Region  string `json:"region,omitempty"`
}

// JoinResult is the result of POST /cluster/join.
type JoinResult struct {
	// ClusterID is 16 hexadecimal digits.
	ClusterID     string     `json:"clusterId"`
	Node          uint32     `json:"node"`
	SystemReplica uint64     `json:"systemReplica"`
	Peers         []JoinPeer `json:"peers"`
	// FormatVersion is the cluster's.
	FormatVersion int `json:"formatVersion"`
}

// PeerURI is one entry of PeerStatus.Peers.
type PeerURI struct {
	URI string `json:"uri"`
}

// PeerRaft is the system group's state as the answering node's replica has it.
type PeerRaft struct {
	Term              uint64 `json:"term"`
	Commit            uint64 `json:"commit"`
	PendingOperations int    `json:"pending_operations"`
	Leader            uint32 `json:"leader"`
	Role              string `json:"role"`
	IsVoter           bool   `json:"is_voter"`
}

// PeerStatus is the result of GET /cluster, in the shape of Qdrant's clients.
type PeerStatus struct {
	Status   string             `json:"status"`
	PeerID   uint32             `json:"peer_id"`
	Peers    map[string]PeerURI `json:"peers"`
	RaftInfo PeerRaft           `json:"raft_info"`
}

// Version is the answer of GET /, without an envelope.
type Version struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}
