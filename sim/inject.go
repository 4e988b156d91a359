package sim

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// activeFault is a fault of the schedule in a running world.
type activeFault struct {
	Fault
	spec  *faultSpec
	w     *World
	on    bool
	began time.Duration
	// bites counts what it really changed: frames, syncs, processes, clocks, operations.
	bites int

	free  map[[2]int]time.Duration // of bandwidth: when a link is free again
	kept  []keptFrame              // of stale-frames
	loops int                      // of crash-loop
	full  uint64                   // of full-disk: the device's size meanwhile
}

func (f *activeFault) bit() { f.bites++ }

func (f *activeFault) host() *host { return f.w.hosts[f.Node-1] }

// armFaults turns the schedule into faults of this world; planFaults gives them
// their times once the cluster has formed.
func (w *World) armFaults() {
	for _, f := range w.scenario.Faults {
		w.faults = append(w.faults, &activeFault{Fault: f, spec: specOf(f.Kind), w: w})
	}
}

func (w *World) planFaults() {
	for _, f := range w.faults {
		w.after(f.At, f.begin)
	}
}

func (f *activeFault) begin() {
	f.w.trace.remark(f.w.now, f.Node, "fault", f.Fault.String())
	if f.spec.leader {
		leader := f.w.leaderOf(flow.ShardID(f.Shard + 1))
		if leader == nil {
			return
		}
		f.Node = leader.number()
	}
	f.on, f.began = true, f.w.now
	f.w.tape.bar(f)
	f.w.marks.fault(f)
	if f.spec.bend != nil || f.spec.cuts != nil {
		f.w.network.active = append(f.w.network.active, f)
	}
	if f.spec.begin != nil {
		f.spec.begin(f)
	}
	f.w.after(f.For, f.end)
}

// end undoes what begin did; more than once does no harm.
func (f *activeFault) end() {
	if !f.on {
		return
	}
	f.on = false
	f.w.trace.note(f.w.now, f.Node, "fault-end", uint64(f.At), 0, nil)
	if f.spec.bend != nil || f.spec.cuts != nil {
		f.w.network.active = slices.DeleteFunc(f.w.network.active, func(o *activeFault) bool { return o == f })
	}
	if f.spec.end != nil {
		f.spec.end(f)
	}
}

// healAll ends every fault and starts every host, for good. The devices read well
// again before the first process starts: what it could not read it would give up, and
// the groups may have no copy left to spare.
func (w *World) healAll() {
	w.trace.note(w.now, 0, "heal", 0, 0, nil)
	for _, f := range w.faults {
		if f.reads() {
			f.end()
		}
	}
	for _, f := range w.faults {
		f.end()
	}
	for _, h := range w.hosts {
		if h.gone {
			continue
		}
		h.keptDown = false
		h.pausedUntil = min(h.pausedUntil, w.now)
		w.setDisk(h)
		if h.up() && len(h.disk.rotten) > 0 { // rot that nobody has read yet
			h.kill("scrub")
		}
		w.reviveHost(h)
	}
}

// lost says whether the fault loses the frames of a link.
func (f *activeFault) lost(from, to int) bool {
	return f.spec.cuts != nil && f.spec.cuts(f, from, to)
}

// bend changes the fate of one message.
func (f *activeFault) bend(m *fate, from, to int) {
	switch {
	case f.lost(from, to):
		m.copies = 0
	case f.spec.bend == nil, !f.links(from, to), !f.spec.bend(f, m, from, to):
		return
	}
	f.bit()
}

// links says whether a frame passes the link that the fault names, which for a slow
// link means either way.
func (f *activeFault) links(from, to int) bool {
	match := func(a, b int) bool { return (f.From == 0 || f.From == a) && (f.To == 0 || f.To == b) }
	return match(from, to) || f.Kind == SlowLink && match(to, from)
}
