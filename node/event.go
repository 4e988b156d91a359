package node

import flow "github.com/ruvector-flow/ruvector-flow"

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	// LeaderChanged: a shard has another leader, or none (Node 0), as this node sees it.
	LeaderChanged EventKind = "leader-changed"
	// NodeUp and NodeDown: this node hears Node again, or no longer.
	NodeUp   EventKind = "node-up"
	NodeDown EventKind = "node-down"
	// MoveStarted and MoveFinished: a shard gains a replica on Node.
	MoveStarted  EventKind = "move-started"
	MoveFinished EventKind = "move-finished"
	// MoveCancelled: a move was given up, and all is as it was before.
	MoveCancelled EventKind = "move-cancelled"
	// ReplicaCreated and ReplicaDestroyed: on this node.
	ReplicaCreated   EventKind = "replica-created"
	ReplicaDestroyed EventKind = "replica-destroyed"
	// ReplicaBroken: what is stored of a replica of this node cannot be read.
	ReplicaBroken EventKind = "replica-broken"
	// DigestMismatch: this node's replica and Node's differ at one index.
	DigestMismatch EventKind = "digest-mismatch"
	// GraphDamaged: the stored or fetched graph of the segment Value was damaged or not
	// the one that the log speaks of, and is not used. GraphMismatch: the one built here is.
	GraphDamaged  EventKind = "graph-damaged"
	GraphMismatch EventKind = "graph-mismatch"
)

// Event is something that happened in the cluster, as one node saw it.
type Event struct {
	At    flow.Time
	Kind  EventKind
	Shard flow.ShardID
	Node  flow.NodeID
	// Value is the term, move or index concerned.
	Value uint64
}

func (n *Node) event(kind EventKind, s flow.ShardID, who flow.NodeID, value uint64) {
	if n.cfg.OnEvent != nil {
		n.cfg.OnEvent(Event{At: n.cfg.Clock.Now(), Kind: kind, Shard: s, Node: who, Value: value})
	}
}

func (n *Node) onRole(s flow.ShardID, term uint64, leader flow.ReplicaID) {
	n.peers.reportSoon = true
	n.event(LeaderChanged, s, leader.Node(), term)
}
