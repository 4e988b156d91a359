package pebble_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/disktest"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
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

// harness is a store on a file system. With mem it is a crashable one in memory;
// without, it is a real directory, where a crash is a close.
type harness struct {
	t   testing.TB
	dir string
	mem *vfs.MemFS
	g   *gate
}

func (h *harness) open() {
	o := pebble.Options{MemTableBytes: smallMemTable, CacheBytes: 1 << 20, Log: func(line string) { h.t.Error(line) }}
	if h.mem != nil {
		o.FS = h.mem
	}
	h.g = nil
	s, err := pebble.Open(h.dir, o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.g = &gate{Store: s}
	h.g.called.L = &h.g.mu
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

func (h *harness) Crash(seed uint64) {
	if h.mem != nil {
		rng := rand.New(rand.NewPCG(seed, 0))
		h.g.mu.Lock()
		clone := h.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		h.g.crashed = true
		h.g.mu.Unlock()
		h.close() // of the file system that nobody will see again
		h.mem = clone
	} else {
		h.g.mu.Lock()
		h.g.crashed = true
		h.g.mu.Unlock()
		h.close()
	}
	h.open()
}

func TestSuiteInMemory(t *testing.T) {
	disktest.Run(t, disktest.Config{Open: func(t testing.TB) disktest.Harness {
		h := &harness{t: t, dir: "data", mem: vfs.NewCrashableMem()}
		h.open()
		return h
	}})
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
