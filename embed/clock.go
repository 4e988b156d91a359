package embed

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// clock is Unix time when the process started plus the monotonic time since, so
// that a step of the wall clock never reaches the node.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

// Now returns the clock's reading.
func (c clock) Now() flow.Time { return flow.Time(c.start.UnixNano()).Add(time.Since(c.start)) }
