package sim

import (
	"fmt"
	"strings"
)

// dump describes every host as it is now, a few lines each.
func (w *World) dump() string {
	var b strings.Builder
	for _, h := range w.hosts {
		state := "down"
		switch {
		case h.absent:
			state = "absent"
		case h.up() && h.paused():
			state = "paused"
		case h.up():
			state = "up"
		}
		fmt.Fprintf(&b, "%s %s, process %d, clock wrong by %v, %d inputs wait, %d batches not durable, disk %v\n",
			h.name, state, h.incarnation, h.clock.error(), len(h.mailbox), h.disk.Unsynced(), h.disk.Usage())
		for _, r := range h.replicas() {
			fmt.Fprintf(&b, "  %v replica %v %v leader %v leading %v term %d applied %d commit %d log %d-%d digest %016x points %d\n", r.Shard, r.Replica,
				r.Role, r.Leader, r.Leading, r.Term, r.Applied, r.Commit, r.FirstIndex, r.LastIndex, r.Digest, r.Points)
		}
	}
	for _, f := range w.faults {
		if f.on {
			fmt.Fprintf(&b, "in force: %v\n", f.Fault)
		}
	}
	return b.String()
}
