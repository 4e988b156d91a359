package sim

import (
	"testing"

	"pgregory.net/rapid"
)

// propertyWorlds is how many schedules a plain run of TestProperty draws.
const propertyWorlds = 8

// TestProperty runs worlds whose faults rapid draws beside TestSeed's generator: it
// looks for other schedules, and shrinks one that fails choice by choice.
func TestProperty(t *testing.T) {
	worlds, failed := propertyWorlds, false
	if testing.Short() {
		worlds = 2
	}
	rapid.Check(t, func(rt *rapid.T) {
		if worlds--; worlds < 0 && !failed {
			return
		}
		s := DrawScenario(rapid.Uint64Range(1, 1<<20).Draw(rt, "shape"))
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		s.Faults = s.withReuse(s.withVersions(drawFaults(choose, s), choose), choose)
		for i, f := range s.Faults {
			if err := f.check(s.Nodes); err != nil {
				rt.Fatalf("fault %d, %v: %v", i, f, err)
			}
		}
		if r := Run(s, realTime()); r.Failure != nil {
			failed = true
			rt.Fatalf("oracle %s at %.3fs: %s\nits scenario, for -schedule:\n%s", r.Failure.Oracle, r.Failure.At, r.Failure.What, s.JSON())
		}
	})
}
