package crashable

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// sectorBytes is what a device writes and reads at once.
	sectorBytes = 512
	// lastNoteBytes is the end of a log, behind which nothing tells that it was there.
	lastNoteBytes = 128
)

// Damage closes the store and opens another one over a copy of its device in which something
// is spoiled that seed chooses: one bit, or with astray what a write that went astray leaves,
// in a file one sector as it never was and another overwritten. It spares the end of the
// newest log and what Pebble reads without a checksum. The error is that of the opening.
// Restore goes back.
func (s *Store) Damage(astray bool, seed uint64) (spoilt *Store, err error) {
	if err := s.Close(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	spoilt = &Store{mem: s.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: r})}
	if err := spoilt.spoil(astray, r, s.on.extents()); err != nil {
		panic(fmt.Sprintf("crashable.Damage: %v", err)) // of a device in memory
	}
	return spoilt, spoilt.open()
}

// Restore opens the store that Damage closed.
func (s *Store) Restore() error { return s.open() }

func (s *Store) spoil(astray bool, r *rand.Rand, logs map[string]extent) error {
	names, err := s.mem.List(dir)
	if err != nil {
		return err
	}
	type place struct {
		name string
		size int64
	}
	var places []place
	for _, name := range names {
		if strings.HasPrefix(name, "LOCK") || strings.HasPrefix(name, "OPTIONS") {
			continue
		}
		path := s.mem.PathJoin(dir, name)
		info, err := s.mem.Stat(path)
		if err != nil {
			return err
		}
		size := info.Size()
		if e, ok := logs[path]; ok {
			size = e.written - lastNoteBytes
		}
		if size > 0 && (!astray || size >= 2*sectorBytes) {
			places = append(places, place{path, size})
		}
	}
	if len(places) == 0 {
		return nil
	}
	p := places[r.IntN(len(places))]
	if !astray {
		at := r.Int64N(p.size)
		if r.IntN(2) == 0 { // the ends are where it is hard
			at = p.size - 1 - r.Int64N(min(p.size, sectorBytes))
		}
		b, err := s.readAt(p.name, at, 1)
		if err != nil {
			return err
		}
		b[0] ^= 1 << r.IntN(8)
		return overwrite(s.mem, p.name, at, b)
	}
	sectors := p.size / sectorBytes
	meant, hit := r.Int64N(sectors), r.Int64N(sectors)
	data, err := s.readAt(p.name, meant*sectorBytes, sectorBytes)
	if err != nil {
		return err
	}
	return errors.Join(overwrite(s.mem, p.name, meant*sectorBytes, make([]byte, sectorBytes)), overwrite(s.mem, p.name, hit*sectorBytes, data))
}

func (s *Store) readAt(name string, at, size int64) ([]byte, error) {
	f, err := s.mem.Open(name)
	if err != nil {
		return nil, err
	}
	p := make([]byte, size)
	if _, err = f.ReadAt(p, at); err == io.EOF {
		err = nil
	}
	return p, errors.Join(err, f.Close())
}
