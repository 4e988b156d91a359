package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var arm64Flag = flag.Bool("arm64", false, "with -run Determinism: the second process is an arm64 one, under qemu-aarch64")

// determinismSeeds is how many seeds a plain `go test ./sim` runs twice.
const determinismSeeds = 10

// childEnv tells a test binary to print the events of "first,n" seeds.
const childEnv = "FLOW_SIM_EVENTS_OF"

// TestDeterminism runs each seed of a set in two processes at the same time, with
// other numbers of threads and another garbage collector, and compares them event by
// event, and at the end the disks. The first difference is shown from both sides.
func TestDeterminism(t *testing.T) {
	first, n := max(*seedFlag, 1), uint64(determinismSeeds)
	switch {
	case *seedFlag > 0:
		n = *seedsFlag
	case testing.Short():
		n = 3
	}
	other := os.Args[0]
	if *arm64Flag {
		other = buildARM64(t)
	}
	one := startChild(t, os.Args[0], first, n, "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=1GiB")
	two := startChild(t, other, first, n, "GOMAXPROCS=4", "GOGC=20")
	events := 0
	var before []string
	for {
		a, more := one.next()
		b, moreToo := two.next()
		if a != b || more != moreToo {
			t.Fatalf("event %d differs; the last common ones:\n  %s\none process:\n  %s\nthe other:\n  %s\nrepeat it: go test ./sim -run Determinism -seed %d -seeds %d",
				events, strings.Join(before, "\n  "), a, b, first, n)
		}
		if !more {
			break
		}
		events++
		if before = append(before, a); len(before) > 12 {
			before = before[1:]
		}
	}
	one.end(t)
	two.end(t)
	if events < 1000*int(n) {
		t.Errorf("only %d events of %d seeds were compared", events, n)
	}
	t.Logf("%d events of seeds %d to %d are the same in two processes", events, first, first+n-1)
}

// child is a process that prints the events of seeds.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	errs  strings.Builder
}

func startChild(t *testing.T, binary string, first, n uint64, env ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(binary, "-test.run=^TestEvents$")}
	if *arm64Flag && binary != os.Args[0] {
		c.cmd = exec.Command("qemu-aarch64", binary, "-test.run=^TestEvents$")
	}
	c.cmd.Env = append(append(os.Environ(), fmt.Sprintf("%s=%d,%d", childEnv, first, n)), env...)
	c.cmd.Stderr = &c.errs
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // one that has ended is not there to be killed
	c.lines = bufio.NewScanner(out)
	c.lines.Buffer(nil, 1<<20)
	return c
}

// next returns the next event, and false after the last one.
func (c *child) next() (string, bool) {
	if !c.lines.Scan() || c.lines.Text() == "PASS" {
		return "", false
	}
	return c.lines.Text(), true
}

func (c *child) end(t *testing.T) {
	t.Helper()
	for c.lines.Scan() {
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", c.cmd.Args, err, c.errs.String())
	}
}

// TestEvents is the child of TestDeterminism: it prints the events of some seeds.
func TestEvents(t *testing.T) {
	which := os.Getenv(childEnv)
	if which == "" {
		t.Skip("only TestDeterminism runs this, in processes of its own")
	}
	from, count, _ := strings.Cut(which, ",")
	first, err := strconv.ParseUint(from, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(count, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	for seed := first; seed < first+n; seed++ {
		fmt.Fprintf(out, "seed %d\n", seed)
		r := Run(DrawScenario(seed), Options{Trace: out}) // a failure is TestSeed's matter
		fmt.Fprintf(out, "hash=%016x\n", r.Hash)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}

// buildARM64 builds this package's tests for the other architecture.
func buildARM64(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("qemu-aarch64"); err != nil {
		t.Fatalf("-arm64 needs qemu-aarch64 (apt-get install qemu-user): %v", err)
	}
	binary := filepath.Join(t.TempDir(), "sim.test")
	cmd := exec.Command("go", "test", "-c", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building for arm64: %v\n%s", err, out)
	}
	return binary
}
