package pebble_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
)

// TestSecondOpen: a directory is open once, and the error says so.
func TestSecondOpen(t *testing.T) {
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = pebble.Open(dir, pebble.Options{})
	if flow.KindOf(err) != flow.Unavailable || !strings.Contains(fmt.Sprint(err), dir+" is in use") {
		t.Errorf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenRefuses: options and directories that cannot work have a clear error.
func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dir  string
		opts pebble.Options
		kind flow.Kind
		says string
	}{
		{t.TempDir(), pebble.Options{CacheBytes: -1}, flow.InvalidArgument, "CacheBytes is -1"},
		{t.TempDir(), pebble.Options{MemTableBytes: 100}, flow.InvalidArgument, "MemTableBytes is 100"},
		{file, pebble.Options{}, flow.Internal, "create data directory"},
	} {
		_, err := pebble.Open(tc.dir, tc.opts)
		if err == nil || flow.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("open with %+v: %v, want %v with %q", tc.opts, err, tc.kind, tc.says)
		}
	}
}

// TestCorruptionIsTold changes one byte in the middle of each table in turn: a scan
// ends with Corrupt, or the store does not open for it.
func TestCorruptionIsTold(t *testing.T) {
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{MemTableBytes: smallMemTable})
	if err != nil {
		t.Fatal(err)
	}
	var o outcomes
	load(s, &o, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	told := 0
	for _, table := range tables {
		data, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		at := len(data) / 2
		data[at] ^= 0x10
		if err := os.WriteFile(table, data, 0o600); err != nil {
			t.Fatal(err)
		}
		err = scanAll(dir)
		if err != nil {
			told++
			if flow.KindOf(err) != flow.Corrupt {
				t.Errorf("%s: %v, want %v", filepath.Base(table), err, flow.Corrupt)
			}
		}
		data[at] ^= 0x10
		if err := os.WriteFile(table, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if told == 0 {
		t.Errorf("none of %d changed tables was noticed", len(tables))
	}
}

func scanAll(dir string) error {
	s, err := pebble.Open(dir, pebble.Options{MemTableBytes: smallMemTable})
	if err != nil {
		return err
	}
	err = s.Scan(nil, nil, func(_, _ []byte) bool { return true })
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}

// TestSnapshotOutlivesStore: a snapshot left open neither keeps the store from
// closing nor reads a closed one, and a scan under way ends.
func TestSnapshotOutlivesStore(t *testing.T) {
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	load(s, &outcomes{}, 50)
	snap := s.Snapshot()
	scanning, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() { // ends when the scan does; waited for below
		for {
			err := snap.Scan(nil, nil, func(k, _ []byte) bool {
				once.Do(func() { close(scanning) })
				_, _, err := snap.Get(k) // readers nest
				return err == nil
			})
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	<-scanning
	if err := closeInTime(t, s); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; flow.KindOf(err) != flow.Unavailable {
		t.Errorf("scan ended with %v", err)
	}
	if _, _, err := snap.Get([]byte("last")); flow.KindOf(err) != flow.Unavailable {
		t.Errorf("get after close: %v", err)
	}
	if err := snap.Close(); err != nil {
		t.Errorf("close of a snapshot after its store: %v", err)
	}
}

// TestUsage: the device's figures are passed on, and what the store takes grows.
func TestUsage(t *testing.T) {
	fs := vfs.NewMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 12345, TotalBytes: 1 << 20})
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := s.Usage()
	if before.Free != 12345 {
		t.Errorf("free is %d, want 12345", before.Free)
	}
	load(s, &outcomes{}, 100)
	for deadline := time.Now().Add(20 * time.Second); s.Usage().Used < before.Used+1<<20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("used is %d after 2 MB, was %d", s.Usage().Used, before.Used)
		}
	}
}

// BenchmarkApply is the store under a node's load on a real directory: batches in
// flight, each with entries of one size for 17 groups, and entries deleted some
// way behind. It prints entries per second and the longest Apply.
func BenchmarkApply(b *testing.B) {
	const inFlight, groups, kept = 64, 17, 20_000
	for _, size := range []int{200, 3136} {
		for _, perBatch := range []int{1, 17, 64} {
			b.Run(fmt.Sprintf("value=%d/entries=%d", size, perBatch), func(b *testing.B) {
				s, err := pebble.Open(b.TempDir(), pebble.Options{})
				if err != nil {
					b.Fatal(err)
				}
				values := make([]byte, 1<<20)
				rng := rand.NewChaCha8([32]byte{1})
				_, _ = rng.Read(values) // vectors do not compress
				slots := make(chan struct{}, inFlight)
				var batch disk.Batch
				var longest time.Duration
				next := 0
				key := func(i int) []byte { return fmt.Appendf(nil, "g%02d/log/%012d", i%groups, i/groups) }
				b.SetBytes(int64(size * perBatch))
				for b.Loop() {
					slots <- struct{}{}
					batch.Reset()
					for range perBatch {
						at := next * size % (len(values) - size) // no two of a block overlap
						batch.Put(key(next), values[at:at+size])
						next++
					}
					batch.Put([]byte("g00/hard"), values[:24])
					if next%(groups*100) < perBatch && next > kept {
						for g := range groups {
							batch.DeleteRange(fmt.Appendf(nil, "g%02d/log/", g), fmt.Appendf(nil, "g%02d/log/%012d", g, (next-kept)/groups))
						}
					}
					start := time.Now()
					s.Apply(&batch, true, func(err error) {
						if err != nil {
							b.Error(err)
						}
						<-slots
					})
					longest = max(longest, time.Since(start))
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "entries/s")
				b.ReportMetric(longest.Seconds()*1000, "ms-longest-apply")
			})
		}
	}
}

// BenchmarkGet reads rows of 3 KB that are on the disk.
func BenchmarkGet(b *testing.B) {
	const rows = 50_000
	s, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := bytes.Repeat([]byte{1, 7, 3, 9}, 784)
	key := func(i int) []byte { return fmt.Appendf(nil, "g%02d/row/%012d", i%17, i/17) }
	for i := range rows {
		var batch disk.Batch
		batch.Put(key(i), value)
		s.Apply(&batch, false, nil)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		if _, ok, err := s.Get(key(r.IntN(rows))); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
