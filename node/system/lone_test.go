package system_test

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"github.com/ruvector-flow/ruvector-flow/sim"
)

const epoch = flow.Time(1_700_000_000_000_000_000)

// lone is a system group of one on a simulated disk, so that the machine is driven
// by the real log, rows and digest.
type lone struct {
	t      *testing.T
	disk   *sim.Disk
	fx     replica.Effects
	events []func()
	r      *replica.Replica
	starts uint64
}

// newLone makes a cluster of one node, node1, with three shards.
func newLone(t *testing.T) *lone {
	l := &lone{t: t}
	l.disk = sim.NewDisk(func(_ time.Duration, f func()) { l.events = append(l.events, f) }, 0)
	first := system.Node{NodeInfo: flow.NodeInfo{ID: 1, Name: "node1", Addr: "host1:1", APIAddr: "host1:2", Region: "eu"}, Nonce: nonce(1), SystemReplica: flow.NewReplicaID(1, 1)}
	settings := system.Settings{ClusterID: 42, Shards: 3, ReplicationFactor: 3, VirtualNodes: 128}
	rows, meta := system.Bootstrap(flow.OldestFormat, settings, first, []uint64{0, 1 << 62, 1 << 63})
	var b disk.Batch
	replica.Bootstrap(&b, flow.SystemShard, first.SystemReplica, rows, meta)
	l.disk.Apply(&b, false, nil)
	l.restart()
	return l
}

func (l *lone) restart() {
	l.starts++
	r, err := replica.Open(l.disk, replica.Config{
		Incarnation: l.starts, NewMachine: func() replica.Machine { return system.New() },
		Random: func(int) int { return 0 }, Now: func() flow.Time { return epoch }, Wall: func() flow.Time { return epoch }, Host: l,
	})
	if err != nil {
		l.t.Fatalf("restart: %v", err)
	}
	l.r = r
	for range 3 {
		l.r.Tick()
		l.settle()
	}
	if !l.r.Leading() {
		l.t.Fatal("the only voter does not lead after three ticks")
	}
}

// Effects, Snapshot and Do make it a replica.Host.
func (l *lone) Effects() *replica.Effects         { return &l.fx }
func (l *lone) Condemn(_ flow.ShardID, err error) { panic(err) }
func (l *lone) Snapshot() disk.Snapshot           { return l.disk.Snapshot() }
func (l *lone) Do(_ int, run, done func())        { run(); done() }
func (l *lone) machine() *system.Machine          { return l.r.Machine().(*system.Machine) }

// settle runs the replica and the disk until nothing moves.
func (l *lone) settle() {
	for {
		l.r.Advance(&l.fx)
		moved := l.fx.Batch.Len() > 0 || l.fx.Sync || len(l.fx.Reply) > 0 || len(l.events) > 0
		var done func(error)
		if l.fx.Sync {
			waiting := l.fx.Durable
			done = func(error) {
				for _, d := range waiting {
					l.r.Durable(d, &l.fx)
				}
			}
		}
		l.disk.Apply(&l.fx.Batch, l.fx.Sync, done)
		l.fx.Batch.Reset()
		l.fx.Sync, l.fx.Durable = false, nil
		replies, events := l.fx.Reply, l.events
		l.fx.Reply, l.events = nil, nil
		for _, f := range slices.Concat(replies, events) {
			f()
		}
		if !moved {
			return
		}
	}
}

// run proposes a command and returns what became of it.
func (l *lone) run(request flow.RequestID, body []byte) system.Result {
	l.t.Helper()
	answered := false
	var out system.Result
	l.r.Propose(request, body, func(res replica.Result) {
		answered = true
		if res.Err != nil {
			l.t.Fatalf("propose: %v", res.Err)
		}
		var err error
		if out, err = system.DecodeResult(res.Result); err != nil {
			l.t.Fatalf("result %x: %v", res.Result, err)
		}
	})
	l.settle()
	if !answered {
		l.t.Fatal("a command was not answered")
	}
	l.check()
	return out
}

// check rebuilds a machine of the stored rows and compares it with the live one,
// and the digest with the sum over the rows.
func (l *lone) check() {
	l.t.Helper()
	live, rebuilt := l.machine(), system.New()
	sum := replica.RowHash(binary.BigEndian.AppendUint64(nil, l.r.Applied()), live.Meta())
	prefix := l.r.StatePrefix()
	err := l.disk.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
		k, v := slices.Clone(key[len(prefix):]), slices.Clone(value)
		sum += replica.RowHash(k, v)
		if err := rebuilt.Restore(k, v); err != nil {
			l.t.Fatalf("restore: %v", err)
		}
		clear(k) // valid only during the call
		clear(v)
		return true
	})
	if err != nil {
		l.t.Fatalf("scan: %v", err)
	}
	if err := rebuilt.Restored(live.Meta()); err != nil {
		l.t.Fatalf("restored: %v", err)
	}
	if sum != l.r.Digest() {
		l.t.Fatalf("the rows sum up to digest %016x, the replica says %016x", sum, l.r.Digest())
	}
	rebuilt.Changes = live.Changes // counts since the machine was built
	if !reflect.DeepEqual(rebuilt, live) {
		l.t.Fatalf("rebuilt from its rows the machine is\n%+v\nwant\n%+v", rebuilt, live)
	}
}

func nonce(n int) (b [16]byte) {
	b[15] = byte(n)
	return b
}

func request(n int) flow.RequestID {
	return flow.NewRequestID(epoch, [10]byte{9: byte(n)})
}
