package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// A world can run over real stores (Scenario.Disk). The simulated disk stays: it is the
// model that says when a sync ends, what is on the disk for the oracles, and what a read
// must give. What the node reads comes from the real store, and after a crash the model is
// set to the prefix that the real store has kept. Where the two differ the store is wrong.

// Store is a real store that can crash. All methods block; none is called twice at a time.
type Store interface {
	disk.Disk
	// Await returns when all that was applied is durable, or with the error of the store's
	// death.
	Await() error
	// Crash is a loss of power: it loses as much as seed says of what is not durable, and
	// opens the store again.
	Crash(seed uint64) error
	// Tear is a loss of power in the midst of the last write, at a byte that seed chooses.
	Tear(seed uint64) error
	// Stop closes the store, which loses nothing, and opens it again.
	Stop() error
	// Kill is the end of the process: what was given to the system stays.
	Kill() error
	// Wipe opens an empty device in place of this one.
	Wipe() error
	// Fail makes the device fail every write, or no longer. It ends with the next opening.
	Fail(failing bool)
	// Close ends the store.
	Close() error
}

// markKey is a row that no node knows: the number of the last batch.
var markKey = []byte("\xff\xffbatch")

// realStore is the real store under a simulated disk.
type realStore struct {
	store Store
	fail  func(format string, args ...any)
	// base is the number of the last batch before the opening.
	base uint64
	// early says which syncs the store is asked for when the batch is applied, by a hash;
	// it is asked for the others when they are to end.
	early func(batch uint64) bool
	// reads counts those that were compared, openings the crashes and kills, lost the batches
	// that were gone after them.
	reads, openings, lost uint64
}

// apply commits a batch of a number.
func (r *realStore) apply(b *disk.Batch, number uint64, sync bool) {
	var marked disk.Batch
	for _, op := range b.Ops() {
		switch op.Kind {
		case disk.Put:
			marked.Put(op.Key, op.Value)
		case disk.Delete:
			marked.Delete(op.Key)
		case disk.DeleteRange:
			marked.DeleteRange(op.Key, op.Value)
		}
	}
	marked.Put(markKey, binary.BigEndian.AppendUint64(nil, number))
	if sync && r.early(number) {
		r.store.Apply(&marked, true, func(error) {}) // await asks for its outcome
		return
	}
	r.store.Apply(&marked, false, nil)
}

// await makes all durable that was applied, on a device that fails or not.
func (r *realStore) await(failing bool) error {
	if failing {
		r.store.Fail(true)
	}
	err := r.store.Await()
	if (err != nil) != failing {
		r.fail("a sync of a device that fails (%v) gave %v", failing, err)
	}
	return err
}

// kept reads after an opening how many of the batches that were not durable are there.
func (r *realStore) kept(durable, applied uint64) int {
	value, ok, err := r.store.Get(markKey)
	if err != nil {
		r.fail("the store cannot be read after an opening: %v", err)
		return 0
	}
	last := r.base
	if ok {
		last = max(last, binary.BigEndian.Uint64(value))
	}
	r.base = applied
	if last < durable || last > applied {
		r.fail("the store holds batch %d as its last, of %d; up to %d it had called them durable", last, applied, durable)
		return 0
	}
	r.openings++
	r.lost += applied - last
	return int(last - durable)
}

// compare checks that the store holds the model's rows, all of them and no other.
func (r *realStore) compare(root *diskRow) {
	type row struct{ key, value []byte }
	var want []row
	root.rows(func(n *diskRow) { want = append(want, row{n.key, n.value}) })
	i, wrong := 0, ""
	err := r.store.Scan(nil, nil, func(key, value []byte) bool {
		switch {
		case bytes.Equal(key, markKey):
		case i == len(want) || !bytes.Equal(key, want[i].key) || !bytes.Equal(value, want[i].value):
			wrong = fmt.Sprintf("row %d is %q", i, key)
		default:
			i++
		}
		return wrong == ""
	})
	if wrong == "" && i < len(want) && err == nil {
		wrong = fmt.Sprintf("row %q is missing", want[i].key)
	}
	if wrong != "" || err != nil {
		r.fail("after an opening the store does not hold what its last batch left, of %d rows: %s (%v)", len(want), wrong, err)
	}
}

// get reads a key from the store or a snapshot of it, which must give what the model has.
func (r *realStore) get(from disk.Reader, root *diskRow, key []byte) ([]byte, bool, error) {
	value, ok, err := from.Get(key)
	want, had, _ := root.get(key)
	r.reads++
	if err != nil || ok != had || !bytes.Equal(value, want) {
		r.fail("a read of %q gave %q, %v, %v, want %q, %v", key, value, ok, err, want, had)
	}
	return value, ok, err
}

// scan reads a range likewise.
func (r *realStore) scan(from disk.Reader, root *diskRow, lo, hi []byte, visit func(key, value []byte) bool) error {
	enough := false
	type row struct{ key, value []byte }
	var got []row
	err := from.Scan(lo, hi, func(key, value []byte) bool {
		if bytes.Equal(key, markKey) {
			return true
		}
		got = append(got, row{slices.Clone(key), slices.Clone(value)})
		enough = !visit(key, value)
		return !enough
	})
	r.reads++
	i, wrong := 0, err != nil
	root.visit(lo, hi, func(key, value []byte) bool {
		if i == len(got) {
			wrong = wrong || !enough
			return false
		}
		wrong = wrong || !bytes.Equal(key, got[i].key) || !bytes.Equal(value, got[i].value)
		i++
		return !wrong
	})
	if wrong || i < len(got) {
		r.fail("a scan of [%q, %q) gave %d rows that are not the first ones written there (%v)", lo, hi, len(got), err)
	}
	return err
}

// RealDisk names real stores in a scenario.
const RealDisk = "pebble"

// simulatedOnly are the faults that a world over real stores leaves out: they are done to
// rows, which a real device does not have.
var simulatedOnly = []FaultKind{BitRot, MisdirectedWrite}

// OverRealStores returns the scenario with real stores, without the faults that those cannot
// be given, and the kinds that were left out.
func (s Scenario) OverRealStores() (over Scenario, leftOut []FaultKind) {
	var gone []int
	for i, f := range s.Faults {
		if slices.Contains(simulatedOnly, f.Kind) {
			gone = append(gone, i)
			leftOut = append(leftOut, f.Kind)
		}
	}
	over = s.Without(gone...)
	over.Disk = RealDisk
	return over, leftOut
}
