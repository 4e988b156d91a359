package sim

import (
	"testing"
	"time"
)

// TestClockSince bends one clock in every way and asks from when on it has counted so much.
func TestClockSince(t *testing.T) {
	const s = time.Second
	w := &World{}
	c := newClock(w, 3*s, 0)
	at := func(now time.Duration, do func()) {
		w.now = now
		c.Now()
		do()
	}
	at(0, c.restart)
	at(10*s, func() { c.setDrift(-1) }) // stands until 14
	at(14*s, func() { c.setDrift(0) })  // is 4 behind
	at(20*s, func() { c.jump(-5 * s) }) // shows 19 until 25
	at(30*s, func() { c.jump(8 * s) })  // 31 to 32 at once, by the true time of the start
	at(40*s, func() { c.setDrift(.5) })
	at(44*s, func() { c.setDrift(0) })
	at(50*s, c.restart)
	for _, x := range []struct{ at, age, since time.Duration }{
		{5 * s, 2 * s, 3 * s},
		{5 * s, 9 * s, 0},
		{12 * s, 1 * s, 9 * s}, // it stands: 9 to 12 are one second
		{15 * s, 2 * s, 9 * s}, // 9 to 10, 14 to 15
		{23 * s, 1 * s, 19 * s},
		{29 * s, 5 * s, 19 * s}, // counted 1 to 20 and 4 since 25
		{31 * s, 2 * s, 30 * s}, // the jump itself counts 8
		{44 * s, 3 * s, 42 * s}, // 1.5 a second
		{52 * s, 9 * s, 50 * s}, // a process remembers nothing of the one before
	} {
		if got := c.since(x.at, x.age); got > x.since || got < x.since-2*time.Microsecond {
			t.Errorf("at %v, %v ago: since %v, want %v", x.at, x.age, got, x.since)
		}
	}

	// A jump back before the clock was asked: it may go on from what it last showed.
	c = newClock(w, 0, 0)
	c.restart()
	at(54*s, func() {})
	w.now = 58 * s
	c.jump(-10 * s)
	if got := c.since(57*s, s); got < 53*s-2*time.Microsecond || got > 53*s {
		t.Errorf("a clock asked at 54 s and set back at 58 s: at 57 s a second ago is %v, want 53 s", got)
	}
}
