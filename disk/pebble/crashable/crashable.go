// Package crashable is a Pebble store on a file system in memory that can lose what is
// not durable, and whose device can fail: the real store as simulated worlds and the suite
// of disks use it. It holds one store and its device, and knows nothing of what is in it.
package crashable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

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

var errDevice = errors.New("the device fails")

// Store is a Pebble store on a device in memory. It is used by one goroutine.
type Store struct {
	*pebble.Store
	mem *vfs.MemFS
	on  *device // of the open store
}

// Open returns an empty store.
func Open() (*Store, error) {
	s := &Store{mem: vfs.NewCrashableMem()}
	return s, s.open()
}

func (s *Store) open() error {
	on := &device{FS: s.mem}
	opened, err := pebble.Open(dir, pebble.Options{FS: on, MemTableBytes: memTableBytes, CacheBytes: cacheBytes})
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

func (s *Store) replace(c vfs.CrashCloneCfg) error {
	left := s.mem.CrashClone(c)
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

// device fails the writes of every file once it is told to. (Package errorfs of Pebble lets
// recycled logs pass.)
type device struct {
	vfs.FS
	failing atomic.Bool
}

func (d *device) opened(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &deviceFile{file, d}, nil
}

// Create implements vfs.FS.
func (d *device) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.opened(d.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (d *device) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.opened(d.FS.ReuseForWrite(old, name, c))
}

type deviceFile struct {
	vfs.File
	on *device
}

func (f *deviceFile) try(do func() error) error {
	if f.on.failing.Load() {
		return errDevice
	}
	return do()
}

func (f *deviceFile) Write(p []byte) (n int, err error) {
	err = f.try(func() error { n, err = f.File.Write(p); return err })
	return n, err
}

func (f *deviceFile) Sync() error { return f.try(f.File.Sync) }

func (f *deviceFile) SyncData() error { return f.try(f.File.SyncData) }

func (f *deviceFile) SyncTo(length int64) (full bool, err error) {
	err = f.try(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}
