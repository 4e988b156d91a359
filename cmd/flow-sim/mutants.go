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
	"github.com/spf13/cobra"
)

// baseStep lies between the seed bases of a mutant's trials.
const baseStep = 1_000_000

// surely is how soon a mutant was found before, of which a sample must find it again.
const surely = 10 * time.Second

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

// verdict is what became of a mutant.
type verdict struct {
	Name   string  `json:"name"`
	Trials []trial `json:"trials"`
	// Kinds are the kinds of fault without which the shrunk first finding does not fail;
	// Faults is how many faults are left in it, of how many, and ShrinkSeconds how long
	// that took.
	Kinds         []sim.FaultKind `json:"kinds"`
	Faults        int             `json:"faults"`
	FaultsBefore  int             `json:"faultsBefore"`
	ShrinkSeconds float64         `json:"shrinkSeconds"`
	// Shrunk says that the first finding was shrunk; Else names the oracle that sees it
	// when the one that found it is blind, "" when none does.
	Shrunk bool   `json:"shrunk"`
	Else   string `json:"else"`
}

// kill is the settings of the mutants command.
type kill struct {
	only     []string
	sample   int
	bases    int
	base     uint64
	within   time.Duration
	markdown bool
	results  string
	resume   bool
	dissects bool
	known    string
	keep     string
	root     string
}

func mutantsCommand() *cobra.Command {
	k := &kill{}
	cmd := &cobra.Command{
		Use:   "mutants",
		Short: "Plant each bug in the product and measure how soon a world fails",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return k.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&k.only, "only", nil, "names of mutants; all when empty")
	f.IntVar(&k.sample, "sample", 0, "plant only so many, chosen by --base (0: all)")
	f.IntVar(&k.bases, "bases", 3, "seed bases for each, of which the median counts")
	f.Uint64Var(&k.base, "base", 1, "first seed of the first base")
	f.DurationVar(&k.within, "within", time.Minute, "time to find one from one base, on one core")
	f.StringVar(&k.results, "results", "", "file to which each result is added, a line of JSON a mutant; the latest of a mutant counts")
	f.StringVar(&k.known, "known", "", "sample only from those that this file of results says were found, and soon")
	f.BoolVar(&k.dissects, "shrink", true, "shrink the first finding, and look who else sees it")
	f.BoolVar(&k.resume, "resume", false, "leave out those that --results holds already")
	f.BoolVar(&k.markdown, "markdown", false, "measure nothing: print the table and the matrix of the results, for TESTING.md")
	f.StringVar(&k.keep, "keep", "", "folder for the shrunk first finding of each, as a case; empty for none")
	return cmd
}

func (k *kill) run(ctx context.Context) error {
	var err error
	if k.root, err = moduleRoot(); err != nil {
		return err
	}
	if k.markdown {
		return k.table(os.Stdout)
	}
	list, err := k.choose()
	if err != nil {
		return err
	}
	if k.resume {
		if list, err = k.unmeasured(list); err != nil {
			return err
		}
	}
	missed := 0
	for _, m := range list {
		v, err := k.measure(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			missed++
			fmt.Printf("%-28s ERROR   %v\n", m.Name, err)
			continue
		}
		fmt.Println(v.line())
		if err := k.add(v); err != nil {
			return err
		}
		if !v.found() && m.Needs == "" {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d mutants were not found within %v", missed, len(list), k.within)
	}
	return nil
}

// choose lists the mutants to plant.
func (k *kill) choose() ([]mutants.Mutant, error) {
	var list []mutants.Mutant
	for _, name := range k.only {
		m, err := mutants.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if len(list) > 0 {
		return list, nil
	}
	for _, m := range mutants.All() {
		if m.Plantable() && (k.sample == 0 || m.Needs == "") {
			list = append(list, m)
		}
	}
	if k.sample > 0 && k.known != "" {
		found, err := load(k.known)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(m mutants.Mutant) bool {
			v, measured := found[m.Name]
			return !measured || !v.found() || v.seconds() > surely.Seconds()
		})
	}
	if k.sample > 0 && k.sample < len(list) {
		var some []mutants.Mutant
		for i := range k.sample {
			some = append(some, list[(int(k.base%uint64(len(list)))+i*len(list)/k.sample)%len(list)])
		}
		list = some
	}
	return list, nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding go.mod: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// measure builds flow-sim with the bug in it and hunts from each base.
func (k *kill) measure(ctx context.Context, m mutants.Mutant) (verdict, error) {
	v := verdict{Name: m.Name}
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(folder)
	binary, err := build(ctx, k.root, m, folder)
	if err != nil {
		return v, err
	}
	for i := range k.bases {
		t, err := k.try(ctx, binary, k.base+uint64(i)*baseStep)
		if err != nil {
			return v, fmt.Errorf("mutant %s: %w", m.Name, err)
		}
		v.Trials = append(v.Trials, t)
	}
	if k.dissects && v.Trials[0].Found && v.Trials[0].Oracle != sim.OracleCap {
		err = k.dissect(ctx, &v, m, binary, folder)
	}
	return v, err
}

// dissect shrinks the first finding, and looks who would see it without its oracle.
func (k *kill) dissect(ctx context.Context, v *verdict, m mutants.Mutant, binary, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, hangs*shrinkWithin)
	defer cancel()
	first := v.Trials[0]
	if k.keep != "" {
		folder = k.keep
	}
	file := filepath.Join(folder, m.Name+".json")
	cmd := exec.CommandContext(ctx, binary, "shrink", "--mutant", m.Name, "--seed", strconv.FormatUint(first.Seed, 10), "--out", file)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("shrinking seed %d: %w\n%s", first.Seed, err, out)
	}
	c, err := readCase(file)
	if err != nil {
		return err
	}
	v.Shrunk, v.ShrinkSeconds = true, spent(cmd).Seconds()
	v.Faults, v.FaultsBefore = len(c.Scenario.Faults), len(sim.DrawScenario(first.Seed).Faults)
	for _, f := range c.Scenario.Faults {
		if !slices.Contains(v.Kinds, f.Kind) {
			v.Kinds = append(v.Kinds, f.Kind)
		}
	}
	slices.Sort(v.Kinds)
	blind, err := k.try(ctx, binary, first.Seed, "--forever=false", "--seeds", "1", "--blind", string(first.Oracle))
	v.Else = string(blind.Oracle)
	return err
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
func (k *kill) try(ctx context.Context, binary string, base uint64, more ...string) (trial, error) {
	// A world that a bug keeps inside one turn never sees its limits: the process is
	// ended then, and that counts as found, by the cap.
	ctx, cancel := context.WithTimeout(ctx, hangs*k.within)
	defer cancel()
	args := append([]string{"hunt", "--json", "--first", "--forever", "--corpus", "", "--cpu-within", k.within.String(), "--base", strconv.FormatUint(base, 10)}, more...)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	t := trial{}
	summed := false
	for lines := bufio.NewScanner(&stdout); lines.Scan(); {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return t, fmt.Errorf("a line of the hunt: %w", err)
		}
		switch l.Type {
		case "failure":
			t.Found, t.finding = true, *l.Failure
		case "summary":
			t.Seeds, t.Seconds, summed = int(l.Tally.Seeds), l.CPU, true
		}
	}
	var exit *exec.ExitError
	switch {
	case summed:
		return t, nil
	case ctx.Err() != nil && spent(cmd) < 2*k.within:
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

func (v verdict) found() bool {
	return !slices.ContainsFunc(v.Trials, func(t trial) bool { return !t.Found })
}

// median of a figure over the trials.
func (v verdict) median(of func(trial) float64) float64 {
	var all []float64
	for _, t := range v.Trials {
		all = append(all, of(t))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (v verdict) seeds() float64   { return v.median(func(t trial) float64 { return float64(t.Seeds) }) }
func (v verdict) seconds() float64 { return v.median(func(t trial) float64 { return t.Seconds }) }

// by lists the oracles that found it.
func (v verdict) by() string {
	var names []string
	for _, t := range v.Trials {
		if t.Found && !slices.Contains(names, string(t.Oracle)) {
			names = append(names, string(t.Oracle))
		}
	}
	return strings.Join(names, ", ")
}

// unexpected says that an oracle found it which is not meant for it.
func (v verdict) unexpected() bool {
	m, err := mutants.Find(v.Name)
	return err == nil && slices.ContainsFunc(v.Trials, func(t trial) bool { return t.Found && !slices.Contains(m.Oracles, t.Oracle) })
}

func (v verdict) line() string {
	switch {
	case v.found():
		note := ""
		if v.unexpected() {
			note = " (unexpected)"
		}
		if v.Shrunk {
			note += fmt.Sprintf("; %d of %d faults left after %.1f s: %v", v.Faults, v.FaultsBefore, v.ShrinkSeconds, v.Kinds)
		}
		return fmt.Sprintf("%-28s found   %4.0f seeds %6.1f s by %s%s", v.Name, v.seeds(), v.seconds(), v.by(), note)
	case v.by() != "":
		return fmt.Sprintf("%-28s partly  from some bases, by %s", v.Name, v.by())
	}
	return fmt.Sprintf("%-28s MISSED  %4.0f seeds %6.1f s", v.Name, v.seeds(), v.seconds())
}
