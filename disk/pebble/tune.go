package pebble

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// Tuning. A store holds raft entries of about 3 KB that are soon deleted in
// ranges, and rows of about 3 KB under keys that grow: flushes are large, keys few.
const (
	// format is the format of the files. Raising it is a one-way step for a
	// directory: do it in a release of its own.
	format = pdb.FormatTableFormatV6
	// blockBytes holds about five rows, so that a Get reads little and an index
	// stays small.
	blockBytes = 16 << 10
	// blockThreshold is the part of a block, in percent, from which on it is closed before a
	// row that does not fit: a large one shall not lie in a block with rows of others.
	blockThreshold = 10
	// bloomBitsPerKey makes one absent key in a hundred cost a read.
	bloomBitsPerKey = 10
	// flushFileBytes and maxFileBytes are the sizes of a table at the top and at
	// the bottom of the tree.
	flushFileBytes, maxFileBytes = 8 << 20, 64 << 20
	// baseLevelBytes is the size of the first sorted level.
	baseLevelBytes = 128 << 20
	// cachedMemTables is the number of tables in memory that share the budget of
	// the cache: Pebble takes their memory from it.
	cachedMemTables = 4

	// Pebble stops writers inside Apply when it falls behind. These limits are out
	// of reach; the pacer holds back done instead, so that the node's turn goes on
	// while its writers slow down.
	stopMemTables, stopSublevels = 1 << 16, 1 << 20
	// pacedMemTables (tables in memory not yet flushed) and pacedSublevels (flushed
	// tables that a read must look through) are where the pacer starts.
	pacedMemTables, pacedSublevels = 3, 20
	// fatalMemTables is where a store whose flushes fail gives up; fatalSublevels is
	// where one whose compactions do not come along does, before reads stand still.
	fatalMemTables, fatalSublevels = 8, 500
	// fatalFailures is the number of failed attempts in a row before it does; with
	// failedTaskPause that is two seconds and more.
	fatalFailures = 20
	// maxPause is the longest that the pacer holds back one group of done calls,
	// pauseStep how often it looks.
	maxPause, pauseStep = 500 * time.Millisecond, 2 * time.Millisecond
)

func (s *Store) options() *pdb.Options {
	o := &pdb.Options{
		FS:                          s.fence,
		Lock:                        s.lock,
		Logger:                      logger{s.fence},
		EventListener:               s.events(),
		FormatMajorVersion:          format,
		CacheSize:                   s.opts.CacheBytes + cachedMemTables*s.opts.MemTableBytes,
		MemTableSize:                uint64(s.opts.MemTableBytes),
		MemTableStopWritesThreshold: stopMemTables,
		L0StopWritesThreshold:       stopSublevels,
		LBaseMaxBytes:               baseLevelBytes,
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(2, min(4, runtime.NumCPU()/2)) },
		BlockPropertyCollectors:     []func() pdb.BlockPropertyCollector{newKeyCollector},
	}
	size := int64(flushFileBytes)
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = min(size, maxFileBytes)
		size *= 2
	}
	for i := range o.Levels {
		o.Levels[i].BlockSize, o.Levels[i].BlockSizeThreshold = blockBytes, blockThreshold
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	o.ApplyCompressionSettings(func() pdb.DBCompressionSettings { return pdb.DBCompressionFastest })
	return o
}

// events counts what the pacer needs and passes on what went wrong. A checksum
// that does not match reaches whoever reads the key; it does not stop the store.
func (s *Store) events() *pdb.EventListener {
	l := &pdb.EventListener{
		BackgroundError: s.backgroundError,
		DataCorruption:  func(i pdb.DataCorruptionInfo) { s.opts.Log(fmt.Sprintf("corruption: %v", i)) },
		WriteStallBegin: func(i pdb.WriteStallBeginInfo) { s.opts.Log(fmt.Sprintf("writes stalled: %v", i)) },
		WALCreated:      func(pdb.WALCreateInfo) { s.pacer.rotations.Add(1) },
		FlushEnd: func(i pdb.FlushInfo) {
			if i.Err == nil {
				s.pacer.failures.Store(0)
			}
		},
	}
	return l
}

// backgroundError counts a failed flush or compaction. It is called on the task's
// goroutine, which tries again at once; in an Open that was abandoned it must not.
func (s *Store) backgroundError(err error) {
	if s.abandoned.Load() {
		runtime.Goexit()
	}
	n := s.pacer.failures.Add(1)
	if s.fence.err() == nil {
		s.opts.Log(fmt.Sprintf("background task failed: %v", err))
	}
	if n >= maxOpenFailures && !s.fence.armed.Load() {
		select {
		case s.openFailed <- err:
		default: // one is enough
		}
	}
}

// logger receives what Pebble has to say. Fatalf returns: Pebble's callers go on
// with an error in hand, and the fence lets nothing more reach the device.
type logger struct{ fence *fence }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	if l.fence.err() == nil { // a dead store has said why
		l.fence.log(fmt.Sprintf(format, args...))
	}
}

func (l logger) Fatalf(format string, args ...any) { l.fence.kill(fmt.Errorf(format, args...)) }

// pacer knows whether Pebble keeps up. Its counters are written by Pebble's
// goroutines; behind and seen belong to the finisher.
type pacer struct {
	rotations, failures atomic.Int64
	seen                int64
	behind              bool
}

// pace holds the finisher back while Pebble has too much to flush or compact, for
// maxPause at most. It looks only after a table in memory was filled.
func (s *Store) pace() {
	p := &s.pacer
	if n := p.rotations.Load(); n == p.seen && !p.behind {
		return
	} else {
		p.seen = n
	}
	for wait := time.Duration(0); ; wait += pauseStep {
		m := s.db.Metrics()
		memTables, sublevels := m.MemTable.Size/uint64(s.opts.MemTableBytes), m.Levels[0].Sublevels
		p.behind = memTables > pacedMemTables || sublevels > pacedSublevels
		if n := p.failures.Load(); n >= fatalFailures && memTables > fatalMemTables || sublevels > fatalSublevels {
			s.fence.kill(fmt.Errorf("%d bytes in memory could not be flushed in %d attempts, %d tables wait for compaction", m.MemTable.Size, n, sublevels))
		}
		if !p.behind || wait >= maxPause || s.fence.err() != nil {
			return
		}
		select {
		case <-s.stop:
			return
		case <-time.After(pauseStep):
		}
	}
}
