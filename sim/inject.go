package sim

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// activeFault is a fault of the schedule in a running world.
type activeFault struct {
	Fault
	w  *World
	on bool
	// bites counts what it really changed: frames, syncs, processes, clocks.
	bites int
}

func (f *activeFault) bit() { f.bites++ }

// armFaults turns the schedule into faults of this world; planFaults gives them
// their times once the cluster has formed.
func (w *World) armFaults() {
	for _, f := range w.scenario.Faults {
		w.faults = append(w.faults, &activeFault{Fault: f, w: w})
	}
}

func (w *World) planFaults() {
	for _, f := range w.faults {
		w.after(f.At, f.begin)
	}
}

func (f *activeFault) begin() {
	f.w.trace.remark(f.w.now, f.Node, "fault", f.Fault.String())
	if f.Kind == IsolateLeader || f.Kind == CrashLeader {
		leader := f.w.leaderOf(flow.ShardID(f.Shard + 1))
		if leader == nil {
			return
		}
		f.Node, f.Side = leader.number(), []int{leader.number()}
	}
	f.on = true
	switch f.Kind {
	case LatencySpike, DropFrames, DuplicateFrames, ReorderFrames, CorruptFrames, Partition, OneWay, IsolateLeader:
		f.w.network.active = append(f.w.network.active, f)
	case Crash, CrashLeader, Restart:
		f.crash(f.host())
	case CrashMidTurn:
		f.crashMidTurn(f.host())
	case CrashAll:
		for _, h := range f.w.hosts {
			f.crash(h)
		}
	case SlowSync, StuckSync, FailSync:
		f.w.setDisk(f.host())
	case ClockJump:
		f.host().clock.jump(f.Delay)
		f.bit()
	case ClockDrift:
		f.host().clock.setDrift(f.Rate)
		f.bit()
	case Pause:
		h := f.host()
		if h.up() {
			h.pausedUntil = max(h.pausedUntil, f.w.now+f.For)
			f.bit()
		}
	}
	f.w.after(f.For, f.end)
}

func (f *activeFault) host() *host { return f.w.hosts[f.Node-1] }

// end undoes what begin did; more than once does no harm.
func (f *activeFault) end() {
	if !f.on {
		return
	}
	f.on = false
	f.w.trace.note(f.w.now, f.Node, "fault-end", uint64(f.At), 0, nil)
	switch f.Kind {
	case Crash, CrashLeader, Restart, CrashMidTurn:
		f.release(f.host())
	case CrashAll:
		for _, h := range f.w.hosts {
			f.release(h)
		}
	case SlowSync, StuckSync, FailSync:
		f.w.setDisk(f.host())
	case ClockDrift:
		f.host().clock.setDrift(0)
	default:
		f.w.network.active = slices.DeleteFunc(f.w.network.active, func(o *activeFault) bool { return o == f })
	}
}

// crash takes a host down and keeps it down until the fault ends.
func (f *activeFault) crash(h *host) {
	if !h.up() {
		return
	}
	f.bit()
	h.keptDown = true
	if f.Kind == Restart {
		h.w.trace.remark(h.w.now, h.number(), "crash", "process killed")
		h.stop()
		h.disk.abandon()
		return
	}
	h.crash(string(f.Kind))
}

func (f *activeFault) crashMidTurn(h *host) {
	if !h.up() {
		return
	}
	f.bit()
	h.keptDown = true
	h.effects = f.Effects
}

// release lets a host run again, unless another fault still holds it down.
func (f *activeFault) release(h *host) {
	for _, o := range f.w.faults {
		if o.on && (o.Kind == CrashAll || o.Node == h.number() && slices.Contains([]FaultKind{Crash, CrashLeader, Restart, CrashMidTurn}, o.Kind)) {
			return
		}
	}
	h.keptDown = false
	if h.effects != unlimited { // the turn that should have died never came
		h.effects = unlimited
	}
	f.w.reviveHost(h)
}

// setDisk gives a host's disk the manners that the disk faults in force ask for.
func (w *World) setDisk(h *host) {
	var slow time.Duration
	stuck, failing := false, false
	for _, f := range w.faults {
		if !f.on || f.Node != h.number() {
			continue
		}
		switch f.Kind {
		case SlowSync:
			slow += f.Delay
		case StuckSync:
			stuck = true
		case FailSync:
			failing = true
		}
	}
	h.disk.behave(slow, stuck, failing)
}

// diskBites counts a sync under the disk faults in force.
func (w *World) diskBites(h *host) {
	for _, f := range w.faults {
		if f.on && f.Node == h.number() && (f.Kind == SlowSync || f.Kind == StuckSync || f.Kind == FailSync) {
			f.bit()
		}
	}
}

// healAll ends every fault and starts every host, for good.
func (w *World) healAll() {
	w.trace.note(w.now, 0, "heal", 0, 0, nil)
	for _, f := range w.faults {
		f.end()
	}
	for _, h := range w.hosts {
		h.keptDown = false
		h.pausedUntil = min(h.pausedUntil, w.now)
		w.setDisk(h)
		w.reviveHost(h)
	}
}

func (f *activeFault) links(from, to int) bool {
	return (f.From == 0 || f.From == from) && (f.To == 0 || f.To == to)
}

// cuts says whether the fault keeps frames of a link from arriving.
func (f *activeFault) cuts(from, to int) bool {
	switch f.Kind {
	case Partition, IsolateLeader:
		return slices.Contains(f.Side, from) != slices.Contains(f.Side, to)
	case OneWay:
		return slices.Contains(f.Side, from) && !slices.Contains(f.Side, to)
	}
	return false
}

// bend changes the fate of one message.
func (f *activeFault) bend(m *fate, from, to int) {
	switch f.Kind {
	case Partition, OneWay, IsolateLeader:
		if f.cuts(from, to) {
			m.copies = 0
			f.bit()
		}
		return
	}
	if !f.links(from, to) {
		return
	}
	switch f.Kind {
	case LatencySpike:
		m.delay += f.Delay/2 + within(hash(m.key, purposeSpike), f.Delay)
	case DropFrames:
		if !chance(hash(m.key, purposeDrop), f.Rate) {
			return
		}
		m.copies = 0
	case DuplicateFrames:
		if !chance(hash(m.key, purposeDuplicate), f.Rate) || m.copies == 0 {
			return
		}
		m.copies++
	case ReorderFrames:
		if !chance(hash(m.key, purposeReorder), f.Rate) {
			return
		}
		m.reordered = true
		m.delay += within(hash(m.key, purposeReorder, 1), f.Delay)
	case CorruptFrames:
		if !chance(hash(m.key, purposeCorrupt), f.Rate) {
			return
		}
		m.corrupt = true
	}
	f.bit()
}
