package sim

import (
	"flag"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
)

// worldGCPercent lets a process of worlds, which are small and make much garbage,
// collect it less often: a fifth of the time was spent on it.
const worldGCPercent = 400

func TestMain(m *testing.M) {
	const usual = 100
	if was := debug.SetGCPercent(worldGCPercent); was != usual {
		debug.SetGCPercent(was) // somebody asked for it
	}
	flag.Parse()
	if err := chooseWorlds(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// chooseWorlds lets -seed and -schedule run the worlds that they name and no other test,
// unless -run or -bench say what to run.
func chooseWorlds() error {
	for _, name := range []string{"test.run", "test.bench"} {
		if flag.Lookup(name).Value.String() != "" {
			return nil
		}
	}
	if *seedFlag == 0 && *scheduleFlag == "" {
		return nil
	}
	return flag.Set("test.run", "^TestSeed$")
}

func TestSeedAloneIsRun(t *testing.T) {
	const mark = "RUVECTOR_FLOW_SEED_ALONE"
	if os.Getenv(mark) != "" {
		t.Fatal("-seed without -run ran more than its world")
	}
	cmd := exec.Command(os.Args[0], "-seed", "7", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "seed 7 hash=") || strings.Count(string(out), "=== RUN") != 1 {
		t.Fatalf("-seed 7 ended with %v:\n%s", err, out)
	}
}
