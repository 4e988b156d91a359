package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ruvector-flow/ruvector-flow/sim"
)

// print tells how far a hunt is: a line, or all of it at the end.
func (t *tally) print(out io.Writer, seconds float64, whole bool) {
	years := t.Simulated.Hours() / (24 * 365)
	rate := float64(t.Seeds) / max(seconds, 1e-9) * 3600
	fmt.Fprintf(out, "%d seeds, %d failed, %v; %.0f seeds an hour, %.4f simulated years, %.0f simulated seconds a second, %d events\n",
		t.Seeds, t.Failures, time.Duration(seconds*float64(time.Second)).Round(100*time.Millisecond), rate, years,
		t.Simulated.Seconds()/max(seconds, 1e-9), t.Events)
	if !whole {
		return
	}
	fmt.Fprintf(out, "%d of %d operations succeeded that began in a calm\n", t.Served, t.Tried)
	for _, o := range slices.Sorted(maps.Keys(t.Oracles)) {
		fmt.Fprintf(out, "found by %s: %d\n", o, t.Oracles[o])
	}
	fmt.Fprint(out, "faults (drawn, bit):")
	for _, k := range slices.Sorted(maps.Keys(t.Drawn)) {
		fmt.Fprintf(out, " %s %d %d;", k, t.Drawn[k], t.Bit[k])
	}
	var missed []string
	fmt.Fprint(out, "\nmarks (worlds):")
	for _, m := range sim.Marks {
		if t.Marks[m] == 0 {
			missed = append(missed, string(m))
			continue
		}
		fmt.Fprintf(out, " %s %d;", m, t.Marks[m])
	}
	fmt.Fprintf(out, "\n%d of %d marks hit; missed: %s\n", len(sim.Marks)-len(missed), len(sim.Marks), strings.Join(missed, "; "))
}
