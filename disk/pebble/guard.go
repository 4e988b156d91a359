package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"slices"
	"strings"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A manifest says which tables there are. Pebble takes what it cannot read of it for the
// end that a crash leaves, so rot in its last entry would make whole tables vanish, in
// silence. So beside each manifest lies its guard: a file to which, after each sync of the
// manifest and before Pebble is told of it (and deletes the logs whose rows are in tables
// now), a note is added of how long the manifest is, with a checksum over all of it.
const (
	manifestPrefix, guardPrefix = "MANIFEST-", "GUARD-"
	// noteBytes is the size of a note: length and checksum of the manifest, checksum of both.
	noteBytes = 8 + 4 + 4
)

// guard watches a manifest that is being written.
type guard struct {
	file    vfs.File
	written uint64
	sum     uint32
}

func guardOf(fs vfs.FS, manifest string) string {
	return fs.PathJoin(fs.PathDir(manifest), guardPrefix+strings.TrimPrefix(fs.PathBase(manifest), manifestPrefix))
}

func (g *guard) wrote(p []byte) {
	g.written += uint64(len(p))
	g.sum = crc32.Update(g.sum, castagnoli, p)
}

// synced notes that all that was written is durable.
func (g *guard) synced() error {
	note := binary.BigEndian.AppendUint64(make([]byte, 0, noteBytes), g.written)
	note = binary.BigEndian.AppendUint32(note, g.sum)
	note = binary.BigEndian.AppendUint32(note, crc32.Checksum(note, castagnoli))
	if _, err := g.file.Write(note); err != nil {
		return err
	}
	return g.file.Sync()
}

// refuseBrokenManifest returns a corruption error if a manifest is not as its guard's last
// whole note says. A store of before there were guards has none, until it is opened.
func refuseBrokenManifest(fs vfs.FS, manifest string) error {
	data, err := readFile(fs, manifest)
	if err != nil {
		return err
	}
	notes, err := readFile(fs, guardOf(fs, manifest))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for at := len(notes) - len(notes)%noteBytes - noteBytes; at >= 0; at -= noteBytes {
		note := notes[at : at+noteBytes]
		if crc32.Checksum(note[:12], castagnoli) != binary.BigEndian.Uint32(note[12:]) {
			continue
		}
		n := binary.BigEndian.Uint64(note)
		if n > uint64(len(data)) || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(note[8:]) {
			return fmt.Errorf("%w: the first %d bytes of %s are not as they were when they were durable", pdb.ErrCorruption, n, manifest)
		}
		return nil
	}
	return nil
}

// dropGuards removes the guards of manifests that are gone, for good: a later manifest of
// the same number must not be judged by them.
func dropGuards(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	dropped := false
	for _, name := range names {
		number, ok := strings.CutPrefix(name, guardPrefix)
		if !ok || slices.Contains(names, manifestPrefix+number) {
			continue
		}
		dropped = true
		if err := fs.Remove(fs.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	if !dropped {
		return nil
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	data, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}
