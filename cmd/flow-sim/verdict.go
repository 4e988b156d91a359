package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
)

// verdict is what became of a mutant.
type verdict struct {
	Name string `json:"name"`
	// Base is the first seed of the first base, Bases how many there were to be, and
	// Within the processor time for each, in seconds.
	Base   uint64  `json:"base"`
	Bases  int     `json:"bases"`
	Within float64 `json:"within"`
	Trials []trial `json:"trials"`
	// Kinds are the kinds of fault without which the shrunk first finding does not fail;
	// Faults is how many faults are left in it, of how many, and ShrinkSeconds how long
	// that took. Shrunk says that it was shrunk.
	Kinds         []sim.FaultKind `json:"kinds"`
	Faults        int             `json:"faults"`
	FaultsBefore  int             `json:"faultsBefore"`
	ShrinkSeconds float64         `json:"shrinkSeconds"`
	Shrunk        bool            `json:"shrunk"`
	// Seen are the oracles that see that finding: each when those before it are blind.
	Seen []sim.Oracle `json:"seen,omitempty"`
	// Lone are later worlds that one oracle alone sees, looked for if several see the first
	// finding, until an oracle is known to be needed.
	Lone []loneWorld `json:"lone,omitempty"`
	// Needs are those of Kinds without which a hunt as long finds nothing at all; Alone are
	// kinds whose faults alone are enough, where no faults are not.
	Needs []sim.FaultKind `json:"needs,omitempty"`
	Alone []sim.FaultKind `json:"alone,omitempty"`
	// NeedsFamilies are the families of kinds without which nothing is found.
	NeedsFamilies []string `json:"needsFamilies,omitempty"`
}

// loneWorld is a failing world and the one oracle that sees it.
type loneWorld struct {
	Oracle sim.Oracle `json:"oracle"`
	Seed   uint64     `json:"seed"`
}

// found says whether the median trial found it.
func (v verdict) found() bool { return !math.IsInf(v.seconds(), 1) }

// median of a figure over the trials, of which those that found nothing come last and
// have none.
func (v verdict) median(of func(trial) float64) float64 {
	var all []float64
	for _, t := range v.Trials {
		if t.Found {
			all = append(all, of(t))
		} else {
			all = append(all, math.Inf(1))
		}
	}
	if len(all) == 0 {
		return math.Inf(1)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (v verdict) seeds() float64   { return v.median(func(t trial) float64 { return float64(t.Seeds) }) }
func (v verdict) seconds() float64 { return v.median(func(t trial) float64 { return t.Seconds }) }

// tried is how many seeds, and seconds, the shortest trial took that found nothing.
func (v verdict) tried() (seeds int, seconds float64) {
	for _, t := range v.Trials {
		if !t.Found && (seeds == 0 || t.Seeds < seeds) {
			seeds, seconds = t.Seeds, t.Seconds
		}
	}
	return seeds, seconds
}

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

// only is the one oracle that sees the first finding, "" if others do too.
func (v verdict) only() sim.Oracle {
	if len(v.Seen) == 1 {
		return v.Seen[0]
	}
	return ""
}

func (v verdict) line() string {
	if v.found() {
		note := ""
		if v.unexpected() {
			note = " (unexpected)"
		}
		if v.Shrunk {
			note += fmt.Sprintf("; %d of %d faults left after %.1f s: %v; seen by %v", v.Faults, v.FaultsBefore, v.ShrinkSeconds, v.Kinds, v.Seen)
		}
		if len(v.Lone) > 0 {
			note += fmt.Sprintf("; worlds that one oracle alone sees: %v", v.Lone)
		}
		if len(v.Needs)+len(v.Alone) > 0 {
			note += fmt.Sprintf("; nothing without %v; enough alone: %v", v.Needs, v.Alone)
		}
		return fmt.Sprintf("%-28s found   %4.0f seeds %6.1f s by %s%s", v.Name, v.seeds(), v.seconds(), v.by(), note)
	}
	seeds, seconds := v.tried()
	if v.by() != "" {
		return fmt.Sprintf("%-28s partly  from some bases, by %s", v.Name, v.by())
	}
	return fmt.Sprintf("%-28s MISSED  %4d seeds %6.1f s", v.Name, seeds, seconds)
}
