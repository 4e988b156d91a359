package sim

import "testing"

// Marks are named once, there are many, and few dozen worlds meet most of them.
func TestMarks(t *testing.T) {
	t.Parallel()
	if len(markNumber) != len(Marks) || len(Marks) < 60 {
		t.Fatalf("%d marks, %d names; at least 60 must be, each once", len(Marks), len(markNumber))
	}
	worlds := uint64(40)
	if testing.Short() {
		worlds = 8
	}
	met := map[Mark]int{}
	for seed := uint64(1); seed <= worlds; seed++ {
		for m := range Run(DrawScenario(seed), realTime()).Marks {
			met[m]++
		}
	}
	t.Logf("%d worlds met %d of %d marks", worlds, len(met), len(Marks))
	if !testing.Short() && len(met) < len(Marks)*3/4 {
		for _, m := range Marks {
			if met[m] == 0 {
				t.Logf("missed: %s", m)
			}
		}
		t.Errorf("%d worlds met only %d of %d marks", worlds, len(met), len(Marks))
	}
}
