package node

import (
	"testing"

	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// policySim plays a collection under the policy: rows come in, graphs are built as soon as
// they can be, and the rows of all builds are counted.
type policySim struct {
	t        *IndexTuning
	head     int
	segments []index.SegmentInfo
	built    int
	next     uint64
}

// step takes steps until there is none.
func (p *policySim) step(quiet uint64) {
	for range 1000 {
		c := p.t.nextStep(1, p.head, p.segments, func(int) bool { return true }, quiet)
		if c == nil {
			return
		}
		p.next++
		if string(c) == string(shard.EncodeCut(1, p.lastSlot())) {
			p.segments = append(p.segments, index.SegmentInfo{ID: index.SegmentID(p.next), Rows: p.head, LastSlot: p.next})
			p.built += p.head
			p.head = 0
			continue
		}
		p.merge(c)
	}
}

func (p *policySim) lastSlot() uint64 {
	if n := len(p.segments); n > 0 {
		return p.segments[n-1].LastSlot
	}
	return 0
}

func (p *policySim) merge(c []byte) {
	for i := range p.segments {
		for j := i; j < len(p.segments); j++ {
			if string(c) != string(shard.EncodeMerge(1, p.segments[i].ID, p.segments[j].ID)) {
				continue
			}
			m := index.SegmentInfo{ID: index.SegmentID(p.next), LastSlot: p.segments[j].LastSlot}
			for _, s := range p.segments[i : j+1] {
				m.Rows += s.Rows - s.Dead
			}
			p.segments = append(append(append([]index.SegmentInfo{}, p.segments[:i]...), m), p.segments[j+1:]...)
			p.built += m.Rows
			return
		}
	}
}

func defaultIndexTuning() *IndexTuning {
	t := &IndexTuning{}
	t.setDefaults()
	return t
}

// An import is built about twice at most, and ends with one graph.
func TestPolicyImport(t *testing.T) {
	for _, rows := range []int{255, 256, 3750, 60_000, 200_000, 1_000_000} {
		p := &policySim{t: defaultIndexTuning()}
		for range rows {
			p.head++
			p.step(0)
			if len(p.segments) > 2*p.t.MergeFanIn {
				t.Fatalf("%d rows: %d segments", rows, len(p.segments))
			}
		}
		p.step(p.t.IdleTicks)
		if most := 2*rows + 2*p.t.CutRows; rows <= 250_000 && p.built > most || p.built > 3*rows {
			t.Errorf("an import of %d rows builds %d", rows, p.built)
		}
		want := 1
		if rows < p.t.MinRows {
			want = 0
		}
		if len(p.segments) != want || want == 1 && p.head != 0 {
			t.Errorf("an import of %d rows ends with a head of %d and %+v", rows, p.head, p.segments)
		}
	}
}

// Writes that come in bursts do not rebuild all there is each time, and the number of
// segments stays small.
func TestPolicyBursts(t *testing.T) {
	p := &policySim{t: defaultIndexTuning()}
	for range 400 {
		p.head += 300
		p.step(p.t.IdleTicks)
		if len(p.segments) > 6 || p.head >= p.t.MinRows {
			t.Fatalf("%d segments and a head of %d", len(p.segments), p.head)
		}
	}
	if rows := 400 * 300; p.built > 12*rows {
		t.Errorf("bursts of %d rows in all build %d", rows, p.built)
	}
}

// A segment is rewritten when a quarter of it is dead, and not while its graph is built.
func TestPolicyDead(t *testing.T) {
	p := defaultIndexTuning()
	s := []index.SegmentInfo{{ID: 5, Rows: 1000, Dead: 249, LastSlot: 9}}
	yes, no := func(int) bool { return true }, func(int) bool { return false }
	if c := p.nextStep(1, 0, s, yes, p.IdleTicks); c != nil {
		t.Errorf("a segment with few dead rows gets %q", c)
	}
	s[0].Dead = 250
	if c := p.nextStep(1, 0, s, no, p.IdleTicks); c != nil {
		t.Errorf("a segment that is being built gets %q", c)
	}
	if c := p.nextStep(1, 0, s, yes, 0); string(c) != string(shard.EncodeMerge(1, 5, 5)) {
		t.Errorf("a segment with many dead rows gets %q", c)
	}
}

// A large segment and a few more rows stay two, until there was quiet for as long as it
// takes to build one of both.
func TestPolicyRest(t *testing.T) {
	p := defaultIndexTuning()
	s := []index.SegmentInfo{{ID: 5, Rows: 10_000, LastSlot: 9}, {ID: 6, Rows: 1000, LastSlot: 20}}
	yes := func(int) bool { return true }
	if c := p.nextStep(1, 0, s, yes, 11_000/restRowsPerTick); c != nil {
		t.Errorf("after a short quiet: %q", c)
	}
	if c := p.nextStep(1, 0, s, yes, p.IdleTicks+11_000/restRowsPerTick); string(c) != string(shard.EncodeMerge(1, 5, 6)) {
		t.Errorf("after a long quiet: %q", c)
	}
	if c := p.nextStep(1, 0, s[:1], yes, 1<<40); c != nil {
		t.Errorf("one segment alone: %q", c)
	}
}
