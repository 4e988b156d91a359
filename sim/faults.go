package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// FaultKind names what a fault does.
type FaultKind string

// The kinds of fault.
const (
	// LatencySpike adds Delay to every frame from From to To (0: any host).
	LatencySpike FaultKind = "latency"
	// DropFrames loses the part Rate of the frames from From to To.
	DropFrames FaultKind = "drop"
	// DuplicateFrames delivers the part Rate of the frames twice.
	DuplicateFrames FaultKind = "duplicate"
	// ReorderFrames lets the part Rate of the frames overtake and be overtaken, by up to Delay.
	ReorderFrames FaultKind = "reorder"
	// CorruptFrames flips a bit of the part Rate of the frames.
	CorruptFrames FaultKind = "corrupt-frame"
	// Partition cuts the hosts of Side from the rest, both ways.
	Partition FaultKind = "partition"
	// OneWay cuts only the frames out of Side.
	OneWay FaultKind = "one-way"
	// IsolateLeader cuts the host that leads Shard when the fault begins.
	IsolateLeader FaultKind = "isolate-leader"
	// Crash cuts the power of Node: a suffix of what was not synced is lost; it
	// starts again after For.
	Crash FaultKind = "crash"
	// CrashLeader does so to the host that leads Shard.
	CrashLeader FaultKind = "crash-leader"
	// CrashMidTurn cuts the power of Node after Effects more effects of its turns.
	CrashMidTurn FaultKind = "crash-mid-turn"
	// CrashAll cuts the power of every host at once.
	CrashAll FaultKind = "crash-all"
	// Restart kills the process of Node; what it wrote stays with the operating system.
	Restart FaultKind = "restart"
	// SlowSync makes every sync of Node take Delay longer.
	SlowSync FaultKind = "slow-sync"
	// StuckSync keeps every sync of Node from finishing.
	StuckSync FaultKind = "stuck-sync"
	// FailSync makes the next sync of Node fail: the node dies.
	FailSync FaultKind = "fail-sync"
	// ClockJump moves the clock of Node by Delay, which may be negative.
	ClockJump FaultKind = "clock-jump"
	// ClockDrift makes the clock of Node gain Rate seconds a second (negative: lose).
	ClockDrift FaultKind = "clock-drift"
	// Pause keeps Node from running; what arrives waits.
	Pause FaultKind = "pause"
)

// faultKinds lists every kind, in the order of the report.
var faultKinds = []FaultKind{
	LatencySpike, DropFrames, DuplicateFrames, ReorderFrames, CorruptFrames, Partition, OneWay, IsolateLeader,
	Crash, CrashLeader, CrashMidTurn, CrashAll, Restart, SlowSync, StuckSync, FailSync, ClockJump, ClockDrift, Pause,
}

// Fault is one entry of a schedule: what happens, when, to whom. Hosts are
// numbered from 1; times count from the end of the cluster's forming.
type Fault struct {
	At   time.Duration `json:"at"`
	Kind FaultKind     `json:"kind"`
	// For is how long it lasts; a fault of an instant has 0.
	For time.Duration `json:"for,omitempty"`
	// Node is whom it hits; From and To the ends of a link, 0 for any host.
	Node int `json:"node,omitempty"`
	From int `json:"from,omitempty"`
	To   int `json:"to,omitempty"`
	// Side is one side of a partition.
	Side []int `json:"side,omitempty"`
	// Shard is the group whose leader is meant, as users number it; -1 is the system group.
	Shard   int           `json:"shard,omitempty"`
	Rate    float64       `json:"rate,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`
	Effects int           `json:"effects,omitempty"`
}

// String returns the fault in a line, without what it does not use.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%7.3fs %s", f.At.Seconds(), f.Kind)
	if f.Node != 0 {
		fmt.Fprintf(&b, " node%d", f.Node)
	}
	if f.From != 0 || f.To != 0 {
		fmt.Fprintf(&b, " %s>%s", anyHost(f.From), anyHost(f.To))
	}
	if len(f.Side) > 0 {
		fmt.Fprintf(&b, " side %v", f.Side)
	}
	if f.Kind == IsolateLeader || f.Kind == CrashLeader {
		fmt.Fprintf(&b, " shard %d", f.Shard)
	}
	if f.Rate != 0 {
		fmt.Fprintf(&b, " rate %.4g", f.Rate)
	}
	if f.Delay != 0 {
		fmt.Fprintf(&b, " by %v", f.Delay)
	}
	if f.Kind == CrashMidTurn {
		fmt.Fprintf(&b, " after %d effects", f.Effects)
	}
	if f.For != 0 {
		fmt.Fprintf(&b, " for %v", f.For)
	}
	return b.String()
}

func anyHost(n int) string {
	if n == 0 {
		return "*"
	}
	return fmt.Sprintf("node%d", n)
}

// check says what is wrong with a fault of a world of so many hosts.
func (f Fault) check(hosts int) error {
	for _, n := range append([]int{f.Node, f.From, f.To}, f.Side...) {
		if n < 0 || n > hosts {
			return fmt.Errorf("%v names node %d of %d", f.Kind, n, hosts)
		}
	}
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("kind %q is not known", f.Kind)
	}
	if f.At < 0 || f.For < 0 {
		return fmt.Errorf("%v has a negative time", f.Kind)
	}
	if f.needsNode() && f.Node == 0 {
		return fmt.Errorf("%v names no node", f.Kind)
	}
	return nil
}

func (f Fault) needsNode() bool {
	switch f.Kind {
	case Crash, CrashMidTurn, Restart, SlowSync, StuckSync, FailSync, ClockJump, ClockDrift, Pause:
		return true
	}
	return false
}

// drawFaults draws a schedule. Each seed has its own subset of the kinds and its own rate.
func drawFaults(seed uint64, s Scenario) []Fault {
	r := stream(seed, purposeFaults)
	kinds := slices.Clone(faultKinds)
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:3+r.IntN(len(kinds)-3)]
	gap := between(r, 500*time.Millisecond, 3*time.Second)
	var faults []Fault
	for at := between(r, 0, gap); at < s.Run; at += between(r, gap/4, 2*gap) {
		faults = append(faults, drawFault(r, kinds[r.IntN(len(kinds))], at, s))
	}
	return faults
}

func drawFault(r *rand.Rand, kind FaultKind, at time.Duration, s Scenario) Fault {
	const ms = time.Millisecond
	f := Fault{At: at, Kind: kind}
	node := 1 + r.IntN(s.Nodes)
	switch kind {
	case LatencySpike, DropFrames, DuplicateFrames, ReorderFrames, CorruptFrames:
		f.For = between(r, 500*ms, 8*time.Second)
		f.Rate = float64(1+r.IntN(30)) / 100
		f.Delay = between(r, 5*ms, 400*ms)
		if r.IntN(2) == 0 {
			f.From = node
		}
		if r.IntN(3) == 0 {
			f.To = 1 + r.IntN(s.Nodes)
		}
		switch kind {
		case LatencySpike:
			f.Rate = 0
		case DropFrames, DuplicateFrames, CorruptFrames:
			f.Delay = 0
		}
	case Partition, OneWay:
		f.For = between(r, 300*ms, 8*time.Second)
		f.Side = drawSide(r, s.Nodes)
	case IsolateLeader, CrashLeader:
		f.For = between(r, 300*ms, 6*time.Second)
		f.Shard = r.IntN(s.Shards+1) - 1
	case Crash, Restart, CrashMidTurn:
		f.Node, f.For = node, between(r, 20*ms, 6*time.Second)
		if kind == CrashMidTurn {
			f.Effects = r.IntN(6)
		}
	case CrashAll:
		f.For = between(r, 20*ms, 2*time.Second)
	case SlowSync, StuckSync:
		f.Node, f.For = node, between(r, 300*ms, 6*time.Second)
		if kind == SlowSync {
			f.Delay = between(r, 10*ms, 500*ms)
		}
	case FailSync:
		f.Node, f.For = node, between(r, 20*ms, 3*time.Second)
	case ClockJump:
		f.Node, f.Delay = node, between(r, 0, 20*time.Second)-10*time.Second
	case ClockDrift:
		f.Node, f.For, f.Rate = node, between(r, time.Second, 10*time.Second), (r.Float64()*2-1)*0.2
	case Pause:
		f.Node, f.For = node, between(r, 50*ms, 4*time.Second)
	}
	return f
}

// drawSide draws a set of hosts that is neither empty nor all.
func drawSide(r *rand.Rand, nodes int) []int {
	side := r.Perm(nodes)[:1+r.IntN(max(nodes-1, 1))]
	for i := range side {
		side[i]++
	}
	slices.Sort(side)
	return side
}
