package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// Keys of the node's own records; replica keys begin with another byte.
var (
	identityKey    = []byte("n/identity")
	incarnationKey = []byte("n/incarnation")
	formatKey      = []byte("n/format")
)

// Identity is what a data directory belongs to. It is written once.
type Identity struct {
	ClusterID     uint64
	Node          flow.NodeID
	Name          string
	Nonce         [16]byte
	SystemReplica flow.ReplicaID
	// Shards and ReplicationFactor are those of the cluster; 0 on a node that joined,
	// which learns them from the system group.
	Shards, ReplicationFactor int
	// Peers are nodes to talk to until the node table is known.
	Peers []flow.NodeInfo
}

func (id Identity) encode() []byte {
	var w wire.Writer
	w.Fixed64(id.ClusterID)
	w.Uint(uint64(id.Node))
	w.Text(id.Name)
	w.Raw(id.Nonce[:])
	w.Uint(uint64(id.SystemReplica))
	w.Uint(uint64(id.Shards))
	w.Uint(uint64(id.ReplicationFactor))
	w.Uint(uint64(len(id.Peers)))
	for _, p := range id.Peers {
		w.Uint(uint64(p.ID))
		w.Text(p.Name)
		w.Text(p.Addr)
		w.Text(p.APIAddr)
		w.Text(p.Region)
	}
	return w.Buf
}

// ReadIdentity returns the identity on a disk, or not ok on an empty one.
func ReadIdentity(d disk.Reader) (id Identity, ok bool, err error) {
	b, ok, err := d.Get(identityKey)
	if err != nil || !ok {
		return Identity{}, false, err
	}
	r := wire.NewReader(b)
	id = Identity{ClusterID: r.Fixed64(), Node: flow.NodeID(r.Uint()), Name: r.Text()}
	for i := range id.Nonce {
		id.Nonce[i] = r.Byte()
	}
	id.SystemReplica, id.Shards, id.ReplicationFactor = flow.ReplicaID(r.Uint()), int(r.Uint()), int(r.Uint())
	for range r.Count(5) {
		id.Peers = append(id.Peers, flow.NodeInfo{ID: flow.NodeID(r.Uint()), Name: r.Text(), Addr: r.Text(), APIAddr: r.Text(), Region: r.Text()})
	}
	if err := r.Done(); err != nil {
		return Identity{}, false, flow.Errorf(flow.Corrupt, "node.ReadIdentity", "identity record: %w", err)
	}
	return id, true, nil
}

// Limits of a cluster's settings.
const (
	// MaxShards bounds the shards of a cluster.
	MaxShards = 4096
	// MaxReplicationFactor bounds the data replicas of a shard.
	MaxReplicationFactor = 7
	// MaxVirtualNodes bounds the virtual nodes of a node.
	MaxVirtualNodes = 4096
)

// InitOptions is what a new cluster is made of.
type InitOptions struct {
	Name, Addr, APIAddr, Region string
	// Shards is fixed for the life of the cluster (default 16).
	Shards int
	// ReplicationFactor is how many data replicas a shard has (default 3).
	ReplicationFactor int
	// VirtualNodes is how many tokens a node has on the ring (default 128).
	VirtualNodes int
	// FormatVersion is that of the cluster, and so the least that its nodes must
	// understand (default flow.NewestFormat).
	FormatVersion flow.FormatVersion
	// ClusterID is random and not 0.
	ClusterID uint64
	Nonce     [16]byte
}

func (o *InitOptions) validate() error {
	for _, f := range []struct {
		name                string
		value               *int
		low, high, standard int
	}{
		{"shards", &o.Shards, 1, MaxShards, 16},
		{"replication factor", &o.ReplicationFactor, 1, MaxReplicationFactor, 3},
		{"virtual nodes", &o.VirtualNodes, 1, MaxVirtualNodes, 128},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < f.low || *f.value > f.high {
			return flow.Errorf(flow.InvalidArgument, "node.Init", "%s is %d, it must be in %d..%d", f.name, *f.value, f.low, f.high)
		}
	}
	o.FormatVersion = o.FormatVersion.OrNewest()
	if err := o.FormatVersion.Check(); err != nil {
		return err
	}
	if o.ClusterID == 0 {
		return flow.Errorf(flow.InvalidArgument, "node.Init", "cluster id is 0")
	}
	return checkNodeName(o.Name)
}

// maxNodeNameBytes bounds a node's name.
const maxNodeNameBytes = 64

func checkNodeName(name string) error {
	if name == "" || len(name) > maxNodeNameBytes {
		return flow.Errorf(flow.InvalidArgument, "node", "node id %q must have 1 to %d bytes", name, maxNodeNameBytes)
	}
	for _, c := range name {
		if c <= ' ' || c == 0x7f {
			return flow.Errorf(flow.InvalidArgument, "node", "node id %q must not hold spaces or control characters", name)
		}
	}
	return nil
}

// Init writes a cluster of one node onto an empty disk. done is called as the
// disk's Apply does; an invalid option is given to it as InvalidArgument.
func Init(d disk.Disk, o InitOptions, done func(error)) {
	if err := o.validate(); err != nil {
		done(err)
		return
	}
	const first flow.NodeID = 1
	self := system.Node{
		NodeInfo: flow.NodeInfo{ID: first, Name: o.Name, Addr: o.Addr, APIAddr: o.APIAddr, Region: o.Region},
		Nonce:    o.Nonce, SystemReplica: flow.NewReplicaID(first, 1),
	}
	settings := system.Settings{ClusterID: o.ClusterID, Shards: o.Shards, ReplicationFactor: o.ReplicationFactor, VirtualNodes: o.VirtualNodes}
	rows, meta := system.Bootstrap(o.FormatVersion, settings, self, ring.Starts(o.Shards))
	var b disk.Batch
	replica.Bootstrap(&b, flow.SystemShard, self.SystemReplica, rows, meta)
	for i := range o.Shards {
		replica.Bootstrap(&b, flow.ShardID(i+1), flow.NewReplicaID(first, 1), nil, nil)
	}
	id := Identity{
		ClusterID: o.ClusterID, Node: first, Name: o.Name, Nonce: o.Nonce, SystemReplica: self.SystemReplica,
		Shards: o.Shards, ReplicationFactor: o.ReplicationFactor, Peers: []flow.NodeInfo{self.NodeInfo},
	}
	b.Put(identityKey, id.encode())
	putPromise(&b, o.FormatVersion)
	d.Apply(&b, true, done)
}

// Join writes the identity that a cluster gave to a new node onto its empty disk.
func Join(d disk.Disk, name string, nonce [16]byte, r *flow.JoinResponse, done func(error)) {
	var b disk.Batch
	id := Identity{ClusterID: r.ClusterID, Node: r.Node, Name: name, Nonce: nonce, SystemReplica: r.SystemReplica, Peers: r.Peers}
	if _, err := replica.New(&b, replica.Config{Shard: flow.SystemShard, NewMachine: func() replica.Machine { return system.New() },
		Random: func(int) int { return 0 }}, r.SystemReplica); err != nil {
		done(err)
		return
	}
	b.Put(identityKey, id.encode())
	putPromise(&b, max(r.FormatVersion, flow.OldestFormat))
	d.Apply(&b, true, done)
}
