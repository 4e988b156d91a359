package sim

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// determinismSeeds are run twice each, in two processes.
var determinismSeeds = []uint64{1, 2, 3, 5, 8}

var hashLine = regexp.MustCompile(`hash=([0-9a-f]{16})`)

// TestDeterminism runs seeds in two processes with different numbers of threads
// and garbage collection: the trace hashes must be equal.
func TestDeterminism(t *testing.T) {
	if os.Getenv("FLOW_SIM_CHILD") != "" {
		t.Skip("this is a child process")
	}
	seeds := determinismSeeds
	if testing.Short() {
		seeds = seeds[:2]
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			one := childHash(t, seed, "GOMAXPROCS=1", "GOGC=off")
			two := childHash(t, seed, "GOMAXPROCS=4", "GOGC=20")
			if one != two {
				t.Errorf("seed %d: trace hash %s in one process and %s in another\nrepeat it: go test ./sim -run TestDeterminism/%d", seed, one, two, seed)
			}
		})
	}
}

func childHash(t *testing.T, seed uint64, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSeed$", "-test.v", fmt.Sprintf("-seed=%d", seed))
	cmd.Env = append(append(os.Environ(), "FLOW_SIM_CHILD=1"), env...)
	out, err := cmd.CombinedOutput() // a failing seed is TestSeed's matter; its hash still counts
	found := hashLine.FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("seed %d printed no hash (%v):\n%s", seed, err, tail(string(out)))
	}
	return found[1]
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
