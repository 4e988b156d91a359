// Package crashable is a Pebble store on a file system in memory that can lose what is
// not durable, and whose device can fail: the real store as simulated worlds and the suite
// of disks use it. It holds one store and its device, and knows nothing of what is in it.
package crashable

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
)

const (
	// memTableBytes is so small that logs rotate and tables are written in a short run.
	memTableBytes = 256 << 10
	cacheBytes    = 1 << 20
	dir           = "data"
)

// Store is a Pebble store on a device in memory. It is used by one goroutine.
type Store struct {
	*pebble.Store
	// Log, when set, receives what the next stores that are opened say of themselves.
	Log func(line string)
	mem *vfs.MemFS
	on  *device // of the open store
}

// Open returns an empty store.
func Open() (*Store, error) {
	s := &Store{mem: vfs.NewCrashableMem()}
	return s, s.open()
}

// say passes a line to Log.
func (s *Store) say(line string) {
	if s.Log != nil {
		s.Log(line)
	}
}

func (s *Store) open() error {
	on := &device{FS: s.mem, logs: map[string]*extent{}}
	on.left.Store(unlimited)
	opened, err := pebble.Open(dir, pebble.Options{FS: on, MemTableBytes: memTableBytes, CacheBytes: cacheBytes, Log: s.say})
	if err != nil {
		return fmt.Errorf("open what is on the device: %w", err)
	}
	s.Store, s.on = opened, on
	return nil
}

// Await waits until all that was applied is durable, and returns the error that killed
// the store if it was not to be.
func (s *Store) Await() error {
	durable := make(chan error, 1)
	s.Apply(&disk.Batch{}, true, func(err error) { durable <- err })
	return <-durable
}

// Fail makes every write to the device fail from now on, or no longer.
func (s *Store) Fail(failing bool) { s.on.failing.Store(failing) }

// Fill leaves so many bytes of space on the device, until the next opening; a negative
// number leaves no limit. The write that does not fit is done in part, and fails.
func (s *Store) Fill(left int64) {
	if left < 0 {
		left = unlimited
	}
	s.on.left.Store(left)
}

// Misread makes reads of the device fail, or give what lies elsewhere in the file, until the
// next opening. What the store has in memory it reads as ever.
func (s *Store) Misread(fail, elsewhere bool) {
	s.on.unreadable.Store(fail)
	s.on.astray.Store(elsewhere)
}

// Stop closes the store, so that all stays, and opens it again.
func (s *Store) Stop() error {
	if err := s.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return s.open()
}

// Crash stops the store as a loss of power does and opens what is left: all that is
// durable, and of the rest as much as seed says.
func (s *Store) Crash(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0))
	return s.replace(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
}

// Kill stops the store as the end of its process does and opens what is left: all that
// it has given to the operating system.
func (s *Store) Kill() error {
	return s.replace(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
}

// Tear is a loss of power in the midst of the last write to the log: of what is not durable
// all is there up to some byte, which seed chooses, and zeros are behind it.
func (s *Store) Tear(seed uint64) error {
	extents := s.on.extents() // before the copy: the store goes on
	r := rand.New(rand.NewPCG(seed, 0))
	left := s.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: r})
	for _, name := range slices.Sorted(maps.Keys(extents)) {
		if e := extents[name]; e.written > e.durable {
			if err := blank(left, name, e.durable+r.Int64N(e.written-e.durable+1)); err != nil {
				return err
			}
		}
	}
	return s.becomes(left)
}

// blank fills a file with zeros from a byte on. A file that is gone is none.
func blank(fs *vfs.MemFS, name string, from int64) error {
	info, err := fs.Stat(name)
	if err != nil || info.Size() <= from {
		return nil
	}
	return overwrite(fs, name, from, make([]byte, info.Size()-from))
}

func overwrite(fs *vfs.MemFS, name string, at int64, p []byte) error {
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	_, err = f.WriteAt(p, at)
	return errors.Join(err, f.Close())
}

func (s *Store) replace(c vfs.CrashCloneCfg) error {
	return s.becomes(s.mem.CrashClone(c))
}

func (s *Store) becomes(left *vfs.MemFS) error {
	s.Fail(true)  // what the old store still does is seen by nobody
	_ = s.Close() // it says that its device fails
	s.mem = left
	return s.open()
}

// Wipe opens an empty store in place of the old one.
func (s *Store) Wipe() error {
	_ = s.Close() // a store that nobody asks any more
	s.mem = vfs.NewCrashableMem()
	return s.open()
}
