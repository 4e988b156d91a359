package crashable_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

// put applies a row.
func put(s *crashable.Store, key string, sync bool) {
	var b disk.Batch
	b.Put([]byte(key), []byte("value"))
	if sync {
		s.Apply(&b, true, func(error) {})
		return
	}
	s.Apply(&b, false, nil)
}

func holds(t *testing.T, s *crashable.Store, key string) bool {
	t.Helper()
	_, ok, err := s.Get([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// TestFail: a device that fails kills the store at its next sync, whatever came before,
// and the next opening has what was durable.
func TestFail(t *testing.T) {
	for _, before := range []string{"nothing", "a batch", "a synced batch", "an awaited batch"} {
		t.Run(before, func(t *testing.T) {
			s, err := crashable.Open()
			if err != nil {
				t.Fatal(err)
			}
			put(s, "old", true)
			if err := s.Await(); err != nil {
				t.Fatal(err)
			}
			switch before {
			case "a batch":
				put(s, "new", false)
			case "a synced batch":
				put(s, "new", true)
			case "an awaited batch":
				put(s, "new", true)
				err = s.Await()
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Fail(true)
			if err := s.Await(); err == nil {
				t.Error("the device fails, and all is durable")
			}
			if err := s.Crash(1); err != nil {
				t.Fatal(err)
			}
			if !holds(t, s, "old") || before == "an awaited batch" && !holds(t, s, "new") {
				t.Error("what was durable is gone")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLoss: what is awaited survives each way to stop, and some crash loses what is not.
func TestLoss(t *testing.T) {
	s, err := crashable.Open()
	if err != nil {
		t.Fatal(err)
	}
	lost := false
	for seed := range uint64(20) {
		safe, unsafe := fmt.Sprint("safe", seed), fmt.Sprint("unsafe", seed)
		put(s, safe, true)
		if err := s.Await(); err != nil {
			t.Fatal(err)
		}
		put(s, unsafe, false)
		if err := s.Crash(seed); err != nil {
			t.Fatal(err)
		}
		if !holds(t, s, safe) {
			t.Fatalf("crash of seed %d lost what was durable", seed)
		}
		lost = lost || !holds(t, s, unsafe)
	}
	if !lost {
		t.Error("no crash lost anything")
	}
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	if holds(t, s, "safe0") {
		t.Error("a wiped store holds a row")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestTear: a loss of power in the midst of a write keeps whole batches of what was being
// written, in order, and some that it keeps it keeps alone.
func TestTear(t *testing.T) {
	const batches, batchBytes = 8, 20 << 10
	between := 0 // tears that kept some of the batches and lost others
	for seed := range uint64(20) {
		s, err := crashable.Open()
		if err != nil {
			t.Fatal(err)
		}
		put(s, "safe", true)
		if err := s.Await(); err != nil {
			t.Fatal(err)
		}
		for i := range batches {
			var b disk.Batch
			b.Put(fmt.Append(nil, i, "first"), make([]byte, batchBytes/2))
			b.Put(fmt.Append(nil, i, "second"), make([]byte, batchBytes/2))
			s.Apply(&b, false, nil)
		}
		time.Sleep(5 * time.Millisecond) // the log is written in the background
		if err := s.Tear(seed); err != nil {
			t.Fatal(err)
		}
		if !holds(t, s, "safe") {
			t.Fatalf("tear of seed %d lost what was durable", seed)
		}
		kept := 0
		for i := range batches {
			first, second := holds(t, s, fmt.Sprint(i, "first")), holds(t, s, fmt.Sprint(i, "second"))
			if first != second || first && kept < i {
				t.Fatalf("tear of seed %d kept batch %d: its first row %v, its second %v, after %d batches", seed, i, first, second, kept)
			}
			if first {
				kept++
			}
		}
		if kept > 0 && kept < batches {
			between++
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of 20 tears kept some batches and lost others", between)
	if between == 0 {
		t.Error("no tear was in the midst of the batches")
	}
}

// TestFill: a device that is full kills the store; with space again what was durable is there.
func TestFill(t *testing.T) {
	s, err := crashable.Open()
	if err != nil {
		t.Fatal(err)
	}
	put(s, "old", true)
	if err := s.Await(); err != nil {
		t.Fatal(err)
	}
	s.Fill(10)
	put(s, "new", false)
	if err := s.Await(); err == nil {
		t.Error("a write that does not fit is durable")
	}
	if !holds(t, s, "old") {
		t.Error("a dead store does not show what it had")
	}
	if err := s.Crash(1); err != nil {
		t.Fatal(err)
	}
	put(s, "later", true)
	if err := s.Await(); err != nil || !holds(t, s, "old") {
		t.Errorf("with space again: %v", err)
	}
	if err := s.Stop(); err != nil || !holds(t, s, "later") {
		t.Errorf("a clean stop lost a row: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
