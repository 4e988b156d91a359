package sim

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/disktest"
)

// diskHarness is a disk with a virtual time of its own.
type diskHarness struct {
	disk   *Disk
	now    time.Duration
	events []diskEvent
}

type diskEvent struct {
	at time.Duration
	f  func()
}

func newDiskHarness() *diskHarness {
	h := &diskHarness{}
	h.disk = NewDisk(func(d time.Duration, f func()) { h.events = append(h.events, diskEvent{h.now + d, f}) }, time.Millisecond)
	return h
}

// step runs the next event.
func (h *diskHarness) step() bool {
	if len(h.events) == 0 {
		return false
	}
	i := 0
	for j, e := range h.events {
		if e.at < h.events[i].at {
			i = j
		}
	}
	e := h.events[i]
	h.events = slices.Delete(h.events, i, i+1)
	h.now = e.at
	e.f()
	return true
}

func (h *diskHarness) Disk() disk.Disk { return h.disk }
func (h *diskHarness) Close()          {}

func (h *diskHarness) Drive() bool {
	for before := len(h.disk.due); before > 0 && h.step(); {
		if len(h.disk.due) < before {
			return true
		}
	}
	return false
}

func (h *diskHarness) Crash(seed uint64) { h.disk.lose(seed) }

func (h *diskHarness) Reopen() {
	for h.Drive() {
	}
	h.disk.close()
}

func (h *diskHarness) FailWrites(failing bool) { h.disk.behave(0, false, failing) }

func (h *diskHarness) Fill(left int) {
	h.disk.Capacity = defaultCapacity
	if left >= 0 {
		h.disk.Capacity = h.disk.rows.bytes + uint64(left)
	}
}

// Misread makes every second read fail: a checksum tells of a block from elsewhere.
func (h *diskHarness) Misread(how disktest.Misread) {
	h.disk.Reading = nil
	reads := 0
	if how != disktest.Sound {
		h.disk.Reading = func() error {
			if reads++; reads%2 == 0 {
				return flow.Errorf(flow.Corrupt, "test", "the device misreads (%d)", how)
			}
			return nil
		}
	}
}

func (h *diskHarness) Tear(seed uint64) { h.disk.tear(seed) }

func (h *diskHarness) Damage(how disktest.Damage, seed uint64) (disk.Reader, error) {
	h.Reopen()
	for i := range 1 + uint64(how) { // a write that goes astray spoils two rows
		h.disk.Rot(seed+i, func([]byte) bool { return true })
	}
	return h.disk, nil
}

func (h *diskHarness) Restore() { h.disk.rotten = nil }

func TestDiskSuite(t *testing.T) {
	disktest.Run(t, disktest.Config{Open: func(testing.TB) disktest.Harness { return newDiskHarness() }})
}

// put applies one row and returns where its outcome will be.
func (h *diskHarness) put(key string, sync bool) *error {
	var b disk.Batch
	b.Put([]byte(key), []byte("value"))
	if !sync {
		h.disk.Apply(&b, false, nil)
		return nil
	}
	outcome := errPending
	h.disk.Apply(&b, true, func(err error) { outcome = err })
	return &outcome
}

var errPending error = flow.Errorf(flow.Unavailable, "test", "done has not come")

func (h *diskHarness) run(until time.Duration) {
	for len(h.events) > 0 && slices.MinFunc(h.events, func(a, b diskEvent) int { return int(a.at - b.at) }).at <= until {
		h.step()
	}
	h.now = until
}

// TestDiskSyncsInGroups: what is applied while a sync is under way waits for the
// next one, and one sync serves all of it.
func TestDiskSyncsInGroups(t *testing.T) {
	h := newDiskHarness()
	first := h.put("a", true)
	second, third := h.put("b", true), h.put("c", true)
	h.run(time.Millisecond)
	if *first != nil || *second != errPending || h.disk.Unsynced() != 2 {
		t.Fatalf("after one sync: %v, %v, %d not durable", *first, *second, h.disk.Unsynced())
	}
	h.run(2 * time.Millisecond)
	if *second != nil || *third != nil || h.disk.Unsynced() != 0 {
		t.Fatalf("after two syncs: %v, %v, %d not durable", *second, *third, h.disk.Unsynced())
	}
}

// TestDiskFaults: slow, stuck and failing devices.
func TestDiskFaults(t *testing.T) {
	h := newDiskHarness()
	h.disk.behave(9*time.Millisecond, false, false)
	slow := h.put("a", true)
	h.run(9 * time.Millisecond)
	if *slow != errPending {
		t.Fatal("a slow sync ended early")
	}
	h.run(10 * time.Millisecond)
	if *slow != nil {
		t.Fatal("a slow sync did not end")
	}
	h.disk.behave(0, true, false)
	stuck := h.put("b", true)
	h.run(time.Hour)
	if *stuck != errPending || len(h.events) != 0 {
		t.Fatalf("a stuck sync: %v, %d events left", *stuck, len(h.events))
	}
	h.disk.behave(0, false, true)
	late := h.put("c", true)
	h.run(2 * time.Hour)
	if *stuck == nil || *stuck == errPending || *late != *stuck || h.disk.Dead() == nil {
		t.Fatalf("a failed sync: %v, then %v", *stuck, *late)
	}
	after := h.put("d", true)
	h.run(3 * time.Hour)
	if *after != *stuck {
		t.Fatalf("a dead disk gave %v", *after)
	}
	h.disk.behave(0, false, false)
	if lost := h.disk.Crash(func(n int) int { return n - 2 }); lost != 2 {
		t.Fatalf("lost %d, want 2", lost)
	}
	again := h.put("e", true)
	h.run(4 * time.Hour)
	if *again != nil {
		t.Fatalf("a disk opened again gave %v", *again)
	}
	for key, want := range map[string]bool{"a": true, "b": true, "c": false, "d": false, "e": true} {
		if _, ok, _ := h.disk.Get([]byte(key)); ok != want {
			t.Errorf("%s is there: %v, want %v", key, ok, want)
		}
	}
}

// TestDiskFull: the usage is exact, and a sync past the capacity fails.
func TestDiskFull(t *testing.T) {
	h := newDiskHarness()
	h.disk.Capacity = 20
	for i, free := range []uint64{14, 8, 2} {
		outcome := h.put(fmt.Sprint(i), true)
		h.run(h.now + time.Second)
		if u := h.disk.Usage(); *outcome != nil || u.Free != free || u.Used != 20-free {
			t.Fatalf("row %d: %v, usage %+v, want %d free", i, *outcome, u, free)
		}
	}
	outcome := h.put("3", true)
	h.run(h.now + time.Second)
	if *outcome == nil || *outcome == errPending || h.disk.Usage().Free != 0 {
		t.Fatalf("past the capacity: %v, %+v", *outcome, h.disk.Usage())
	}
}

// TestDiskRowsMatchModel drives the treap with many keys, snapshots included, and
// checks its order, its heap and its sums.
func TestDiskRowsMatchModel(t *testing.T) {
	const steps, keys = 20000, 3000
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 0))
		var rows diskRows
		model := map[string]string{}
		key := func() []byte { return fmt.Appendf(nil, "%05d", r.IntN(keys)) }
		type shared struct {
			root  *diskRow
			model map[string]string
		}
		var views []shared
		for i := range steps {
			switch k := key(); r.IntN(40) {
			case 0:
				hi := fmt.Appendf(nil, "%s%d", k[:4], r.IntN(10))
				rows.removeRange(k, hi)
				maps.DeleteFunc(model, func(m, _ string) bool { return m >= string(k) && m < string(hi) })
			case 1, 2, 3, 4, 5, 6, 7, 8:
				_, old, had := rows.remove(k)
				if want, ok := model[string(k)]; had != ok || string(old) != want {
					t.Fatalf("seed %d step %d: remove gave %q %v, want %q %v", seed, i, old, had, want, ok)
				}
				delete(model, string(k))
			default:
				v := fmt.Append(nil, i)
				old, had := rows.put(k, v)
				if want, ok := model[string(k)]; had != ok || string(old) != want {
					t.Fatalf("seed %d step %d: put gave %q %v, want %q %v", seed, i, old, had, want, ok)
				}
				model[string(k)] = string(v)
			}
			if i%1000 == 999 {
				views = append(views, shared{rows.share(), maps.Clone(model)})
			}
		}
		for i, v := range append(views, shared{rows.root, model}) {
			if err := checkRows(v.root, v.model); err != nil {
				t.Fatalf("seed %d view %d: %v; repeat with: go test ./sim -run TestDiskRowsMatchModel", seed, i, err)
			}
		}
		if rows.bytes != size(rows.root) {
			t.Fatalf("seed %d: %d bytes, root has %d", seed, rows.bytes, size(rows.root))
		}
	}
}

func checkRows(root *diskRow, model map[string]string) error {
	var last []byte
	found := 0
	var err error
	root.visit(nil, nil, func(k, v []byte) bool {
		if last != nil && bytes.Compare(last, k) >= 0 {
			err = fmt.Errorf("%q after %q", k, last)
		}
		if want, ok := model[string(k)]; !ok || want != string(v) {
			err = fmt.Errorf("%q is %q, want %q %v", k, v, want, ok)
		}
		last, found = k, found+1
		return err == nil
	})
	if err == nil && found != len(model) {
		err = fmt.Errorf("%d rows, want %d", found, len(model))
	}
	if err == nil {
		err = checkNode(root)
	}
	return err
}

func checkNode(n *diskRow) error {
	if n == nil {
		return nil
	}
	for _, c := range []*diskRow{n.left, n.right} {
		if c != nil && c.priority > n.priority {
			return fmt.Errorf("%q lies below %q", c.key, n.key)
		}
		if err := checkNode(c); err != nil {
			return err
		}
	}
	if want := uint64(len(n.key)+len(n.value)) + size(n.left) + size(n.right); n.bytes != want {
		return fmt.Errorf("%q sums to %d bytes, want %d", n.key, n.bytes, want)
	}
	return nil
}

// BenchmarkDiskApply is a node's turn on a disk of 50,000 rows: five log entries
// appended, a hard state set, old entries deleted, now and then a snapshot.
func BenchmarkDiskApply(b *testing.B) {
	for _, snapshots := range []int{0, 16} {
		b.Run(fmt.Sprintf("snapshot every %d", snapshots), func(b *testing.B) {
			h := newDiskHarness()
			var batch disk.Batch
			value := make([]byte, 100)
			entry := func(i int) []byte { return fmt.Appendf(nil, "g%02d/log/%010d", i%17, i) }
			for i := range 50_000 {
				batch.Put(entry(i), value)
			}
			h.disk.Apply(&batch, false, nil)
			next := 50_000
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				batch.Reset()
				for range 5 {
					batch.Put(entry(next), value)
					next++
				}
				batch.Put([]byte("g00/hard"), value[:20])
				batch.DeleteRange(entry(next-50_000), append(entry(next-50_000), 0xff))
				h.disk.Apply(&batch, true, func(error) {})
				h.step()
				if snapshots > 0 && i%snapshots == 0 {
					_ = h.disk.Snapshot()
				}
			}
		})
	}
}
