package replica_test

import (
	"testing"

	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
)

// Replicas that became voters under the leader take turns too: in a fresh cluster the
// first failover must not split the vote.
func TestTurnsAfterGrowth(t *testing.T) {
	g := newRig(3, replica.Tuning{})
	if err := g.growOnly(3); err != nil {
		t.Fatal(err)
	}
	term := g.member(1).r.Term()
	g.member(1).cut = true
	g.tickAll(24)
	lead := g.leader()
	if lead == nil || lead == g.member(1) || lead.r.Term() != term+1 {
		t.Errorf("after 24 ticks the leader is not of term %d:\n%s", term+1, g.state())
	}
}

// A candidate that lost tries again soon: its vote for itself is no reason to wait.
func TestSoonAgain(t *testing.T) {
	g := newRig(3, replica.Tuning{})
	if err := g.grow(3); err != nil {
		t.Fatal(err)
	}
	g.member(1).cut = true
	g.tickAll(17)
	m := g.member(3)
	g.tick(m) // its turn
	m.flush()
	for range 4 { // it wins the pre-vote; its requests for votes are lost
		for _, o := range g.members {
			o.flush()
			o.persist()
			o.flush()
		}
		wire := g.wire
		g.wire = nil
		for _, p := range wire {
			if what := describe(p.message()); len(what) < 5 || what[:5] != "Vote " {
				g.receive(p)
			}
		}
	}
	if m.r.Term() != 4 {
		t.Fatalf("member 3 has not campaigned:\n%s", g.state())
	}
	g.wire = nil
	for n := 1; n <= 12; n++ {
		g.tick(m)
		m.flush()
		if len(g.wire) > 0 {
			return // it campaigns again
		}
	}
	t.Error("12 ticks after an election that failed the candidate has not tried again")
}

// growOnly is grow without the restart of all members at its end.
func (g *rig) growOnly(n int) error {
	if err := g.member(1).bootstrap(nil); err != nil {
		return err
	}
	g.tickAll(2)
	for _, m := range g.members[1:n] {
		if err := m.create(); err != nil {
			return err
		}
		for _, kind := range []raftpb.ConfChangeType{raftpb.ConfChangeAddLearnerNode, raftpb.ConfChangeAddNode} {
			g.member(1).change(raftpb.ConfChangeTransitionAuto, kind, m.id)
			g.settle()
		}
		g.tickAll(8)
	}
	g.tickAll(4)
	return nil
}
