package sim

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// defaultCapacity is the size of a simulated device, in bytes.
const defaultCapacity = 1 << 40

// Disk is the simulated disk.Disk: in memory, deterministic, without a goroutine.
// It outlives the node: a crash takes it back to what was durable, and the next
// node opens it as it is. The device does one sync at a time; a sync covers what
// was applied when it began, so that a slow device commits in groups.
//
// The exported fields are the world's: it may change them between two calls.
type Disk struct {
	// Latency draws how long the next sync takes.
	Latency func() time.Duration
	// Capacity is the size of the device in bytes (1 TiB at first). A sync of more
	// fails: the node should have refused the write before.
	Capacity uint64
	// Reading, when set, is asked at each read; its error is the read's.
	Reading func() error

	after func(d time.Duration, f func())

	rows    diskRows
	undo    [][]undoStep // of the batches that are not durable, oldest first
	due     []dueDone    // done calls that have not come, oldest first
	applied uint64       // batches ever applied
	durable uint64       // of them durable; applied-durable == len(undo)
	syncing bool         // a sync is under way on the device
	covers  uint64       // what that sync makes durable
	opening uint64       // counts crashes, so that old events are ignored
	dead    error        // of the sync that failed
	views   int          // snapshots that are open
	// rotten holds the values whose bytes have changed on the device: a checksum tells
	// whoever reads one. A row that is written again has another value.
	rotten map[string][]byte

	// real is the real store under the disk, nil in most worlds.
	real *realStore

	// The device's faults (see behave), and whether the sync under way would have
	// ended by now on a device that is not stuck.
	slow           time.Duration
	stuck, failing bool
	arrived        bool
}

// dueDone is a done function and the batch it waits for.
type dueDone struct {
	batch uint64
	done  func(error)
}

// undoStep takes one operation back: it puts a row as it was, or all rows of a
// deleted range. The steps of a batch are run last to first.
type undoStep struct {
	key, value []byte
	had        bool
	rows       *diskRow // of a deleted range
}

var _ disk.Disk = (*Disk)(nil)

// NewDisk returns an empty disk. after(d, f) must call f once, d later in virtual
// time; done functions are called from f. Each sync takes latency, unless Latency
// is replaced.
func NewDisk(after func(d time.Duration, f func()), latency time.Duration) *Disk {
	return &Disk{Capacity: defaultCapacity, after: after, Latency: func() time.Duration { return latency }}
}

// Apply implements disk.Disk.
func (d *Disk) Apply(b *disk.Batch, sync bool, done func(error)) {
	if sync != (done != nil) {
		panic("sim.Disk.Apply: done must be given with sync, and only then")
	}
	d.applied++
	d.undo = append(d.undo, d.change(b))
	if d.real != nil && d.dead == nil {
		d.real.apply(b, d.applied, sync)
	}
	if !sync {
		return
	}
	d.due = append(d.due, dueDone{d.applied, done})
	if d.dead != nil {
		d.schedule(0, d.failAll)
		return
	}
	d.startSync()
}

// change applies the operations and returns how to take them back.
func (d *Disk) change(b *disk.Batch) []undoStep {
	steps := make([]undoStep, 0, b.Len())
	bytes := make([]byte, 0, b.Bytes()) // one allocation for all copies
	keep := func(p []byte) []byte {
		bytes = append(bytes, p...)
		return bytes[len(bytes)-len(p) : len(bytes) : len(bytes)]
	}
	for _, op := range b.Ops() {
		switch op.Kind {
		case disk.Put:
			k := keep(op.Key)
			old, had := d.rows.put(k, keep(op.Value))
			steps = append(steps, undoStep{key: k, value: old, had: had})
		case disk.Delete:
			if k, old, had := d.rows.remove(op.Key); had {
				steps = append(steps, undoStep{key: k, value: old, had: true})
			}
		case disk.DeleteRange:
			if rows := d.rows.removeRange(op.Key, op.Value); rows != nil {
				steps = append(steps, undoStep{rows: rows})
			}
		}
	}
	return steps
}

// startSync starts a sync when one is wanted and the device is free.
func (d *Disk) startSync() {
	if d.syncing || len(d.due) == 0 {
		return
	}
	d.syncing, d.covers = true, d.applied
	d.schedule(d.Latency()+d.slow, d.syncEnded)
}

// schedule runs f later, unless the disk has crashed by then.
func (d *Disk) schedule(wait time.Duration, f func()) {
	opening := d.opening
	d.after(wait, func() {
		if opening == d.opening {
			f()
		}
	})
}

// syncEnded is the end of the sync under way.
func (d *Disk) syncEnded() {
	if d.stuck {
		d.arrived = true
		return
	}
	d.syncing, d.arrived = false, false
	fails := d.failing || d.rows.bytes > d.Capacity
	if d.real != nil {
		d.dead = d.real.await(fails)
	}
	if fails {
		d.dead = flow.Errorf(flow.Unknown, "sim.Disk", "sync failed (used %d of %d bytes)", d.rows.bytes, d.Capacity)
		d.failAll()
		return
	}
	n := int(d.covers - d.durable)
	d.durable = d.covers
	clear(d.undo[:n])
	d.undo = d.undo[n:]
	d.call(d.durable, nil)
	d.startSync()
}

func (d *Disk) failAll() { d.call(d.applied, d.dead) }

// call calls the due done functions up to a batch. Each may apply or crash.
func (d *Disk) call(upTo uint64, err error) {
	for opening := d.opening; opening == d.opening && len(d.due) > 0 && d.due[0].batch <= upTo; {
		done := d.due[0].done
		d.due[0] = dueDone{}
		d.due = d.due[1:]
		done(err)
	}
}

// behave sets the faults of the device, in place of those before: what each sync
// that begins takes longer, whether no sync ends, and whether each that ends fails.
// A failed sync kills the disk until it is opened again: its done and all later
// ones get the error, and nothing more becomes durable.
func (d *Disk) behave(slow time.Duration, stuck, failing bool) {
	d.slow, d.stuck, d.failing = slow, stuck, failing
	if !stuck && d.arrived {
		d.arrived = false
		d.schedule(0, d.syncEnded)
	}
}

// Unsynced returns the number of batches that a crash could lose.
func (d *Disk) Unsynced() int { return len(d.undo) }

// Dead returns the error of the failed sync that killed the disk, or nil.
func (d *Disk) Dead() error { return d.dead }

// Crash stops the disk as a loss of power does and opens it again. It keeps what
// is durable and the first keep(n) of the n batches that are not, with keep(n) in
// [0, n]; what is left is durable. Due done functions are dropped; the faults of
// the device stay. It returns the number of batches lost.
func (d *Disk) Crash(keep func(unsynced int) int) (lost int) {
	return d.reopen(keep, func(s Store) error { return s.Crash(0) })
}

// reopen is Crash; a real store crashes as it is told, and what it keeps counts.
func (d *Disk) reopen(keep func(unsynced int) int, real func(s Store) error) (lost int) {
	n := len(d.undo)
	kept := 0
	if d.real != nil {
		if err := real(d.real.store); err != nil {
			d.real.fail("the store does not open after a crash: %v", err)
			return 0
		}
		kept = d.real.kept(d.durable, d.applied)
	} else {
		kept = keep(n)
	}
	if kept < 0 || kept > n {
		panic(fmt.Sprintf("sim.Disk.Crash: keep is %d of %d", kept, n))
	}
	for i := n - 1; i >= kept; i-- {
		d.takeBack(d.undo[i])
	}
	d.opening++
	d.durable = d.applied
	d.undo, d.due, d.views = nil, nil, 0
	d.syncing, d.arrived, d.dead = false, false, nil
	if d.real != nil {
		d.real.compare(d.rows.root)
	}
	return n - kept
}

// lose crashes the disk; key says how much of what is not durable is lost.
func (d *Disk) lose(key uint64) {
	d.reopen(func(n int) int { return int(key % uint64(n+1)) }, func(s Store) error { return s.Crash(key) })
}

// tear crashes the disk so that just the last batch is lost that is not durable. A real
// store's log ends at a byte that key says.
func (d *Disk) tear(key uint64) {
	d.reopen(func(n int) int { return max(n-1, 0) }, func(s Store) error { return s.Tear(key) })
}

// close stops the disk and opens it again: nothing is lost. A dead one is abandoned.
func (d *Disk) close() {
	if d.dead != nil {
		d.abandon()
		return
	}
	lost := d.reopen(func(n int) int { return n }, Store.Stop)
	if lost > 0 && d.real != nil {
		d.real.fail("a clean stop lost %d batches", lost)
	}
}

// abandon stops the disk as the end of a process does, and opens it again: the
// machine keeps what it was given. A real store has not yet given it all.
func (d *Disk) abandon() {
	d.reopen(func(n int) int { return n }, Store.Kill)
}

func (d *Disk) takeBack(steps []undoStep) {
	for i := len(steps) - 1; i >= 0; i-- {
		switch s := steps[i]; {
		case s.rows != nil:
			s.rows.visit(nil, nil, func(key, value []byte) bool {
				d.rows.put(key, value)
				return true
			})
		case s.had:
			d.rows.put(s.key, s.value)
		default:
			d.rows.remove(s.key)
		}
	}
}

// Get implements disk.Reader.
func (d *Disk) Get(key []byte) ([]byte, bool, error) { return d.get(d.rows.root, d.reader(), key) }

// Scan implements disk.Reader.
func (d *Disk) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	return d.scan(d.rows.root, d.reader(), lo, hi, visit)
}

// reader is the real store, or nil.
func (d *Disk) reader() disk.Reader {
	if d.real == nil {
		return nil
	}
	return d.real.store
}

func (d *Disk) get(root *diskRow, real disk.Reader, key []byte) ([]byte, bool, error) {
	if d.Reading != nil {
		if err := d.Reading(); err != nil {
			return nil, false, err
		}
	}
	if real != nil {
		return d.real.get(real, root, key)
	}
	if len(d.rotten) > 0 {
		if n := root.find(key); n != nil && d.isRotten(n.key, n.value) {
			return nil, false, errRotten(key)
		}
	}
	return root.get(key)
}

func (d *Disk) scan(root *diskRow, real disk.Reader, lo, hi []byte, visit func(key, value []byte) bool) error {
	if d.Reading != nil {
		if err := d.Reading(); err != nil {
			return err
		}
	}
	if real != nil {
		return d.real.scan(real, root, lo, hi, visit)
	}
	if len(d.rotten) == 0 {
		return root.scan(lo, hi, visit)
	}
	var first []byte // rotten row of the range
	root.visit(lo, hi, func(key, value []byte) bool {
		if d.isRotten(key, value) {
			first = key
		}
		return first == nil
	})
	if first == nil {
		return root.scan(lo, hi, visit)
	}
	enough := false
	err := root.scan(lo, first, func(key, value []byte) bool {
		enough = !visit(key, value)
		return !enough
	})
	if err == nil && !enough {
		err = errRotten(first)
	}
	return err
}

func errRotten(key []byte) error {
	return flow.Errorf(flow.Corrupt, "sim.Disk", "the checksum of row %q does not match", key)
}

func (d *Disk) isRotten(key, value []byte) bool {
	v, ok := d.rotten[string(key)]
	return ok && len(v) > 0 && len(value) == len(v) && &v[0] == &value[0]
}

// Rot changes the bytes of one of the rows that match on the device, chosen by key,
// and returns which; nil when none matches.
func (d *Disk) Rot(key uint64, match func(key []byte) bool) []byte {
	var rows []*diskRow
	d.rows.root.rows(func(n *diskRow) {
		if len(n.value) > 0 && match(n.key) && !d.isRotten(n.key, n.value) {
			rows = append(rows, n)
		}
	})
	if len(rows) == 0 {
		return nil
	}
	n := rows[key%uint64(len(rows))]
	if d.rotten == nil {
		d.rotten = map[string][]byte{}
	}
	d.rotten[string(n.key)] = n.value
	return n.key
}

// Wipe loses the whole content, and whatever was under way: another device is in place.
func (d *Disk) Wipe() {
	if d.real == nil {
		d.Crash(func(int) int { return 0 })
	} else {
		d.opening++
		d.durable, d.real.base = d.applied, d.applied
		d.undo, d.due, d.views = nil, nil, 0
		d.syncing, d.arrived, d.dead = false, false, nil
		if err := d.real.store.Wipe(); err != nil {
			d.real.fail("an empty store does not open: %v", err)
		}
	}
	d.rows = diskRows{epoch: d.rows.epoch + 1}
	d.rotten = nil
}

// Usage implements disk.Disk, exact at once.
func (d *Disk) Usage() disk.Usage {
	u := disk.Usage{Used: d.rows.bytes}
	if d.Capacity > u.Used {
		u.Free = d.Capacity - u.Used
	}
	return u
}

// Snapshot implements disk.Disk. It costs nothing, whatever the disk's size.
func (d *Disk) Snapshot() disk.Snapshot {
	d.views++
	s := &diskSnapshot{root: d.rows.share(), disk: d, opening: d.opening}
	if d.real != nil {
		s.real = d.real.store.Snapshot()
	}
	return s
}

// diskSnapshot is the root of a tree that is never changed again.
type diskSnapshot struct {
	root    *diskRow
	closed  bool
	disk    *Disk
	opening uint64 // of the disk when the snapshot was taken
	real    disk.Snapshot
}

// reader is the real store's snapshot, or nil.
func (s *diskSnapshot) reader() disk.Reader {
	if s.real == nil || s.opening != s.disk.opening { // that store is closed
		return nil
	}
	return s.real
}

func (s *diskSnapshot) Get(key []byte) ([]byte, bool, error) {
	s.check()
	return s.disk.get(s.root, s.reader(), key)
}

func (s *diskSnapshot) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	s.check()
	return s.disk.scan(s.root, s.reader(), lo, hi, visit)
}

// Size implements disk.Snapshot, exact: the simulated device holds what lives, as it is.
func (s *diskSnapshot) Size(lo, hi []byte) (bytes uint64, err error) {
	s.check()
	if s.reader() != nil {
		return s.real.Size(lo, hi)
	}
	if s.disk.Reading != nil {
		if err := s.disk.Reading(); err != nil {
			return 0, err
		}
	}
	s.root.visit(lo, hi, func(key, value []byte) bool {
		bytes += uint64(len(key) + len(value))
		return true
	})
	return bytes, nil
}

func (s *diskSnapshot) Close() error {
	s.check()
	s.root, s.closed = nil, true
	if s.opening == s.disk.opening {
		s.disk.views--
		if s.real != nil {
			return s.real.Close()
		}
	}
	return nil
}

func (s *diskSnapshot) check() {
	if s.closed {
		panic("sim: a snapshot is used after it was closed")
	}
}

// sum is a hash of all rows, in order.
func (d *Disk) sum() uint64 {
	var h uint64
	d.rows.root.visit(nil, nil, func(key, value []byte) bool {
		h = hash(h, xxhash.Sum64(key), xxhash.Sum64(value))
		return true
	})
	return h
}
