package main

import (
	"context"
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

// The limits of what is looked at around a finding, by which the whole table is made in
// a known time.
const (
	// maxSeen is how many oracles are asked in turn what they see of a finding.
	maxSeen = 6
	// leastBudget is the least processor time that a hunt without a kind of fault gets;
	// else it is that of the first finding, and a half. slowFinding is how long a finding
	// may have taken for that to be done.
	leastBudget = 5 * time.Second
	slowFinding = 15 * time.Second
	// aloneSeeds is how many worlds with one kind of fault alone a mutant gets, and
	// enoughAlone by how many mutants a kind is shown to find something alone: it is not
	// tried with others then.
	aloneSeeds  = 3
	enoughAlone = 1
)

// dissect shrinks a finding, looks who else sees it, and which faults it takes.
func (k *kill) dissect(ctx context.Context, v *verdict, m mutants.Mutant, first trial, binary, folder string) error {
	if err := k.shrink(ctx, v, m, first, binary, folder); err != nil {
		return err
	}
	if err := k.see(ctx, v, first, binary); err != nil || !k.matrix {
		return err
	}
	if err := k.leaveOut(ctx, v, first, binary); err != nil {
		return err
	}
	if err := k.leaveFamilies(ctx, v, first, binary); err != nil {
		return err
	}
	return k.leaveAlone(ctx, v, binary)
}

func (k *kill) shrink(ctx context.Context, v *verdict, m mutants.Mutant, first trial, binary, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, hangs*shrinkWithin)
	defer cancel()
	if k.keep != "" {
		folder = k.keep
	}
	file := filepath.Join(folder, m.Name+".json")
	cmd := exec.CommandContext(ctx, binary, "shrink", "--mutant", m.Name, "--seed", strconv.FormatUint(first.Seed, 10), "--out", file)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitMemory {
		return nil // a smaller world than the first one grew without end: it stays as it is
	}
	if err != nil {
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
	return nil
}

// see makes the oracles blind that find the world wrong, one after the other. The
// worlds before it passed all oracles, so this one tells who needs whom.
func (k *kill) see(ctx context.Context, v *verdict, first trial, binary string) error {
	v.Seen = []sim.Oracle{first.Oracle}
	for len(v.Seen) < maxSeen {
		var names []string
		for _, o := range v.Seen {
			names = append(names, string(o))
		}
		t, err := k.try(ctx, binary, first.Seed, k.within, "--forever=false", "--seeds", "1", "--blind", strings.Join(names, ","))
		if err != nil {
			return err
		}
		if !t.Found || slices.Contains(v.Seen, t.Oracle) {
			return nil
		}
		v.Seen = append(v.Seen, t.Oracle)
	}
	return nil
}

// leaveOut hunts without each of the kinds of fault that are left in the shrunk finding.
func (k *kill) leaveOut(ctx context.Context, v *verdict, first trial, binary string) error {
	if first.Seconds > slowFinding.Seconds() {
		return nil
	}
	for _, kind := range v.Kinds {
		found, err := k.without(ctx, first, binary, []sim.FaultKind{kind})
		if err != nil {
			return err
		}
		if !found {
			v.Needs = append(v.Needs, kind)
		}
	}
	return nil
}

// without hunts without some kinds of fault, from the base of a finding and for longer
// than it took to find it with them.
func (k *kill) without(ctx context.Context, first trial, binary string, kinds []sim.FaultKind) (found bool, err error) {
	budget := max(time.Duration(1.5*first.Seconds*float64(time.Second)), leastBudget)
	from := first.Seed - uint64(max(first.Seeds-1, 0))
	var less []string
	for _, kind := range kinds {
		less = append(less, "--without-kind", string(kind))
	}
	t, err := k.try(ctx, binary, from, budget, less...)
	return t.Found, err
}

// leaveAlone hunts in worlds whose faults are all of one kind, if the mutant is not
// found in the same worlds without faults.
func (k *kill) leaveAlone(ctx context.Context, v *verdict, binary string) error {
	found := func(kind sim.FaultKind) (bool, error) {
		t, err := k.try(ctx, binary, k.base, k.within, "--forever=false", "--seeds", strconv.Itoa(aloneSeeds), "--only-kind", string(kind))
		return t.Found, err
	}
	if without, err := found("none"); err != nil || without {
		return err
	}
	for _, kind := range sim.FaultKinds() {
		k.mu.Lock()
		enough := k.alone[kind] >= enoughAlone
		k.mu.Unlock()
		if enough {
			continue
		}
		with, err := found(kind)
		if err != nil {
			return err
		}
		if with {
			v.Alone = append(v.Alone, kind)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kind := range v.Alone {
		k.alone[kind]++
	}
	return nil
}
