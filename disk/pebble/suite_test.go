package pebble_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/disktest"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

// driveTimeout is how long a done may take before the test says that it never comes.
const driveTimeout = 30 * time.Second

// smallMemTable makes logs rotate and tables flush in the middle of a walk.
const smallMemTable = 256 << 10

// gate is a store seen through its harness: it counts done calls and stops them
// at the instant of a crash.
type gate struct {
	*pebble.Store

	mu       sync.Mutex // guards the fields below, and is held during a done
	called   sync.Cond
	due      int
	crashed  bool
	timedOut bool
}

func (g *gate) Apply(b *disk.Batch, sync bool, done func(error)) {
	if !sync {
		g.Store.Apply(b, false, nil)
		return
	}
	g.mu.Lock()
	g.due++
	g.mu.Unlock()
	g.Store.Apply(b, true, func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.crashed {
			return
		}
		g.due--
		done(err)
		g.called.Broadcast()
	})
}

func gated(s *pebble.Store) *gate {
	g := &gate{Store: s}
	g.called.L = &g.mu
	return g
}

// stop makes the last done be the last.
func (g *gate) stop() {
	g.mu.Lock()
	g.crashed = true
	g.mu.Unlock()
}

// drive waits for one done.
func (g *gate) drive() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due == 0 {
		return false
	}
	timer := time.AfterFunc(driveTimeout, func() {
		g.mu.Lock()
		g.timedOut = true
		g.mu.Unlock()
		g.called.Broadcast()
	})
	defer timer.Stop()
	for before := g.due; g.due >= before; {
		if g.timedOut {
			return false
		}
		g.called.Wait()
	}
	return true
}

// harness is a store in a directory, where a crash is a close.
type harness struct {
	t   testing.TB
	dir string
	g   *gate
}

func (h *harness) open() {
	h.g = nil
	s, err := pebble.Open(h.dir, pebble.Options{MemTableBytes: smallMemTable, CacheBytes: 1 << 20, Log: func(line string) { h.t.Error(line) }})
	if err != nil {
		h.t.Fatal(err)
	}
	h.g = gated(s)
}

func (h *harness) close() {
	if h.g == nil {
		return // it did not open
	}
	if err := h.g.Store.Close(); err != nil {
		h.t.Error(err) // not Fatal: it would hide a panic that is under way
	}
}

func (h *harness) Disk() disk.Disk { return h.g }
func (h *harness) Drive() bool     { return h.g.drive() }
func (h *harness) Close()          { h.close() }

func (h *harness) Reopen() {
	h.close()
	h.open()
}

func (h *harness) Crash(uint64) {
	h.g.stop()
	h.close()
	h.open()
}

// memHarness is a store on a device in memory that crashes and fails.
type memHarness struct {
	t       testing.TB
	s       *crashable.Store
	g       *gate
	faulty  atomic.Bool // what the store says of itself is no failure: it was made to fail
	spoiled *crashable.Store
}

var _ disktest.Device = (*memHarness)(nil)

func openMem(t testing.TB) disktest.Harness {
	h := &memHarness{t: t}
	s, err := crashable.Open()
	s.Log = func(line string) {
		if !h.faulty.Load() {
			t.Error(line)
		}
	}
	h.s = s
	h.opened(err)
	return h
}

// opened takes the result of an opening.
func (h *memHarness) opened(err error) {
	if err != nil {
		h.t.Fatal(err)
	}
	h.faulty.Store(false)
	h.g = gated(h.s.Store)
}

func (h *memHarness) Disk() disk.Disk { return h.g }
func (h *memHarness) Drive() bool     { return h.g.drive() }
func (h *memHarness) Reopen()         { h.opened(h.s.Stop()) }

func (h *memHarness) Close() {
	if err := h.s.Close(); err != nil && !h.faulty.Load() {
		h.t.Error(err)
	}
}

func (h *memHarness) Crash(seed uint64) {
	h.end(h.s.Crash, seed)
}

func (h *memHarness) Tear(seed uint64) {
	h.end(h.s.Tear, seed)
}

// end stops the store in some way, and calls no done of before any more.
func (h *memHarness) end(how func(seed uint64) error, seed uint64) {
	h.faulty.Store(true) // the old store is made to
	h.g.stop()
	h.opened(how(seed))
}

func (h *memHarness) FailWrites(failing bool) {
	h.faulty.Store(true)
	h.s.Fail(failing)
}

func (h *memHarness) Fill(left int) {
	h.faulty.Store(true)
	h.s.Fill(int64(left))
}

func (h *memHarness) Misread(how disktest.Misread) {
	h.faulty.Store(true)
	h.s.Misread(how == disktest.Unreadable, how == disktest.ReadElsewhere)
}

func (h *memHarness) Damage(how disktest.Damage, seed uint64) (disk.Reader, error) {
	spoiled, err := h.s.Damage(how == disktest.WriteElsewhere, seed)
	if err != nil {
		return nil, err
	}
	h.spoiled = spoiled
	return spoiled, nil
}

func (h *memHarness) Restore() {
	if h.spoiled != nil {
		_ = h.spoiled.Close() // it may say that it is spoiled
		h.spoiled = nil
	}
	h.opened(h.s.Restore())
}

func TestSuiteInMemory(t *testing.T) {
	disktest.Run(t, disktest.Config{Open: openMem})
}

func TestSuiteInDirectory(t *testing.T) {
	walks := 20
	if testing.Short() {
		walks = 3
	}
	disktest.Run(t, disktest.Config{Walks: walks, Open: func(t testing.TB) disktest.Harness {
		h := &harness{t: t, dir: t.TempDir()}
		h.open()
		return h
	}})
}
