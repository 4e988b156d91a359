package sim

import (
	"time"
)

// newDisk makes a host's empty disk, whose completions the world schedules.
func (w *World) newDisk(h *host) *Disk {
	d := NewDisk(func(d time.Duration, run func()) { w.after(d, run) }, w.scenario.SyncLatency)
	if w.scenario.Disk == "" {
		return d
	}
	d.real = &realStore{
		fail:  func(format string, args ...any) { w.fail(OracleStore, h.name+": "+format, args...) },
		early: func(batch uint64) bool { return hash(w.scenario.Seed, purposeStore, uint64(h.index), batch)%2 == 0 },
	}
	if w.openStore == nil {
		panic("sim: the scenario has real stores and Options.OpenStore is not given")
	}
	var err error
	if d.real.store, err = w.openStore(); err != nil {
		panic("sim: a real store does not open: " + err.Error())
	}
	return d
}

// closeStores ends the real stores.
func (w *World) closeStores() {
	for _, h := range w.hosts {
		if r := h.disk.real; r != nil {
			_ = r.store.Close() // its device may fail by now
		}
	}
}

// realCounts sums what the real stores counted.
func (w *World) realCounts() (sum realStore) {
	for _, h := range w.hosts {
		if r := h.disk.real; r != nil {
			sum.reads, sum.openings, sum.lost = sum.reads+r.reads, sum.openings+r.openings, sum.lost+r.lost
		}
	}
	return sum
}
