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
	"sync"
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
	// loneBudget is the processor time for finding a world that one oracle alone sees, if it
	// is not known to be needed.
	loneBudget = 3 * time.Minute
	// A kind of fault is enough alone for a mutant that it shows in aloneFound of aloneWorlds
	// whose faults are all of that kind, and in one of the first firstWorlds, which saves time;
	// and if none of calmWorlds fails, the same and more, in which there are none. For each
	// that does, up to calmFound, aloneFound more have to. By chance a bug that fails some
	// worlds whatever their faults passes that once in 500 times.
	aloneFound, aloneWorlds, firstWorlds = 4, 20, 6
	calmFound, calmWorlds                = 2, 40
	// askedSeeds is how many seeds the first finding may have taken for a mutant to be asked that.
	askedSeeds = 100
)

// dissect shrinks a finding, looks who else sees it, and which faults it takes.
func (k *kill) dissect(ctx context.Context, v *verdict, m mutants.Mutant, first trial, binary, folder string) error {
	if err := k.shrink(ctx, v, m, first, binary, folder); err != nil {
		return err
	}
	if err := k.see(ctx, v, first, binary); err != nil || !k.matrix {
		return err
	}
	if err := k.lonely(ctx, v, first, binary); err != nil {
		return err
	}
	if err := k.leaveOut(ctx, v, first, binary); err != nil {
		return err
	}
	if err := k.leaveFamilies(ctx, v, first, binary); err != nil {
		return err
	}
	return k.leaveAlone(ctx, v, first, binary)
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

// lonely hunts on, behind a finding that several oracles see, for a world that the first of
// them alone sees, if it is not known of that oracle that it is needed.
func (k *kill) lonely(ctx context.Context, v *verdict, first trial, binary string) error {
	if o := v.only(); o != "" {
		k.lone.show(o)
	}
	for next, left := first.Seed+1, loneBudget; left > 0 && !k.lone.isShown(first.Oracle); {
		t, err := k.try(ctx, binary, next, left)
		if err != nil || !t.Found || t.Oracle == sim.OracleCap {
			return err
		}
		next, left = t.Seed+1, left-time.Duration(t.Seconds*float64(time.Second))
		if k.lone.isShown(t.Oracle) {
			continue
		}
		other, err := k.try(ctx, binary, t.Seed, k.within, "--forever=false", "--seeds", "1", "--blind", string(t.Oracle))
		if err != nil {
			return err
		}
		left -= time.Duration(other.Seconds * float64(time.Second))
		if !other.Found {
			v.Lone = append(v.Lone, loneWorld{t.Oracle, t.Seed})
			k.lone.show(t.Oracle)
		}
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

// leaveAlone hunts in worlds whose faults are all of one kind, if the mutant is hardly
// found in worlds without faults, for the kinds that no mutant has needed yet. One that
// took many worlds of all kinds is not asked.
func (k *kill) leaveAlone(ctx context.Context, v *verdict, first trial, binary string) error {
	k.kinds.show(v.Needs...)
	if first.Seeds > askedSeeds {
		return nil
	}
	calm, err := k.failing(ctx, binary, calmWorlds, calmFound+1, "none")
	if err != nil || calm > calmFound {
		return err
	}
	enough := aloneFound * (1 + calm)
	for _, kind := range sim.FaultKinds() {
		if k.kinds.isShown(kind) {
			continue
		}
		n, err := k.failing(ctx, binary, firstWorlds, 1, kind)
		if err == nil && n > 0 {
			n, err = k.failing(ctx, binary, aloneWorlds, enough, kind)
		}
		if err != nil {
			return err
		}
		if n == enough {
			v.Alone = append(v.Alone, kind)
		}
	}
	k.kinds.show(v.Alone...)
	return nil
}

// failing counts the failures in so many worlds whose faults are all of one kind, up to enough.
func (k *kill) failing(ctx context.Context, binary string, worlds uint64, enough int, kind sim.FaultKind) (n int, err error) {
	for next := k.base; n < enough && next < k.base+worlds; n++ {
		t, err := k.try(ctx, binary, next, k.within, "--forever=false", "--seeds", strconv.FormatUint(k.base+worlds-next, 10), "--only-kind", string(kind))
		if err != nil || !t.Found {
			return n, err
		}
		next = t.Seed + 1
	}
	return n, nil
}

// shown are the names of what some mutant is known to need.
type shown[T ~string] struct {
	mu  sync.Mutex
	set map[T]bool
}

func (s *shown[T]) show(names ...T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = map[T]bool{}
	}
	for _, n := range names {
		s.set[n] = true
	}
}

func (s *shown[T]) isShown(name T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set[name]
}
