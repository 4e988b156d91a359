package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ruvector-flow/ruvector-flow/sim"
)

// family is kinds of fault that are meant to stand in for each other: several ways to the
// same harm, of which a seed draws some.
type family struct {
	name  string
	kinds []sim.FaultKind
}

// families are all kinds of fault, each in one family.
var families = []family{
	{"late frames", []sim.FaultKind{sim.LatencySpike, sim.LatencyTail, sim.SlowLink, sim.Bandwidth, sim.ReorderFrames}},
	{"lost frames", []sim.FaultKind{sim.DropFrames, sim.ResetLink, sim.Partition, sim.OneWay, sim.IsolateLeader, sim.Bridge, sim.Ring, sim.Flapping}},
	{"frames again", []sim.FaultKind{sim.DuplicateFrames, sim.StaleFrames}},
	{"changed frames", []sim.FaultKind{sim.CorruptFrames}},
	{"ended processes", []sim.FaultKind{sim.Crash, sim.CrashLeader, sim.CrashMidTurn, sim.CrashAll, sim.CrashLoop, sim.TornTail, sim.Restart, sim.RollingRestart, sim.CleanStop, sim.TightLog}},
	{"other versions", []sim.FaultKind{sim.OtherVersion, sim.RollingUpgrade}},
	{"slow nodes", []sim.FaultKind{sim.Pause, sim.PauseLeader, sim.SlowTurns, sim.SlowJobs, sim.ReorderJobs, sim.SlowSync, sim.StuckSync}},
	{"checks", []sim.FaultKind{sim.Verify}},
	{"time", []sim.FaultKind{sim.ClockJump, sim.ClockDrift, sim.ClockStop, sim.TickRate}},
	{"failed writes", []sim.FaultKind{sim.FailSync, sim.FullDisk}},
	{"lost copies", []sim.FaultKind{sim.BitRot, sim.MisdirectedWrite, sim.DiskLost}},
	{"failed reads", []sim.FaultKind{sim.ReadError, sim.MisdirectedRead}},
	{"repeated requests", []sim.FaultKind{sim.RepeatWrites, sim.ReuseIDs, sim.TinyTimeouts, sim.Abandon}},
	{"odd load", []sim.FaultKind{sim.HotIDs, sim.HugeBatches, sim.Burst, sim.Flood, sim.StaleTokens}},
}

// leaveFamilies hunts without all of each family of which the shrunk finding has a kind,
// as leaveOut does without the kind.
func (k *kill) leaveFamilies(ctx context.Context, v *verdict, first trial, binary string) error {
	for _, f := range families {
		if !slices.ContainsFunc(v.Kinds, func(kind sim.FaultKind) bool { return slices.Contains(f.kinds, kind) }) {
			continue
		}
		if slices.ContainsFunc(v.Needs, func(kind sim.FaultKind) bool { return slices.Contains(f.kinds, kind) }) {
			v.NeedsFamilies = append(v.NeedsFamilies, f.name)
			continue
		}
		found, err := k.without(ctx, first, binary, f.kinds)
		if err != nil {
			return err
		}
		if !found {
			v.NeedsFamilies = append(v.NeedsFamilies, f.name)
		}
	}
	return nil
}

// familyMatrix says, for each family of kinds, which mutants are not found without it, and
// of each of its kinds a mutant that shows what it does: not found without the kind, or by
// it alone where no faults are not enough, or else one whose least schedule has it.
func familyMatrix(out io.Writer, all map[string]verdict) {
	names := slices.Sorted(maps.Keys(all))
	fmt.Fprint(out, "\n| family of kinds | needed by: not found without all of it | its kinds, and a mutant that each shows |\n|---|---|---|\n")
	var idle []string
	for _, f := range families {
		var needed, kinds []string
		for _, name := range names {
			if slices.Contains(all[name].NeedsFamilies, f.name) {
				needed = append(needed, name)
			}
		}
		for _, kind := range f.kinds {
			kinds = append(kinds, string(kind)+": "+shownBy(all, names, kind))
		}
		if len(needed) == 0 && !anyAlone(all, f.kinds) {
			idle = append(idle, f.name)
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", f.name, join(needed), strings.Join(kinds, "; "))
	}
	asked := count(all, func(v verdict) bool { return v.Shrunk })
	fmt.Fprintf(out, "\nOf %d findings. Families that no mutant needs, neither among all nor by a kind alone: %s.\n", asked, orNone(join(idle)))
}

// anyAlone says whether a mutant needs one of the kinds where it is alone: it is found with
// that one family, and not without.
func anyAlone(all map[string]verdict, kinds []sim.FaultKind) bool {
	for _, v := range all {
		if slices.ContainsFunc(v.Alone, func(kind sim.FaultKind) bool { return slices.Contains(kinds, kind) }) {
			return true
		}
	}
	return false
}

func shownBy(all map[string]verdict, names []string, kind sim.FaultKind) string {
	for _, how := range []struct {
		says string
		of   func(verdict) []sim.FaultKind
	}{
		{"needed by ", func(v verdict) []sim.FaultKind { return v.Needs }},
		{"where it is alone, by ", func(v verdict) []sim.FaultKind { return v.Alone }},
		{"left of ", func(v verdict) []sim.FaultKind { return v.Kinds }},
	} {
		for _, name := range names {
			if slices.Contains(how.of(all[name]), kind) {
				return how.says + name
			}
		}
	}
	return "none"
}
