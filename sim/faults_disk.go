package sim

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// diskFaults are the faults of the hosts' devices.
var diskFaults = []*faultSpec{
	// Every sync of Node takes Delay longer.
	{kind: SlowSync, node: true, draw: func(d *drawing, f *Fault) {
		drawSync(d, f)
		f.Delay = d.between(10*time.Millisecond, 500*time.Millisecond)
	}, begin: setDisk, end: setDisk},
	// No sync of Node ends.
	{kind: StuckSync, node: true, draw: drawSync, begin: setDisk, end: setDisk},
	// The next sync of Node fails: the node dies.
	{kind: FailSync, node: true, draw: func(d *drawing, f *Fault) {
		f.For = d.between(20*time.Millisecond, 3*time.Second)
	}, begin: setDisk, end: setDisk},
	// The device of Node has Bytes left, until the fault ends.
	{kind: FullDisk, node: true, draw: func(d *drawing, f *Fault) {
		f.For = d.between(500*time.Millisecond, 8*time.Second)
		f.Bytes = int64(1) << (10 + d.IntN(19)) // 1 KiB to 256 MiB
	}, begin: setDisk, end: setDisk},
	// The power of Node fails while it writes: of the batches that are not durable the
	// last that is there is torn, so the store drops it.
	{kind: TornTail, node: true, draw: drawDown, begin: func(f *activeFault) {
		h := f.host()
		if !h.up() {
			return
		}
		h.keptDown = true
		if h.disk.Unsynced() > 0 {
			f.bit()
		}
		h.tear = true
		h.crash(string(TornTail))
	}, end: releaseNode},
	// Bits of a row of Node change on its device: a checksum tells whoever reads it. The
	// process is killed, or goes on if For is 0. What is the kind of row, see rotTargets.
	{kind: BitRot, node: true, draw: func(d *drawing, f *Fault) {
		f.What = rotTargets[d.IntN(len(rotTargets))]
		if d.IntN(3) > 0 || f.What == rotIdentity {
			drawDown(d, f)
		}
		if f.What == rotSnapshot { // it waits for one
			f.For = d.between(5*time.Second, 20*time.Second)
		}
	}, begin: func(f *activeFault) {
		switch f.What {
		case rotIdentity:
			f.rotIdentity()
		case rotSnapshot:
			f.rotArriving()
		default:
			f.rot(1)
		}
	}, end: releaseRotten},
	// A write of Node went astray: neither the row that should be there nor the one that
	// was where it went can be read.
	{kind: MisdirectedWrite, node: true, draw: func(d *drawing, f *Fault) {
		f.What = "any"
		drawDown(d, f)
	}, begin: func(f *activeFault) { f.rot(2) }, end: releaseRotten},
	// The whole disk of Node is lost: it comes back empty, under its name, as another node.
	{kind: DiskLost, node: true, weight: 2, draw: drawDown, begin: func(f *activeFault) {
		h := f.host()
		groups := slices.Sorted(maps.Keys(readGroups(h.disk.rows.root)))
		if h.id == 0 || len(groups) == 0 || slices.ContainsFunc(groups, func(s flow.ShardID) bool { return !f.w.spares(h, s) }) {
			return
		}
		f.bit()
		h.keptDown = true
		if h.up() {
			h.crash(string(DiskLost))
		} else {
			h.incarnation++ // who was joining on that disk (seed 771216)
		}
		h.loseDisk()
	}, end: releaseNode},
	// The part Rate of the reads of Node fails.
	{kind: ReadError, node: true, draw: drawMisread, begin: misread, end: misread},
	// The part Rate of the reads of Node gives another block than was asked for, which a
	// checksum tells.
	{kind: MisdirectedRead, node: true, draw: drawMisread, begin: misread, end: misread},
}

func drawMisread(d *drawing, f *Fault) {
	f.For, f.Rate = d.between(300*time.Millisecond, 5*time.Second), 0.5/float64(int(1)<<d.IntN(7))
}

// rot changes the bytes of so many rows, if every group concerned can lose a copy. Of a
// graph's rows it does so even if none can: graphs are made again, and no copy is lost.
func (f *activeFault) rot(rows int) {
	h := f.host()
	if h.disk.real != nil {
		return // see simulatedOnly
	}
	key := hash(f.w.scenario.Seed, purposeRot, uint64(f.At), uint64(f.Node))
	for i := range uint64(rows) {
		row := h.disk.Rot(hash(key, i), func(row []byte) bool {
			s, tag, _ := groupOf(row)
			return f.means(h, row) && (tag == tagGraph || f.w.spares(h, s))
		})
		if s, tag, ok := groupOf(row); ok {
			f.bit()
			if tag != tagGraph {
				h.hurt(s)
			}
			f.w.trace.note(f.w.now, f.Node, "rot", uint64(s), 0, row)
		}
	}
	if h.up() && f.For > 0 && f.bites > 0 {
		h.keptDown = true
		h.kill(string(f.Kind))
	}
}

// rotTargets are the kinds of row that rot is about: entries of the log, Raft's term and
// vote, rows of the state in force, those of a snapshot that is on its way, parts of graphs,
// the other records of a group, who the node is and how often it was started, or any of a
// group.
var rotTargets = []string{"log", "hard-state", "state", rotSnapshot, "graph", "record", rotIdentity, "any"}

const rotSnapshot, rotIdentity = "snapshot", "identity"

// means says whether a row is of the kind that the fault is about.
func (f *activeFault) means(h *host, row []byte) bool {
	s, tag, ok := groupOf(row)
	if !ok {
		return false
	}
	switch f.What {
	case "log":
		return tag == tagLog
	case "hard-state":
		return tag == tagHardState
	case "state", rotSnapshot:
		g := h.written[s]
		inForce := g == nil || len(row) < tagAt+5 || binary.BigEndian.Uint32(row[tagAt+1:]) == g.number
		return tag == tagState && inForce == (f.What == "state")
	case "graph":
		return tag == tagGraph
	case "record":
		return tag != tagLog && tag != tagState && tag != tagGraph && tag != tagHardState
	}
	return true
}

// rotArriving spoils a row of the first snapshot that arrives while the fault is on.
func (f *activeFault) rotArriving() {
	if f.on && f.bites == 0 && f.host().up() {
		f.rot(1)
	}
}

// arrives lets faults look at what a host has just written.
func (w *World) arrives(h *host) {
	for _, f := range w.faults {
		if f.on && f.Node == h.number() && f.Kind == BitRot && f.What == rotSnapshot && f.bites == 0 {
			w.after(0, f.rotArriving)
		}
	}
}

// rotIdentity spoils what says who a node is, or how often it was started, and kills its
// process: the node must refuse to start, and its operator replaces it.
func (f *activeFault) rotIdentity() {
	h := f.host()
	groups := slices.Sorted(maps.Keys(readGroups(h.disk.rows.root)))
	if h.disk.real != nil || !h.up() || h.id == 0 || len(groups) == 0 || slices.ContainsFunc(groups, func(s flow.ShardID) bool { return !f.w.spares(h, s) }) {
		return
	}
	row := h.disk.Rot(hash(f.w.scenario.Seed, purposeRot, uint64(f.At), uint64(f.Node)), func(row []byte) bool {
		return bytes.HasPrefix(row, []byte{keyOfNode})
	})
	if row == nil {
		return
	}
	f.bit()
	f.w.trace.note(f.w.now, f.Node, "rot", 0, 0, row)
	for _, s := range groups {
		h.hurt(s)
	}
	h.rottenIdentity, h.keptDown = true, true
	h.kill(string(BitRot))
}

// replaced is what the operator does with a node that says that its identity cannot be
// read: its disk counts as lost, and it joins in its own place.
func (w *World) replaced(h *host, why error) {
	w.trace.remark(w.now, h.number(), "replaced", why.Error())
	w.marks.hit("identity unreadable, node replaced", true)
	h.incarnation++
	h.loseDisk()
	h.restartLater(w.scenario.RestartDelay)
}

// loseDisk gives a host an empty disk in place of its own: what rotted there is gone with
// it (seed 930139), and what was known of it is over.
func (h *host) loseDisk() {
	h.disk.Wipe()
	h.wipes++
	h.rottenIdentity = false
	h.w.setsAt = 0
}

func releaseRotten(f *activeFault) {
	if f.For > 0 {
		f.release(f.host())
	}
}

// misread makes a host's reads fail as the faults in force ask, if all its groups can
// lose their copies; once they end, what the process still runs is whole.
func misread(f *activeFault) {
	h := f.host()
	h.misread = h.w.misreading(h) != nil
	if h.disk.Reading == nil {
		h.disk.Reading = func() error { return h.w.misreads(h) }
	}
	if h.misread {
		return
	}
	f.w.after(time.Second, func() {
		if h.misread || !h.up() {
			return
		}
		for _, r := range h.replicas() {
			if c := (copyOf{r.Shard, r.Replica}); h.damaged[c].misread {
				delete(h.damaged, c)
			}
		}
	})
}

// reads says whether the fault is one of reading.
func (f *activeFault) reads() bool { return f.Kind == ReadError || f.Kind == MisdirectedRead }

// misreading returns the fault in force that makes a host's reads fail, or nil.
func (w *World) misreading(h *host) *activeFault {
	for _, f := range w.faults {
		if f.on && f.Node == h.number() && f.reads() {
			return f
		}
	}
	return nil
}

// misreads is the error of a read, if it is to fail.
func (w *World) misreads(h *host) error {
	f := w.misreading(h)
	if f == nil || !h.misread {
		return nil
	}
	h.reads++
	if !chance(hash(w.scenario.Seed, purposeRot, uint64(h.index), h.reads), f.Rate) || !h.misreadable() {
		return nil
	}
	f.bit()
	h.misreads++
	if f.Kind == ReadError {
		return flow.Errorf(flow.Internal, "sim.Disk", "the device cannot read")
	}
	return flow.Errorf(flow.Corrupt, "sim.Disk", "a checksum does not match: another block was read")
}

// misreadable says whether the host's groups can do without its copies, which a failed
// read may make the process give up, and notes that it may. A copy that was in danger
// before is asked for again: it may still be whole, and have been made a voter since.
func (h *host) misreadable() bool {
	stored := slices.Sorted(maps.Keys(h.written))
	for _, s := range stored {
		if !h.w.spares(h, s) {
			return false
		}
	}
	for _, s := range stored {
		c := copyOf{s, h.written[s].replica}
		if _, ok := h.damaged[c]; !ok {
			h.damaged[c] = damage{incarnation: h.incarnation, misread: true}
		}
	}
	return true
}

func drawSync(d *drawing, f *Fault) { f.For = d.between(300*time.Millisecond, 6*time.Second) }

func setDisk(f *activeFault) { f.w.setDisk(f.host()) }

// setDisk gives a host's disk the manners that the disk faults in force ask for.
func (w *World) setDisk(h *host) {
	if h.gone {
		return
	}
	var slow time.Duration
	stuck, failing := false, false
	capacity := uint64(defaultCapacity)
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
		case FullDisk:
			if f.full == 0 {
				f.full = h.disk.rows.bytes + uint64(f.Bytes)
			}
			capacity = min(capacity, f.full)
		}
	}
	h.disk.Capacity = capacity
	h.disk.behave(slow, stuck, failing)
}

// diskBites counts a sync under the disk faults in force.
func (w *World) diskBites(h *host) {
	for _, f := range w.faults {
		if !f.on || f.Node != h.number() {
			continue
		}
		switch f.Kind {
		case SlowSync, StuckSync, FailSync, FullDisk:
			f.bit()
		}
	}
}
