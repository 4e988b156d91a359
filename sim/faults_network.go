package sim

import (
	"math"
	"slices"
	"time"
)

// networkFaults are the faults of the links between hosts.
var networkFaults = []*faultSpec{
	// Every frame from From to To is late by half of Delay to one and a half.
	{kind: LatencySpike, draw: drawLink(false, true), bend: func(f *activeFault, m *fate, _, _ int) bool {
		m.delay += f.Delay/2 + within(hash(m.key, purposeSpike), f.Delay)
		return true
	}},
	// The part Rate of the frames is late by Delay or, with a heavy tail, by much more.
	{kind: LatencyTail, draw: drawLink(true, true), bend: func(f *activeFault, m *fate, _, _ int) bool {
		if !chance(hash(m.key, purposeTail), f.Rate) {
			return false
		}
		m.delay += pareto(hash(m.key, purposeTail, 1), f.Delay)
		return true
	}},
	// One link, both ways, is slower by Delay than all others.
	{kind: SlowLink, draw: func(d *drawing, f *Fault) {
		f.For, f.Delay = d.between(time.Second, 10*time.Second), d.between(5*time.Millisecond, 300*time.Millisecond)
		f.From, f.To = d.pair()
	}, bend: func(f *activeFault, m *fate, from, to int) bool {
		m.delay += f.Delay
		return true
	}},
	// Each link from From to To carries Bytes a second: frames wait for those before,
	// up to maxSendQueue.
	{kind: Bandwidth, draw: func(d *drawing, f *Fault) {
		drawLink(false, false)(d, f)
		f.Bytes = int64(2) << (10 + d.IntN(9))
	}, begin: func(f *activeFault) { f.free = map[[2]int]time.Duration{} }, bend: func(f *activeFault, m *fate, from, to int) bool {
		began := max(f.w.now, f.free[[2]int{from, to}])
		if began-f.w.now > maxSendQueue { // drops what it cannot hold
			m.copies = 0
			return true
		}
		// A frame that is longer than all of the queue holds up those behind it no longer.
		end := min(began+time.Duration(float64(m.bytes)/float64(max(f.Bytes, 1))*float64(time.Second)), f.w.now+2*maxSendQueue)
		f.free[[2]int{from, to}] = end
		m.delay += end - f.w.now
		return end-f.w.now > time.Millisecond
	}},
	// The part Rate of the frames is lost.
	{kind: DropFrames, draw: drawLink(true, false), bend: func(f *activeFault, m *fate, _, _ int) bool {
		if !chance(hash(m.key, purposeDrop), f.Rate) {
			return false
		}
		m.copies = 0
		return true
	}},
	// The part Rate of the frames arrives twice.
	{kind: DuplicateFrames, draw: drawLink(true, false), bend: func(f *activeFault, m *fate, _, _ int) bool {
		if !chance(hash(m.key, purposeDuplicate), f.Rate) || m.copies == 0 {
			return false
		}
		m.copies++
		return true
	}},
	// The part Rate of the frames overtakes and is overtaken, by up to Delay.
	{kind: ReorderFrames, draw: drawLink(true, true), bend: func(f *activeFault, m *fate, _, _ int) bool {
		if !chance(hash(m.key, purposeReorder), f.Rate) {
			return false
		}
		m.reordered = true
		m.delay += within(hash(m.key, purposeReorder, 1), f.Delay)
		return true
	}},
	// A bit of the part Rate of the frames is flipped.
	{kind: CorruptFrames, draw: drawLink(true, false), bend: func(f *activeFault, m *fate, _, _ int) bool {
		if !chance(hash(m.key, purposeCorrupt), f.Rate) {
			return false
		}
		m.corrupt = true
		return true
	}},
	// The connections between From and To break: what is under way on them is lost.
	{kind: ResetLink, draw: func(d *drawing, f *Fault) {
		if f.From = d.IntN(d.Nodes + 1); f.From != 0 && d.IntN(2) == 0 {
			f.To = d.node()
		}
	}, begin: func(f *activeFault) { f.w.network.reset(f) }},
	// The part Rate of the frames from and to Node is kept; then its process is killed
	// and started again, and the frames of its former life arrive.
	{kind: StaleFrames, node: true, draw: func(d *drawing, f *Fault) {
		f.For, f.Rate = d.between(300*time.Millisecond, 4*time.Second), float64(1+d.IntN(50))/100
	}, bend: func(f *activeFault, m *fate, from, to int) bool {
		if (from == f.Node || to == f.Node) && len(f.kept) < maxKeptFrames && chance(hash(m.key, purposeStale), f.Rate) {
			f.kept = append(f.kept, keptFrame{from: from, to: to, frame: m.frame})
		}
		return false
	}, end: releaseStale},
	// The hosts of Side are cut from the rest, both ways.
	{kind: Partition, draw: drawCut, cuts: func(f *activeFault, from, to int) bool { return f.parted(from, to) }},
	// Only frames out of Side are lost.
	{kind: OneWay, draw: drawCut, cuts: func(f *activeFault, from, to int) bool {
		return slices.Contains(f.Side, from) && !slices.Contains(f.Side, to)
	}},
	// The host that leads Shard is cut off.
	{kind: IsolateLeader, leader: true, draw: drawLeader, cuts: func(f *activeFault, from, to int) bool {
		return from == f.Node || to == f.Node
	}},
	// Two sides see each other through Node alone.
	{kind: Bridge, node: true, draw: drawCut, cuts: func(f *activeFault, from, to int) bool {
		return from != f.Node && to != f.Node && f.parted(from, to)
	}},
	// Each host sees its neighbours in a circle, a majority with itself, and no two
	// see the same; of three hosts, two do not see each other.
	{kind: Ring, draw: func(d *drawing, f *Fault) {
		f.For, f.Node = d.between(300*time.Millisecond, 8*time.Second), d.node()
	}, cuts: ringCuts},
	// The hosts of Side are cut from the rest and joined to it again, every Delay.
	{kind: Flapping, draw: func(d *drawing, f *Fault) {
		drawCut(d, f)
		f.Delay = d.between(20*time.Millisecond, 1500*time.Millisecond)
	}, cuts: func(f *activeFault, from, to int) bool {
		return (f.w.now-f.began)/max(f.Delay, time.Millisecond)%2 == 0 && f.parted(from, to)
	}},
}

// maxKeptFrames bounds the frames that a stale-frames fault keeps.
const maxKeptFrames = 64

// maxSendQueue bounds what waits for a link of little bandwidth, by the time it will take.
const maxSendQueue = time.Second

// maxTail bounds a latency drawn from a heavy tail.
const maxTail = 3 * time.Second

// pareto maps a hash onto a Pareto distribution with shape 1.2 from scale upwards.
func pareto(h uint64, scale time.Duration) time.Duration {
	u := (float64(h>>11) + 1) / (1 << 53)
	return min(time.Duration(float64(scale)*math.Pow(u, -1/1.2)), maxTail)
}

// drawLink draws the ends of a link, any host or one, and a rate or a delay.
func drawLink(rate, delay bool) func(*drawing, *Fault) {
	return func(d *drawing, f *Fault) {
		f.For = d.between(500*time.Millisecond, 8*time.Second)
		if rate {
			f.Rate = float64(1+d.IntN(30)) / 100
		}
		if delay {
			f.Delay = d.between(5*time.Millisecond, 400*time.Millisecond)
		}
		if d.IntN(2) == 0 {
			f.From = d.node()
		}
		if d.IntN(3) == 0 {
			f.To = d.node()
		}
	}
}

func drawCut(d *drawing, f *Fault) {
	f.For, f.Side = d.between(300*time.Millisecond, 8*time.Second), d.side()
}

func drawLeader(d *drawing, f *Fault) {
	f.For, f.Shard = d.between(300*time.Millisecond, 6*time.Second), d.IntN(d.Shards+1)-1
}

// parted says whether a link joins Side with the rest.
func (f *activeFault) parted(from, to int) bool {
	return slices.Contains(f.Side, from) != slices.Contains(f.Side, to)
}

func ringCuts(f *activeFault, from, to int) bool {
	n := len(f.w.hosts)
	if n <= 3 {
		a, b := f.Node, f.Node%n+1
		return from == a && to == b || from == b && to == a
	}
	reach := (n/2 + 1) / 2 // on each side, so that a majority is seen
	apart := (from - to + n) % n
	return min(apart, n-apart) > reach
}

// keptFrame is a frame that a fault holds back a copy of.
type keptFrame struct {
	from, to int
	frame    []byte
}

// releaseStale ends a process and lets the next one have frames of its former life.
func releaseStale(f *activeFault) {
	h := f.host()
	if h.up() {
		h.kill("stale frames")
		h.restartLater(50 * time.Millisecond)
	}
	for i, k := range f.kept {
		late := 50*time.Millisecond + within(hash(f.w.scenario.Seed, purposeStale, uint64(f.At), uint64(i)), time.Second)
		f.w.after(late, func() {
			if to := f.w.hosts[k.to-1]; to.up() {
				f.bit()
				f.w.trace.note(f.w.now, k.to, "stale", uint64(k.from), uint64(len(k.frame)), nil)
				f.w.checks.arrived(k.frame)
				to.enqueue(input{kind: receiveInput, frame: slices.Clone(k.frame)})
			}
		})
	}
	f.kept = nil
}
