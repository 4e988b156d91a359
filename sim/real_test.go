package sim

import (
	"fmt"
	"testing"

	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

// TestRealStores runs worlds whose nodes store in Pebble. A failure is printed with the
// command that repeats it, as far as Pebble lets it be repeated.
func TestRealStores(t *testing.T) {
	const first = 7001
	seeds := 20
	if testing.Short() {
		seeds = 2
	}
	var sum realStore
	for seed := uint64(first); seed < first+uint64(seeds); seed++ {
		s, _ := DrawScenario(seed).OverRealStores()
		w := newWorld(s, realTime())
		if r := w.run(); r.Failure != nil {
			t.Errorf("%s", Story(r, fmt.Sprintf("go test ./sim -run TestSeed -disk pebble -seed %d", seed)))
		}
		n := w.realCounts()
		sum.reads, sum.openings, sum.lost = sum.reads+n.reads, sum.openings+n.openings, sum.lost+n.lost
	}
	t.Logf("%d reads compared, %d openings, %d batches lost in them", sum.reads, sum.openings, sum.lost)
	if sum.reads == 0 || sum.openings == 0 || sum.lost == 0 && !testing.Short() {
		t.Error("the worlds show nothing about the stores")
	}
}

// flawedStore is Pebble with a flaw.
type flawedStore struct {
	*crashable.Store
	flaw    string
	batches int
	failing bool
}

func (s *flawedStore) Apply(b *disk.Batch, sync bool, done func(error)) {
	s.batches++
	if s.flaw == "loses a row" && s.batches%50 == 0 && b.Len() > 1 {
		var less disk.Batch
		for _, op := range b.Ops()[1:] {
			if op.Kind == disk.Put {
				less.Put(op.Key, op.Value)
			}
		}
		b = &less
	}
	if s.flaw == "never syncs" && !s.failing {
		sync, done = false, nil
	}
	s.Store.Apply(b, sync, done)
}

func (s *flawedStore) Await() error {
	if s.flaw == "never syncs" && !s.failing {
		return nil
	}
	return s.Store.Await()
}

func (s *flawedStore) Fail(failing bool) {
	s.failing = failing
	s.Store.Fail(failing)
}

func (s *flawedStore) Crash(seed uint64) error {
	s.failing = false
	if s.flaw == "forgets all" {
		return s.Wipe()
	}
	return s.Store.Crash(seed)
}

func (s *flawedStore) Snapshot() disk.Snapshot {
	if s.flaw == "snapshots move" {
		return liveView{s.Store}
	}
	return s.Store.Snapshot()
}

// liveView is a snapshot that shows what comes later.
type liveView struct{ *crashable.Store }

func (liveView) Close() error { return nil }

func (liveView) Size(lo, hi []byte) (uint64, error) { return 0, nil }

// TestRealStoreFlaws: a store that is wrong is found, within few worlds, as such.
func TestRealStoreFlaws(t *testing.T) {
	const maxSeeds = 12
	for _, flaw := range []string{"loses a row", "never syncs", "forgets all", "snapshots move"} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= maxSeeds; seed++ {
				s, _ := DrawScenario(seed).OverRealStores()
				o := realTime()
				o.OpenStore = func() (Store, error) {
					real, err := crashable.Open()
					return &flawedStore{Store: real, flaw: flaw}, err
				}
				if r := Run(s, o); r.Failure != nil {
					t.Logf("seed %d: %s: %s", seed, r.Failure.Oracle, r.Failure.What)
					if r.Failure.Oracle != OracleStore {
						t.Errorf("found by %s, want %s", r.Failure.Oracle, OracleStore)
					}
					return
				}
			}
			t.Errorf("%d worlds accept it", maxSeeds)
		})
	}
}
