package sim

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a story: it fits a screen.
const (
	maxStoryWhat    = 12
	maxStoryMoments = 14
	maxStoryFaults  = 10
	maxStoryColumns = 160
)

// Story tells a failure in a screen: what was wrong, the events that led to it if the
// report has a tape, the faults and the command that repeats it.
func Story(r Report, command string) string {
	var b strings.Builder
	say := func(format string, args ...any) { b.WriteString(column(fmt.Sprintf(format, args...)) + "\n") }
	say("FAILED oracle=%s at %.3fs, seed %d hash=%016x", r.Failure.Oracle, r.Failure.At, r.Scenario.Seed, r.Hash)
	what := strings.Split(strings.TrimSpace(r.Failure.What), "\n")
	say("%s", what[0])
	if what = what[1:]; len(what) > maxStoryWhat {
		say("  …")
		what = what[len(what)-maxStoryWhat:]
	}
	for _, l := range what {
		say("%s", l)
	}
	if why := r.Tape.why(r); len(why) > 0 {
		say("\nwhat led to it:")
		for _, m := range why {
			who := "world"
			if m.Host > 0 {
				who = fmt.Sprintf("node%d", m.Host)
			}
			say("  %9.3fs #%d %s %s: %s", m.At.Seconds(), m.Event, who, m.What, m.Words)
		}
	}
	say("\n%d nodes, %d shards, load from %.3fs; faults (number, time after that, what, how often it bit):", r.Scenario.Nodes, r.Scenario.Shards, r.Formed.Seconds())
	for i, f := range r.Scenario.Faults {
		if i == maxStoryFaults {
			say("  … %d more", len(r.Scenario.Faults)-i)
			break
		}
		say("%3d %s (%d)", i, f, r.Bites[i])
	}
	say("\nrepeat it: %s", command)
	return b.String()
}

// column cuts a line to the width of a screen.
func column(s string) string {
	if utf8.RuneCountInString(s) <= maxStoryColumns || strings.HasPrefix(s, "\nrepeat it") {
		return s
	}
	return string([]rune(s)[:maxStoryColumns-1]) + "…"
}

// why picks the moments that led to a failure: the last ones before the answer that
// is wrong, or before the failure was seen, of those that matter most.
func (t *Tape) why(r Report) []Moment {
	if t == nil {
		return nil
	}
	until, from := time.Duration(r.Failure.At*float64(time.Second)), r.Formed
	for _, c := range t.Calls {
		if c.Shown && (from == r.Formed || c.Call < from) {
			from = c.Call
		}
		if c.Culprit && c.Return >= 0 {
			until = c.Return
		}
	}
	var picked []Moment
	for _, m := range t.Moments {
		if m.At < min(from, r.Formed) || m.At > until || m.What == "failure" || m.What == "role" && m.Role == "follows" {
			continue
		}
		picked = append(picked, m)
	}
	return picked[max(0, len(picked)-maxStoryMoments):]
}
