package linearizability

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func drawSettings(t *rapid.T) settings {
	return settings{
		seed:      rapid.Uint64().Draw(t, "seed"),
		clients:   rapid.IntRange(1, 6).Draw(t, "clients"),
		ops:       rapid.IntRange(5, 40).Draw(t, "ops"),
		points:    rapid.IntRange(1, 8).Draw(t, "points"),
		shards:    rapid.IntRange(1, 3).Draw(t, "shards"),
		unknown:   rapid.SampledFrom([]float64{0, 0.1, 0.3}).Draw(t, "unknown"),
		distinct:  rapid.Bool().Draw(t, "distinct"),
		withIndex: rapid.Bool().Draw(t, "withIndex"),
		gets:      0.4,
	}
}

// TestAcceptsCorrectRuns: whatever a correct store answers is accepted, with all
// that is known of it and with nothing.
func TestAcceptsCorrectRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := generate(drawSettings(t))
		h := replay(r.lines)
		for _, o := range []Options{{ShardOf: r.shardOf, Record: &r.record}, {ShardOf: r.shardOf}, {}} {
			if v := Check(h, o); !v.OK {
				t.Fatalf("a correct run was rejected (shards %v, record %v): %v", o.ShardOf != nil, o.Record != nil, v)
			}
		}
	})
}

// A mutation spoils one answer of a run that suits it. It returns false when
// none does. Those that need the index are visible only by it.
type mutation struct {
	name       string
	needsIndex bool
	spoil      func(r *run, l *line, rnd *rand.Rand) bool
}

// mutations are the faults that must be found in whatever answer they are planted.
var mutations = []mutation{
	{"lost point in a get", true, func(r *run, l *line, rnd *rand.Rand) bool {
		g, ok := l.resp.(*flow.GetResponse)
		return ok && len(g.Points) > 0 && drop(&g.Points, rnd)
	}},
	{"stale value in a get", true, func(r *run, l *line, rnd *rand.Rand) bool {
		g, ok := l.resp.(*flow.GetResponse)
		return ok && len(g.Points) > 0 && r.older(&g.Points[rnd.IntN(len(g.Points))])
	}},
	{"value nobody wrote", false, func(r *run, l *line, rnd *rand.Rand) bool {
		g, ok := l.resp.(*flow.GetResponse)
		if !ok || len(g.Points) == 0 {
			return false
		}
		g.Points[rnd.IntN(len(g.Points))].Vector = flow.Vector{-1, -1}
		return true
	}},
	{"deleted point in a get", true, func(r *run, l *line, rnd *rand.Rand) bool {
		g, ok := l.resp.(*flow.GetResponse)
		req, _ := l.req.(*flow.GetRequest)
		if !ok || len(g.Points) > 0 || len(g.Missing) > 0 {
			return false
		}
		for _, id := range req.IDs {
			p := flow.Point{ID: id, Version: 1 << 40}
			if r.older(&p) {
				g.Points = append(g.Points, p)
				return true
			}
		}
		return false
	}},
	{"search without a hit", true, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.SearchResponse)
		return ok && len(s.Hits) > 0 && drop(&s.Hits, rnd)
	}},
	{"search with an old version", true, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.SearchResponse)
		return ok && len(s.Hits) > 0 && r.older(&s.Hits[rnd.IntN(len(s.Hits))].Point)
	}},
	{"wrong distance", false, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.SearchResponse)
		if !ok || len(s.Hits) == 0 {
			return false
		}
		s.Hits[len(s.Hits)-1].Distance += 1000
		return true
	}},
	{"wrong order", false, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.SearchResponse)
		if !ok || len(s.Hits) < 2 {
			return false
		}
		i := rnd.IntN(len(s.Hits) - 1)
		s.Hits[i], s.Hits[i+1] = s.Hits[i+1], s.Hits[i]
		return true
	}},
	{"hit twice", false, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.SearchResponse)
		if !ok || len(s.Hits) == 0 {
			return false
		}
		i := rnd.IntN(len(s.Hits))
		s.Hits = slices.Insert(s.Hits, i, s.Hits[i])
		return true
	}},
	{"count off by one", true, func(r *run, l *line, rnd *rand.Rand) bool {
		c, ok := l.resp.(*flow.CountResponse)
		if !ok {
			return false
		}
		c.Count += uint64(1 - 2*rnd.IntN(2))
		return true
	}},
	{"scroll without a point", true, func(r *run, l *line, rnd *rand.Rand) bool {
		s, ok := l.resp.(*flow.ScrollResponse)
		return ok && len(s.Points) > 0 && drop(&s.Points, rnd)
	}},
	{"applied at another version", false, func(r *run, l *line, rnd *rand.Rand) bool {
		w, ok := l.resp.(*flow.WriteResponse)
		if !ok {
			return false
		}
		i := slices.IndexFunc(w.Results, func(r flow.OpResult) bool { return r.Status == flow.Applied })
		if i < 0 {
			return false
		}
		w.Results = slices.Clone(w.Results)
		w.Results[i].Version += 1000
		return true
	}},
	{"conflict named an old version", false, func(r *run, l *line, rnd *rand.Rand) bool {
		w, ok := l.resp.(*flow.WriteResponse)
		if !ok {
			return false
		}
		i := slices.IndexFunc(w.Results, func(r flow.OpResult) bool { return r.Status == flow.Conflicted })
		if i < 0 {
			return false
		}
		w.Results = slices.Clone(w.Results)
		w.Results[i].Version += 1 << 40
		return true
	}},
	{"applied twice", false, func(r *run, l *line, rnd *rand.Rand) bool {
		w, ok := l.resp.(*flow.WriteResponse)
		if !ok {
			return false
		}
		for i, res := range w.Results {
			if res.Status == flow.Applied {
				r.record.Add(Change{Request: w.ID, Collection: "c", Point: l.req.(*flow.WriteRequest).Ops[i].ID, Version: 1 << 40})
				return true
			}
		}
		return false
	}},
}

func drop[T any](s *[]T, rnd *rand.Rand) bool {
	i := rnd.IntN(len(*s))
	*s = slices.Delete(slices.Clone(*s), i, i+1)
	return true
}

// older replaces a point by an older version of it, if it had one.
func (r *run) older(p *flow.Point) bool {
	for _, l := range r.lines {
		w, ok := l.resp.(*flow.WriteResponse)
		if !ok {
			continue
		}
		for i, op := range l.req.(*flow.WriteRequest).Ops {
			if i < len(w.Results) && op.ID == p.ID && op.Kind == flow.Upsert && w.Results[i].Status == flow.Applied && w.Results[i].Version < p.Version {
				p.Vector, p.Payload, p.Version = op.Vector, op.Payload, w.Results[i].Version
				return true
			}
		}
	}
	return false
}

// TestRejectsSpoiledRuns: one spoiled answer, of any kind, is found when the answers
// name their index and the record is complete; those that need no index also
// when they do not.
func TestRejectsSpoiledRuns(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			planted := 0
			rapid.Check(t, func(t *rapid.T) {
				set := drawSettings(t)
				set.withIndex = set.withIndex || m.needsIndex
				r := generate(set)
				rnd := rand.New(rand.NewPCG(set.seed, 2))
				at := slices.IndexFunc(rnd.Perm(len(r.lines)), func(i int) bool {
					return r.lines[i].ret >= 0 && r.lines[i].resp != nil && m.spoil(r, &r.lines[i], rnd)
				})
				if at < 0 {
					return
				}
				planted++
				if v := Check(replay(r.lines), Options{ShardOf: r.shardOf, Record: &r.record}); v.OK {
					t.Fatalf("%s was not found", m.name)
				}
			})
			if planted < 10 {
				t.Fatalf("planted in %d runs only; the generator makes too few answers that suit", planted)
			}
		})
	}
}

// TestRejectsStaleGetsByOrderAlone: a linearizable get that returns a version
// overwritten before it began is found from the history alone.
func TestRejectsStaleGetsByOrderAlone(t *testing.T) {
	planted := 0
	rapid.Check(t, func(t *rapid.T) {
		set := drawSettings(t)
		set.withIndex = false
		r := generate(set)
		for i := range r.lines {
			l := &r.lines[i]
			g, ok := l.resp.(*flow.GetResponse)
			if !ok || len(g.Points) == 0 || l.req.(*flow.GetRequest).Read.Level != flow.Linearizable {
				continue
			}
			if p := &g.Points[0]; !r.acknowledgedBefore(p.ID, p.Version, l.call) || !r.older(p) {
				continue
			}
			planted++
			if v := CheckPoints(replay(r.lines), Options{}); v.OK {
				t.Fatalf("a stale get was not found")
			}
			return
		}
	})
	if planted < 10 {
		t.Fatalf("planted in %d runs only", planted)
	}
}

// acknowledgedBefore says whether the write of a version had returned by a time.
func (r *run) acknowledgedBefore(id flow.PointID, version uint64, at flow.Time) bool {
	for _, l := range r.lines {
		w, ok := l.resp.(*flow.WriteResponse)
		if !ok || l.ret < 0 || l.ret >= at {
			continue
		}
		for i, op := range l.req.(*flow.WriteRequest).Ops {
			if i < len(w.Results) && op.ID == id && w.Results[i].Status == flow.Applied && w.Results[i].Version == version {
				return true
			}
		}
	}
	return false
}

// benchmarkRun is 2,000 operations over 50 points with 10 % unknown outcomes.
func benchmarkRun() *run {
	return generate(settings{seed: 7, clients: 8, ops: 250, points: 50, shards: 4, unknown: 0.1, distinct: true, withIndex: true, gets: 0.4})
}

// TestResolvedHistoriesNeedFewSteps: versions guide the search for an order, so
// that its length is near the number of operations; a step takes a microsecond.
func TestResolvedHistoriesNeedFewSteps(t *testing.T) {
	r := benchmarkRun()
	h := replay(r.lines)
	const maxSteps = 2000 // for each of 50 points; about 60 operations touch one
	if v := Check(h, Options{ShardOf: r.shardOf, Record: &r.record, MaxSteps: maxSteps}); !v.OK {
		t.Errorf("%d operations were not judged in %d steps a point: %v", h.Len(), maxSteps, v)
	}
}

func BenchmarkCheck(b *testing.B) {
	r := benchmarkRun()
	h := replay(r.lines)
	for _, c := range []struct {
		name string
		o    Options
	}{{"resolved", Options{ShardOf: r.shardOf, Record: &r.record}}, {"unresolved", Options{ShardOf: r.shardOf}}} {
		b.Run(fmt.Sprintf("%s/ops=%d", c.name, h.Len()), func(b *testing.B) {
			for b.Loop() {
				if v := Check(h, c.o); !v.OK {
					b.Fatal(v)
				}
			}
		})
	}
}
