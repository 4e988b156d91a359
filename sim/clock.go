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
}

func newClock(w *World, offset time.Duration, drift float64) *clock {
	return &clock{w: w, anchor: w.now, read: worldEpoch.Add(w.now + offset), drift: drift}
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
func (c *clock) jump(d time.Duration) { c.read, c.anchor = c.bent().Add(d), c.w.now }

func (c *clock) setDrift(drift float64) {
	c.read, c.anchor = c.bent(), c.w.now
	c.drift = drift
}

// restart forgets what the process before has read.
func (c *clock) restart() { c.last = 0 }

// error is how far the clock is from the true time.
func (c *clock) error() time.Duration { return c.bent().Sub(worldEpoch.Add(c.w.now)) }
