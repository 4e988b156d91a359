package node

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/placement"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"go.etcd.io/raft/v3/raftpb"
)

const (
	// stepTicks is the pause before a step that seems not to have happened is proposed
	// again (0.5 s).
	stepTicks = 20
	// caughtUpEntries is how far a learner may trail when it is made a voter, or a
	// voter when it is handed leadership.
	caughtUpEntries = 64
	// maxSystemVoters bounds the voters of the system group.
	maxSystemVoters = 5
)

// moves drives what the system state asks for. It remembers only when a step was
// last proposed; everything else is read from committed state each time.
type moves struct {
	stepped map[step]uint64 // tick of the latest proposal
	// memberships holds, for each group, the membership that the latest change was
	// proposed to: once it is another, the next change may follow at once.
	memberships map[flow.ShardID]*raftpb.ConfState
	// asking holds the shards for whose next step the latest system state is asked for.
	asking map[flow.ShardID]bool
	// idleUntil is the tick before which placement is not asked again for moves: it
	// had none to offer.
	idleUntil uint64
}

// step names something that is proposed until it is done.
type step struct {
	kind  byte
	shard flow.ShardID
}

const (
	stepConf    = 'c' // a change of a group's membership
	stepMove    = 'm' // a new row of the move table
	stepFinish  = 'f' // the end of a move
	stepForget  = 'g' // the row of a lost node, by node
	stepCancel  = 'x' // the end of one that cannot come about
	stepDrop    = 'd' // collections to drop in a shard's log
	stepAddress = 'a' // this node's own address
	stepRenew   = 'r' // the new id of a node's copy of the system state, by node
)

func (m *moves) init() {
	m.stepped, m.memberships, m.asking = map[step]uint64{}, map[flow.ShardID]*raftpb.ConfState{}, map[flow.ShardID]bool{}
}

// stepDue says that a step may be proposed now, and notes that it was.
func (n *Node) stepDue(kind byte, s flow.ShardID) bool {
	at, ok := n.moves.stepped[step{kind, s}]
	if ok && n.ticks < at+stepTicks {
		return false
	}
	n.moves.stepped[step{kind, s}] = n.ticks
	return true
}

// stepOver lets the next step of the kind follow at once.
func (n *Node) stepOver(kind byte, s flow.ShardID) { delete(n.moves.stepped, step{kind, s}) }

func (n *Node) tickMoves() {
	n.confirmSystem()
	n.updateAddress()
	if sys := n.replicas[flow.SystemShard]; sys.Leading() {
		n.renewals()
		n.driveSystemGroup(sys)
		n.startMoves()
		n.cancelMoves()
		n.forgetLost()
	}
	for _, s := range n.hosted {
		r := n.replicas[s]
		if s == flow.SystemShard || !r.Leading() {
			continue
		}
		n.driveMove(r)
		n.driveDrops(r)
	}
}

// updateAddress tells the cluster when this node listens elsewhere than its row says.
func (n *Node) updateAddress() {
	row := n.system().Nodes[n.identity.Node]
	if row == nil || n.cfg.Addr == "" || row.Addr == n.cfg.Addr && row.APIAddr == n.cfg.APIAddr || !n.stepDue(stepAddress, 0) {
		return
	}
	n.ownCommand(system.EncodeUpdate(n.identity.Node, n.cfg.Addr, n.cfg.APIAddr), func(system.Result, *flow.Error) {})
}

// driveSystemGroup makes every node a member of the system group: a voter up to an
// odd number of them, the others learners, so that each routes from its own copy.
func (n *Node) driveSystemGroup(r *replica.Replica) {
	conf := r.Conf()
	if len(conf.GetVotersOutgoing()) > 0 {
		return
	}
	nodes := n.system().Live()
	if id := strayMember(conf, nodes); id != 0 {
		n.changeMembers(r, raftpb.ConfChangeRemoveNode, id)
		return
	}
	for _, node := range nodes {
		id := uint64(node.SystemReplica)
		if !slices.Contains(conf.GetVoters(), id) && !slices.Contains(conf.GetLearners(), id) {
			n.changeMembers(r, raftpb.ConfChangeAddLearnerNode, node.SystemReplica)
			return
		}
	}
	if len(conf.GetVoters()) >= systemVoters(len(nodes)) {
		return
	}
	for _, id := range conf.GetLearners() {
		if n.caughtUp(r, flow.ReplicaID(id)) {
			n.changeMembers(r, raftpb.ConfChangeAddNode, flow.ReplicaID(id))
			return
		}
	}
}

// strayMember returns a member of the system group that is no node's any more, or 0.
func strayMember(conf *raftpb.ConfState, nodes []*system.Node) flow.ReplicaID {
	for _, id := range slices.Concat(conf.GetVoters(), conf.GetLearners()) {
		if !slices.ContainsFunc(nodes, func(n *system.Node) bool { return uint64(n.SystemReplica) == id }) {
			return flow.ReplicaID(id)
		}
	}
	return 0
}

// systemVoters is how many nodes vote in the system group: all of two or three, and
// the largest odd number up to five of more, since an even one tolerates no more.
func systemVoters(nodes int) int {
	v := min(nodes, maxSystemVoters)
	if v > 3 && v%2 == 0 {
		v--
	}
	return v
}

// confDue says that a change of a group's membership may be proposed now: the one
// before is done, or was long ago.
func (n *Node) confDue(r *replica.Replica) bool {
	s := r.Shard()
	if n.moves.memberships[s] != r.Conf() {
		n.stepOver(stepConf, s)
	}
	n.moves.memberships[s] = r.Conf()
	return n.stepDue(stepConf, s)
}

func (n *Node) changeMembers(r *replica.Replica, kind raftpb.ConfChangeType, id flow.ReplicaID) {
	if n.confDue(r) {
		r.ConfChange(raftpb.ConfChangeTransitionAuto, &raftpb.ConfChangeSingle{Type: kind.Enum(), NodeId: new(uint64(id))})
		n.touched[r.Shard()] = true
	}
}

func (n *Node) caughtUp(r *replica.Replica, id flow.ReplicaID) bool {
	match, active := r.Progress(id)
	return active && match > 0 && match+caughtUpEntries >= r.Applied()
}

// placementView is the cluster as node/placement sees it.
func (n *Node) placementView(up func(flow.NodeID) bool) placement.View {
	sys := n.system()
	v := placement.View{ReplicationFactor: sys.Settings.ReplicationFactor, VirtualNodes: sys.Settings.VirtualNodes, MaxMoves: n.cfg.Tuning.MaxMoves}
	for _, node := range sys.SortedNodes() {
		v.Nodes = append(v.Nodes, placement.Node{ID: node.ID, Region: node.Region, Up: up(node.ID), Dead: node.Lost})
	}
	for _, p := range sys.Placements {
		s := placement.Shard{ID: p.Shard, Start: p.Start, Moving: sys.Moves[p.Shard] != nil}
		for _, id := range p.Replicas {
			s.Replicas = append(s.Replicas, id.Node())
			if n.brokenOn(p.Shard, id) {
				s.Broken = append(s.Broken, id.Node())
			}
		}
		v.Shards = append(v.Shards, s)
	}
	return v
}

// startMoves enters the moves that placement asks for into the system state.
func (n *Node) startMoves() {
	if n.ticks < n.moves.idleUntil || !n.placementWanted() && !(n.ticks%stepTicks == 0 && n.anyLost()) {
		return
	}
	next := placement.Next(n.placementView(n.up))
	if len(next) == 0 {
		n.moves.idleUntil = n.ticks + stepTicks
	}
	for _, m := range next {
		if !n.stepDue(stepMove, m.Shard) {
			continue
		}
		var remove flow.ReplicaID
		for _, id := range n.system().Placement(m.Shard).Replicas {
			if m.Remove != 0 && id.Node() == m.Remove {
				remove = id
			}
		}
		n.ownCommand(system.EncodeMove(m.Shard, m.Add, remove), func(_ system.Result, err *flow.Error) {
			n.stepOver(stepMove, m.Shard)
			if err == nil {
				n.event(MoveStarted, m.Shard, m.Add, 0)
			}
		})
	}
}

// placementWanted is a cheap look whether any shard could need a move.
func (n *Node) placementWanted() bool {
	sys := n.system()
	want := min(sys.Settings.ReplicationFactor, len(sys.Live()))
	for _, p := range sys.Placements {
		if len(p.Replicas) < want && sys.Moves[p.Shard] == nil {
			return true
		}
	}
	return false
}

// driveDrops carries the drops of the catalogue into a shard's log.
func (n *Node) driveDrops(r *replica.Replica) {
	drops := n.system().Drops
	at := n.shard(r.Shard()).DropPosition()
	if at >= uint64(len(drops)) || !n.stepDue(stepDrop, r.Shard()) {
		return
	}
	var ids []flow.CollectionID
	for _, d := range drops[at:] {
		ids = append(ids, d.ID)
	}
	n.propose(&proposal{
		shard: r.Shard(), request: n.newRequestID(), due: n.due(0), command: shard.EncodeDrop(uint64(len(drops)), ids), own: true,
		done: func(*net.Written, *flow.Error) { n.stepOver(stepDrop, r.Shard()) },
	})
}

// reconcile follows a change of the system state: it tells the driver the nodes,
// creates the replicas that this node is to have, and destroys those it is not. It
// reports whether anything was done.
func (n *Node) reconcile() bool {
	sys := n.system()
	if sys == n.systemSeen && sys.Changes == n.changesSeen {
		return false
	}
	n.systemSeen, n.changesSeen = sys, sys.Changes
	peers := n.peerInfos()
	n.tellPeers()
	if !slices.Equal(peers, n.identity.Peers) { // whom to ask when the copy of the state is lost
		n.identity.Peers = peers
		n.fx.Batch.Put(identityKey, n.identity.encode())
	}
	if !n.confirmed {
		return true
	}
	for s := range n.broken { // order-free: each alone
		if sys.Placement(s) == nil {
			delete(n.broken, s) // no shard: only the answer whether it is stored could not be read
		}
	}
	for _, p := range sys.Placements {
		var want flow.ReplicaID
		for _, id := range p.Replicas {
			if id.Node() == n.identity.Node {
				want = id
			}
		}
		if m := sys.Moves[p.Shard]; m != nil && m.Add.Node() == n.identity.Node {
			want = m.Add
		}
		n.hostOnly(p.Shard, want)
	}
	return true
}

// confirmSystem asks, once, whether the copy of the system state is up to date. A copy
// that was renewed may be older for a while than what this node has acted on before: by
// it replicas would be destroyed, and made again under ids that have voted.
func (n *Node) confirmSystem() {
	if n.confirmed || n.confirming {
		return
	}
	n.confirming = true
	n.await(&wait{due: n.due(0), own: true, done: func(err *flow.Error) {
		n.confirming = false
		if err == nil {
			n.confirmed, n.systemSeen = true, nil
		}
	}})
}

// hostOnly makes want (0: none) the replica of a shard that this node hosts.
func (n *Node) hostOnly(s flow.ShardID, want flow.ReplicaID) {
	if b := n.broken[s]; b != nil {
		if b.id == 0 {
			b.id = want // it could not be read which it was: never start this one again
		}
		if want != 0 && want.Generation() <= b.id.Generation() {
			return // it waits to be replaced
		}
		delete(n.broken, s)
		replica.Destroy(&n.fx.Batch, s)
	}
	r := n.replicas[s]
	if r == nil && want == 0 || r != nil && r.ID() == want {
		return
	}
	if m := n.system().Moves[s]; r != nil && m != nil && m.Add == want && m.Remove == r.ID() {
		return // it was broken and works again: the move will be cancelled
	}
	if r != nil && want != 0 && want.Generation() < r.ID().Generation() {
		n.abandon(r) // want was destroyed for it, and may have voted
		return
	}
	if r != nil {
		n.event(ReplicaDestroyed, s, n.identity.Node, uint64(r.ID()))
		n.unhost(s)
		replica.Destroy(&n.fx.Batch, s)
	}
	if want == 0 {
		return
	}
	created, err := replica.New(&n.fx.Batch, n.replicaConfig(s), want)
	if err != nil {
		n.err = err
		return
	}
	n.event(ReplicaCreated, s, n.identity.Node, uint64(want))
	n.host(s, created)
}
