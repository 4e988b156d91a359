package replica_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
)

// A lone voter restarts behind what it acknowledged, and its learner's question arrives
// in the turn in which it wins: it must not answer before its term has committed.
func TestLoneVoterAsked(t *testing.T) {
	g := newRig(2, replica.Tuning{})
	if err := g.member(1).bootstrap([]net.Row{{Key: []byte("d/origin"), Value: []byte("0")}}); err != nil {
		t.Fatal(err)
	}
	g.tickAll(2)
	g.member(2).create()
	g.member(1).change(raftpb.ConfChangeTransitionAuto, raftpb.ConfChangeAddLearnerNode, g.member(2).id)
	g.settle()
	g.tickAll(30)
	a, b := g.member(1), g.member(2)
	// B is cut off while A acknowledges a write
	b.cut = true
	g.propose(a, 1, "put key value")
	// only flush and persist until acknowledged; then crash, losing the unsynced rest
	a.flush()
	a.persist()
	a.flush() // applies and answers; the batch with the commit index and the state is not synced
	a.crash(0)
	g.wire = nil
	if err := a.open(); err != nil {
		t.Fatal(err)
	}
	b.cut = false
	// B asks, its round is kept on the wire
	fired := false
	b.r.Linearizable(func() { fired = true })
	b.flush()
	ask := g.wire
	g.wire = nil
	a.r.Tick()
	for i := 0; i < 8 && !a.r.IsLeader(); i++ {
		a.flush()
		a.persist() // Durable: votes
		// the learner's question arrives in the same turn, after the completion
		for _, p := range ask {
			g.receive(&packet{p.from, p.to, slices.Clone(p.frame)})
		}
	}
	a.flush()
	// only what answers the read reaches B
	for _, p := range g.wire {
		if m, ok := p.message().(*net.Raft); ok && m.M.GetType() == raftpb.MsgReadIndexResp {
			g.receive(p)
		}
	}
	g.wire = nil
	b.flush()
	if fired && b.data() == "origin=0" {
		t.Error("a linearizable read on the learner misses the acknowledged write")
	}
}

// A member that takes its time to store a snapshot, while writing goes on and the log
// is already long, lands with the first one: what follows it is kept meanwhile.
func TestSlowLanding(t *testing.T) {
	const maxStreams = 2
	g := newRig(3, replica.Tuning{TruncateEntries: 2, MaxLogEntries: 1 << 20, MaxLogBytes: 2000, TruncateBytes: 500, ChunkBytes: 2000})
	if err := g.grow(3); err != nil {
		t.Fatal(err)
	}
	slow := g.member(3)
	slow.cut = true
	id := 0
	put := func() {
		if l := g.leader(); l != nil {
			g.propose(l, id, fmt.Sprintf("put key%d value%032d", id%50, id))
			id++
		}
	}
	for range 600 {
		put()
		g.settle()
	}
	slow.cut = false
	streams := map[uint64]bool{}
	for round := range 1200 {
		if round%4 == 0 {
			g.now = g.now.Add(tickEvery)
			for _, m := range g.members {
				g.tick(m)
			}
		}
		put()
		put()
		g.round(streams, func(m *member) bool { return m != slow || round%24 == 0 })
	}
	if len(streams) > maxStreams {
		t.Errorf("%d snapshots were sent, want at most %d: each was out of date when it was stored", len(streams), maxStreams)
	}
}

// round carries everything one hop, noting the streams of snapshots, and lets the
// members chosen make their writes durable.
func (g *rig) round(streams map[uint64]bool, durable func(*member) bool) {
	for _, m := range g.members {
		m.flush()
	}
	wire := g.wire
	g.wire = nil
	for _, p := range wire {
		if c, ok := p.message().(*net.SnapshotChunk); ok {
			streams[c.Stream] = true
		}
		g.receive(p)
	}
	for _, m := range g.members {
		if durable(m) {
			m.persist()
		}
		m.work()
	}
}
