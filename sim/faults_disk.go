package sim

import "time"

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
