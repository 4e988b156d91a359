// Package pebble is the real Disk: one Pebble store in one directory. It commits
// batches in order without waiting for the device, reports their durability from
// a goroutine of its own, and turns a failed write into the death of the store.
// It knows nothing of what the keys mean, and never ends the process.
package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// Limits of a store.
const (
	// defaultCacheBytes is the memory for blocks read from tables.
	defaultCacheBytes = 32 << 20
	// defaultMemTableBytes is the size of one table in memory, and so of one
	// write-ahead log. Each time one is full Apply waits for the log's last sync.
	defaultMemTableBytes = 16 << 20
	// minMemTableBytes keeps one table above Pebble's own overhead.
	minMemTableBytes = 256 << 10
	// maxInFlightSyncs is the number of batches that wait for the device, each
	// with a place in Pebble's queue of 4,095; beyond it Apply would block, so
	// later batches share one barrier.
	maxInFlightSyncs = 2048
	// maxOpenFailures is the number of background errors after which Open gives up.
	maxOpenFailures = 3
	// figuresRefresh is the age at which Figures and Usage are read again.
	figuresRefresh = 2 * time.Second
)

// Options are the settings of a store. The zero value is good.
type Options struct {
	// FS is the file system; nil is the operating system's.
	FS vfs.FS
	// CacheBytes is the memory for blocks read from tables (default 32 MiB). Too
	// small costs a read of the file for every Get.
	CacheBytes int64
	// MemTableBytes is the size of one table in memory (default 16 MiB); up to four
	// of them are held. Too small costs a pause of a few milliseconds at each
	// rotation, too large costs memory and a longer restart.
	MemTableBytes int64
	// Log receives one line for each error of a background task. It may be called
	// from any goroutine. Nil drops them; the same errors reach done or Close.
	Log func(line string)
}

func (o *Options) validate() error {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = defaultMemTableBytes
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.CacheBytes < 0 {
		return flow.Errorf(flow.InvalidArgument, "pebble.Open", "CacheBytes is %d, want >= 0", o.CacheBytes)
	}
	if o.MemTableBytes < minMemTableBytes {
		return flow.Errorf(flow.InvalidArgument, "pebble.Open", "MemTableBytes is %d, want >= %d", o.MemTableBytes, minMemTableBytes)
	}
	return nil
}

// Store is a disk.Disk in a directory. Apply is called by one goroutine; the
// Reader methods may be called by any. done functions are called one at a time,
// in the order of Apply, from the store's own goroutine: they must not block on
// the goroutine that calls Close.
type Store struct {
	dir   string
	opts  Options
	db    *pdb.DB
	lock  *pdb.Lock
	fence *fence

	openFailed chan error  // gives the background error that keeps Open from ending
	abandoned  atomic.Bool // Open has given up

	finisher finisher // delivers the done functions
	pacer    pacer    // slows them down when Pebble falls behind
	figures  atomic.Pointer[Figures]
	sizes    sizes
	applied  atomic.Int64 // batches
	// seen and settled are values of applied (see settleWhenQuiet).
	seen, settled int64

	stop chan struct{}  // closed by Close
	wait sync.WaitGroup // the goroutines of finisher and figures; Close waits

	mu        sync.Mutex // guards snapshots
	snapshots map[*snapshot]struct{}
}

var _ disk.Disk = (*Store)(nil)

// Open opens the store in dir, creating both if need be. It fails with
// Unavailable when another process (or another Store) has it open, and with
// Corrupt when a checksum does not match or what was durable is cut off.
func Open(dir string, opts Options) (*Store, error) {
	const op = "pebble.Open"
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if err := opts.FS.MkdirAll(dir, 0o755); err != nil {
		return nil, flow.Errorf(flow.Internal, op, "create data directory %s: %w", dir, err)
	}
	lock, err := pdb.LockDirectory(dir, opts.FS)
	if err != nil {
		return nil, flow.Errorf(flow.Unavailable, op, "data directory %s is in use by another process: %w", dir, err)
	}
	s := &Store{
		dir: dir, opts: opts, lock: lock,
		openFailed: make(chan error, 1), stop: make(chan struct{}), snapshots: map[*snapshot]struct{}{},
	}
	s.finisher.ready.L = &s.finisher.mu
	reader := &pdb.Options{}
	reader.EnsureDefaults()
	s.sizes.reader = reader.MakeReaderOptions()
	s.fence = &fence{FS: opts.FS, log: opts.Log}
	if err = s.refuseRot(); err == nil {
		s.db, err = s.open()
	}
	if err != nil {
		return nil, readError(op, "open store in "+dir, errors.Join(err, lock.Close()))
	}
	if err := s.fence.arm(); err != nil {
		return nil, readError(op, "open store in "+dir, errors.Join(err, s.db.Close(), lock.Close()))
	}
	s.readFigures()
	s.wait.Add(2) // both end when Close closes stop and the finisher
	go s.finish()
	go s.refreshFigures()
	return s, nil
}

// refuseRot returns a corruption error for a store that rot has cut short in a way that
// Pebble does not see.
func (s *Store) refuseRot() error {
	fs := s.opts.FS
	found, err := pdb.Peek(s.dir, fs)
	if err != nil || !found.Exists {
		return err
	}
	return errors.Join(refuseRottenLog(fs, s.dir), refuseBrokenManifest(fs, fs.PathJoin(s.dir, fs.PathBase(found.ManifestFilename))), dropGuards(fs, s.dir))
}

// open opens Pebble's store. Pebble retries for ever what it cannot flush while it
// opens, on a full device for one: such an attempt is abandoned, asleep, and what it
// holds of the lock is given back.
func (s *Store) open() (*pdb.DB, error) {
	type result struct {
		db  *pdb.DB
		err error
	}
	opened := make(chan result, 1)
	go func() { // ends with pdb.Open, or never (see above)
		defer func() {
			if r := recover(); r != nil {
				opened <- result{nil, fmt.Errorf("panic: %v", r)}
			}
		}()
		db, err := pdb.Open(s.dir, s.options())
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		return r.db, r.err
	case err := <-s.openFailed:
		s.abandoned.Store(true)
		s.fence.kill(err)
		return nil, errors.Join(err, s.lock.Close())
	}
}

// Close waits until every done was called, makes the rest durable and closes the
// store. Snapshots that are still open answer Unavailable from then on. It
// returns the error that killed the store, if one did. Apply must not be called
// during Close or after it.
func (s *Store) Close() error {
	close(s.stop)
	s.finisher.close()
	s.wait.Wait()
	err := s.closeSnapshots()
	s.settle()
	err = errors.Join(err, s.db.Close(), s.lock.Close())
	if dead := s.fence.err(); dead != nil {
		return dead
	}
	if err != nil {
		return readError("pebble.Close", "close store in "+s.dir, err)
	}
	return nil
}

// Apply implements disk.Disk.
func (s *Store) Apply(b *disk.Batch, sync bool, done func(error)) {
	if sync != (done != nil) {
		panic("pebble.Apply: done must be given with sync, and only then")
	}
	if s.fence.err() != nil {
		if sync {
			s.finisher.push(pending{done: done})
		}
		return
	}
	s.applied.Add(1)
	batch := s.batch(b)
	switch {
	case batch.Count() == 0:
		s.release(batch)
		batch = nil
	case sync && s.finisher.inFlight.Load() < maxInFlightSyncs:
		s.finisher.inFlight.Add(1)
		s.commit(s.db.ApplyNoSyncWait(batch, pdb.Sync))
		s.finisher.push(pending{batch: batch, done: done})
		return
	default:
		s.commit(s.db.Apply(batch, pdb.NoSync))
		s.release(batch)
	}
	if sync {
		s.finisher.push(pending{done: done})
	}
}

func (s *Store) batch(b *disk.Batch) *pdb.Batch {
	const perOp = 12 // bytes of kind and lengths, at most
	batch := s.db.NewBatchWithSize(b.Bytes() + perOp*b.Len() + logNoteBytes + 64)
	if err := batch.LogData(s.fence.note(), nil); err != nil {
		s.fence.kill(err)
	}
	for _, op := range b.Ops() {
		var err error
		switch op.Kind {
		case disk.Put:
			err = batch.Set(op.Key, op.Value, nil)
		case disk.Delete:
			err = batch.Delete(op.Key, nil)
		case disk.DeleteRange:
			if bytes.Compare(op.Key, op.Value) < 0 {
				err = batch.DeleteRange(op.Key, op.Value, nil)
			}
		}
		if err != nil {
			s.fence.kill(err)
		}
	}
	return batch
}

// commit takes the result of a commit. Whatever it is, there is no way back: the
// batch may be in the log.
func (s *Store) commit(err error) {
	if err != nil {
		s.fence.kill(err)
	}
}

// release gives a batch's memory back. A dead store may still refer to it.
func (s *Store) release(batch *pdb.Batch) {
	if s.fence.err() == nil {
		_ = batch.Close() // only returns the memory; a committed batch has no error left
	}
}

// Get implements disk.Reader.
func (s *Store) Get(key []byte) ([]byte, bool, error) { return get(s.db, key) }

// Scan implements disk.Reader.
func (s *Store) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	return scan(s.db, lo, hi, visit)
}

func get(r pdb.Reader, key []byte) ([]byte, bool, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pdb.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, readError("pebble.Get", "read a key", err)
	}
	value := make([]byte, len(v))
	copy(value, v)
	if err := closer.Close(); err != nil {
		return nil, false, readError("pebble.Get", "read a key", err)
	}
	return value, true, nil
}

func scan(r pdb.Reader, lo, hi []byte, visit func(key, value []byte) bool) error {
	const op, what = "pebble.Scan", "scan a range"
	if hi != nil && bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	if len(lo) == 0 {
		lo = nil // Pebble's own checks fall over an empty bound
	}
	it, err := r.NewIter(&pdb.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return readError(op, what, err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return readError(op, what, errors.Join(err, it.Close()))
		}
		if !visit(it.Key(), value) {
			break
		}
	}
	if err := it.Close(); err != nil {
		return readError(op, what, err)
	}
	return nil
}

// readError says what was attempted; a checksum that does not match is Corrupt.
func readError(op, what string, err error) error {
	kind := flow.Internal
	if pdb.IsCorruptionError(err) {
		kind = flow.Corrupt
	}
	return flow.Errorf(kind, op, "%s: %w", what, err)
}
