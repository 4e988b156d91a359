package index

import (
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"pgregory.net/rapid"
)

// moment is a view and what it must answer for ever.
type moment struct {
	view  *View
	model *model
}

// machine does the same to an index and to a model, and is the host of the index: it
// stores the rows that the index says it must.
type machine struct {
	cfg      Config
	vectors  *rapid.Generator[flow.Vector]
	x        *Index
	m        *model
	stored   []point // live, or retained by a segment
	slot     uint64
	ids      int
	segments SegmentID
	past     []moment
	builders []*Builder
	scratch  Scratch
	// asked and found count the candidates of walks, and those among the nearest.
	asked, found int
}

// TestAgainstModel runs random operations on an index and on the model, and asks
// both, now and of views taken earlier.
func TestAgainstModel(t *testing.T) {
	for _, metric := range metrics {
		t.Run(metric.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				dim := rapid.SampledFrom([]int{1, 3, 8, 33}).Draw(t, "dim")
				quantization := rapid.SampledFrom([]flow.Quantization{flow.NoQuantization, flow.Int8, flow.Binary}).Draw(t, "quantization")
				c := &machine{cfg: Config{Dim: dim, Metric: metric, Quantization: quantization}, vectors: wholeVector(dim), m: &model{metric: metric}}
				c.x = c.open(t)
				t.Repeat(rapid.StateMachineActions(c))
				for _, at := range c.past {
					c.ask(t, at)
				}
				if least := c.leastFound(); c.found < least {
					t.Fatalf("walks found %d of %d, wanted %d", c.found, c.asked, least)
				}
			})
		})
	}
}

// leastFound returns how many of the nearest the walks must have found. Candidates found by codes
// are measured again, so bytes must find what floats do. Of few components, bits say next to
// nothing: then which rows are the nearest of those with the same bits is left to luck.
func (c *machine) leastFound() int {
	switch {
	case c.cfg.Quantization != flow.Binary:
		return c.asked * 9 / 10
	case c.cfg.Dim > 8:
		return c.asked * 7 / 10
	case c.cfg.Dim > 1:
		return c.asked / 2
	}
	return 0
}

func (c *machine) open(t *rapid.T) *Index {
	x, err := New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Check runs after every operation.
func (c *machine) Check(t *rapid.T) {
	checkAccounts(t, c.x)
	rows := c.x.HeadRows()
	for _, s := range c.x.Segments() {
		rows += s.Rows
	}
	if rows != len(c.stored) || c.x.Len() != len(c.m.points) {
		t.Fatalf("%d rows and %d points, the host stores %d and %d", rows, c.x.Len(), len(c.stored), len(c.m.points))
	}
}

// Insert adds some points.
func (c *machine) Insert(t *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(t, "n") {
		c.slot += rapid.Uint64Range(1, 3).Draw(t, "step")
		// Not in the order of slots, so that ties by id are not ties by age.
		p := point{slot: c.slot, id: testID(c.ids * 7919 % 10007), v: c.vectors.Draw(t, "vector")}
		c.ids++
		given := slices.Clone(p.v)
		p.ordinal = c.x.Insert(p.slot, p.id, given)
		clear(given) // the index has its own copy
		c.m.points = append(c.m.points, p)
		c.stored = append(c.stored, p)
	}
}

func (c *machine) remove(t *rapid.T, i int) {
	p := c.m.points[i]
	c.m.points = slices.Delete(c.m.points, i, i+1)
	ordinal, retained := c.x.Remove(p.slot)
	if ordinal != p.ordinal {
		t.Fatalf("the row at slot %d was inserted as %d and removed as %d", p.slot, p.ordinal, ordinal)
	}
	if !retained {
		c.stored = slices.DeleteFunc(c.stored, func(s point) bool { return s.slot == p.slot })
	}
}

// Remove takes some points away, anywhere.
func (c *machine) Remove(t *rapid.T) {
	for range rapid.IntRange(1, 10).Draw(t, "n") {
		if len(c.m.points) > 0 {
			c.remove(t, rapid.IntRange(0, len(c.m.points)-1).Draw(t, "position"))
		}
	}
}

// RemoveRun takes points away that lie together.
func (c *machine) RemoveRun(t *rapid.T) {
	from := rapid.IntRange(0, len(c.m.points)).Draw(t, "from")
	for range rapid.IntRange(0, 30).Draw(t, "n") {
		if from < len(c.m.points) {
			c.remove(t, from)
		}
	}
}

// Cut makes the head a segment.
func (c *machine) Cut(t *rapid.T) {
	c.segments++
	head := c.x.HeadRows()
	if info, ok := c.x.Cut(c.segments); ok != (head > 0) || info.Rows != head || info.Dead != 0 || c.x.HeadRows() != 0 {
		t.Fatalf("cut of %d rows: %+v, %v; %d rows left", head, info, ok, c.x.HeadRows())
	}
	if _, ok := c.x.Cut(c.segments); ok {
		t.Fatal("the same segment was cut twice")
	}
}

// Merge makes segments one.
func (c *machine) Merge(t *rapid.T) {
	all := c.x.Segments()
	if len(all) == 0 {
		return
	}
	from := rapid.IntRange(0, len(all)-1).Draw(t, "from")
	to := rapid.IntRange(from, len(all)-1).Draw(t, "to")
	c.segments++
	first, last := all[from], all[to]
	info, dropped, ok := c.x.Merge(c.segments, first.ID, last.ID)
	var dead []uint64
	c.stored = slices.DeleteFunc(c.stored, func(p point) bool {
		drop := p.slot >= first.FirstSlot && p.slot <= last.LastSlot && !c.m.has(p.slot)
		if drop {
			dead = append(dead, p.slot)
		}
		return drop
	})
	if !ok || info.ID != c.segments || !slices.Equal(dropped, dead) || info.Dead != 0 {
		t.Fatalf("merge of %+v: %+v, %v dropped, dead were %v", all[from:to+1], info, dropped, dead)
	}
	if now := c.x.Segments(); slices.ContainsFunc(now, func(s SegmentInfo) bool { return s.ID == info.ID }) != (info.Rows > 0) {
		t.Fatalf("merged %+v, now there are %+v", info, now)
	}
	if _, _, ok := c.x.Merge(c.segments+1, first.ID, last.ID); ok {
		t.Fatal("the same segments were merged twice")
	}
}

// Builder makes what builds the graph of a segment.
func (c *machine) Builder(t *rapid.T) {
	if all := c.x.Segments(); len(all) > 0 {
		s := rapid.SampledFrom(all).Draw(t, "segment")
		b := c.x.Builder(s.ID)
		if (b == nil) != s.Built || b != nil && b.Rows() != s.Rows {
			t.Fatalf("builder %+v of segment %+v", b, s)
		}
		if b != nil {
			c.builders = append(c.builders, b)
		}
	}
}

// Step builds a little.
func (c *machine) Step(t *rapid.T) {
	if len(c.builders) > 0 {
		rapid.SampledFrom(c.builders).Draw(t, "builder").Step(rapid.IntRange(1, 2000).Draw(t, "budget"), nil)
	}
}

// Attach puts what one of the builders makes, or what its bytes say, into the index.
func (c *machine) Attach(t *rapid.T) {
	if len(c.builders) == 0 {
		return
	}
	i := rapid.IntRange(0, len(c.builders)-1).Draw(t, "builder")
	b := c.builders[i]
	c.builders = slices.Delete(c.builders, i, i+1)
	id := b.segment.id
	finish(b)
	built := b.Built()
	at := func(s SegmentInfo) bool { return s.ID == id }
	before := c.x.Segments()
	k := slices.IndexFunc(before, at)
	if k >= 0 && !before[k].Built && rapid.Bool().Draw(t, "by bytes") {
		var err error
		if built, err = DecodeBuilt(c.x.Builder(id), built.Append(nil)); err != nil || built.Digest() != b.Built().Digest() {
			t.Fatalf("decoded: %+v, %v; built: %+v", built, err, b.Built())
		}
	}
	if got, want := c.x.Attach(built), k >= 0 && !before[k].Built; got != want {
		t.Fatalf("attached %v to %+v", got, before)
	} else if !got {
		return
	}
	want := before[k]
	want.Built, want.Digest = true, built.Digest()
	got := c.x.Segments()[k]
	if want.Bytes = got.Bytes; got != want {
		t.Fatalf("attached: %+v, want %+v", got, want)
	}
}

func finish(b *Builder) *Built {
	for !b.Step(1<<20, nil) {
		continue
	}
	return b.Built()
}

// Restart makes a new index of what the host stores: nothing but ordinals and graphs may differ.
func (c *machine) Restart(t *rapid.T) {
	was := c.x
	c.x = c.open(t)
	infos := was.Segments()
	if rapid.Bool().Draw(t, "rows unknown") {
		for i := range infos {
			infos[i].Rows = 0
		}
	}
	c.x.Restore(infos)
	for i := range c.stored {
		c.stored[i].ordinal = c.x.Insert(c.stored[i].slot, c.stored[i].id, c.stored[i].v)
		if j := c.m.find(c.stored[i].slot); j >= 0 {
			c.m.points[j].ordinal = c.stored[i].ordinal
		}
	}
	for _, p := range c.stored {
		if !c.m.has(p.slot) {
			if _, retained := c.x.Remove(p.slot); !retained {
				t.Fatalf("slot %d was retained and is not", p.slot)
			}
		}
	}
	c.builders = nil
	now := c.x.Segments()
	for i, s := range was.Segments() {
		if a, b := now[i], s; a.ID != b.ID || a.FirstSlot != b.FirstSlot || a.LastSlot != b.LastSlot || a.Rows != b.Rows || a.Dead != b.Dead || a.Digest != b.Digest || a.Built {
			t.Fatalf("restored %+v, was %+v", a, b)
		}
		digest := s.Digest
		if !s.Built {
			digest = finish(was.Builder(s.ID)).Digest()
		}
		if got := finish(c.x.Builder(s.ID)).Digest(); got != digest {
			t.Fatalf("segment %d was built as %x, after a restart as %x", s.ID, digest, got)
		}
	}
}

// View keeps the index as it is now.
func (c *machine) View(t *rapid.T) {
	if v := c.x.View(); v != c.x.View() {
		t.Fatal("two views without a change between them")
	}
	c.past = append(c.past, moment{c.x.View(), c.m.clone()})
}

// Search asks the index as it is now or was once.
func (c *machine) Search(t *rapid.T) {
	c.ask(t, rapid.SampledFrom(append(c.past, moment{c.x.View(), c.m})).Draw(t, "moment"))
}

func (c *machine) ask(t *rapid.T, at moment) {
	if at.view.Len() != len(at.model.points) {
		t.Fatalf("the view has %d points, the model %d", at.view.Len(), len(at.model.points))
	}
	q := Query{Vector: c.vectors.Draw(t, "query"), K: rapid.IntRange(0, 12).Draw(t, "k"), Exact: rapid.Bool().Draw(t, "exact")}
	allow := c.allow(t, at)
	search := SearchAll
	if !q.Exact && rapid.Bool().Draw(t, "walk") {
		search = walkAll
	}
	got, want := search(nil, []Target{{at.view, allow}}, q, &c.scratch), at.model.search(q, allow)
	if q.Exact {
		c.askMany(t, at, q.K, allow)
	}
	if q.Exact || c.scratch.Stats.Walks == 0 {
		if !slices.Equal(got, want) {
			t.Fatalf("k=%d of %d points:\n got %v\nwant %v", q.K, at.view.Len(), got, want)
		}
		return
	}
	c.scratch.Stats = Stats{}
	if len(got) != len(want) {
		t.Fatalf("k=%d of %d points: %d found\n got %v\nwant %v", q.K, at.view.Len(), len(got), got, want)
	}
	for i := range got {
		p := at.model.find(got[i].Slot)
		if p < 0 || allow != nil && !allow.Contains(at.model.points[p].ordinal) || i > 0 && got[i-1].compare(&got[i]) >= 0 {
			t.Fatalf("candidate %d of %v", i, got)
		}
		if m := at.model.points[p]; m.id != got[i].ID || float32(at.model.distance(q.Vector, m.v)) != got[i].Distance {
			t.Fatalf("candidate %v is %v", got[i], m)
		}
		c.asked++
		if got[i].Distance <= want[len(want)-1].Distance {
			c.found++
		}
	}
}

// walkAll is SearchAll where every graph is walked that may be, however small.
func walkAll(dst []Candidate, targets []Target, q Query, s *Scratch) []Candidate {
	if k := min(q.K, s.gather(targets)); k > 0 {
		s.ef = efOf(&q, k, 1)
		for i := range s.pieces {
			if s.pieces[i].walkable() {
				s.choose(i)
			}
		}
		dst = s.run(dst, targets[0].View.cfg.Metric, q, k)
	}
	s.release()
	return dst
}

// askMany asks some queries in one pass.
func (c *machine) askMany(t *rapid.T, at moment, k int, allow *roaring.Bitmap) {
	vectors := rapid.SliceOfN(c.vectors, 0, 9).Draw(t, "queries")
	answers := SearchBatch([]Target{{at.view, allow}}, vectors, k, &c.scratch)
	for i, v := range vectors {
		if want := at.model.search(Query{Vector: v, K: k}, allow); !slices.Equal(answers[i], want) {
			t.Fatalf("query %d of %d for %d of %d points:\n got %v\nwant %v", i, len(vectors), k, at.view.Len(), answers[i], want)
		}
	}
}

// allow draws a set of rows, or none for all.
func (c *machine) allow(t *rapid.T, at moment) *roaring.Bitmap {
	allow := roaring.New()
	switch mod := rapid.IntRange(0, 3).Draw(t, "allow one of"); mod {
	case 0:
		for range rapid.IntRange(0, 2).Draw(t, "allow") {
			allow.Add(rapid.Uint32Range(0, uint32(c.ids)+300).Draw(t, "ordinal"))
		}
	case 1:
		return nil
	default:
		for _, p := range at.model.points {
			if p.ordinal%uint32(mod) == 0 {
				allow.Add(p.ordinal)
			}
			if slot, ok := at.view.SlotOf(p.ordinal); !ok || slot != p.slot {
				t.Fatalf("row %d is at slot %d, %v, want %d", p.ordinal, slot, ok, p.slot)
			}
		}
	}
	return allow
}
