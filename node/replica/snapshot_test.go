package replica_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
)

// behind returns a group of three whose member 3 is so far behind that it needs the
// state, with the stream of it begun: the packets sent so far are on the wire.
func behind(t *testing.T) *rig {
	t.Helper()
	g := newRig(3, replica.Tuning{TruncateEntries: 2, MaxLogEntries: 4, ChunkBytes: 150})
	if err := g.grow(3); err != nil {
		t.Fatal(err)
	}
	g.member(3).cut = true
	for i := range 8 {
		g.propose(g.member(1), i, fmt.Sprintf("put key%d value%d", i, i))
		g.settle()
	}
	g.member(3).cut = false
	return g
}

func (g *rig) propose(m *member, id int, body string) {
	m.r.Propose(requestID(id), []byte(body), func(res replica.Result) {
		fmt.Fprintf(&g.out, "%d: %s %v\n", id, res.Result, res.Err)
	})
}

// stream lets everything happen until all chunks of the first stream are seen, and
// returns copies of them.
func (g *rig) stream() (chunks []*packet) {
	for range 100 {
		g.now = g.now.Add(tickEvery)
		for _, m := range g.members {
			g.tick(m)
			m.flush()
			m.persist()
			m.work()
			m.flush()
		}
		wire := g.wire
		g.wire = nil
		for _, p := range wire {
			if c, ok := p.message().(*net.SnapshotChunk); ok {
				chunks = append(chunks, &packet{p.from, p.to, bytes.Clone(p.frame)})
				if c.Last {
					g.wire = append(g.wire, p) // the others are on their way again
					return chunks
				}
			}
			g.receive(p)
		}
	}
	return chunks
}

// mangle changes the message of a packet.
func mangle[M net.Message](p *packet, change func(m M)) *packet {
	m := p.message().(M)
	change(m)
	return &packet{p.from, p.to, net.Encode(&net.Frame{Header: net.Header{From: p.from, To: p.to}, Messages: []net.Message{m}})}
}

// answers delivers a packet to member 3 and returns the acknowledgments it sends.
func (g *rig) answers(p *packet) (acks []string) {
	before := len(g.wire)
	g.receive(p)
	for g.member(3).flush() || g.member(3).persist() {
	}
	for _, p := range g.wire[before:] {
		if _, ok := p.message().(*net.SnapshotAck); ok {
			acks = append(acks, describe(p.message()))
		}
	}
	return acks
}

// A snapshot of a position that the replica has passed is refused, whichever chunk
// of it comes late.
func TestStaleSnapshot(t *testing.T) {
	g := behind(t)
	chunks := g.stream()
	if len(chunks) < 3 {
		t.Fatalf("the state came in %d chunks", len(chunks))
	}
	g.tickAll(8)
	if got, want := g.member(3).data(), g.member(1).data(); got != want {
		t.Fatalf("member 3 holds %q, want %q", got, want)
	}
	before := dump(t, g.member(3))
	for i, p := range chunks {
		acks := g.answers(p)
		if len(acks) != 1 || !strings.HasSuffix(acks[0], "failed") {
			t.Errorf("late chunk %d is answered %q", i, acks)
		}
	}
	if after := dump(t, g.member(3)); after != before {
		t.Errorf("late chunks changed the disk:\n%s\n%s", before, after)
	}
}

// dump prints the state rows that a member's disk holds, under any number.
func dump(t *testing.T, m *member) string {
	t.Helper()
	var s strings.Builder
	prefix := m.r.StatePrefix()
	prefix = prefix[:len(prefix)-4]
	if err := m.disk.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
		fmt.Fprintf(&s, "%x=%s ", key[len(prefix):], value)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// A stream with damaged content is refused at its end, and leaves nothing behind:
// neither in force nor staged. The next stream succeeds.
func TestDamagedSnapshot(t *testing.T) {
	for name, change := range map[string]func(c *net.SnapshotChunk){
		"a row is changed":     func(c *net.SnapshotChunk) { c.Rows[0].Value = append([]byte("x"), c.Rows[0].Value...) },
		"a row is missing":     func(c *net.SnapshotChunk) { c.Rows = c.Rows[1:] },
		"a row is no row":      func(c *net.SnapshotChunk) { c.Rows[0].Key = []byte("?") },
		"the meta is no meta":  func(c *net.SnapshotChunk) { c.Head.Meta = []byte("?") },
		"the digest is not it": func(c *net.SnapshotChunk) { c.Head.Digest++ },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			g := behind(t)
			before := dump(t, g.member(3))
			chunks := g.stream()
			g.wire = nil
			g.members[2].crash(0) // forget the first stream's chunks
			if err := g.member(3).open(); err != nil {
				t.Fatal(err)
			}
			var last []string
			for _, p := range chunks {
				last = g.answers(mangle(p, change))
			}
			if len(last) != 1 || !strings.HasSuffix(last[0], "failed") {
				t.Errorf("the last chunk is answered %q", last)
			}
			if n := g.member(3).r.Applied(); n != 7 {
				t.Errorf("member 3 is at %d", n)
			}
			g.member(1).cut = true
			g.tickAll(1)
			g.member(3).crash(0)
			if err := g.member(3).open(); err != nil {
				t.Fatal(err)
			}
			g.member(3).flush()
			if after := dump(t, g.member(3)); after != before {
				t.Errorf("something is left of the stream:\n%s\n%s", before, after)
			}
			g.member(1).cut = false
			g.tickAll(60)
			if got, want := g.member(3).data(), g.leader().data(); got != want {
				t.Errorf("member 3 holds %q, want %q", got, want)
			}
		})
	}
}

// Chunks for another replica, and snapshots outside a stream, are nobody's.
func TestForeignSnapshot(t *testing.T) {
	g := behind(t)
	chunk := g.stream()[0]
	g.wire = nil
	g.member(3).crash(0)
	if err := g.member(3).open(); err != nil {
		t.Fatal(err)
	}
	former := mangle(chunk, func(c *net.SnapshotChunk) { c.To = flow.NewReplicaID(3, 9) })
	if acks := g.answers(former); acks != nil {
		t.Errorf("a chunk for another replica is answered %q", acks)
	}
	before := g.state()
	g.member(3).r.Step(&raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), To: new(uint64(g.member(3).id)), From: new(uint64(g.member(1).id)), Term: new(uint64(3)),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(99)), Term: new(uint64(3)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}},
	}, false)
	g.member(3).flush()
	if after := g.state(); after != before {
		t.Errorf("a snapshot outside a stream changed something:\n%s\n%s", before, after)
	}
}

// A sender gives a stream up when the receiver stays silent, lets go of its view of
// the disk, and begins another when the receiver is back.
func TestSilentReceiver(t *testing.T) {
	g := behind(t)
	g.stream()
	g.wire = nil
	g.member(3).cut = true
	const maxSilence = 20 * 6 // maxChunkTries times RetryTicks
	sent := 0
	for range maxSilence + 20 {
		g.tick(g.member(1))
		g.tick(g.member(2))
		g.member(1).flush()
		for _, p := range g.wire {
			if _, ok := p.message().(*net.SnapshotChunk); ok {
				sent++
			}
		}
		g.settle()
	}
	if sent == 0 || sent > 20 {
		t.Errorf("the chunk was sent again %d times", sent)
	}
	g.member(3).cut = false
	g.tickAll(60)
	if got, want := g.member(3).data(), g.leader().data(); got != want {
		t.Errorf("member 3 holds %q, want %q", got, want)
	}
}

// A leader that steps down in the middle of a stream ends it, even while a job reads.
func TestSenderStepsDown(t *testing.T) {
	g := behind(t)
	g.tickAll(0)
	for range 4 {
		g.tick(g.member(1))
	}
	for len(g.member(1).jobs) == 0 {
		for _, m := range g.members {
			m.flush()
			m.persist()
		}
		wire := g.wire
		g.wire = nil
		for _, p := range wire {
			g.receive(p)
		}
	}
	g.member(1).cut = true
	for range 40 { // it hears no majority
		g.tick(g.member(1))
		g.member(1).flush()
	}
	if g.member(1).r.IsLeader() {
		t.Fatal("member 1 still leads")
	}
	g.member(1).work()
	g.member(1).flush()
	if slices.ContainsFunc(g.wire, func(p *packet) bool { _, ok := p.message().(*net.SnapshotChunk); return ok }) {
		t.Error("a former leader sends a chunk")
	}
	g.member(1).cut = false
	g.tickAll(80)
	if got, want := g.state(), g.leader().data(); strings.Count(got, want) != 3 {
		t.Errorf("not all hold %q:\n%s", want, got)
	}
}

// The last chunk of one stream and the first of another may arrive in one turn, when
// the leader changed in between. The complete state must not be thrown away before
// Raft has taken it.
func TestTwoStreamsInOneTurn(t *testing.T) {
	g := behind(t)
	chunks := g.stream()
	g.wire = nil
	first, last := chunks[0], chunks[len(chunks)-1]
	other := mangle(first, func(c *net.SnapshotChunk) {
		c.From, c.Stream, c.Head.Index, c.Head.Term = g.member(2).id, 77, c.Head.Index+1, c.Head.Term+1
	})
	other.from = 2
	g.receive(last)
	g.receive(other)
	g.member(3).flush()
	if got, want := g.member(3).data(), g.member(1).data(); got != want {
		t.Errorf("member 3 holds %q, want %q", got, want)
	}
	g.wire = nil
	g.tickAll(60)
	if got, want := g.member(3).data(), g.leader().data(); got != want {
		t.Errorf("member 3 holds %q, want %q", got, want)
	}
}

// What is derived from the state travels after it, in chunks of its own.
func TestDerivedData(t *testing.T) {
	derivedData(t, nil, 3, 2)
}

// What is derived from the state and cannot be read any more is not sent, nor what comes
// after it; the state is, and the sender stays in service.
func TestDerivedDataUnreadable(t *testing.T) {
	for rotten, want := range []struct{ rows, chunks int }{{0, 0}, {1, 1}, {2, 1}} {
		t.Run(fmt.Sprint(rotten), func(t *testing.T) { derivedData(t, []byte{byte(rotten)}, want.rows, want.chunks) })
	}
}

// derivedData sends a snapshot with three derived rows, of which those named rot first,
// and says how many must come in how many chunks.
func derivedData(t *testing.T, rotten []byte, rows, chunks int) {
	t.Helper()
	g := newRig(3, replica.Tuning{TruncateEntries: 2, MaxLogEntries: 4, ChunkBytes: 150})
	if err := g.grow(3); err != nil {
		t.Fatal(err)
	}
	var b disk.Batch
	prefix := replica.DerivedPrefix(shardID)
	for i := range byte(3) {
		b.Put(append(slices.Clone(prefix), i), bytes.Repeat([]byte{i}, 100))
	}
	g.member(1).disk.Apply(&b, false, nil)
	for _, i := range rotten {
		if g.member(1).disk.Rot(0, func(key []byte) bool { return bytes.Equal(key, append(slices.Clone(prefix), i)) }) == nil {
			t.Fatalf("derived row %d did not rot", i)
		}
	}
	g.member(3).cut = true
	for i := range 8 {
		g.propose(g.member(1), i, fmt.Sprintf("put key%d value%d", i, i))
		g.settle()
	}
	g.member(3).cut = false
	derived := 0
	for _, p := range g.stream() {
		if c := p.message().(*net.SnapshotChunk); c.Derived {
			derived++
		}
	}
	g.tickAll(8)
	var got int
	if err := g.member(3).disk.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
		if len(value) != 100 || value[0] != key[len(prefix)] {
			t.Errorf("derived row %x holds %x", key, value)
		}
		got++
		return true
	}); err != nil || got != rows || derived != chunks {
		t.Errorf("%d derived rows came in %d chunks, want %d in %d, error %v", got, derived, rows, chunks, err)
	}
	if got, want := g.member(3).data(), g.member(1).data(); got != want {
		t.Fatalf("member 3 holds %q, want %q", got, want)
	}
}
