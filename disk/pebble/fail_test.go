package pebble_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

var errDevice = errors.New("device is gone")

// faulty is a file system whose operations fail once on is set.
type faulty struct {
	on    atomic.Bool
	skip  atomic.Int64 // matching operations that still succeed
	hits  atomic.Int64
	match func(op errorfs.Op) bool
	// again waits for the first log that is used again, as all are from then on.
	again  bool
	reused atomic.Bool
}

func (f *faulty) String() string { return "faulty" }

func (f *faulty) MaybeError(op errorfs.Op) error {
	if op.Kind == errorfs.OpReuseForWrite {
		defer f.reused.Store(true)
	}
	if !f.on.Load() || f.again && !f.reused.Load() || !f.match(op) || f.skip.Add(-1) >= 0 {
		return nil
	}
	f.hits.Add(1)
	return errDevice
}

func kindAt(kind errorfs.OpKind, pathPart string) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return op.Kind == kind && strings.Contains(op.Path, pathPart) }
}

// outcomes collects done calls in order.
type outcomes struct {
	mu   sync.Mutex // guards the fields below
	next int
	good int // batches done with nil, all before the first error
	err  error
	bad  error
}

func (o *outcomes) done(i int) func(error) {
	return func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case i != o.next:
			o.bad = fmt.Errorf("done of batch %d, due was %d", i, o.next)
		case err == nil && o.err != nil:
			o.bad = fmt.Errorf("batch %d is durable after one that is not", i)
		case err != nil && flow.KindOf(err) != flow.Unknown:
			o.bad = fmt.Errorf("batch %d: kind of %v is %v, want %v", i, err, flow.KindOf(err), flow.Unknown)
		case err == nil:
			o.good++
		default:
			o.err = err
		}
		o.next++
	}
}

// load applies n batches of 20 KB, each with its number under the key "last".
func load(s *pebble.Store, o *outcomes, n int) {
	for i := range n {
		var b disk.Batch
		b.Put([]byte("last"), fmt.Append(nil, i))
		b.Put(fmt.Appendf(nil, "row%06d", i), bytes.Repeat([]byte{byte(i)}, 20<<10))
		if i >= 10 {
			b.DeleteRange(fmt.Appendf(nil, "row%06d", i-10), fmt.Appendf(nil, "row%06d", i-9))
		}
		s.Apply(&b, true, o.done(i))
	}
}

// closeInTime fails when Close hangs.
func closeInTime(t *testing.T, s *pebble.Store) error {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }() // ends with Close
	select {
	case err := <-closed:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("close hangs; repeat with: go test ./disk/pebble -run '^%s$'", t.Name())
		return nil
	}
}

// checkPrefix opens the store on the sound file system and checks that it holds a
// prefix with every batch that was called durable.
func checkPrefix(t *testing.T, fs vfs.FS, o *outcomes, n int) {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: fs, MemTableBytes: smallMemTable})
	if err != nil {
		t.Fatalf("open after the failure: %v", err)
	}
	defer s.Close()
	last := -1
	if v, ok, err := s.Get([]byte("last")); err != nil {
		t.Fatal(err)
	} else if ok {
		fmt.Sscan(string(v), &last)
	}
	if last+1 < o.good || last >= n {
		t.Fatalf("last batch is %d, but %d were durable of %d", last, o.good, n)
	}
	rows := 0
	err = s.Scan([]byte("row"), []byte("rox"), func(k, v []byte) bool {
		i := max(0, last-9) + rows
		if want := fmt.Sprintf("row%06d", i); string(k) != want || !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, 20<<10)) {
			t.Errorf("row %d is %q of %d bytes, want %q", rows, k, len(v), want)
		}
		rows++
		return !t.Failed()
	})
	if err != nil || rows != min(10, last+1) {
		t.Fatalf("%d rows after batch %d, error %v", rows, last, err)
	}
}

// TestWriteFailureKillsStore breaks one kind of operation in the middle of a load
// that rotates logs. The process must live on, every done must come, in order and
// with the error from the first that is not durable, Close must return, and the
// directory must hold a prefix.
func TestWriteFailureKillsStore(t *testing.T) {
	for _, tc := range []struct {
		name  string
		match func(errorfs.Op) bool
		again bool
	}{
		{"sync of the log", kindAt(errorfs.OpFileSyncData, ".log"), false},
		{"write of the log", kindAt(errorfs.OpFileWrite, ".log"), false},
		{"new log", kindAt(errorfs.OpCreate, ".log"), false},
		{"reused log", kindAt(errorfs.OpReuseForWrite, ".log"), false},
		{"sync of the directory", kindAt(errorfs.OpFileSync, "data"), false},
		{"write of the manifest", kindAt(errorfs.OpFileWrite, "MANIFEST"), false},
		{"sync of the manifest", kindAt(errorfs.OpFileSync, "MANIFEST"), false},
		{"everything", func(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }, false},
		{"sync of a log used again", kindAt(errorfs.OpFileSyncData, ".log"), true},
		{"write of a log used again", kindAt(errorfs.OpFileWrite, ".log"), true},
	} {
		for _, skip := range []int64{0, 1, 3} {
			t.Run(fmt.Sprintf("%s after %d", tc.name, skip), func(t *testing.T) {
				const batches = 400
				mem, f := vfs.NewMem(), &faulty{match: tc.match, again: tc.again}
				f.skip.Store(skip)
				s, err := pebble.Open("data", pebble.Options{FS: crashable.Inject(mem, f), MemTableBytes: smallMemTable})
				if err != nil {
					t.Fatal(err)
				}
				var o outcomes
				f.on.Store(true)
				load(s, &o, batches)
				err = closeInTime(t, s)
				if f.hits.Load() == 0 {
					if tc.name == "new log" && skip > 0 {
						t.Skip("logs were used again before there was another new one")
					}
					t.Fatal("the fault was never met: the test shows nothing")
				}
				if !errors.Is(err, errDevice) {
					t.Errorf("close returned %v, want the device's error", err)
				}
				if o.bad != nil || o.next != batches {
					t.Errorf("%d of %d done calls, wrong: %v", o.next, batches, o.bad)
				}
				t.Logf("%d durable, then %v", o.good, o.err)
				checkPrefix(t, mem, &o, batches)
			})
		}
	}
}

// TestLaterApplyFails: on a dead store done still comes, with the error.
func TestLaterApplyFails(t *testing.T) {
	f := &faulty{match: kindAt(errorfs.OpFileSyncData, ".log")}
	s, err := pebble.Open("data", pebble.Options{FS: crashable.Inject(vfs.NewMem(), f)})
	if err != nil {
		t.Fatal(err)
	}
	f.on.Store(true)
	for range 3 {
		result := make(chan error, 1)
		var b disk.Batch
		b.Put([]byte("k"), []byte("v"))
		s.Apply(&b, false, nil)
		s.Apply(&b, true, func(err error) { result <- err })
		if err := <-result; !errors.Is(err, errDevice) {
			t.Fatalf("done got %v, want the device's error", err)
		}
	}
	if err := closeInTime(t, s); !errors.Is(err, errDevice) {
		t.Fatalf("close returned %v", err)
	}
}

// TestFlushHeals: tables that cannot be written for a while cost nothing, and
// Apply does not wait for them.
func TestFlushHeals(t *testing.T) {
	mem, f := vfs.NewMem(), &faulty{match: kindAt(errorfs.OpCreate, ".sst")}
	s, err := pebble.Open("data", pebble.Options{FS: crashable.Inject(mem, f), MemTableBytes: smallMemTable})
	if err != nil {
		t.Fatal(err)
	}
	var o outcomes
	f.on.Store(true)
	time.AfterFunc(300*time.Millisecond, func() { f.on.Store(false) })
	start := time.Now()
	load(s, &o, 1000) // 20 MB, 80 tables in memory
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("apply waited %v for the device", d)
	}
	if err := closeInTime(t, s); err != nil || o.good != 1000 || o.bad != nil {
		t.Errorf("%d durable, wrong: %v, close returned %v", o.good, o.bad, err)
	}
	checkPrefix(t, mem, &o, 1000)
}

// TestFlushFailureKillsStore: tables that can never be written kill the store
// before they fill the memory, at the pace at which done calls come.
func TestFlushFailureKillsStore(t *testing.T) {
	const maxBatches = 5000
	mem, f := vfs.NewMem(), &faulty{match: kindAt(errorfs.OpCreate, ".sst")}
	s, err := pebble.Open("data", pebble.Options{FS: crashable.Inject(mem, f), MemTableBytes: smallMemTable})
	if err != nil {
		t.Fatal(err)
	}
	var o outcomes
	f.on.Store(true)
	n := 0
	for dead := false; !dead && n < maxBatches; n++ {
		result := make(chan error, 1)
		var b disk.Batch
		b.Put([]byte("last"), fmt.Append(nil, n))
		b.Put(fmt.Appendf(nil, "row%06d", n), bytes.Repeat([]byte{byte(n)}, 20<<10))
		b.Put([]byte("fill"), bytes.Repeat([]byte{byte(n)}, 80<<10))
		if n >= 10 {
			b.DeleteRange([]byte("row"), fmt.Appendf(nil, "row%06d", n-9))
		}
		record := o.done(n)
		s.Apply(&b, true, func(err error) { record(err); result <- err })
		dead = <-result != nil
	}
	if err := closeInTime(t, s); err == nil || o.err == nil || o.bad != nil {
		t.Errorf("after %d batches close returned %v, done %v, wrong: %v: want the store dead", n, err, o.err, o.bad)
	}
	t.Logf("died after %d batches: %v", n, o.err)
	f.on.Store(false)
	checkPrefix(t, mem, &o, n)
}

// TestOpenFailure breaks each operation of Open in turn, once from a first and
// once from a later start: Open returns an error or a store that works.
func TestOpenFailure(t *testing.T) {
	for _, again := range []bool{false, true} {
		for skip := int64(0); ; skip++ {
			mem := vfs.NewMem()
			if again {
				s, err := pebble.Open("data", pebble.Options{FS: mem, MemTableBytes: smallMemTable})
				if err != nil {
					t.Fatal(err)
				}
				load(s, &outcomes{}, 20)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			f := &faulty{match: func(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }}
			f.on.Store(true)
			f.skip.Store(skip)
			s, err := pebble.Open("data", pebble.Options{FS: crashable.Inject(mem, f), MemTableBytes: smallMemTable})
			if err == nil {
				_ = closeInTime(t, s)
			}
			if f.hits.Load() == 0 {
				break
			}
		}
	}
}

// stuckFS lets no sync of the log end until it is opened.
type stuckFS struct {
	vfs.FS
	gate chan struct{}
}

type stuckFile struct {
	vfs.File
	gate chan struct{}
}

func (f *stuckFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return &stuckFile{file, f.gate}, nil
}

func (f *stuckFile) SyncData() error {
	<-f.gate
	return f.File.SyncData()
}

// TestApplyNeverWaitsForSync: with a device that hangs, more syncs than Pebble's
// queue holds are taken at once, and all are done when it moves again.
func TestApplyNeverWaitsForSync(t *testing.T) {
	fs := &stuckFS{FS: vfs.NewMem(), gate: make(chan struct{})}
	s, err := pebble.Open("data", pebble.Options{FS: fs, MemTableBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	const batches = 6000
	var o outcomes
	start := time.Now()
	for i := range batches {
		var b disk.Batch
		b.Put(fmt.Append(nil, i%100), []byte("v"))
		s.Apply(&b, true, o.done(i))
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("%d batches took %v", batches, d)
	}
	o.mu.Lock()
	early := o.next
	o.mu.Unlock()
	close(fs.gate)
	if err := closeInTime(t, s); err != nil {
		t.Fatal(err)
	}
	if early != 0 || o.good != batches || o.bad != nil {
		t.Errorf("%d done before the device moved, %d after, want 0 and %d; wrong: %v", early, o.good, batches, o.bad)
	}
}
