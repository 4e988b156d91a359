package replica_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/sim"
	"go.etcd.io/raft/v3/raftpb"
)

const (
	shardID   = flow.ShardID(1)
	epoch     = flow.Time(1_700_000_000_000_000_000)
	tickEvery = 25 * time.Millisecond
)

// rig holds the replicas of one group. Nothing moves by itself: the test ticks,
// flushes, makes batches durable, runs jobs and carries messages.
type rig struct {
	now     flow.Time
	tuning  replica.Tuning
	random  func(n int) int // the first choice, unless a test sets it
	members []*member
	wire    []*packet
	// out is what happened since it was last read: answers, reads, roles.
	out strings.Builder
}

// packet is a message on its way, as bytes: no memory is shared.
type packet struct {
	from, to flow.NodeID
	frame    []byte
}

// member is a node with one replica, or none while it is down.
type member struct {
	rig    *rig
	node   flow.NodeID
	id     flow.ReplicaID
	disk   *sim.Disk
	events []func() // of the disk
	jobs   []func()
	fx     replica.Effects
	r      *replica.Replica
	starts uint64
	cut    bool // off the network
	loose  bool // takes no entries, as on a full disk
}

func newRig(nodes int, tuning replica.Tuning) *rig {
	g := &rig{now: epoch, tuning: tuning, random: func(int) int { return 0 }}
	for i := range nodes {
		m := &member{rig: g, node: flow.NodeID(i + 1)}
		m.id = flow.NewReplicaID(m.node, 1)
		m.disk = sim.NewDisk(func(_ time.Duration, f func()) { m.events = append(m.events, f) }, 0)
		g.members = append(g.members, m)
	}
	return g
}

func (g *rig) member(node int) *member { return g.members[node-1] }

func (m *member) config() replica.Config {
	return replica.Config{
		Shard: shardID, Incarnation: m.starts, NewMachine: func() replica.Machine { return newKV() },
		Random: m.rig.random, Now: func() flow.Time { return m.rig.now }, Wall: func() flow.Time { return m.rig.now }, Host: m, Tuning: m.rig.tuning,
		OnRole: func(_ flow.ShardID, term uint64, leader flow.ReplicaID) {
			fmt.Fprintf(&m.rig.out, "%v: leader of term %d is %v\n", m.node, term, leader)
		},
	}
}

// bootstrap makes the member the only voter of a group with some rows.
func (m *member) bootstrap(rows []net.Row) error {
	var b disk.Batch
	replica.Bootstrap(&b, shardID, m.id, rows, newKV().Meta())
	m.disk.Apply(&b, false, nil)
	return m.open()
}

// create makes an empty replica that waits for its leader, of the next generation if
// there was one.
func (m *member) create() (err error) {
	if m.starts++; m.starts > 1 {
		m.id = flow.NewReplicaID(m.node, m.id.Generation()+1)
	}
	m.r, err = replica.New(&m.fx.Batch, m.config(), m.id)
	return err
}

// open loads the replica from what the disk holds.
func (m *member) open() (err error) {
	m.starts++
	m.fx = replica.Effects{}
	m.r, err = replica.Open(m.disk, m.config())
	return err
}

// crash loses all but the first keep batches that are not durable.
func (m *member) crash(keep int) (lost int) {
	m.r = nil
	m.fx, m.events, m.jobs = replica.Effects{}, nil, nil
	return m.disk.Crash(func(n int) int { return min(keep, n) })
}

// Effects, Snapshot and Do make it a replica.Host.
func (m *member) Effects() *replica.Effects         { return &m.fx }
func (m *member) Condemn(_ flow.ShardID, err error) { panic(err) }
func (m *member) Snapshot() disk.Snapshot           { return m.disk.Snapshot() }
func (m *member) Do(_ int, run, done func()) {
	starts := m.starts
	m.jobs = append(m.jobs, func() {
		run()
		if m.starts == starts {
			done()
		}
	})
}

// flush ends the member's turn as a node does: write, send, compute, reply. It says
// whether anything happened.
func (m *member) flush() (moved bool) {
	if m.r == nil {
		return false
	}
	m.r.Advance(&m.fx)
	if m.fx.Batch.Len() > 0 || m.fx.Sync {
		moved = true
		var done func(error)
		if m.fx.Sync {
			waiting, starts := m.fx.Durable, m.starts
			done = func(err error) {
				for _, d := range waiting {
					if err == nil && m.r != nil && m.starts == starts {
						m.r.Durable(d, &m.fx)
					}
				}
			}
		}
		m.disk.Apply(&m.fx.Batch, m.fx.Sync, done)
		m.fx.Batch.Reset()
		m.fx.Sync, m.fx.Durable = false, nil
	}
	for _, o := range m.fx.Send {
		moved = true
		f := &net.Frame{Header: net.Header{From: m.node, To: o.To}, Messages: []net.Message{o.Message}}
		m.rig.wire = append(m.rig.wire, &packet{m.node, o.To, net.Encode(f)})
	}
	compute, replies := m.fx.Compute, m.fx.Reply
	m.fx.Send, m.fx.Compute, m.fx.Reply = nil, nil, nil
	for _, f := range slices.Concat(compute, replies) {
		moved = true
		f()
	}
	return moved
}

// persist lets the disk finish its syncs; it says whether there were any.
func (m *member) persist() (moved bool) {
	for len(m.events) > 0 {
		moved = true
		events := m.events
		m.events = nil
		for _, f := range events {
			f()
		}
	}
	return moved
}

// work runs the jobs that wait.
func (m *member) work() (moved bool) {
	jobs := m.jobs
	m.jobs = nil
	for _, f := range jobs {
		f()
	}
	return len(jobs) > 0
}

// receive hands a packet to its receiver, if that is there and not cut off.
func (g *rig) receive(p *packet) {
	m, from := g.member(int(p.to)), g.member(int(p.from))
	if m.r == nil || m.cut || from.cut {
		return
	}
	switch msg := p.message().(type) {
	case *net.Raft:
		m.r.Step(msg.M, m.loose)
	case *net.SnapshotChunk:
		m.r.TakeChunk(msg)
	case *net.SnapshotAck:
		m.r.TakeAck(msg)
	}
}

func (p *packet) message() net.Message {
	f, err := net.Decode(bytes.Clone(p.frame))
	if err != nil {
		panic(err)
	}
	return f.Messages[0]
}

func (g *rig) tick(m *member) {
	if m.r != nil {
		m.r.Tick()
	}
}

// maxRounds bounds a settling.
const maxRounds = 10_000

// settle lets everything happen, in order, until nothing moves.
func (g *rig) settle() {
	for range maxRounds {
		moved := false
		for _, m := range g.members {
			moved = m.flush() || moved
			moved = m.persist() || moved
			moved = m.work() || moved
		}
		wire := g.wire
		g.wire = nil
		for _, p := range wire {
			g.receive(p)
		}
		if !moved && len(wire) == 0 {
			return
		}
	}
	panic("the group does not settle")
}

// tickAll ticks every member and settles, n times.
func (g *rig) tickAll(n int) {
	for range n {
		g.now = g.now.Add(tickEvery)
		for _, m := range g.members {
			g.tick(m)
		}
		g.settle()
	}
}

// leader returns the member that leads with the highest term, or nil.
func (g *rig) leader() *member {
	var lead *member
	for _, m := range g.members {
		if m.r != nil && m.r.Leading() && (lead == nil || m.r.Term() > lead.r.Term()) {
			lead = m
		}
	}
	return lead
}

// grow makes members 2 to n voters of the group that member 1 has begun.
func (g *rig) grow(n int) error {
	if err := g.member(1).bootstrap([]net.Row{{Key: []byte("d/origin"), Value: []byte("0")}}); err != nil {
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
	// All start again, so that each has learned the leader as a voter.
	for _, m := range g.members[:n] {
		m.crash(int(^uint(0) >> 1))
		if err := m.open(); err != nil {
			return err
		}
	}
	for g.leader() != g.member(1) {
		g.tick(g.member(1))
		g.settle()
	}
	g.tickAll(4)
	g.out.Reset()
	return nil
}

func (m *member) change(how raftpb.ConfChangeTransition, kind raftpb.ConfChangeType, ids ...flow.ReplicaID) {
	var changes []*raftpb.ConfChangeSingle
	for _, id := range ids {
		changes = append(changes, &raftpb.ConfChangeSingle{Type: kind.Enum(), NodeId: new(uint64(id))})
	}
	m.r.ConfChange(how, changes...)
}

// kv is a state machine for the tests: "put KEY VALUE" and "del KEY". It remembers
// every request.
type kv struct {
	rows  map[string]string // as stored
	count int               // commands applied
}

func newKV() *kv { return &kv{rows: map[string]string{}} }

func (k *kv) Apply(index uint64, c replica.Command, rows *replica.Rows) []byte {
	seen := "r/" + c.Request.String()
	if result, ok := k.rows[seen]; ok {
		return []byte(result)
	}
	k.count++
	word := strings.Fields(string(c.Body))
	key := "d/" + word[1]
	old, exists := k.rows[key]
	switch {
	case word[0] == "del" && exists:
		rows.Delete([]byte(key), replica.RowHash([]byte(key), []byte(old)))
		delete(k.rows, key)
	case word[0] == "put" && exists:
		rows.Replace([]byte(key), []byte(old), []byte(word[2]))
		k.rows[key] = word[2]
	case word[0] == "put":
		rows.Put([]byte(key), []byte(word[2]))
		k.rows[key] = word[2]
	}
	result := fmt.Sprintf("%s@%d", c.Body, index)
	rows.Put([]byte(seen), []byte(result))
	k.rows[seen] = result
	return []byte(result)
}

// Admit implements replica.Machine.
func (k *kv) Admit(replica.Command) *flow.Error { return nil }

func (k *kv) Seen(c replica.Command) ([]byte, bool) {
	result, ok := k.rows["r/"+c.Request.String()]
	return []byte(result), ok
}

func (k *kv) Meta() []byte { return fmt.Append(nil, k.count) }

func (k *kv) Restore(key, value []byte) error {
	if len(key) < 2 || key[1] != '/' {
		return flow.Errorf(flow.Corrupt, "kv.Restore", "key %q", key)
	}
	k.rows[string(key)] = string(value)
	return nil
}

func (k *kv) Restored(meta []byte) error {
	_, err := fmt.Sscan(string(meta), &k.count)
	return err
}

func (k *kv) Points() (points, bytes uint64) { return uint64(len(k.rows)), 0 }

// data lists the keys and values of a member's machine.
func (m *member) data() string {
	k := m.r.Machine().(*kv)
	var list []string
	for key, value := range k.rows {
		if name, ok := strings.CutPrefix(key, "d/"); ok {
			list = append(list, name+"="+value)
		}
	}
	slices.SortFunc(list, cmp.Compare[string])
	return strings.Join(list, " ")
}
