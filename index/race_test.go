package index

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

const raceDim = 12

// raceVector is the vector of a slot: a search can tell by the distance whether it
// compared the right row, which assembly reads unseen by the race detector.
func raceVector(slot uint64) flow.Vector {
	return normal(rand.New(rand.NewPCG(slot, 1)), raceDim)
}

// raceMoment is a view, the slots that live in it, and which ordinals a search may find.
type raceMoment struct {
	view  *View
	live  []uint64
	allow *roaring.Bitmap
}

// raceOwner changes an index, and has its graphs built by others.
type raceOwner struct {
	x        *Index
	r        *rand.Rand
	live     []uint64
	ordinals map[uint64]uint32
	segments SegmentID
	toBuild  chan *Builder
	built    chan *Built
	pending  int // given to be built and not attached
	attached int
	late     int // attached after the segment was merged away
}

// TestSearchWhileChanging searches views from goroutines, and builds graphs on others,
// while the owner inserts, removes, cuts, merges and attaches; run it with -race.
func TestSearchWhileChanging(t *testing.T) {
	const searchers, operations = 3, 4000
	for _, quantization := range []flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary} {
		t.Run(quantization.String(), func(t *testing.T) {
			x, err := New(Config{Dim: raceDim, Metric: flow.Euclid, M: 8, EfConstruct: 32, Quantization: quantization})
			if err != nil {
				t.Fatal(err)
			}
			moments := make(chan raceMoment)
			o := &raceOwner{x: x, r: rand.New(rand.NewPCG(10, 10)), ordinals: map[uint64]uint32{}, toBuild: make(chan *Builder, operations), built: make(chan *Built, operations)}
			var searching sync.WaitGroup // they end when moments is closed, the builder when toBuild is
			for i := range searchers {
				searching.Go(func() { searchMoments(t, moments, uint64(i)) })
			}
			go func() {
				defer close(o.built)
				for b := range o.toBuild {
					for !b.Step(100, nil) {
						continue
					}
					o.built <- b.Built()
				}
			}()
			for i := range uint64(operations) {
				o.change(t, i)
				if i%16 == 0 {
					moments <- o.moment()
				}
			}
			close(o.toBuild)
			close(moments)
			searching.Wait()
			for range o.built {
				continue // until the builder has ended
			}
			checkAccounts(t, x)
			if o.attached < 3 {
				t.Errorf("%d graphs attached, %d were late", o.attached, o.late)
			}
		})
	}
}

// change does one of everything, at its own pace.
func (o *raceOwner) change(t *testing.T, slot uint64) {
	o.ordinals[slot] = o.x.Insert(slot, flow.NumberID(slot), raceVector(slot))
	o.live = append(o.live, slot)
	for len(o.live) > 1500 {
		j := o.r.IntN(len(o.live))
		o.x.Remove(o.live[j])
		o.live = slices.Delete(o.live, j, j+1)
		if o.r.IntN(2) == 0 {
			break
		}
	}
	if o.x.HeadRows() > 200 {
		o.segments++
		o.x.Cut(o.segments)
	}
	if all := o.x.Segments(); slot%70 == 0 && len(all) > 0 {
		if len(all) > 3 && o.r.IntN(4) == 0 {
			o.segments++
			from := o.r.IntN(len(all) - 1)
			o.x.Merge(o.segments, all[from].ID, all[from+1].ID)
		} else if b := o.x.Builder(all[o.r.IntN(len(all))].ID); b != nil {
			o.toBuild <- b
			o.pending++
		}
	}
	for o.pending > 0 && (slot%500 == 499 || len(o.built) > 0) {
		o.pending--
		if o.x.Attach(<-o.built) {
			o.attached++
		} else {
			o.late++
		}
	}
}

func (o *raceOwner) moment() raceMoment {
	m := raceMoment{view: o.x.View(), live: slices.Clone(o.live)}
	if share := o.r.IntN(40); share > 0 {
		m.allow = roaring.New()
		for _, slot := range o.live {
			if o.r.IntN(40) < share {
				m.allow.Add(o.ordinals[slot])
			}
		}
	}
	return m
}

// searchMoments asks each view now, and again when others have come since.
func searchMoments(t *testing.T, moments <-chan raceMoment, seed uint64) {
	var held []raceMoment
	var answers [][]Candidate
	var s Scratch
	q := Query{Vector: raceVector(1e6 + seed), K: 20, EF: 40}
	for m := range moments {
		held, answers = append(held, m), append(answers, checkMoment(t, m, q, &s))
		if len(held) > 8 {
			if again := checkMoment(t, held[0], q, &s); !slices.Equal(again, answers[0]) {
				t.Errorf("a view answered %v and later %v", answers[0], again)
			}
			held, answers = held[1:], answers[1:]
		}
	}
}

// checkMoment asks a view and returns the answer.
func checkMoment(t *testing.T, m raceMoment, q Query, s *Scratch) []Candidate {
	search := SearchAll
	if len(m.live)%2 == 0 {
		search = walkAll
	}
	got := search(nil, []Target{{m.view, m.allow}}, q, s)
	eligible := len(m.live)
	if m.allow != nil {
		eligible = int(m.allow.GetCardinality())
	}
	if m.view.Len() != len(m.live) || len(got) != min(q.K, eligible) {
		t.Errorf("%d candidates of %d points, %d of them allowed; the view has %d", len(got), len(m.live), eligible, m.view.Len())
	}
	for i, c := range got {
		var d [1]float32
		distance.SquaredL2(d[:], q.Vector, raceVector(c.Slot), raceDim)
		if c.Distance != d[0] || c.ID != flow.NumberID(c.Slot) || !slices.Contains(m.live, c.Slot) || i > 0 && got[i-1].compare(&c) >= 0 {
			t.Errorf("candidate %d is %+v, at distance %v", i, c, d[0])
		}
	}
	return got
}
