package sim

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// worldEpoch is the true Unix time at which every world begins: 2026-01-01.
const worldEpoch = flow.Time(1767225600 * int64(time.Second))

// clock is a node's clock: true time, bent by an offset and a drift that faults
// change. Like the real one it never goes backwards inside one process, so that a
// jump back shows as a clock that stands still; after a restart it may be behind.
type clock struct {
	w      *World
	anchor time.Duration // virtual time at which reading was taken
	read   flow.Time     // the bent time at anchor
	drift  float64       // seconds gained a second
	last   flow.Time     // largest answer since the process started
	past   []setting     // all settings up to now, oldest first
}

// setting is how a clock went from a time on.
type setting struct {
	at      time.Duration // virtual
	read    flow.Time     // the bent time at that time
	drift   float64
	shown   flow.Time // the largest answer up to then
	started bool      // a process started, which forgot what the one before had read
}

func newClock(w *World, offset time.Duration, drift float64) *clock {
	c := &clock{w: w, anchor: w.now, read: worldEpoch.Add(w.now + offset), drift: drift}
	c.keep(false)
	return c
}

func (c *clock) keep(started bool) {
	c.past = append(c.past, setting{at: c.w.now, read: c.bent(), drift: c.drift, shown: c.last, started: started})
}

// Now implements node.Clock.
func (c *clock) Now() flow.Time {
	c.last = max(c.last, c.bent())
	return c.last
}

func (c *clock) bent() flow.Time {
	passed := c.w.now - c.anchor
	return c.read.Add(passed + time.Duration(float64(passed)*c.drift))
}

// jump moves the clock at once; setDrift changes its rate from now on.
func (c *clock) jump(d time.Duration) {
	c.read, c.anchor = c.bent().Add(d), c.w.now
	c.keep(false)
}

func (c *clock) setDrift(drift float64) {
	c.read, c.anchor = c.bent(), c.w.now
	c.drift = drift
	c.keep(false)
}

// restart forgets what the process before has read.
func (c *clock) restart() {
	c.last = 0
	c.keep(true)
}

// after returns how a setting's bent time has gone on.
func (s *setting) after(at time.Duration) flow.Time {
	passed := at - s.at
	return s.read.Add(passed + time.Duration(float64(passed)*s.drift))
}

// since returns the earliest time, in the life of the process that ran at a time, from
// which this clock has counted no more than age until then.
func (c *clock) since(at, age time.Duration) time.Duration {
	n, first := 0, 0
	for n < len(c.past) && c.past[n].at <= at {
		if c.past[n].started {
			first = n
		}
		n++
	}
	life := c.past[first:n]
	end := func(i int) time.Duration {
		if i+1 < len(life) {
			return life[i+1].at
		}
		return at
	}
	// The least that the clock answers from then on: jumps back may come before it is asked.
	last := &life[len(life)-1]
	least := max(last.after(at), last.shown)
	for i := n; i < len(c.past) && !c.past[i].started; i++ {
		least = min(least, max(c.past[i].read, c.past[i].shown))
	}
	want := least.Add(-age)
	for i := range life {
		s, e := &life[i], end(i)
		switch {
		case s.read >= want:
			return s.at
		case s.after(e) >= want:
			part := float64(want.Sub(s.read)) / float64(s.after(e).Sub(s.read))
			return s.at + time.Duration(part*float64(e-s.at)) - time.Microsecond
		}
	}
	return at
}

// stands returns for how long the clock shows the same, since it was set back.
func (c *clock) stands() time.Duration { return max(0, c.last.Sub(c.bent())) }

// error is how far the clock is from the true time.
func (c *clock) error() time.Duration { return c.bent().Sub(worldEpoch.Add(c.w.now)) }

// since returns the earliest time from which some node's clock has counted no more than
// age until a time: what a bounded read promises, which asks the clock of its reader alone.
func (w *World) since(at, age time.Duration) time.Duration {
	first := at
	for _, h := range w.hosts {
		first = min(first, h.clock.since(at, age))
	}
	return first
}

// sinceAt is since for the times of a history.
func (w *World) sinceAt(at flow.Time, age time.Duration) flow.Time {
	return worldEpoch.Add(w.since(at.Sub(worldEpoch), age))
}
