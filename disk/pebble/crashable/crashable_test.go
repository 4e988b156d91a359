package crashable_test

import (
	"fmt"
	"testing"

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
