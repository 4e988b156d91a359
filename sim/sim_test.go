package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The flags of the test binary.
var (
	seedFlag     = flag.Uint64("seed", 0, "run this seed (and -seeds more from it); 0 runs the default set")
	seedsFlag    = flag.Uint64("seeds", 1, "number of seeds to run from -seed on")
	eventsFlag   = flag.Bool("events", false, "print every event (with one seed); go test keeps the name -trace for itself")
	scheduleFlag = flag.String("schedule", "", "run the scenario in this JSON file instead of the seed's own")
	withoutFlag  = flag.String("without", "", "leave out the faults at these positions, for example 2,5")
	saveFlag     = flag.String("save", "", "write the scenario that is run to this JSON file")
)

// defaultSeeds is how many seeds a plain `go test ./sim` runs: about 40 s on 2 cores.
const defaultSeeds = 200

// TestSeed runs worlds. A failure prints the command that repeats it.
func TestSeed(t *testing.T) {
	first, n := *seedFlag, *seedsFlag
	if first == 0 {
		first, n = 1, max(n, defaultSeeds)
		if testing.Short() {
			n = 8
		}
	}
	if n == 1 {
		runSeed(t, first)
		return
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			runSeed(t, seed)
		})
	}
}

func runSeed(t *testing.T, seed uint64) {
	s, command := scenarioFromFlags(t, seed)
	o := realTime()
	if *eventsFlag {
		o.Trace = os.Stdout
	}
	r := Run(s, o)
	t.Logf("seed %d hash=%016x\n%d nodes, %d shards, %d faults\n%s", seed, r.Hash, s.Nodes, s.Shards, len(s.Faults), r.Text)
	if r.Failure != nil {
		t.Errorf("%s", describe(r, command))
	}
}

// realTime returns options that bound a run's real time.
func realTime() Options {
	began := time.Now()
	return Options{Elapsed: func() time.Duration { return time.Since(began) }}
}

func scenarioFromFlags(t *testing.T, seed uint64) (Scenario, string) {
	s := DrawScenario(seed)
	command := fmt.Sprintf("go test ./sim -run TestSeed -seed %d", seed)
	if *scheduleFlag != "" {
		data, err := os.ReadFile(*scheduleFlag)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = ParseScenario(data); err != nil {
			t.Fatal(err)
		}
		command = "go test ./sim -run TestSeed -seed 1 -schedule " + *scheduleFlag
	}
	if *withoutFlag != "" {
		var gone []int
		for part := range strings.SplitSeq(*withoutFlag, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil {
				t.Fatalf("-without %s: %v", *withoutFlag, err)
			}
			gone = append(gone, n)
		}
		s = s.Without(gone...)
		command += " -without " + *withoutFlag
	}
	if *saveFlag != "" {
		if err := os.WriteFile(*saveFlag, s.JSON(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s, command
}

// describe tells a failure in a screen: what, when, the faults, the command.
func describe(r Report, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "FAILED oracle=%s at %.3fs: %s\n\nfaults (number, time, what, how often it bit):\n", r.Failure.Oracle, r.Failure.At, r.Failure.What)
	for i, f := range r.Scenario.Faults {
		bites := 0
		if i < len(r.Bites) {
			bites = r.Bites[i]
		}
		fmt.Fprintf(&b, "%3d %s (%d)\n", i, f, bites)
	}
	fmt.Fprintf(&b, "\nrepeat it: %s -v", command)
	return b.String()
}

// A scenario comes back from its JSON as it was.
func TestScenarioJSON(t *testing.T) {
	for seed := range uint64(50) {
		s := DrawScenario(seed)
		got, err := ParseScenario(s.JSON())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		a, _ := json.Marshal(s)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Fatalf("seed %d: scenario changed in JSON:\n%s\n%s", seed, a, b)
		}
	}
}

// A schedule that names what is not there is refused.
func TestScenarioRefused(t *testing.T) {
	good := DrawScenario(1)
	for name, f := range map[string]Fault{
		"node":  {Kind: Crash, Node: good.Nodes + 1},
		"none":  {Kind: Crash},
		"kind":  {Kind: "sunspots", Node: 1},
		"time":  {Kind: Pause, Node: 1, At: -1},
		"side":  {Kind: Partition, Side: []int{9}},
		"links": {Kind: DropFrames, From: 12},
	} {
		s := good
		s.Faults = []Fault{f}
		if _, err := ParseScenario(s.JSON()); err == nil {
			t.Errorf("%s: scenario with %+v was accepted", name, f)
		}
	}
}

// Leaving out a fault leaves the others as they were, and every kind is drawn.
func TestFaultsAreDrawn(t *testing.T) {
	seen := map[FaultKind]int{}
	for seed := range uint64(400) {
		s := DrawScenario(seed)
		for _, f := range s.Faults {
			seen[f.Kind]++
			if err := f.check(s.Nodes); err != nil {
				t.Fatalf("seed %d drew a wrong fault %v: %v", seed, f, err)
			}
		}
		if n := len(s.Faults); n > 2 {
			w := s.Without(1)
			if len(w.Faults) != n-1 || w.Faults[0].String() != s.Faults[0].String() || w.Faults[1].String() != s.Faults[2].String() {
				t.Fatalf("seed %d: leaving out fault 1 changed the others", seed)
			}
		}
	}
	for _, k := range faultKinds {
		if seen[k] == 0 {
			t.Errorf("no seed of 400 draws %s", k)
		}
	}
}
