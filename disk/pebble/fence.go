package pebble

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// failedTaskPause keeps a background task that fails from running in a circle:
// Pebble tries a failed flush again at once.
const failedTaskPause = 100 * time.Millisecond

// fence stands between Pebble and the file system. Pebble 2.1 answers a failed
// write of its log with a panic in the middle of a rotation, under a lock that it
// does not hold, which no one can recover from; after a failed write of its
// manifest it means to end the process, and its memory is out of step. So it is
// never told: at the first failure the fence records why the store is dead, and
// from then on nothing reaches the device. Logs and manifests seem to work, so that
// no caller of Apply is stuck; tables cannot be written, which Pebble does survive.
// What is on the device is what a crash at that moment had left.
type fence struct {
	vfs.FS
	log   func(line string)
	armed atomic.Bool // once the store is open
	cause atomic.Pointer[flow.Error]
	place atomic.Pointer[logPlace] // of the newest log
}

// kill records the first reason of the store's death.
func (f *fence) kill(err error) {
	e := flow.Errorf(flow.Unknown, "pebble.Apply", "write to the device: %w", err)
	if f.cause.CompareAndSwap(nil, e) {
		f.log(fmt.Sprintf("store stopped: %v", err))
	}
}

// err returns why the store is dead, or nil.
func (f *fence) err() error {
	if e := f.cause.Load(); e != nil {
		return e
	}
	return nil
}

// arm starts the fence; it returns the error of a store that died while it opened.
func (f *fence) arm() error {
	f.armed.Store(true)
	return f.err()
}

// hide takes the error of a file whose failures Pebble does not survive.
func (f *fence) hide(err error) {
	if err != nil && f.err() == nil {
		f.kill(err)
	}
}

// refused returns the error of a background task, after a pause.
func (f *fence) refused(err error) error {
	if err != nil && f.armed.Load() {
		time.Sleep(failedTaskPause)
	}
	return err
}

// isHidden names the files whose failures Pebble does not survive: all but tables.
func isHidden(name string) bool { return !strings.HasSuffix(name, ".sst") }

// opened wraps a file that was opened for writing. A hidden one that could not be
// opened is replaced by one that keeps nothing.
func (f *fence) opened(name string, file vfs.File, err error) (vfs.File, error) {
	hidden := isHidden(name)
	if err != nil && !hidden {
		return nil, f.refused(err)
	}
	f.hide(err)
	if err != nil {
		file = vfs.NewMemFile(nil)
	}
	w := &fencedFile{File: file, fence: f, hidden: hidden}
	if n, ok := logNumber(f.PathBase(name)); ok {
		w.log = &logPlace{number: n}
		f.place.Store(&logPlace{number: n})
	}
	if err == nil && strings.HasPrefix(f.PathBase(name), manifestPrefix) {
		g, err := f.FS.Create(guardOf(f.FS, name), vfs.WriteCategoryUnspecified)
		f.hide(err)
		if err == nil {
			w.guard = &guard{file: g}
		}
	}
	return w, nil
}

// Create implements vfs.FS.
func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(name, nil, err)
	}
	file, err := f.FS.Create(name, category)
	return f.opened(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(newname, nil, err)
	}
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.opened(newname, file, err)
}

// OpenReadWrite implements vfs.FS.
func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(name, nil, err)
	}
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return f.opened(name, file, err)
}

// OpenDir implements vfs.FS.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedDir{File: file, fence: f}, nil
}

// fencedDir is a directory open for syncing: it says which logs and tables there are.
type fencedDir struct {
	vfs.File
	fence *fence
}

func (d *fencedDir) Sync() error {
	if d.fence.err() != nil {
		return nil
	}
	d.fence.hide(d.File.Sync())
	return nil
}

func (d *fencedDir) SyncData() error { return d.Sync() }

// change runs an operation on the name of a file.
func (f *fence) change(name string, do func() error) error {
	err := f.err()
	if err == nil {
		err = do()
	}
	if isHidden(name) {
		f.hide(err)
		return nil
	}
	return f.refused(err)
}

// Link implements vfs.FS.
func (f *fence) Link(oldname, newname string) error {
	return f.change(newname, func() error { return f.FS.Link(oldname, newname) })
}

// Remove keeps the files of a dead store.
func (f *fence) Remove(name string) error {
	if f.err() != nil {
		return nil
	}
	return f.FS.Remove(name)
}

// RemoveAll keeps the files of a dead store.
func (f *fence) RemoveAll(name string) error {
	if f.err() != nil {
		return nil
	}
	return f.FS.RemoveAll(name)
}

// Rename implements vfs.FS.
func (f *fence) Rename(oldname, newname string) error {
	return f.change(newname, func() error { return f.FS.Rename(oldname, newname) })
}

// Unwrap returns the file system behind the fence.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file open for writing. A hidden one shows no failure (see fence).
type fencedFile struct {
	vfs.File
	fence  *fence
	hidden bool
	guard  *guard    // of a manifest
	log    *logPlace // of a log: all that was written, durable after a sync
}

// write runs an operation that changes the device, unless the store is dead.
func (w *fencedFile) write(do func() error) error {
	err := w.fence.err()
	if err == nil {
		err = do()
	}
	if w.hidden {
		w.fence.hide(err)
		return nil
	}
	return w.fence.refused(err)
}

func (w *fencedFile) Write(p []byte) (int, error) {
	if w.guard != nil { // before: p may be spoiled by the write, and a failed one is the store's end
		w.guard.wrote(p)
	}
	if err := w.write(func() error { _, err := w.File.Write(p); return err }); err != nil {
		return 0, err
	}
	if w.log != nil {
		w.log.durable += uint64(len(p))
	}
	return len(p), nil
}

func (w *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := w.write(func() error { _, err := w.File.WriteAt(p, off); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *fencedFile) Sync() error { return w.sync(w.File.Sync) }

func (w *fencedFile) SyncData() error { return w.sync(w.File.SyncData) }

func (w *fencedFile) sync(do func() error) error {
	return w.write(func() error {
		err := do()
		if err == nil && w.guard != nil {
			err = w.guard.synced()
		}
		if now := w.fence.place.Load(); err == nil && w.log != nil && now.number == w.log.number {
			w.fence.place.Store(&logPlace{w.log.number, w.log.durable})
		}
		return err
	})
}

func (w *fencedFile) SyncTo(length int64) (fullSync bool, err error) {
	err = w.write(func() error {
		var err error
		fullSync, err = w.File.SyncTo(length)
		return err
	})
	return fullSync, err
}

func (w *fencedFile) Close() error {
	err := w.File.Close()
	if w.guard != nil {
		err = errors.Join(err, w.guard.file.Close())
	}
	if w.hidden {
		w.fence.hide(err)
		return nil
	}
	return err
}
