// Package system is the state machine of the system group: the nodes, the
// catalogue of collections, the placement table and the moves under way. Every
// node holds a copy and routes by it. What it becomes is a function of its log alone.
package system

import (
	"encoding/binary"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// Settings are fixed when the cluster is made.
type Settings struct {
	ClusterID         uint64
	Shards            int
	ReplicationFactor int
	VirtualNodes      int
}

// Node is a row of the node table.
type Node struct {
	flow.NodeInfo
	// Nonce tells a repeated join from another machine of the same name.
	Nonce [16]byte
	// SystemReplica is the node's member of the system group.
	SystemReplica flow.ReplicaID
	// Lost says that the node's disk is gone for good: nothing of it counts any more, and
	// the row goes when no placement names it.
	Lost bool
}

// Placement is a row of the placement table: where a shard lives.
type Placement struct {
	Shard flow.ShardID
	// Start is the first hash of the shard's range.
	Start uint64
	// Epoch counts the changes of Replicas.
	Epoch    uint64
	Replicas []flow.ReplicaID
	// Generation is that of the latest replica made for the shard.
	Generation uint32
}

// Move is a change of a shard's replicas that is under way. Each step towards it
// is a function of this row and of the shard's Raft membership.
type Move struct {
	ID    uint64
	Shard flow.ShardID
	// Add is the replica to be made a voter; Remove the one to go, or 0.
	Add, Remove flow.ReplicaID
	// Cancelled says that Add will not come: it is to be no member again, unless it is a
	// voter already.
	Cancelled bool
}

// Collection is a row of the catalogue, with the request that made it.
type Collection struct {
	flow.Collection
	Request flow.RequestID
}

// Drop remembers a dropped collection. Its id is never used again.
type Drop struct {
	ID   flow.CollectionID
	Name string
	// Created and Request are the requests that made and dropped it: a late copy of
	// either must not touch a collection that has the name now.
	Created, Request flow.RequestID
}

// Machine is the state of the system group. Its fields are read by the node and
// changed by Apply alone.
type Machine struct {
	Settings    Settings
	Nodes       map[flow.NodeID]*Node
	Collections map[string]*Collection
	Drops       []Drop
	Placements  []*Placement // by shard, ascending, beginning with shard 1
	Moves       map[flow.ShardID]*Move
	// Epoch counts the changes of the placement table.
	Epoch uint64
	// FieldChanges counts the changes of indexed fields since the machine was built.
	FieldChanges uint64
	// Changes counts the commands that changed anything since the machine was built.
	Changes uint64
	// Format is the cluster's format version: every member understands it, for good.
	Format flow.FormatVersion

	// newest is the highest format version that the machine takes.
	newest         flow.FormatVersion
	requests       requests
	lastNode       flow.NodeID
	lastCollection flow.CollectionID
	lastMove       uint64
	stored         map[string][]byte // every row as it is stored
}

var _ replica.Machine = (*Machine)(nil)

// New returns an empty machine.
func New() *Machine {
	return &Machine{
		Nodes: map[flow.NodeID]*Node{}, Collections: map[string]*Collection{}, Moves: map[flow.ShardID]*Move{},
		stored: map[string][]byte{}, requests: requests{results: map[flow.RequestID][]byte{}},
		Format: flow.OldestFormat, newest: flow.NewestFormat,
	}
}

// Reads makes commands and rows of a version above newest errors, as they are to a
// program that knows no more, and returns the machine.
func (m *Machine) Reads(newest flow.FormatVersion) *Machine {
	m.newest = newest
	return m
}

// Bootstrap returns the rows and meta of a new cluster of a format version: its first
// node, and every shard on it.
func Bootstrap(format flow.FormatVersion, s Settings, first Node, starts []uint64) (rows []net.Row, meta []byte) {
	m := New()
	m.Settings, m.lastNode, m.Epoch = s, first.ID, 1
	m.Nodes[first.ID] = &first
	for i, start := range starts {
		m.Placements = append(m.Placements, &Placement{
			Shard: flow.ShardID(i + 1), Start: start, Epoch: 1, Generation: 1,
			Replicas: []flow.ReplicaID{flow.NewReplicaID(first.ID, 1)},
		})
	}
	rows = append(rows, net.Row{Key: nodeKey(first.ID), Value: encodeNode(&first)})
	for _, p := range m.Placements {
		rows = append(rows, net.Row{Key: placementKey(p.Shard), Value: encodePlacement(p)})
	}
	if format > flow.OldestFormat {
		rows = append(rows, net.Row{Key: rowKey(rowFormat, 0), Value: encodeFormat(format)})
	}
	return rows, m.Meta()
}

// SortedNodes returns the nodes by id.
func (m *Machine) SortedNodes() []*Node {
	nodes := make([]*Node, 0, len(m.Nodes))
	for _, id := range slices.Sorted(maps.Keys(m.Nodes)) {
		nodes = append(nodes, m.Nodes[id])
	}
	return nodes
}

// Live returns the nodes that are not lost, by id.
func (m *Machine) Live() []*Node {
	return slices.DeleteFunc(m.SortedNodes(), func(n *Node) bool { return n.Lost })
}

// Named says whether a placement or a move names a node.
func (m *Machine) Named(id flow.NodeID) bool {
	on := func(r flow.ReplicaID) bool { return r.Node() == id }
	for _, p := range m.Placements {
		if mv := m.Moves[p.Shard]; slices.ContainsFunc(p.Replicas, on) || mv != nil && (on(mv.Add) || on(mv.Remove)) {
			return true
		}
	}
	return false
}

// SortedCollections returns the catalogue by name.
func (m *Machine) SortedCollections() []flow.Collection {
	list := make([]flow.Collection, 0, len(m.Collections))
	for _, name := range slices.Sorted(maps.Keys(m.Collections)) {
		list = append(list, m.Collections[name].Collection)
	}
	return list
}

// Fields returns the indexed fields of the collections that have some.
func (m *Machine) Fields() map[flow.CollectionID][]flow.Field {
	fields := map[flow.CollectionID][]flow.Field{}
	for _, c := range m.Collections { // order-free: each is a row by itself
		if len(c.Fields) > 0 {
			fields[c.ID] = c.Fields
		}
	}
	return fields
}

// Former returns the ids of the dropped collections that bore a name.
func (m *Machine) Former(name string) []flow.CollectionID {
	var ids []flow.CollectionID
	for _, d := range m.Drops {
		if d.Name == name {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// SortedMoves returns the moves by shard.
func (m *Machine) SortedMoves() []*Move {
	moves := make([]*Move, 0, len(m.Moves))
	for _, shard := range slices.Sorted(maps.Keys(m.Moves)) {
		moves = append(moves, m.Moves[shard])
	}
	return moves
}

// Placement returns the row of a data shard, or nil.
func (m *Machine) Placement(s flow.ShardID) *Placement {
	if s == flow.SystemShard || int(s) > len(m.Placements) {
		return nil
	}
	return m.Placements[s-1]
}

// Seen implements replica.Machine.
func (m *Machine) Seen(c replica.Command) (result []byte, ok bool) {
	result, ok = m.requests.results[c.Request]
	return result, ok
}

// Points implements replica.Machine.
func (m *Machine) Points() (points, bytes uint64) { return 0, 0 }

// Meta implements replica.Machine.
func (m *Machine) Meta() []byte {
	var w wire.Writer
	w.Fixed64(m.Settings.ClusterID)
	w.Uint(uint64(m.Settings.Shards))
	w.Uint(uint64(m.Settings.ReplicationFactor))
	w.Uint(uint64(m.Settings.VirtualNodes))
	w.Uint(uint64(m.lastNode))
	w.Uint(uint64(m.lastCollection))
	w.Uint(m.lastMove)
	w.Uint(m.Epoch)
	w.Raw(m.requests.floor[:])
	return w.Buf
}

// Restored implements replica.Machine.
func (m *Machine) Restored(meta []byte) error {
	if len(meta) == 0 {
		return nil
	}
	r := wire.NewReader(meta)
	m.Settings = Settings{ClusterID: r.Fixed64(), Shards: int(r.Uint()), ReplicationFactor: int(r.Uint()), VirtualNodes: int(r.Uint())}
	m.lastNode, m.lastCollection, m.lastMove, m.Epoch = flow.NodeID(r.Uint()), flow.CollectionID(r.Uint()), r.Uint(), r.Uint()
	m.requests.floor = decodeRequest(r)
	return r.Done()
}

// Keys of the rows, by their first byte.
const (
	rowCollection = 'c'
	rowMove       = 'm'
	rowNode       = 'n'
	rowPlacement  = 'p'
	rowRequest    = 'q'
	rowFormat     = 'v'
	rowDrop       = 'x'
)

func rowKey(tag byte, id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{tag}, id) }

func nodeKey(id flow.NodeID) []byte             { return rowKey(rowNode, uint64(id)) }
func collectionKey(id flow.CollectionID) []byte { return rowKey(rowCollection, uint64(id)) }
func placementKey(s flow.ShardID) []byte        { return rowKey(rowPlacement, uint64(s)) }
func moveKey(s flow.ShardID) []byte             { return rowKey(rowMove, uint64(s)) }
func dropKey(position int) []byte               { return rowKey(rowDrop, uint64(position)) }

// put stores a row, new or changed.
func (m *Machine) put(rows *replica.Rows, key, value []byte) {
	if old, ok := m.stored[string(key)]; ok {
		rows.Replace(key, old, value)
	} else {
		rows.Put(key, value)
	}
	m.stored[string(key)] = value
	m.Changes++
}

func (m *Machine) remove(rows *replica.Rows, key []byte) {
	rows.Delete(key, replica.RowHash(key, m.stored[string(key)]))
	delete(m.stored, string(key))
	m.Changes++
}

// Restore implements replica.Machine.
func (m *Machine) Restore(key, value []byte) error {
	bad := flow.Errorf(flow.Corrupt, "system.Restore", "row with key %q is malformed", key)
	if len(key) == 17 && key[0] == rowRequest {
		m.requests.remember(flow.RequestID(key[1:]), append([]byte(nil), value...))
		return nil
	}
	if len(key) != 9 {
		return bad
	}
	m.stored[string(key)] = append([]byte(nil), value...)
	r := wire.NewReader(m.stored[string(key)])
	switch key[0] {
	case rowCollection:
		c := decodeCollection(r)
		m.Collections[c.Name] = c
	case rowMove:
		mv := decodeMove(r)
		m.Moves[mv.Shard] = mv
	case rowNode:
		n := decodeNode(r)
		m.Nodes[n.ID] = n
	case rowPlacement:
		p := decodePlacement(r)
		m.Placements = append(m.Placements, p)
		if int(p.Shard) != len(m.Placements) {
			return bad
		}
	case rowFormat:
		if m.Format = flow.FormatVersion(r.Byte()); m.Format > m.newest {
			return flow.Errorf(flow.Corrupt, "system.Restore", "the cluster's format version is %d, this node understands up to %d", m.Format, m.newest)
		}
	case rowDrop:
		m.Drops = append(m.Drops, Drop{ID: flow.CollectionID(r.Uint()), Name: r.Text(), Created: decodeRequest(r), Request: decodeRequest(r)})
	default:
		return bad
	}
	if r.Done() != nil {
		return bad
	}
	return nil
}
