package shard_test

import (
	"encoding/binary"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/sim"
)

const (
	shardID = flow.ShardID(1)
	epoch   = flow.Time(1_700_000_000_000_000_000)
)

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// forgetful hides the machine's memory and its refusals from the proposer, so that
// retries and what is refused enter the log and Apply must recognise them.
type forgetful struct{ *shard.Machine }

func (forgetful) Admit(replica.Command) *flow.Error { return nil }

func (forgetful) Seen(replica.Command) ([]byte, bool) { return nil, false }

// lone is a group of one on a simulated disk: log, rows and digest are the real
// ones, the clock is the test's.
type lone struct {
	t       failer
	now     flow.Time
	disk    *sim.Disk
	fx      replica.Effects
	events  []func()
	r       *replica.Replica
	starts  uint64
	pending map[flow.RequestID]bool
}

func newLone(t failer) *lone {
	l := &lone{t: t, now: epoch}
	l.disk = sim.NewDisk(func(_ time.Duration, f func()) { l.events = append(l.events, f) }, 0)
	var b disk.Batch
	replica.Bootstrap(&b, shardID, flow.NewReplicaID(1, 1), nil, nil)
	l.disk.Apply(&b, false, nil)
	l.restart()
	return l
}

// restart opens the replica on what the disk holds and makes it lead.
func (l *lone) restart() {
	l.t.Helper()
	if l.r != nil {
		l.settle()
		l.r.Close()
	}
	l.starts++
	l.pending = map[flow.RequestID]bool{}
	r, err := replica.Open(l.disk, replica.Config{
		Shard: shardID, Incarnation: l.starts, NewMachine: func() replica.Machine { return forgetful{shard.New(nil)} },
		Random: func(int) int { return 0 }, Now: func() flow.Time { return l.now }, Wall: func() flow.Time { return l.now }, Host: l,
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
		l.t.Fatalf("the only voter does not lead after three ticks")
	}
}

// Effects, Snapshot and Do make it a replica.Host.
func (l *lone) Effects() *replica.Effects         { return &l.fx }
func (l *lone) Condemn(_ flow.ShardID, err error) { panic(err) }
func (l *lone) Snapshot() disk.Snapshot           { return l.disk.Snapshot() }
func (l *lone) Do(_ int, run, done func())        { run(); done() }
func (l *lone) machine() *shard.Machine           { return l.r.Machine().(forgetful).Machine }
func (l *lone) propose(id flow.RequestID, body []byte, done func(replica.Result)) {
	if l.pending[id] {
		l.settle() // in flight it would not be proposed twice
	}
	l.pending[id] = true
	l.r.Propose(id, body, func(res replica.Result) {
		if res.Err != nil {
			l.t.Fatalf("propose: %v", res.Err)
		}
		delete(l.pending, id)
		done(res)
	})
}

// settle runs the replica and the disk until nothing moves.
func (l *lone) settle() {
	for {
		l.r.Advance(&l.fx)
		moved := l.fx.Batch.Len() > 0 || l.fx.Sync || len(l.fx.Reply) > 0 || len(l.events) > 0
		var done func(error)
		if l.fx.Sync {
			waiting := l.fx.Durable
			done = func(err error) {
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

// run proposes a command and waits for it.
func (l *lone) run(id flow.RequestID, body []byte) (res replica.Result) {
	l.t.Helper()
	answered := false
	l.propose(id, body, func(r replica.Result) { res, answered = r, true })
	l.settle()
	if !answered {
		l.t.Fatalf("a command was not answered")
	}
	return res
}

// rows returns the stored rows in key order, without their prefix.
func (l *lone) rows() (keys, values [][]byte) {
	prefix := l.r.StatePrefix()
	err := l.disk.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
		keys = append(keys, slices.Clone(key[len(prefix):]))
		values = append(values, slices.Clone(value))
		return true
	})
	if err != nil {
		l.t.Fatalf("scan: %v", err)
	}
	return keys, values
}

// get returns the value of a stored row, nil when there is none.
func (l *lone) get(key []byte) []byte {
	l.t.Helper()
	value, _, err := l.disk.Get(slices.Concat(l.r.StatePrefix(), key))
	if err != nil {
		l.t.Fatalf("get: %v", err)
	}
	return value
}

// rebuild makes a machine of the stored rows alone, and checks the digest by them.
func (l *lone) rebuild() *shard.Machine {
	l.t.Helper()
	m := shard.New(nil)
	meta := l.machine().Meta()
	sum := replica.RowHash(binary.BigEndian.AppendUint64(nil, l.r.Applied()), meta)
	keys, values := l.rows()
	for i, key := range keys {
		sum += replica.RowHash(key, values[i])
		if err := m.Restore(key, values[i]); err != nil {
			l.t.Fatalf("restore: %v", err)
		}
		clear(key) // valid only during the call
		clear(values[i])
	}
	if err := m.Restored(meta); err != nil {
		l.t.Fatalf("restored: %v", err)
	}
	if sum != l.r.Digest() {
		l.t.Fatalf("the rows sum up to digest %016x, the replica says %016x", sum, l.r.Digest())
	}
	return m
}

// request makes a request id of a time; n tells ids of one time apart.
func request(at flow.Time, n uint64) flow.RequestID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[2:], n)
	return flow.NewRequestID(at, random)
}

// collection returns the definition of a collection of the tests.
func collection(id flow.CollectionID) flow.Collection {
	return flow.Collection{ID: id, Dim: int(id) + 1, Metric: flow.Metric((id-1)%4 + 1)}
}

func all(ops []flow.Op) []int {
	positions := make([]int, len(ops))
	for i := range positions {
		positions[i] = i
	}
	return positions
}
