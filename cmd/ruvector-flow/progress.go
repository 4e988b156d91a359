package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

const (
	progressLineEvery = 5 * time.Second
	progressBarWidth  = 24
)

// progress shows how far an import is: a line drawn over itself on a terminal, else
// a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	what     string
	last     time.Duration
	drawn    bool
}

func newProgress(w io.Writer, what string) *progress {
	return &progress{w: w, terminal: isTerminal(w), what: what}
}

func (p *progress) show(at importProgress) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s %s", p.what, progressLine(at, true))
		p.drawn = true
		return
	}
	if at.elapsed-p.last >= progressLineEvery {
		p.last = at.elapsed
		fmt.Fprintf(p.w, "%s %s\n", p.what, progressLine(at, false))
	}
}

// end leaves a terminal's line empty for what follows.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func progressLine(at importProgress, bar bool) string {
	fraction := at.fraction
	if at.total > 0 {
		fraction = float64(at.points) / float64(at.total)
	}
	rate := float64(at.points) / max(at.elapsed.Seconds(), 1e-3)
	var parts []string
	if fraction >= 0 {
		if bar {
			full := int(math.Round(min(1, fraction) * progressBarWidth))
			parts = append(parts, "["+strings.Repeat("=", full)+strings.Repeat(" ", progressBarWidth-full)+"]")
		}
		parts = append(parts, fmt.Sprintf("%3.0f %%", 100*min(1, fraction)))
	}
	points := thousands(at.points)
	if at.total > 0 {
		points += " of " + thousands(at.total)
	}
	parts = append(parts, points, fmt.Sprintf("%s/s", thousands(int64(rate))))
	if at.total > 0 && at.points > 0 {
		left := time.Duration(float64(at.total-at.points) / rate * float64(time.Second))
		parts = append(parts, fmt.Sprintf("%v left", left.Round(time.Second)))
	}
	if at.retries > 0 {
		parts = append(parts, retries(at.retries))
	}
	return strings.Join(parts, "  ")
}
