package node

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"go.etcd.io/raft/v3/raftpb"
)

// giveUpAfter is the silence of a move's target after which the move is cancelled.
const giveUpAfter = time.Minute

// driveMove takes the next step of a shard's move, on the shard's leader. Each step
// is a function of the move's row and of the group's membership, and harmless to
// repeat: learner, snapshot and log, joint change, entry in the placement table. The
// row must be the latest: by an old one a leader that is new would begin again what
// another has ended or undone.
func (n *Node) driveMove(r *replica.Replica) {
	s := r.Shard()
	if len(r.Conf().GetVotersOutgoing()) > 0 {
		n.leaveJoint(r)
		return
	}
	m := n.system().Moves[s]
	if m == nil || n.moves.asking[s] || n.movePending(r, m) {
		return
	}
	n.moves.asking[s] = true
	term := r.Term()
	n.await(&wait{due: n.due(stepPatience), own: true, done: func(err *flow.Error) {
		delete(n.moves.asking, s)
		if err == nil && n.replicas[s] == r && r.Leading() && r.Term() == term {
			n.stepMove(r)
		}
	}})
}

// leaveJoint ends a joint membership that Raft has not left by itself (seed 80000001434).
func (n *Node) leaveJoint(r *replica.Replica) {
	s := r.Shard()
	if n.moves.memberships[s] != r.Conf() {
		n.moves.memberships[s], n.moves.stepped[step{stepConf, s}] = r.Conf(), n.ticks
		return
	}
	if n.stepDue(stepConf, s) && !r.ConfPending() {
		r.LeaveJoint()
		n.touched[s] = true
	}
}

// stepPatience bounds the wait for the latest system state.
const stepPatience = 2 * time.Second

// movePending says that a move waits for something: its learner to catch up, or a
// step that was proposed.
func (n *Node) movePending(r *replica.Replica, m *system.Move) bool {
	if !m.Cancelled && slices.Contains(r.Conf().GetLearners(), uint64(m.Add)) && !n.caughtUp(r, m.Add) {
		return true
	}
	conf, proposed := n.moves.stepped[step{stepConf, r.Shard()}]
	return proposed && n.ticks < conf+stepTicks && n.moves.memberships[r.Shard()] == r.Conf()
}

func (n *Node) stepMove(r *replica.Replica) {
	s, conf := r.Shard(), r.Conf()
	m := n.system().Moves[s]
	if m == nil || len(conf.GetVotersOutgoing()) > 0 {
		return
	}
	add, remove := uint64(m.Add), uint64(m.Remove)
	voter, learner := slices.Contains(conf.GetVoters(), add), slices.Contains(conf.GetLearners(), add)
	switch {
	case m.Cancelled && learner:
		n.changeMembers(r, raftpb.ConfChangeRemoveNode, m.Add)
	case m.Cancelled && !voter:
		n.undo(r, m)
	case !voter && !learner:
		n.changeMembers(r, raftpb.ConfChangeAddLearnerNode, m.Add)
	case learner:
		if n.caughtUp(r, m.Add) && n.confDue(r) {
			n.swap(r, m)
		}
	case remove != 0 && slices.Contains(conf.GetVoters(), remove):
		n.changeMembers(r, raftpb.ConfChangeRemoveNode, m.Remove)
	case n.stepDue(stepFinish, s):
		n.ownCommand(system.EncodeFinish(m), func(_ system.Result, err *flow.Error) {
			n.stepOver(stepFinish, s)
			if err == nil {
				n.event(MoveFinished, s, m.Add.Node(), m.ID)
			}
		})
	}
}

// swap makes the learner a voter and takes the old voter out, in one joint change.
func (n *Node) swap(r *replica.Replica, m *system.Move) {
	changes := []*raftpb.ConfChangeSingle{{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(uint64(m.Add))}}
	if m.Remove != 0 {
		changes = append(changes, &raftpb.ConfChangeSingle{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(uint64(m.Remove))})
	}
	r.ConfChange(raftpb.ConfChangeTransitionJointImplicit, changes...)
	n.touched[r.Shard()] = true
}

// undo ends a cancelled move. The leader must be the leader still, with no change of
// the membership on its way: then whoever leads later learns of the cancellation before
// it takes a step.
func (n *Node) undo(r *replica.Replica, m *system.Move) {
	s := r.Shard()
	if !n.stepDue(stepFinish, s) {
		return
	}
	conf := r.Conf()
	r.Linearizable(func() {
		if n.replicas[s] != r || !r.Leading() || r.Conf() != conf || r.ConfPending() {
			return
		}
		n.ownCommand(system.EncodeUndone(m), func(_ system.Result, err *flow.Error) {
			n.stepOver(stepFinish, s)
			if err == nil {
				n.event(MoveCancelled, s, m.Add.Node(), m.ID)
			}
		})
	})
}

// cancelMoves cancels, on the leader of the system group, the moves whose target will
// not come: its replica is broken, its node has been silent for long, or the broken
// replica in whose place it was to come works again.
func (n *Node) cancelMoves() {
	if n.ticks%stepTicks != 0 {
		return
	}
	for _, m := range n.system().SortedMoves() {
		hopeless := n.brokenOn(m.Shard, m.Add) || n.silentFor(m.Add.Node()) >= giveUpAfter || n.isLost(m.Add.Node()) ||
			m.Remove.Node() == m.Add.Node() && n.runsOn(m.Shard, m.Remove)
		if m.Cancelled || !hopeless || !n.stepDue(stepCancel, m.Shard) {
			continue
		}
		n.ownCommand(system.EncodeCancel(m), func(system.Result, *flow.Error) { n.stepOver(stepCancel, m.Shard) })
	}
}
