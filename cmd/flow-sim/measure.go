package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
)

// hangs is how many times as long as its processor time a hunt may take before it is
// taken to hang.
const hangs = 30

// trial is the hunt for one mutant from one seed base.
type trial struct {
	Found   bool    `json:"found"`
	Seeds   int     `json:"seeds"`
	Seconds float64 `json:"seconds"`
	finding
}

// measure builds flow-sim with the bug in it and hunts from each base, until enough of
// them have found nothing for the median to be that.
func (k *kill) measure(ctx context.Context, m mutants.Mutant) (verdict, error) {
	v := verdict{Name: m.Name, Base: k.base, Bases: k.bases, Within: k.within.Seconds()}
	binary, folder, err := k.plant(ctx, m)
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(folder)
	missed := 0
	for i := 0; i < k.bases && 2*missed <= k.bases; i++ {
		t, err := k.try(ctx, binary, k.base+uint64(i)*baseStep, k.within)
		if err != nil {
			return v, fmt.Errorf("mutant %s: %w", m.Name, err)
		}
		if !t.Found {
			missed++
		}
		v.Trials = append(v.Trials, t)
	}
	first := slices.IndexFunc(v.Trials, func(t trial) bool { return t.Found })
	if !k.dissects || first < 0 || v.Trials[first].Oracle == sim.OracleCap {
		return v, nil
	}
	return v, k.dissect(ctx, &v, m, v.Trials[first], binary, folder)
}

// plant builds flow-sim with the bug in it, in a folder of its own that the caller removes.
func (k *kill) plant(ctx context.Context, m mutants.Mutant) (binary, folder string, err error) {
	if folder, err = os.MkdirTemp("", "mutant"); err != nil {
		return "", "", err
	}
	if binary, err = build(ctx, k.root, m, folder); err != nil {
		return "", "", errors.Join(err, os.RemoveAll(folder))
	}
	return binary, folder, nil
}

// build makes a flow-sim of the product with the bug in it.
func build(ctx context.Context, root string, m mutants.Mutant, folder string) (string, error) {
	flags, err := m.Plant(root, folder)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "flow-sim")
	args := append(append([]string{"build"}, flags...), "-ldflags", "-X main.plantedMutant="+m.Name, "-o", binary, "./cmd/flow-sim")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mutant %s does not build: %w\n%s", m.Name, err, out)
	}
	return binary, nil
}

// try hunts with a mutated binary until a world fails.
func (k *kill) try(ctx context.Context, binary string, base uint64, within time.Duration, more ...string) (trial, error) {
	// A world that a bug keeps inside one turn never sees its limits: the process is
	// ended then, and that counts as found, by the cap.
	ctx, cancel := context.WithTimeout(ctx, hangs*within)
	defer cancel()
	args := append([]string{"hunt", "--json", "--first", "--forever", "--corpus", "", "--cpu-within", within.String(), "--base", strconv.FormatUint(base, 10)}, more...)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	t := trial{}
	summed := false
	lines := bufio.NewScanner(&stdout)
	lines.Buffer(nil, maxResultLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return t, fmt.Errorf("a line of the hunt: %w", err)
		}
		switch l.Type {
		case "failure":
			t.Found, t.finding = true, *l.Failure
			t.What = firstLine(t.What)
		case "summary":
			t.Seeds, t.Seconds, summed = int(l.Tally.Seeds), l.CPU, true
		}
	}
	var exit *exec.ExitError
	switch {
	case summed:
		return t, nil
	case ctx.Err() != nil && spent(cmd) < 2*within:
		return t, fmt.Errorf("the machine gave the hunt %v of processor time in %v: %w", spent(cmd), hangs*k.within, ctx.Err())
	case errors.As(runErr, &exit):
		return trial{Found: true, finding: finding{Seed: base, Oracle: sim.OracleCap, What: "the process ended: " + firstLine(stderr.String())}}, nil
	}
	return t, fmt.Errorf("the hunt ended without a summary: %w\n%s", runErr, stderr.String())
}

// spent is the processor time of a process that has ended.
func spent(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
