package sim

import (
	"time"
)

// newDisk makes a host's empty disk, whose completions the world schedules.
func (w *World) newDisk(h *host) *Disk {
	return NewDisk(func(d time.Duration, run func()) { w.after(d, run) }, w.scenario.SyncLatency)
}
