package pebble

import (
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
// does not hold, which no one can recover from. So it is never told: at the first
// failure the fence records why the store is dead, and from then on nothing
// reaches the device. The log seems to work, so that no caller of Apply is stuck;
// all else fails. What is on the device is what a crash at that moment had left.
type fence struct {
	vfs.FS
	log   func(line string)
	armed atomic.Bool // once the store is open; before, Open returns the error
	cause atomic.Pointer[flow.Error]
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

// lost takes the error of a write to the log or a directory and hides it when
// the fence is armed.
func (f *fence) lost(err error) error {
	if err == nil || !f.armed.Load() {
		return err
	}
	f.kill(err)
	return nil
}

// refused returns the error of a background task, after a pause.
func (f *fence) refused(err error) error {
	if err != nil && f.armed.Load() {
		time.Sleep(failedTaskPause)
	}
	return err
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// opened wraps a file that was opened for writing. A log that could not be opened
// is replaced by one that keeps nothing.
func (f *fence) opened(name string, file vfs.File, err error) (vfs.File, error) {
	if !isLog(name) {
		if err != nil {
			return nil, f.refused(err)
		}
		return &fencedFile{File: file, fence: f}, nil
	}
	if err = f.lost(err); err != nil {
		return nil, err
	}
	if file == nil || f.err() != nil {
		file = vfs.NewMemFile(nil)
	}
	return &fencedFile{File: file, fence: f, log: true}, nil
}

func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(name, nil, err)
	}
	file, err := f.FS.Create(name, category)
	if err != nil {
		file = nil // it may be a typed nil
	}
	return f.opened(name, file, err)
}

func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(newname, nil, err)
	}
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	if err != nil {
		file = nil
	}
	return f.opened(newname, file, err)
}

func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.err(); err != nil {
		return f.opened(name, nil, err)
	}
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	if err != nil {
		file = nil
	}
	return f.opened(name, file, err)
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f, log: true}, nil // the log's place is in it
}

func (f *fence) change(do func() error) error {
	if err := f.err(); err != nil {
		return f.refused(err)
	}
	return f.refused(do())
}

func (f *fence) Link(oldname, newname string) error {
	return f.change(func() error { return f.FS.Link(oldname, newname) })
}

func (f *fence) Remove(name string) error {
	return f.change(func() error { return f.FS.Remove(name) })
}

func (f *fence) RemoveAll(name string) error {
	return f.change(func() error { return f.FS.RemoveAll(name) })
}

func (f *fence) Rename(oldname, newname string) error {
	return f.change(func() error { return f.FS.Rename(oldname, newname) })
}

// Unwrap returns the file system behind the fence.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file open for writing. A log hides its failures (see fence).
type fencedFile struct {
	vfs.File
	fence *fence
	log   bool
}

// write runs an operation that changes the device, unless the store is dead.
func (w *fencedFile) write(do func() error) error {
	if err := w.fence.err(); err != nil {
		if w.log {
			return nil
		}
		return w.fence.refused(err)
	}
	err := do()
	if w.log {
		return w.fence.lost(err)
	}
	return w.fence.refused(err)
}

func (w *fencedFile) Write(p []byte) (int, error) {
	if err := w.write(func() error { _, err := w.File.Write(p); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := w.write(func() error { _, err := w.File.WriteAt(p, off); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *fencedFile) Sync() error { return w.write(w.File.Sync) }

func (w *fencedFile) SyncData() error { return w.write(w.File.SyncData) }

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
	if w.log {
		return w.fence.lost(err)
	}
	return err
}
