package crashable

import (
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	errDevice = errors.New("the device fails")
	errFull   = errors.New("no space left on the device")
	errRead   = errors.New("the device cannot read")
)

// unlimited is the space of a device that nothing fills.
const unlimited = math.MaxInt64

// device fails what is done to every file as it is told. (Package errorfs of Pebble lets
// logs pass that are used again, and has no end of space.)
type device struct {
	vfs.FS
	failing, unreadable, astray atomic.Bool

	left atomic.Int64 // bytes that can still be written

	mu   sync.Mutex         // guards logs
	logs map[string]*extent // that were opened for writing
}

// extent is how much of a file was written, and how much of that is durable, in bytes.
type extent struct{ written, durable int64 }

// extents is a copy of the logs' extents.
func (d *device) extents() map[string]extent {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]extent{}
	for name, e := range d.logs { // order-free: a copy
		all[name] = *e
	}
	return all
}

func (d *device) opened(name string, file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	f := &deviceFile{File: file, on: d}
	if strings.HasSuffix(name, ".log") {
		f.log = &extent{}
		d.mu.Lock()
		d.logs[name] = f.log
		d.mu.Unlock()
	}
	return f, nil
}

// Create implements vfs.FS.
func (d *device) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := d.FS.Create(name, c)
	return d.opened(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (d *device) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := d.FS.ReuseForWrite(old, name, c)
	return d.opened(name, file, err)
}

// Open implements vfs.FS.
func (d *device) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := d.FS.Open(name, o...)
	if err != nil {
		return nil, err
	}
	return &deviceFile{File: file, on: d}, nil
}

type deviceFile struct {
	vfs.File
	on  *device
	log *extent // of a log that is written
}

func (f *deviceFile) try(do func() error) error {
	if f.on.failing.Load() {
		return errDevice
	}
	return do()
}

func (f *deviceFile) Write(p []byte) (n int, err error) {
	err = f.try(func() error {
		fits := len(p)
		if left := f.on.left.Load(); left != unlimited {
			fits = int(min(int64(fits), max(0, left)))
			f.on.left.CompareAndSwap(left, left-int64(fits)) // but for what is written at the same time
		}
		n, err = f.File.Write(p[:fits])
		if f.log != nil {
			f.on.mu.Lock()
			f.log.written += int64(n)
			f.on.mu.Unlock()
		}
		if err == nil && fits < len(p) {
			err = errFull
		}
		return err
	})
	return n, err
}

func (f *deviceFile) Sync() error { return f.sync(f.File.Sync) }

func (f *deviceFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *deviceFile) sync(do func() error) error {
	return f.try(func() error {
		var written int64
		if f.log != nil {
			f.on.mu.Lock()
			written = f.log.written
			f.on.mu.Unlock()
		}
		err := do()
		if err == nil && f.log != nil {
			f.on.mu.Lock()
			f.log.durable = max(f.log.durable, written)
			f.on.mu.Unlock()
		}
		return err
	})
}

func (f *deviceFile) SyncTo(length int64) (full bool, err error) {
	err = f.try(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}

func (f *deviceFile) ReadAt(p []byte, at int64) (int, error) {
	if f.on.unreadable.Load() {
		return 0, errRead
	}
	if f.on.astray.Load() {
		return f.readElsewhere(p, at)
	}
	return f.File.ReadAt(p, at)
}

// readElsewhere reads a sector beside the one that is asked for.
func (f *deviceFile) readElsewhere(p []byte, at int64) (int, error) {
	info, err := f.File.Stat()
	if err != nil {
		return 0, err
	}
	switch size := int64(len(p)); {
	case at+sectorBytes+size <= info.Size():
		return f.File.ReadAt(p, at+sectorBytes)
	case at >= sectorBytes && at+size <= info.Size():
		return f.File.ReadAt(p, at-sectorBytes)
	}
	return 0, io.ErrUnexpectedEOF
}
