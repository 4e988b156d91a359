package sim

import (
	"math"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// processFaults are the faults of processes, processors, clocks and workers.
var processFaults = []*faultSpec{
	// The power of Node fails: a suffix of what was not synced is lost. It starts
	// again after For.
	{kind: Crash, node: true, draw: drawDown, begin: func(f *activeFault) { f.crash(f.host()) }, end: releaseNode},
	// So does that of the host that leads Shard.
	{kind: CrashLeader, leader: true, draw: drawLeader, begin: func(f *activeFault) { f.crash(f.host()) }, end: releaseNode},
	// The power of Node fails after so many more Effects (writes, sends, replies, jobs)
	// of its turns.
	{kind: CrashMidTurn, node: true, draw: func(d *drawing, f *Fault) {
		drawDown(d, f)
		f.Effects = d.IntN(8)
	}, begin: func(f *activeFault) {
		if h := f.host(); h.up() {
			f.bit()
			h.keptDown, h.effects = true, f.Effects
		}
	}, end: releaseNode},
	// The power of every host fails at once.
	{kind: CrashAll, weight: 2, draw: func(d *drawing, f *Fault) {
		f.For = d.between(20*time.Millisecond, 2*time.Second)
	}, begin: func(f *activeFault) {
		for _, h := range f.w.hosts {
			f.crash(h)
		}
	}, end: func(f *activeFault) {
		for _, h := range f.w.hosts {
			f.release(h)
		}
	}},
	// Node starts and loses its power again within Delay, again and again.
	{kind: CrashLoop, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Delay = d.between(time.Second, 6*time.Second), d.between(30*time.Millisecond, 1200*time.Millisecond)
	}, begin: crashLoop},
	// The process of Node is killed; what it wrote stays with the operating system.
	{kind: Restart, node: true, draw: drawDown, begin: func(f *activeFault) { f.crash(f.host()) }, end: releaseNode},
	// One process after the other is killed and started again, Delay apart.
	{kind: RollingRestart, weight: 2, draw: func(d *drawing, f *Fault) {
		f.Delay = d.between(100*time.Millisecond, 2*time.Second)
		f.For = time.Duration(d.Nodes) * f.Delay
	}, begin: rollingRestart},
	// Node hands over its leadership, as a clean stop does, and closes its disk.
	{kind: CleanStop, node: true, draw: drawDown, begin: func(f *activeFault) {
		h := f.host()
		if !h.up() {
			return
		}
		incarnation := h.incarnation
		f.w.calls.do(h, &flow.RetireRequest{Timeout: time.Second}, time.Second, func(flow.Response, bool) {
			if f.on && h.incarnation == incarnation {
				f.crash(h)
			}
		})
	}, end: releaseNode},
	// Node is killed and starts with limits that make it cut its log at every chance
	// and send snapshots of a few rows a chunk.
	{kind: TightLog, node: true, draw: func(d *drawing, f *Fault) {
		f.For = d.between(2*time.Second, 10*time.Second)
	}, begin: func(f *activeFault) { f.reboot(func(h *host) { h.tight++ }) }, end: func(f *activeFault) { f.host().tight-- }},
	// Node does not run; what arrives waits.
	{kind: Pause, node: true, draw: drawPause, begin: func(f *activeFault) { f.pause(f.host()) }},
	// Nor does the host that leads Shard.
	{kind: PauseLeader, leader: true, draw: func(d *drawing, f *Fault) {
		drawPause(d, f)
		f.Shard = d.IntN(d.Shards+1) - 1
	}, begin: func(f *activeFault) { f.pause(f.host()) }},
	// Every turn of Node takes Rate times as long.
	{kind: SlowTurns, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Rate = d.between(500*time.Millisecond, 6*time.Second), float64(int(10)<<d.IntN(8))
	}, begin: func(f *activeFault) { f.host().turnFactor = f.Rate; f.bit() }, end: func(f *activeFault) { f.host().turnFactor = 1 }},
	// Every job of Node takes up to Delay longer.
	{kind: SlowJobs, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Delay = d.between(500*time.Millisecond, 8*time.Second), d.between(5*time.Millisecond, 600*time.Millisecond)
	}},
	// The part Rate of the jobs of Node ends up to Delay later than others.
	{kind: ReorderJobs, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Delay = d.between(500*time.Millisecond, 8*time.Second), d.between(5*time.Millisecond, 400*time.Millisecond)
		f.Rate = float64(5+d.IntN(60)) / 100
	}},
	// Node is asked to compare all replicas, which puts a checkpoint into every log.
	{kind: Verify, node: true, weight: 2, draw: func(*drawing, *Fault) {}, begin: func(f *activeFault) {
		f.w.calls.do(f.host(), &flow.VerifyRequest{Timeout: time.Second}, time.Second, func(resp flow.Response, _ bool) {
			if resp != nil && resp.Error() == nil {
				f.bit()
				f.w.agreed(f.host(), resp)
			}
		})
	}},

	// The clock of Node moves by Delay, which may be negative.
	{kind: ClockJump, node: true, draw: func(d *drawing, f *Fault) {
		f.Delay = d.between(0, 20*time.Second) - 10*time.Second
	}, begin: func(f *activeFault) { f.host().clock.jump(f.Delay); f.bit() }},
	// The clock of Node gains Rate seconds a second (negative: loses), and its ticks with it.
	{kind: ClockDrift, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Rate = d.between(time.Second, 10*time.Second), (d.Float64()*2-1)*0.2
	}, begin: func(f *activeFault) { f.host().clock.setDrift(f.Rate); f.bit() }, end: func(f *activeFault) { f.host().clock.setDrift(0) }},
	// The clock of Node stands still.
	{kind: ClockStop, node: true, draw: func(d *drawing, f *Fault) {
		f.For = d.between(200*time.Millisecond, 6*time.Second)
	}, begin: func(f *activeFault) { f.host().clock.setDrift(-1); f.bit() }, end: func(f *activeFault) { f.host().clock.setDrift(0) }},
	// The driver of Node ticks Rate times as often as it should: at times too rarely to lead.
	{kind: TickRate, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Rate = d.between(500*time.Millisecond, 8*time.Second), 0.04*math.Pow(75, d.Float64())
	}, begin: func(f *activeFault) { f.host().tickFactor = f.Rate; f.bit() }, end: func(f *activeFault) { f.host().tickFactor = 1 }},
}

func drawDown(d *drawing, f *Fault) { f.For = d.between(20*time.Millisecond, 6*time.Second) }

func drawPause(d *drawing, f *Fault) { f.For = d.between(50*time.Millisecond, 4*time.Second) }

func releaseNode(f *activeFault) { f.release(f.host()) }

// crash takes a host down and keeps it down until the fault ends.
func (f *activeFault) crash(h *host) {
	if !h.up() {
		return
	}
	f.bit()
	h.keptDown = true
	switch f.Kind {
	case CleanStop:
		h.leave("process ends: "+string(f.Kind), h.disk.close)
	case Restart, OtherVersion:
		h.kill(string(f.Kind))
	default:
		h.crash(string(f.Kind))
	}
}

// reboot kills a process, changes its host, and starts it again.
func (f *activeFault) reboot(change func(*host)) {
	h := f.host()
	change(h)
	if h.up() {
		f.bit()
		h.kill(string(f.Kind))
		h.restartLater(10 * time.Millisecond)
	}
}

// release lets a host run again, unless another fault still holds it down.
func (f *activeFault) release(h *host) {
	for _, o := range f.w.faults {
		if o.on && o.holds(h) {
			return
		}
	}
	h.keptDown = false
	if h.effects != unlimited { // the turn that should have died never came
		h.effects = unlimited
	}
	f.w.reviveHost(h)
}

// holds says whether the fault keeps a host down while it lasts.
func (f *activeFault) holds(h *host) bool {
	switch f.Kind {
	case CrashAll:
		return true
	case Crash, CrashLeader, CrashMidTurn, Restart, CleanStop, OtherVersion, TornTail, DiskLost:
		return f.Node == h.number()
	case BitRot, MisdirectedWrite:
		return f.Node == h.number() && f.For > 0
	}
	return false
}

func (f *activeFault) pause(h *host) {
	if h.up() {
		h.pausedUntil = max(h.pausedUntil, f.w.now+f.For)
		f.bit()
	}
}

func crashLoop(f *activeFault) {
	if !f.on {
		return
	}
	h := f.host()
	if h.up() {
		f.bit()
		h.crash(string(CrashLoop))
	}
	f.loops++
	lives := within(hash(f.w.scenario.Seed, purposeLoop, uint64(f.At), uint64(f.loops)), f.Delay)
	f.w.after(f.w.scenario.RestartDelay+lives, func() { crashLoop(f) })
}

func rollingRestart(f *activeFault) {
	for i, h := range f.w.hosts {
		f.w.after(time.Duration(i)*f.Delay, func() {
			if f.on && h.up() {
				f.bit()
				h.kill(string(RollingRestart))
				h.restartLater(min(f.Delay/2, f.w.scenario.RestartDelay))
			}
		})
	}
}

// jobDelay is how much longer a job of a host takes under the faults in force.
func (w *World) jobDelay(h *host, key uint64) (late time.Duration) {
	for _, f := range w.faults {
		if !f.on || f.Node != h.number() {
			continue
		}
		if f.Kind == SlowJobs || f.Kind == ReorderJobs && chance(hash(key, purposeWorker), f.Rate) {
			late += within(hash(key, purposeWorker, 1), f.Delay)
			f.bit()
		}
	}
	return late
}
