package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

// The flags of the test binary.
var (
	seedFlag     = flag.Uint64("seed", 0, "run the world of this seed, and no other test unless -run says so; 0 runs the default set")
	seedsFlag    = flag.Uint64("seeds", 1, "number of seeds to run from -seed on")
	eventsFlag   = flag.Bool("events", false, "print every event (with one seed); go test keeps the name -trace for itself")
	scheduleFlag = flag.String("schedule", "", "run the scenario in this JSON file instead of the seed's own")
	withoutFlag  = flag.String("without", "", "leave out the faults at these positions, for example 2,5")
	saveFlag     = flag.String("save", "", "write the scenario that is run to this JSON file")
	reportFlag   = flag.String("report", "", "write the run (with one seed) to this HTML file")
	logFlag      = flag.String("log", "", "print the events of these hosts and kinds, for example n2,raft (kinds: raft, call, reply, snapshot, role, fault, crash, client)")
	atFlag       = flag.Uint64("at", 0, "stop at the event of this number and dump every node")
	diskFlag     = flag.String("disk", "", "what the nodes store in: pebble for real stores on devices in memory, else simulated disks")
	shrinkFlag   = flag.Bool("shrink", true, "shrink what fails")
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

// maxShrunk is how many failures of one test run are shrunk.
const maxShrunk = 3

var shrunkRuns atomic.Int32

func runSeed(t *testing.T, seed uint64) {
	s, command := scenarioFromFlags(t, seed)
	o := realTime()
	o.Stop, o.Tape = *atFlag, *reportFlag != "" || *logFlag != ""
	if *eventsFlag {
		o.Trace = os.Stdout
	}
	r := Run(s, o)
	t.Logf("seed %d hash=%016x\n%d nodes, %d shards, %d faults\n%s", seed, r.Hash, s.Nodes, s.Shards, len(s.Faults), r.Text)
	if *logFlag != "" {
		for _, line := range r.Tape.Lines(strings.Split(*logFlag, ",")...) {
			fmt.Println(line)
		}
	}
	if r.Failure != nil && r.Failure.Oracle == OracleStop {
		t.Log(r.Failure.What)
	} else if r.Failure != nil {
		failed(t, r, command)
	}
	if *reportFlag != "" {
		writeReport(t, r, command)
	}
}

func openPebble() (Store, error) { return crashable.Open() }

func writeReport(t *testing.T, r Report, command string) {
	t.Helper()
	out, err := os.Create(*reportFlag)
	if err == nil {
		if err = WriteReport(out, r, command); err == nil {
			err = out.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// failed tells the story of a failure, of the smallest run that fails like it.
func failed(t *testing.T, r Report, command string) {
	t.Helper()
	keep := ""
	if *shrinkFlag && shrunkRuns.Add(1) <= maxShrunk {
		small := Shrink(r, Options{OpenStore: openPebble}, realTime().Elapsed, 30*time.Second).Report
		c := Case{Name: fmt.Sprintf("seed-%d", r.Scenario.Seed), Why: r.Failure.What, Oracle: r.Failure.Oracle, Seed: r.Scenario.Seed, Scenario: small.Scenario}
		file := filepath.Join(os.TempDir(), c.Name+".json")
		if err := os.WriteFile(file, c.JSON(), 0o600); err != nil {
			t.Error(err)
		} else {
			keep = fmt.Sprintf("the whole of it: %s -v\nkeep it: cp %s sim/corpus/\n", command, file)
			r, command = small, "go test ./sim -run TestSeed -seed 1 -schedule "+file
		}
	}
	o := realTime()
	o.Tape = true
	taped := Run(r.Scenario, o)
	if r.Scenario.Disk != "" {
		taped = r // another run need not be the same
	}
	if taped.Failure == nil || taped.Hash != r.Hash {
		t.Errorf("NOT DETERMINISTIC: hash %016x and then %016x (go test ./sim -run Determinism looks for the cause)", r.Hash, taped.Hash)
		taped = r
	}
	t.Errorf("%s%s", Story(taped, command+" -v"), keep)
}

// realTime returns options that bound a run's real time.
func realTime() Options {
	began := time.Now()
	return Options{Elapsed: func() time.Duration { return time.Since(began) }, OpenStore: openPebble}
}

func scenarioFromFlags(t *testing.T, seed uint64) (Scenario, string) {
	s := DrawScenario(seed)
	command := fmt.Sprintf("go test ./sim -run TestSeed -seed %d", seed)
	if *scheduleFlag != "" {
		data, err := os.ReadFile(*scheduleFlag)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCase(data)
		if err != nil {
			t.Fatal(err)
		}
		s = c.Scenario
		command = "go test ./sim -run TestSeed -seed 1 -schedule " + *scheduleFlag
	}
	if *diskFlag == RealDisk {
		var leftOut []FaultKind
		s, leftOut = s.OverRealStores()
		t.Logf("over real stores; left out: %v", leftOut)
		command += " -disk " + RealDisk
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
