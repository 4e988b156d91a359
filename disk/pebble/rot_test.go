package pebble_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
)

// rows of the stores whose files rot; each is synced before the next is written.
const rottingRows = 400

// lastBytes is the part of a file in which every second bit that changes lies.
const lastBytes = 1500

func rottingRow(i int) (key, value []byte) {
	size := 100 + i
	if i%40 == 7 {
		size = 50_000 // blocks of the log that are written whole
	}
	return fmt.Appendf(nil, "row%04d", i), fmt.Appendf(nil, "%0*d", size, i)
}

// The ways in which a store is left.
const (
	storeClosed = "closed"
	storeQuiet  = "killed when quiet"
	storeBusy   = "killed when busy"
)

// leaveStore writes rows one by one and returns the file system as it is when the store is
// left.
func leaveStore(t *testing.T, way string) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	s, err := pebble.Open("data", pebble.Options{FS: mem, MemTableBytes: smallMemTable})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rottingRows {
		var b disk.Batch
		b.Put(rottingRow(i))
		durable := make(chan error, 1)
		s.Apply(&b, true, func(err error) { durable <- err })
		if err := <-durable; err != nil {
			t.Fatal(err)
		}
	}
	left := mem
	if way == storeQuiet {
		time.Sleep(5 * time.Second) // two looks at whether it is
	}
	if way != storeClosed {
		left = copyOfFiles(mem)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return left
}

// readRows opens the store and counts the rows that are as they were written. What is
// not told by an error and not a row is a failure.
func readRows(t *testing.T, fs vfs.FS, what string) (rows int, err error) {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: fs, MemTableBytes: smallMemTable})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	err = s.Scan(nil, nil, func(k, v []byte) bool {
		if key, value := rottingRow(rows); string(k) != string(key) || string(v) != string(value) {
			t.Errorf("%s: row %d is %q, %q; repeat with: go test ./disk/pebble -run '^%s$'", what, rows, k, v, t.Name())
		}
		rows++
		return true
	})
	return rows, err
}

// copyOfFiles is another file system with the same files.
func copyOfFiles(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

func read(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// flip changes a bit of a file.
func flip(t *testing.T, fs vfs.FS, name string, bit int) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := []byte{0}
	if _, err := f.ReadAt(b, int64(bit/8)); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << (bit % 8)
	if _, err := f.WriteAt(b, int64(bit/8)); err != nil {
		t.Fatal(err)
	}
}

// TestRotIsNeverServed changes one bit of a file at a time. The store is refused, or its
// scan is, as Corrupt, or every synced row is there. Of a store whose process was killed
// while it was busy the last row may be missing: nothing was written after it.
func TestRotIsNeverServed(t *testing.T) {
	flips := 40 // of each file
	if testing.Short() {
		flips = 10
	}
	cutShort := 0
	for _, way := range []string{storeClosed, storeBusy, storeQuiet} {
		if way == storeQuiet && testing.Short() {
			continue
		}
		left := leaveStore(t, way)
		for i, twice := range []bool{false, true} {
			if twice { // the rows go from the log into a table
				left = copyOfFiles(left)
				if _, err := readRows(t, left, "sound"); err != nil {
					t.Fatal(err)
				}
			}
			names, err := left.List("data")
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for _, name := range names {
				if strings.HasPrefix(name, "LOCK") {
					continue
				}
				path := left.PathJoin("data", name)
				data := read(t, left, path)
				bits, end := 8*len(data), len(data)
				lastKey, lastValue := rottingRow(rottingRows - 1)
				if at := bytes.LastIndex(data, lastKey); at >= 0 { // a log that is used again is longer
					end = min(end, at+len(lastKey)+len(lastValue)+50)
				}
				told, whole, cut := 0, 0, 0
				for n := range min(flips, bits) {
					bit := r.IntN(bits)
					if n%2 == 1 { // the end of a log is where it is hard
						bit = 8*end - 1 - r.IntN(min(8*end, 8*lastBytes))
					}
					what := fmt.Sprintf("%s, again %v, bit %d of %s", way, twice, bit, name)
					fs := copyOfFiles(left)
					flip(t, fs, path, bit)
					switch rows, err := readRows(t, fs, what); {
					case err != nil:
						told++
						if k := flow.KindOf(err); k != flow.Corrupt && !strings.HasPrefix(name, "OPTIONS") { // what this one says is compared, not checked
							t.Errorf("%s: told as %v: %v", what, k, err)
						}
					case rows == rottingRows:
						whole++
					case rows == rottingRows-1 && way == storeBusy && !twice && strings.HasSuffix(name, ".log"):
						cut++
					default:
						t.Errorf("%s: %d of %d synced rows are there, and nothing tells; repeat with: go test ./disk/pebble -run '^%s$'", what, rows, rottingRows, t.Name())
					}
				}
				cutShort += cut
				t.Logf("%s, again %v, %s of %d bytes: %d told, %d whole, %d without the last row", way, twice, name, bits/8, told, whole, cut)
			}
		}
	}
	if cutShort == 0 && !testing.Short() {
		t.Error("no flip was at the end of the log of a busy store: the test shows nothing there")
	}
}
