package crashable

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Inject returns fs with an injector of errors before each operation. It is errorfs.Wrap,
// which leaves out whatever is done to a log that is used again, with that.
func Inject(fs vfs.FS, errors errorfs.Injector) vfs.FS {
	return &injected{errorfs.Wrap(fs, errors), fs, errors}
}

type injected struct {
	*errorfs.FS
	sound  vfs.FS
	errors errorfs.Injector
}

// ReuseForWrite implements vfs.FS.
func (i *injected) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := i.errors.MaybeError(errorfs.Op{Kind: errorfs.OpReuseForWrite, Path: old}); err != nil {
		return nil, err
	}
	if err := i.sound.Rename(old, name); err != nil {
		return nil, err
	}
	return i.FS.OpenReadWrite(name, c)
}
