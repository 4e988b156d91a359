package sim

import (
	"slices"
	"time"

	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// Skipped is a range of a client's operations that are not made: numbers From to To,
// to the last one when To is 0.
type Skipped struct {
	Client int    `json:"client"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to,omitempty"`
}

func (s *Scenario) skips(client int, operation uint64) bool {
	for _, k := range s.Skip {
		if k.Client == client && operation >= k.From && (k.To == 0 || operation <= k.To) {
			return true
		}
	}
	return false
}

// Shrunk is the end of Shrink.
type Shrunk struct {
	// Report is the run of the smallest scenario found, which fails as the first did.
	Report Report
	// Runs is how many scenarios were tried, Took the time of them all.
	Runs int
	Took time.Duration
}

// Shrink reduces a failing run: fewer faults, clients, nodes, operations, less time. What
// it returns fails by the same oracle. elapsed tells the real time; when the time
// within has passed, the best so far is the answer. A nil elapsed never ends it early.
func Shrink(failed Report, o Options, elapsed func() time.Duration, within time.Duration) Shrunk {
	if elapsed == nil {
		elapsed = func() time.Duration { return 0 }
	}
	s := &shrinking{run: Run, best: failed, o: o, elapsed: elapsed, due: elapsed() + within, began: elapsed()}
	return s.all()
}

func (s *shrinking) all() Shrunk {
	s.shorten()
	s.fewerFaults()
	s.fewerClients()
	s.smallerShape()
	s.shorten()
	s.fewerFaults()
	s.fewerOperations()
	s.plainer()
	return Shrunk{Report: s.best, Runs: s.runs, Took: s.elapsed() - s.began}
}

// shrinking is a Shrink under way.
type shrinking struct {
	// run is Run, except in tests.
	run     func(Scenario, Options) Report
	best    Report
	o       Options
	elapsed func() time.Duration
	began   time.Duration
	due     time.Duration
	runs    int
}

// try runs a smaller scenario and keeps it if it fails by the same oracle.
func (s *shrinking) try(smaller Scenario) bool {
	if s.elapsed() > s.due {
		return false
	}
	for _, f := range smaller.Faults {
		if f.check(smaller.Nodes) != nil {
			return false
		}
	}
	o, began := s.o, s.elapsed()
	o.Trace = nil
	o.Elapsed = func() time.Duration { return s.elapsed() - began }
	s.runs++
	r := s.run(smaller, o)
	if r.Failure == nil || r.Failure.Oracle != s.best.Failure.Oracle {
		return false
	}
	s.best = r
	return true
}

// with tries the best scenario with a change.
func (s *shrinking) with(change func(c *Scenario)) bool {
	c := s.best.Scenario
	c.Faults, c.Skip = slices.Clone(c.Faults), slices.Clone(c.Skip)
	change(&c)
	return s.try(c)
}

// shorten ends the load where the failure was seen, or, if only the end showed it,
// looks for the shortest load that still fails.
func (s *shrinking) shorten() {
	if at := time.Duration(s.best.Failure.At * float64(time.Second)); at > s.best.Formed && at < s.best.Formed+s.best.Scenario.Run {
		s.with(func(c *Scenario) { c.cut(at - s.best.Formed + time.Millisecond) })
	}
	for low, high := time.Duration(0), s.best.Scenario.Run; high-low > time.Second; {
		middle := (low + high) / 2
		if s.with(func(c *Scenario) { c.cut(middle) }) {
			high = middle
		} else {
			low = middle
		}
	}
}

// cut ends the load earlier; faults that would begin later go.
func (c *Scenario) cut(run time.Duration) {
	c.Run = max(run, time.Millisecond)
	c.Faults = slices.DeleteFunc(c.Faults, func(f Fault) bool { return f.At >= c.Run })
}

func (s *shrinking) fewerFaults() {
	s.fewer(func() int { return len(s.best.Scenario.Faults) }, func(c *Scenario, lo, hi int) {
		c.Faults = slices.Delete(c.Faults, lo, hi)
	})
}

// fewer takes away parts of a list of things, large parts first (delta debugging:
// Zeller and Hildebrandt 2002), until each that is left is needed.
func (s *shrinking) fewer(count func() int, remove func(c *Scenario, lo, hi int)) {
	for part := count(); part > 0; part /= 2 {
		for lo := 0; lo < count(); {
			if !s.with(func(c *Scenario) { remove(c, lo, min(lo+part, count())) }) {
				lo += part
			}
		}
	}
}

// fewerClients silences clients one after another.
func (s *shrinking) fewerClients() {
	active := func() (numbers []int) {
		for n := 1; n <= s.best.Scenario.Clients; n++ {
			if !s.best.Scenario.skips(n, 1<<63) {
				numbers = append(numbers, n)
			}
		}
		return numbers
	}
	s.fewer(func() int { return len(active()) }, func(c *Scenario, lo, hi int) {
		for _, n := range active()[lo:hi] {
			c.Skip = append(c.Skip, Skipped{Client: n, From: 1})
		}
	})
	last := 0
	if numbers := active(); len(numbers) > 0 {
		last = numbers[len(numbers)-1]
	}
	s.with(func(c *Scenario) {
		c.Clients = last
		c.Skip = slices.DeleteFunc(c.Skip, func(k Skipped) bool { return k.Client > last })
	})
}

// smallerShape tries fewer nodes, shards and events of the cluster's life.
func (s *shrinking) smallerShape() {
	for _, n := range []int{1, 2, 3, 5} {
		if n < s.best.Scenario.Nodes && s.with(func(c *Scenario) { c.shape(n) }) {
			break
		}
	}
	for _, n := range []int{1, 2, 4, 8} {
		if n < s.best.Scenario.Shards && s.with(func(c *Scenario) { c.Shards = n }) {
			break
		}
	}
	if s.best.Scenario.Ending != Whole {
		s.with(func(c *Scenario) { c.Ending = Whole })
	}
	if len(s.best.Scenario.Former) > 0 {
		s.with(func(c *Scenario) { c.Former = nil })
	}
	if s.best.Scenario.LateJoins > 0 {
		s.with(func(c *Scenario) { c.LateJoins = 0 })
	}
	for s.best.Scenario.Recreate > 0 && s.with(func(c *Scenario) { c.Recreate-- }) {
	}
	if s.best.Scenario.Regions > 1 {
		s.with(func(c *Scenario) { c.Regions, c.RegionLatency = 1, 0 })
	}
}

// shape makes the cluster smaller; faults that name a node which is gone go too.
func (c *Scenario) shape(nodes int) {
	c.Nodes, c.LateJoins = nodes, min(c.LateJoins, nodes-1)
	c.Faults = slices.DeleteFunc(c.Faults, func(f Fault) bool { return f.check(nodes) != nil })
	c.Former = slices.DeleteFunc(slices.Clone(c.Former), func(n int) bool { return n > nodes })
}

// skipParts is into how many parts a client's operations are divided at most.
const skipParts = 16

// fewerOperations leaves out parts of what each client does.
func (s *shrinking) fewerOperations() {
	for n := 1; n <= s.best.Scenario.Clients; n++ {
		if s.best.Scenario.skips(n, 1<<63) {
			continue
		}
		total := uint64(s.best.Scenario.Run/max(s.best.Scenario.Think, time.Millisecond)) + 1
		for part := max(total/2, 1); part >= max(total/skipParts, 1); part /= 2 {
			for from := uint64(1); from <= total; from += part {
				if !s.best.Scenario.skips(n, from) {
					s.with(func(c *Scenario) { c.Skip = append(c.Skip, Skipped{Client: n, From: from, To: from + part - 1}) })
				}
			}
			if part == 1 {
				break
			}
		}
	}
}

// plainer tries the usual values of what was drawn, and shorter faults.
func (s *shrinking) plainer() {
	if s.best.Scenario.Replica != (replica.Tuning{}) {
		s.with(func(c *Scenario) { c.Replica = replica.Tuning{} })
	}
	s.with(func(c *Scenario) { c.ClockOffset, c.ClockDrift = 0, 0 })
	for i := range s.best.Scenario.Faults {
		for s.best.Scenario.Faults[i].For > 100*time.Millisecond && s.with(func(c *Scenario) { c.Faults[i].For /= 2 }) {
		}
	}
}
