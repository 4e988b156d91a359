package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func newGroup(t *testing.T, voters int, tuning replica.Tuning) *rig {
	t.Helper()
	g := newRig(max(voters, 3), tuning)
	if err := g.grow(voters); err != nil {
		t.Fatal(err)
	}
	return g
}

// rows returns what the member's disk holds, in key order.
func (m *member) rows(t *testing.T) (keys, values [][]byte) {
	t.Helper()
	if err := m.disk.Scan(nil, nil, func(key, value []byte) bool {
		keys, values = append(keys, slices.Clone(key)), append(values, slices.Clone(value))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// A store with any one row changed or missing is found out at the start, or makes no
// difference that could be served: an entry beyond the state, a vote, a commit index.
func TestCorruptStore(t *testing.T) {
	g := newGroup(t, 1, replica.Tuning{TruncateEntries: 3})
	for i := range 6 {
		g.propose(g.member(1), i, fmt.Sprintf("put key%d v", i))
		g.settle()
	}
	m := g.member(1)
	want := m.data()
	keys, values := m.rows(t)
	found := 0
	for i, key := range keys {
		tag := key[5] // after 'g' and the shard
		for _, damage := range []func(b *disk.Batch){
			func(b *disk.Batch) { b.Delete(key) },
			func(b *disk.Batch) { b.Put(key, append([]byte{0xff}, values[i]...)) },
			func(b *disk.Batch) { b.Put(key, values[i][:len(values[i])/2]) },
		} {
			var b disk.Batch
			damage(&b)
			m.disk.Apply(&b, false, nil)
			err := m.open()
			if err != nil {
				found++
			}
			if kind := flow.KindOf(err); err != nil && kind != flow.Corrupt && (tag != 'M' || kind != flow.NotFound) {
				t.Errorf("row %q: error is %v, want %v", key, err, flow.Corrupt)
			}
			if tag == 'S' && err == nil {
				t.Errorf("a damaged row of the state is not noticed: %q", key)
			}
			if err == nil && m.data() != want {
				t.Errorf("row %q: the state is %q, want %q", key, m.data(), want)
			}
			b.Reset()
			b.Put(key, values[i])
			m.disk.Apply(&b, false, nil)
		}
	}
	if err := m.open(); err != nil || found == 0 {
		t.Errorf("mended, the store is refused: %v; %d faults were found", err, found)
	}
}

// A store holds several groups beside each other; destroying one leaves the others.
func TestStoredAndDestroy(t *testing.T) {
	g := newRig(1, replica.Tuning{})
	m := g.member(1)
	var b disk.Batch
	for _, s := range []flow.ShardID{0, 1, 255, 256, 4096} {
		replica.Bootstrap(&b, s, m.id, nil, newKV().Meta())
	}
	b.Put([]byte("n/other"), nil)
	m.disk.Apply(&b, false, nil)
	stored := func() string {
		return fmt.Sprint(replica.Stored(m.disk, 4096))
	}
	if got := stored(); got != "[system s0 s254 s255 s4095]" {
		t.Errorf("stored are %s", got)
	}
	b.Reset()
	replica.Destroy(&b, 255)
	replica.Destroy(&b, 0)
	m.disk.Apply(&b, false, nil)
	if got := stored(); got != "[s0 s255 s4095]" {
		t.Errorf("after destroying two, stored are %s", got)
	}
	if keys, _ := m.rows(t); len(keys) != 3*4+1 {
		t.Errorf("%d rows are left: %q", len(keys), keys)
	}
}

// A snapshot carries the membership: one that was away while it changed knows the
// new one, without having seen the change.
func TestSnapshotMembership(t *testing.T) {
	g := newRig(4, replica.Tuning{TruncateEntries: 2, MaxLogEntries: 4})
	if err := g.grow(3); err != nil {
		t.Fatal(err)
	}
	g.member(3).cut = true
	if err := g.member(4).create(); err != nil {
		t.Fatal(err)
	}
	g.member(1).change(raftpb.ConfChangeTransitionAuto, raftpb.ConfChangeAddLearnerNode, g.member(4).id)
	g.settle()
	for i := range 8 {
		g.propose(g.member(1), i, "put a b")
		g.settle()
	}
	g.member(3).cut = false
	g.tickAll(20)
	got, want := g.member(3).r.Conf(), g.member(1).r.Conf()
	if !proto.Equal(got, want) || len(got.GetLearners()) != 1 {
		t.Errorf("membership is %v, want %v", got, want)
	}
	if first := g.member(3).r.Status().FirstIndex; first < 10 {
		t.Errorf("the log begins at %d: there was no snapshot", first)
	}
}

// Messages for a former replica on the same node do nothing.
func TestFormerReplica(t *testing.T) {
	g := newGroup(t, 3, replica.Tuning{})
	before := g.state()
	g.member(2).r.Step(&raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), To: new(uint64(flow.NewReplicaID(2, 9))), From: new(uint64(g.member(3).id)), Term: new(uint64(99)), Commit: new(uint64(0)),
	}, false)
	g.settle()
	if after := g.state(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

// A read that may be stale by so much waits until the state of that time is applied.
func TestFreshWaitsForApply(t *testing.T) {
	g := newGroup(t, 3, replica.Tuning{})
	m := g.member(2)
	m.loose = true // it hears of commits, and gets no entries
	g.propose(g.member(1), 1, "put a 1")
	g.tickAll(4)
	fired := ""
	m.r.Linearizable(func() { fired += "linearizable " })
	g.settle()
	m.r.Fresh(4*tickEvery, func() { fired += "fresh " })
	g.settle()
	if fired != "" {
		t.Errorf("behind the log, %sreads fired at %d", fired, m.r.Applied())
	}
	m.loose = false
	g.tickAll(8)
	if fired != "linearizable fresh " && fired != "fresh linearizable " {
		t.Errorf("fired: %q", fired)
	}
	if m.data() != "a=1 origin=0" {
		t.Errorf("the state is %q", m.data())
	}
}

// A cancelled read never fires, wherever it waits.
func TestCancel(t *testing.T) {
	g := newGroup(t, 3, replica.Tuning{})
	m := g.member(2)
	fail := func() { t.Error("a cancelled read fires") }
	m.r.Linearizable(fail).Cancel()
	inRound := m.r.Linearizable(fail)
	m.flush()
	inRound.Cancel()
	atIndex := m.r.AtIndex(m.r.Applied()+1, fail)
	g.propose(g.member(1), 1, "put a 1")
	atIndex.Cancel()
	g.tickAll(10)
	if m.data() != "a=1 origin=0" {
		t.Errorf("the state is %q", m.data())
	}
}

// A leader takes no more than it may hold without a majority; nothing of the rest
// happens, and it is told so.
func TestUncommittedLimit(t *testing.T) {
	g := newGroup(t, 3, replica.Tuning{MaxUncommittedBytes: 2000})
	g.member(2).cut, g.member(3).cut = true, true
	value := strings.Repeat("x", 200)
	refused := 0
	for i := range 20 {
		g.member(1).r.Propose(requestID(i), fmt.Appendf(nil, "put key%d %s", i, value), func(res replica.Result) {
			if res.Err != nil && res.Err.Kind != flow.Unavailable {
				t.Errorf("request %d: %v", i, res.Err)
			}
			if res.Err != nil {
				refused++
			}
		})
	}
	if refused < 8 || refused > 14 {
		t.Errorf("%d of 20 proposals were refused", refused)
	}
	g.member(2).cut, g.member(3).cut = false, false
	g.tickAll(8)
	if got := strings.Count(g.member(2).data(), "key"); got != 20-refused {
		t.Errorf("%d commands happened, %d were refused", got, refused)
	}
}

// A lone voter leads at once, without waiting for anybody's silence.
func TestLoneVoter(t *testing.T) {
	g := newRig(1, replica.Tuning{})
	if err := g.member(1).bootstrap(nil); err != nil {
		t.Fatal(err)
	}
	read := false
	g.member(1).r.Linearizable(func() {
		if !g.member(1).r.Leading() {
			t.Error("a read is answered before the replica leads")
		}
		read = true
	})
	g.settle()
	g.tickAll(2)
	if !g.member(1).r.Leading() || !read {
		t.Errorf("after two ticks the lone voter leads: %v, has read: %v", g.member(1).r.Leading(), read)
	}
}

// Two commands may have one request id: a write for a dropped collection and, tried again,
// for the one that has its name now; or an id used twice. Each proposer hears of its own.
func TestOneRequestTwoCommands(t *testing.T) {
	g := newGroup(t, 1, replica.Tuning{})
	m := g.member(1)
	var answers []string
	propose := func(body string) {
		m.r.Propose(requestID(1), []byte(body), func(res replica.Result) {
			if res.Err != nil {
				answers = append(answers, fmt.Sprint(body, ": ", res.Err.Kind))
				return
			}
			text, _, _ := strings.Cut(string(res.Result), "@")
			answers = append(answers, fmt.Sprint(body, ": ", text))
		})
	}
	propose("put a 1")
	propose("put a 1")
	propose("put b 2")
	want := []string{"put b 2: unavailable"}
	if !slices.Equal(answers, want) {
		t.Fatalf("before the first is applied: %q, want %q", answers, want)
	}
	g.settle()
	want = append(want, "put a 1: put a 1", "put a 1: put a 1")
	if !slices.Equal(answers, want) {
		t.Errorf("answers are %q, want %q", answers, want)
	}
}
