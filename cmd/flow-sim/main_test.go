package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
)

// A hunt runs each seed once and counts what it saw, also for a machine to read.
func TestHunt(t *testing.T) {
	var out bytes.Buffer
	h := &hunt{base: 1, seeds: 3, procs: 2, json: true, out: &out}
	if err := h.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	var last line
	for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if last.Type != "summary" || last.Tally.Seeds != 3 || last.Tally.Failures != 0 || len(last.Tally.Marks) < 20 || last.Tally.Simulated == 0 {
		t.Errorf("the summary is %+v", last.Tally)
	}
	out.Reset()
	h.json = false
	h.say("summary", nil)
	for _, want := range []string{"3 seeds, 0 failed", "seeds an hour", "simulated years", "faults (drawn, bit):", "marks hit; missed:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, out.String())
		}
	}
}

// A hunt that is interrupted ends with a summary.
func TestHuntInterrupted(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := &hunt{base: 1, procs: 1, forever: true, out: &out}
	if err := h.run(ctx); err != nil || !strings.HasPrefix(out.String(), "0 seeds") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// A sample holds as many mutants as asked for, each once, another one with another
// base, and none that cannot be found yet.
func TestSample(t *testing.T) {
	seen := map[string]bool{}
	for base := range uint64(10) {
		k := &kill{sample: 5, base: base}
		list, err := k.choose()
		if err != nil || len(list) != 5 {
			t.Fatalf("%d mutants: %v", len(list), err)
		}
		for i, m := range list {
			if m.Needs != "" || !m.Plantable() || i > 0 && list[i-1].Name == m.Name {
				t.Errorf("mutant %s is in a sample", m.Name)
			}
			seen[m.Name] = true
		}
	}
	if len(seen) < 20 {
		t.Errorf("ten samples hold %d mutants", len(seen))
	}
}

// The table has a row for every mutant, measured or not.
func TestTable(t *testing.T) {
	k := &kill{results: filepath.Join(t.TempDir(), "results")}
	name := mutants.All()[0].Name
	for range 2 {
		if err := k.add(verdict{Name: name, Trials: []trial{{Found: true, Seeds: 7, Seconds: 1.5, finding: finding{Oracle: sim.OracleHistory}}},
			Shrunk: true, Kinds: []sim.FaultKind{sim.Crash, sim.Pause}, Faults: 2, Seen: []sim.Oracle{sim.OracleHistory},
			Lone: []loneWorld{{sim.OracleForm, 9}}, Needs: []sim.FaultKind{sim.Crash}, Alone: []sim.FaultKind{sim.Pause}}); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := k.table(&out); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants.All() {
		if !strings.Contains(out.String(), "| "+m.Name+" |") {
			t.Errorf("no row for %s", m.Name)
		}
	}
	for _, want := range []string{"| history | 7 | 1.5 | nobody | crash, pause |", "1 of 1 measured mutants were found, 1 of them within 20 seeds",
		"| history | " + name + " |  |  |", "| crash | " + name + " |  |  |", "| pause |  | " + name + " | " + name + " |", "neither among all nor alone: latency,", "| form | " + name + " (9) |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q", want)
		}
	}
}

// The tables go between the marks, again and again, and nowhere else.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	k := &kill{results: filepath.Join(dir, "results")}
	if err := k.add(verdict{Name: mutants.All()[0].Name}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "doc")
	if err := os.WriteFile(file, []byte("above\n"+tableBegins+"old\n"+tableEnds+"below\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for i := range 2 {
		if err := k.document(file); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(text, []byte("above\n"+tableBegins+"| mutant |")) || !bytes.HasSuffix(text, []byte(tableEnds+"below\n")) || bytes.Contains(text, []byte("old\n")) {
			t.Fatalf("%v:\n%s", err, text)
		}
		if i > 0 && !bytes.Equal(text, first) {
			t.Error("a second time writes something else")
		}
		first = text
	}
	if err := os.WriteFile(file, []byte("no marks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.document(file); err == nil {
		t.Error("a file without marks was written to")
	}
}

// A case that was saved reads as it was.
func TestSave(t *testing.T) {
	r := sim.Report{Failure: &sim.Failure{Oracle: sim.OracleHistory, What: "first\nsecond"}, Scenario: sim.DrawScenario(5)}
	file, err := save(t.TempDir(), newCase("seed-5", "", 5, r))
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCase(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(c.JSON(), data) || c.Why != "first" || c.Oracle != sim.OracleHistory {
		t.Errorf("%v: %+v", err, c)
	}
}

// The median of three trials counts: two that found it are enough, one is not. A result
// of other bases, or of less time, is not taken for one that was asked for.
func TestVerdict(t *testing.T) {
	yes := func(seeds int) trial { return trial{Found: true, Seeds: seeds, Seconds: float64(seeds) / 2} }
	for _, c := range []struct {
		trials []trial
		found  bool
		seeds  float64
	}{
		{[]trial{yes(9), yes(3), yes(5)}, true, 5},
		{[]trial{yes(9), {Seeds: 200}, yes(5)}, true, 9},
		{[]trial{{Seeds: 200}, yes(5), {Seeds: 100}}, false, 0},
		{[]trial{{Seeds: 200}, {Seeds: 100}}, false, 0},
		{nil, false, 0},
	} {
		v := verdict{Trials: c.trials}
		if v.found() != c.found || c.found && v.seeds() != c.seeds {
			t.Errorf("%v: found %v, %v seeds", c.trials, v.found(), v.seeds())
		}
	}
	k := &kill{results: filepath.Join(t.TempDir(), "results"), base: 1, bases: 3, within: time.Minute}
	all := mutants.All()[:3]
	for i, v := range []verdict{{Base: 1, Bases: 3, Within: 60, Needs: []sim.FaultKind{sim.Pause}, Alone: []sim.FaultKind{sim.Crash}}, {Base: 1, Bases: 1, Within: 60}, {Base: 1, Bases: 3, Within: 20}} {
		v.Name = all[i].Name
		if err := k.add(v); err != nil {
			t.Fatal(err)
		}
	}
	list, err := k.unmeasured(slices.Clone(all))
	if err != nil || len(list) != 2 || list[0].Name != all[1].Name || !k.kinds.isShown(sim.Crash) || !k.kinds.isShown(sim.Pause) || k.kinds.isShown(sim.Restart) {
		t.Errorf("to be measured: %v (%v), shown: %v", list, err, k.kinds.set)
	}
}

// A hunt without faults, or with those of one kind alone, draws no others.
func TestOnlyKind(t *testing.T) {
	for seed := range uint64(20) {
		s := sim.DrawScenario(seed)
		if got := s.WithOnly("none").Faults; len(got) > 0 {
			t.Fatalf("seed %d: %v", seed, got)
		}
		got := s.WithOnly(sim.Pause).Faults
		if len(got) == 0 || slices.ContainsFunc(got, func(f sim.Fault) bool { return f.Kind != sim.Pause }) {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}
