package sim

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// counter is the smallest machine: each tick it adds one to a number on its disk,
// and tells every other host once the number is durable.
type counter struct {
	h        *host
	disk     disk.Disk
	net      port
	pool     pool
	clock    *clock
	number   uint64
	durable  uint64
	heard    map[byte]uint64
	dirty    bool
	stalls   int
	turns    int
	jobsDone int
	answers  []func()
	err      error
}

var counterKey = []byte("n")

func bootCounter(h *host) (Machine, error) {
	c := &counter{h: h, disk: store{h.disk, h, h.incarnation}, net: port{h, h.incarnation}, pool: pool{h, h.incarnation}, clock: h.clock, heard: map[byte]uint64{}}
	v, ok, err := c.disk.Get(counterKey)
	if ok {
		c.number = binary.BigEndian.Uint64(v)
		c.durable = c.number
	}
	return c, err
}

func (c *counter) Tick() {
	before := c.clock.Now()
	if c.clock.Now() < before {
		c.stalls++
	}
	c.number++
	c.dirty = true
	c.pool.Do(node.Job{Cost: 100, Run: func() {}, Done: func() { c.jobsDone++ }})
}

func (c *counter) Receive(frame []byte) {
	c.heard[frame[0]] = max(c.heard[frame[0]], binary.BigEndian.Uint64(frame[1:]))
}

func (c *counter) Serve(_ flow.Request, reply func(flow.Response)) {
	c.answers = append(c.answers, func() { reply(&flow.StatusResponse{}) })
}

func (c *counter) Done(d node.Completion) { d() }

func (c *counter) Flush() {
	c.turns++
	if c.dirty {
		c.dirty = false
		n := c.number
		var b disk.Batch
		b.Put(counterKey, binary.BigEndian.AppendUint64(nil, n))
		c.disk.Apply(&b, true, func(err error) {
			if err != nil {
				c.err = err
				return
			}
			c.durable = max(c.durable, n)
			for _, o := range c.h.w.hosts {
				if o != c.h {
					c.net.Send(o.id, binary.BigEndian.AppendUint64([]byte{byte(c.h.number())}, n))
				}
			}
		})
	}
	for _, a := range c.answers {
		a()
	}
	c.answers = nil
}

func (c *counter) Err() error { return c.err }

// counterWorld starts a world of counters under some faults.
func counterWorld(seed uint64, faults ...Fault) *World {
	s := DrawScenario(seed)
	s.Nodes, s.LateJoins, s.Clients, s.ClockDrift, s.ClockOffset, s.Faults = 3, 0, 0, 0, 0, faults
	s.RestartDelay = 100 * time.Millisecond
	w := newWorld(s, Options{})
	w.boot = bootCounter
	for i, h := range w.hosts {
		w.adopt(h, flow.NodeID(i+1))
		h.start()
	}
	w.reviveHost = (*host).start
	w.planFaults()
	return w
}

func (w *World) counter(n int) *counter {
	c, _ := w.hosts[n-1].machine.(*counter)
	return c
}

func runFor(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	end := w.now + d
	w.runUntil(end, func() bool { return false })
	if w.failure != nil {
		t.Fatalf("%+v", *w.failure)
	}
	w.now = max(w.now, end)
}

func TestWorldRepeats(t *testing.T) {
	faults := DrawScenario(7).Faults
	for i := range faults {
		faults[i].Node = min(faults[i].Node, 3)
		faults[i].Side = nil
	}
	hashOf := func(seed uint64) uint64 {
		w := counterWorld(seed, faults...)
		runFor(t, w, 20*time.Second)
		return w.trace.hash
	}
	if a, b := hashOf(1), hashOf(1); a != b {
		t.Fatalf("one seed gave the traces %016x and %016x", a, b)
	}
	if a, b := hashOf(1), hashOf(2); a == b {
		t.Fatalf("two seeds gave one trace %016x", a)
	}
}

func TestWorldRuns(t *testing.T) {
	w := counterWorld(1)
	runFor(t, w, 10*time.Second)
	for n := 1; n <= 3; n++ {
		c := w.counter(n)
		if c.number < 390 || c.number > 410 || c.jobsDone < 380 {
			t.Errorf("node%d ticked %d times and finished %d jobs in 10 s of 25 ms ticks", n, c.number, c.jobsDone)
		}
		for o := 1; o <= 3; o++ {
			if o != n && c.heard[byte(o)] < 380 {
				t.Errorf("node%d heard %d from node%d", n, c.heard[byte(o)], o)
			}
		}
	}
}

func TestWorldFaults(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name  string
		fault Fault
		check func(w *World) bool
	}{
		{"partition", Fault{Kind: Partition, Side: []int{1}, For: 20 * s}, func(w *World) bool {
			return w.counter(1).heard[2] < 50 && w.counter(2).heard[1] < 50 && w.counter(2).heard[3] > 300
		}},
		{"one-way", Fault{Kind: OneWay, Side: []int{1}, For: 20 * s}, func(w *World) bool {
			return w.counter(1).heard[2] > 300 && w.counter(2).heard[1] < 50
		}},
		{"drop", Fault{Kind: DropFrames, Rate: 0.5, For: 9 * s}, func(w *World) bool { return w.faults[0].bites > 500 }},
		{"duplicate", Fault{Kind: DuplicateFrames, Rate: 0.5, For: 9 * s}, func(w *World) bool { return w.faults[0].bites > 500 }},
		{"reorder", Fault{Kind: ReorderFrames, Rate: 0.5, Delay: s, For: 9 * s}, func(w *World) bool { return w.faults[0].bites > 500 }},
		{"latency", Fault{Kind: LatencySpike, From: 1, Delay: 20 * s, For: 20 * s}, func(w *World) bool {
			return w.counter(2).heard[1] < 50 && w.counter(1).heard[2] > 300
		}},
		{"crash", Fault{Kind: Crash, Node: 1, At: s, For: 5 * s}, func(w *World) bool {
			return w.counter(1).number > 150 && w.counter(1).number < 250 && w.counts.crashes == 1 && w.counts.starts == 4
		}},
		{"crash in mid-turn", Fault{Kind: CrashMidTurn, Node: 1, At: s, For: 5 * s, Effects: 1}, func(w *World) bool {
			return w.counter(1).number < 250 && w.counts.crashes == 1
		}},
		{"crash of all", Fault{Kind: CrashAll, At: s, For: 5 * s}, func(w *World) bool { return w.counts.crashes == 3 && w.counter(2).number < 250 }},
		{"restart", Fault{Kind: Restart, Node: 1, At: s, For: 5 * s}, func(w *World) bool { return w.counter(1).number < 250 && w.counts.starts == 4 }},
		{"pause", Fault{Kind: Pause, Node: 1, At: s, For: 5 * s}, func(w *World) bool {
			return w.counter(1).number < 250 && w.counts.starts == 3 && w.counter(1).heard[2] > 300
		}},
		{"slow sync", Fault{Kind: SlowSync, Node: 1, At: s, For: 8 * s, Delay: 5 * s}, func(w *World) bool { return w.counter(2).heard[1]+100 < w.counter(3).heard[2] }},
		{"stuck sync", Fault{Kind: StuckSync, Node: 1, At: s, For: 10 * s}, func(w *World) bool { return w.counter(2).heard[1] < 60 && w.counter(1).number > 300 }},
		{"failed sync", Fault{Kind: FailSync, Node: 1, At: s, For: s}, func(w *World) bool { return w.counts.deaths >= 1 && w.counter(1).number > 200 }},
		{"clock ahead", Fault{Kind: ClockJump, Node: 1, At: s, Delay: 5 * s}, func(w *World) bool {
			return w.hosts[0].clock.error() == 5*s && w.counter(1).stalls == 0
		}},
		{"clock back", Fault{Kind: ClockJump, Node: 1, At: s, Delay: -5 * s}, func(w *World) bool {
			return w.hosts[0].clock.error() == -5*s && w.counter(1).stalls == 0
		}},
		{"drift", Fault{Kind: ClockDrift, Node: 1, At: 0, For: 10 * s, Rate: 0.2}, func(w *World) bool { return w.counter(1).number > 450 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := counterWorld(3, test.fault)
			runFor(t, w, 9500*time.Millisecond)
			if w.counter(1) == nil || !test.check(w) {
				t.Errorf("after %v: %+v\nnode1 %+v", test.fault, w.counts, w.counter(1))
			}
			if w.faults[0].bites == 0 {
				t.Errorf("%v never bit", test.fault)
			}
		})
	}
}

// A crash never loses what was durable before it.
func TestWorldCrashKeepsDurable(t *testing.T) {
	for seed := range uint64(20) {
		w := counterWorld(seed, Fault{Kind: Crash, Node: 1, At: time.Second, For: time.Second})
		runFor(t, w, 999*time.Millisecond)
		durable := w.counter(1).durable
		runFor(t, w, 1010*time.Millisecond)
		if c := w.counter(1); c == nil || c.number < durable || c.number > durable+10 {
			t.Fatalf("seed %d: %d was durable before the crash, after it %+v", seed, durable, c)
		}
	}
}

// Requests reach a process and come back once; a crash breaks them off.
func TestWorldCalls(t *testing.T) {
	w := counterWorld(1, Fault{Kind: Crash, Node: 2, At: time.Second, For: 10 * time.Second})
	answered, refused := 0, 0
	ask := func() {
		w.calls.do(w.hosts[1], &flow.StatusRequest{}, time.Second, func(resp flow.Response, no bool) {
			if resp != nil {
				answered++
			}
			if no {
				refused++
			}
		})
	}
	ask()
	w.after(2*time.Second, ask)
	runFor(t, w, 5*time.Second)
	if answered != 1 || refused != 1 {
		t.Fatalf("%d answers and %d refusals, not one each", answered, refused)
	}
}

// A node that breaks the contract of a seam is caught.
func TestWorldContracts(t *testing.T) {
	w := counterWorld(1)
	runFor(t, w, time.Second)
	frame := []byte("123456789")
	port{w.hosts[0], w.hosts[0].incarnation}.Send(2, frame)
	frame[0]++
	w.runUntil(w.now+time.Second, func() bool { return false })
	if w.failure == nil || w.failure.Oracle != OracleContract || !strings.Contains(w.failure.What, "changed a frame") {
		t.Fatalf("a frame changed after Send gave %+v", w.failure)
	}
}

// A world that the machine let stand for an hour has not worked for it; one that works on
// for longer than it may is ended.
func TestStandstillIsNotWork(t *testing.T) {
	s := DrawScenario(2) // of 20 looks
	looks, now := 0, time.Duration(0)
	stands := func() time.Duration {
		if looks++; looks == 2 {
			now += time.Hour
		}
		return now
	}
	if r := Run(s, Options{Elapsed: stands}); r.Failure != nil || looks < 3 {
		t.Errorf("%d looks: %+v", looks, r.Failure)
	}
	works := func() time.Duration {
		now += maxWall / 2
		return now
	}
	if r := Run(s, Options{Elapsed: works}); r.Failure == nil || r.Failure.Oracle != OracleCap {
		t.Errorf("after %d events: %+v", r.Events, r.Failure)
	}
}
