package disktest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// flaw is a way in which a disk can be wrong.
type flaw int

const (
	none flaw = iota
	losesSynced
	keepsHalfBatch
	losesMiddle
	forgetsRecovered
	losesAtClose
	doneTwice
	doneOutOfOrder
	doneInsideApply
	doneBeforeDurable
	doneNever
	doneAfterCrash
	aliasesBatch
	getAliases
	scanIncludesHi
	scanIgnoresLo
	scanUnordered
	snapshotMoves
	snapshotForgetsDeletes
	rangeDeletesHi
	rangeDeletesNothing
	reversesBatch
	hidesFailure
	forgetsFailure
	failureLosesSynced
	fullKeepsHalf
	fullRefusesReads
	deadShowsNothing
	tornBatchStays
	failedReadIsAbsence
	readsElsewhere
	cutsScanShort
	misreadSticks
	servesRot
	rotIsAbsence
	opensShort
	flaws // their number
)

var flawNames = [flaws]string{"none", "losesSynced", "keepsHalfBatch", "losesMiddle", "forgetsRecovered", "losesAtClose",
	"doneTwice", "doneOutOfOrder", "doneInsideApply", "doneBeforeDurable", "doneNever", "doneAfterCrash", "aliasesBatch", "getAliases",
	"scanIncludesHi", "scanIgnoresLo", "scanUnordered", "snapshotMoves", "snapshotForgetsDeletes", "rangeDeletesHi",
	"rangeDeletesNothing", "reversesBatch", "hidesFailure", "forgetsFailure", "failureLosesSynced", "fullKeepsHalf",
	"fullRefusesReads", "deadShowsNothing", "tornBatchStays", "failedReadIsAbsence", "readsElsewhere", "cutsScanShort",
	"misreadSticks", "servesRot", "rotIsAbsence", "opensShort"}

// memDisk is a disk over a map, right or with one flaw. It is its own harness.
type memDisk struct {
	flaw    flaw
	content map[string][]byte
	base    map[string][]byte // content at the last opening
	safe    map[string][]byte // what forgetsRecovered falls back to
	batches [][]disk.Op       // since then
	durable int               // batches that a crash keeps
	due     []due
	memDevice
}

type due struct {
	number int
	done   func(error)
}

func openMem(f flaw) *memDisk {
	return &memDisk{flaw: f, content: map[string][]byte{}, base: map[string][]byte{}, safe: map[string][]byte{}}
}

func (m *memDisk) Disk() disk.Disk   { return m }
func (m *memDisk) Close()            {}
func (m *memDisk) Usage() disk.Usage { return disk.Usage{Free: 1} }

func (m *memDisk) run(content map[string][]byte, ops []disk.Op) {
	ops = slices.Clone(ops)
	if m.flaw == reversesBatch {
		slices.Reverse(ops)
	}
	for _, op := range ops {
		switch op.Kind {
		case disk.Put:
			content[string(op.Key)] = op.Value
		case disk.Delete:
			delete(content, string(op.Key))
		case disk.DeleteRange:
			maps.DeleteFunc(content, func(k string, _ []byte) bool {
				in := k >= string(op.Key) && k < string(op.Value)
				return m.flaw != rangeDeletesNothing && (in || m.flaw == rangeDeletesHi && k == string(op.Value))
			})
		}
	}
}

func (m *memDisk) Apply(b *disk.Batch, sync bool, done func(error)) {
	var ops []disk.Op
	for _, op := range b.Ops() {
		if m.flaw != aliasesBatch {
			op.Key, op.Value = slices.Clone(op.Key), append([]byte{}, op.Value...)
		}
		ops = append(ops, op)
	}
	m.run(m.content, ops)
	m.batches = append(m.batches, ops)
	m.space -= b.Bytes()
	if !sync {
		return
	}
	if m.flaw == doneInsideApply {
		m.durable = len(m.batches)
		done(nil)
		return
	}
	m.due = append(m.due, due{len(m.batches), done})
}

func (m *memDisk) Drive() bool {
	if len(m.due) == 0 || m.flaw == doneNever {
		return false
	}
	i := 0
	if m.flaw == doneOutOfOrder {
		i = len(m.due) - 1
	}
	d := m.due[i]
	m.due = slices.Delete(m.due, i, i+1)
	if m.syncFails() {
		d.done(flow.Errorf(flow.Unknown, "test", "the device fails"))
		return true
	}
	if m.flaw != doneBeforeDurable {
		m.durable = d.number
	}
	d.done(nil)
	if m.flaw == doneTwice {
		d.done(nil)
	}
	return true
}

func (m *memDisk) Crash(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	keep := m.durable + r.IntN(len(m.batches)-m.durable+1)
	if m.dead && m.flaw == fullKeepsHalf {
		keep = m.durable
	}
	if m.dead && m.flaw == failureLosesSynced {
		keep = 0
	}
	if m.flaw == losesSynced && m.durable > 0 {
		keep = r.IntN(m.durable)
	}
	before := m.base
	if m.flaw == forgetsRecovered {
		before = m.safe
	}
	content := maps.Clone(before)
	for i := range keep {
		if m.flaw != losesMiddle || i != keep-2 || i < m.durable {
			m.run(content, m.batches[i])
		}
		if i+1 == m.durable {
			m.safe = maps.Clone(content)
		}
	}
	if (m.flaw == keepsHalfBatch || m.flaw == fullKeepsHalf && m.dead || m.flaw == tornBatchStays && m.torn) && keep < len(m.batches) {
		m.run(content, m.batches[keep][:len(m.batches[keep])/2])
	}
	late := m.due
	m.open(content)
	if m.flaw == doneAfterCrash {
		m.due = late
	}
}

func (m *memDisk) Reopen() {
	for m.Drive() {
	}
	content := m.content
	if m.flaw == losesAtClose {
		content = maps.Clone(m.base)
		for _, ops := range m.batches[:m.durable] {
			m.run(content, ops)
		}
	}
	m.safe = maps.Clone(content)
	m.open(content)
}

func (m *memDisk) open(content map[string][]byte) {
	m.content, m.base = content, maps.Clone(content)
	m.batches, m.durable, m.due = nil, 0, nil
	m.dead, m.torn = false, false
}

func (m *memDisk) Get(key []byte) ([]byte, bool, error) {
	if v, ok, err, wrong := m.misget(key); wrong {
		return v, ok, err
	}
	v, ok := m.content[string(key)]
	if ok && m.flaw != getAliases {
		v = append([]byte{}, v...)
	}
	return v, ok, nil
}

func (m *memDisk) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	keys := slices.Sorted(maps.Keys(m.content))
	if m.flaw == scanUnordered {
		slices.SortFunc(keys, func(a, b string) int { return len(a) - len(b) })
	}
	for _, k := range keys {
		if err, wrong := m.misscan(k); wrong {
			return err
		}
		if k < string(lo) && m.flaw != scanIgnoresLo {
			continue
		}
		if hi != nil && k >= string(hi) && (m.flaw != scanIncludesHi || k != string(hi)) {
			continue
		}
		if !visit([]byte(k), m.content[k]) {
			return nil
		}
	}
	return nil
}

// memSnapshot is a copy, or the disk itself.
type memSnapshot struct{ *memDisk }

func (memSnapshot) Close() error { return nil }

func (m memSnapshot) Size(lo, hi []byte) (bytes uint64, err error) {
	err = m.Scan(lo, hi, func(key, value []byte) bool {
		bytes += uint64(len(key) + len(value))
		return true
	})
	return bytes, err
}

func (m *memDisk) Snapshot() disk.Snapshot {
	switch m.flaw {
	case snapshotMoves:
		return memSnapshot{m}
	case snapshotForgetsDeletes:
		return &lateSnapshot{memSnapshot{&memDisk{content: maps.Clone(m.content)}}, m}
	}
	return memSnapshot{&memDisk{content: maps.Clone(m.content)}}
}

// lateSnapshot is right until a key is deleted from the disk.
type lateSnapshot struct {
	memSnapshot
	now *memDisk
}

func (s *lateSnapshot) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	return s.memSnapshot.Scan(lo, hi, func(k, v []byte) bool {
		if _, there := s.now.content[string(k)]; !there {
			return true
		}
		return visit(k, v)
	})
}

// seeded returns a draw function.
func seeded(seed uint64) func(string, int) int {
	r := rand.New(rand.NewPCG(seed, 7))
	return func(_ string, n int) int { return r.IntN(n) }
}

// TestSuiteAcceptsRightDisk runs everything on a disk without a flaw.
func TestSuiteAcceptsRightDisk(t *testing.T) {
	Run(t, Config{Open: func(testing.TB) Harness { return openMem(none) }})
}

// TestSuiteCatches runs the walk on each flawed disk until it objects, and says
// which cases object too. The walk alone must find every flaw.
func TestSuiteCatches(t *testing.T) {
	const maxSeeds = 300
	for f := none + 1; f < flaws; f++ {
		t.Run(flawNames[f], func(t *testing.T) {
			var by []string
			for _, cs := range cases {
				if (f == snapshotMoves || f == snapshotForgetsDeletes) && strings.Contains(cs.name, "while batches commit") {
					continue // a race on a map ends the process
				}
				if cs.run(openMem(f)) != nil {
					by = append(by, cs.name)
				}
			}
			for seed := range uint64(maxSeeds) {
				err := walk(openMem(f), seeded(seed), map[string]int{})
				if err != nil {
					t.Logf("walk of seed %d: %v\ncases: %s", seed, err, strings.Join(by, "; "))
					return
				}
			}
			t.Errorf("%d walks accept the flaw; repeat with: go test ./disk/disktest -run '^%s$'", maxSeeds, t.Name())
		})
	}
}

// TestCheckerCrash pins the judgment of a crash on the smallest histories.
func TestCheckerCrash(t *testing.T) {
	history := func(synced ...int) *checker {
		c, m := newChecker(), openMem(none)
		for i := range 3 {
			put(c, m, slices.Contains(synced, i), fmt.Sprint("k", i), "v", fmt.Sprint("l", i), "v")
		}
		for m.Drive() {
		}
		return c
	}
	batch := func(is ...int) state {
		s := state{}
		for _, i := range is {
			s[fmt.Sprint("k", i)], s[fmt.Sprint("l", i)] = "v", "v"
		}
		return s
	}
	half := batch(0)
	half["k1"] = "v"
	for _, tc := range []struct {
		name   string
		synced []int
		found  state
		ok     bool
	}{
		{"nothing was promised, nothing is left", nil, batch(), true},
		{"all is left", nil, batch(0, 1, 2), true},
		{"a prefix is left", nil, batch(0, 1), true},
		{"the promise is kept", []int{1}, batch(0, 1), true},
		{"more than the promise is kept", []int{0}, batch(0, 1, 2), true},
		{"the promise is broken", []int{1}, batch(0), false},
		{"a hole", nil, batch(0, 2), false},
		{"a suffix", nil, batch(2), false},
		{"half a batch", nil, half, false},
		{"what nobody wrote", nil, state{"x": "y"}, false},
	} {
		if err := history(tc.synced...).crashed(tc.found); (err == nil) != tc.ok {
			t.Errorf("%s: got %v, want accepted %v; repeat with: go test ./disk/disktest -run TestCheckerCrash", tc.name, err, tc.ok)
		}
	}
}
