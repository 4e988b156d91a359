package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCorpus replays every case that was kept: none may fail.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("corpus/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("the corpus is empty (%v)", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := ParseCase(data)
			if err != nil {
				t.Fatal(err)
			}
			if c.Name != name || c.Why == "" || c.Oracle == "" {
				t.Errorf("case %q: name, why and oracle must be given, and the name be the file's", c.Name)
			}
			if r := Run(c.Scenario, realTime()); r.Failure != nil {
				t.Errorf("%s: %s\n%s", c.Name, c.Why, Story(r, "go run ./cmd/flow-sim replay sim/corpus/"+name+".json"))
			}
		})
	}
}

// Shrinking gives a smaller scenario that fails by the same oracle.
func TestShrink(t *testing.T) {
	for _, p := range planted[2:4] {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			run := func(s Scenario, o Options) Report {
				w := newWorld(s, o)
				w.sabotage = p.plant
				return w.run()
			}
			var failed Report
			for seed := uint64(1000); failed.Failure == nil; seed++ {
				failed = run(DrawScenario(seed), realTime())
			}
			clock := realTime().Elapsed
			s := &shrinking{run: run, best: failed, elapsed: clock, due: 30 * time.Second}
			small := s.all()
			was, is := failed.Scenario, small.Report.Scenario
			t.Logf("%d runs in %v: %d faults of %d, %d clients of %d, %v of %v", small.Runs, small.Took, len(is.Faults), len(was.Faults), is.Clients, was.Clients, is.Run, was.Run)
			if small.Report.Failure.Oracle != failed.Failure.Oracle {
				t.Errorf("found by %s, after shrinking by %s", failed.Failure.Oracle, small.Report.Failure.Oracle)
			}
			if len(is.Faults) > 5 {
				t.Errorf("%d faults are left, at most 5 should be: %v", len(is.Faults), is.Faults)
			}
			if again := run(is, realTime()); again.Failure == nil || again.Hash != small.Report.Hash {
				t.Errorf("the shrunk scenario does not fail again in the same way: %v", again.Failure)
			}
		})
	}
}
