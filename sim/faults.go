package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// FaultKind names what a fault does.
type FaultKind string

// The kinds of fault. What each does, and how it is drawn, is in the table of its
// family: faults_network.go, faults_process.go, faults_disk.go, faults_client.go, faults_version.go.
const (
	LatencySpike    FaultKind = "latency"
	LatencyTail     FaultKind = "latency-tail"
	SlowLink        FaultKind = "slow-link"
	Bandwidth       FaultKind = "bandwidth"
	DropFrames      FaultKind = "drop"
	DuplicateFrames FaultKind = "duplicate"
	ReorderFrames   FaultKind = "reorder"
	CorruptFrames   FaultKind = "corrupt-frame"
	ResetLink       FaultKind = "reset"
	StaleFrames     FaultKind = "stale-frames"
	Partition       FaultKind = "partition"
	OneWay          FaultKind = "one-way"
	IsolateLeader   FaultKind = "isolate-leader"
	Bridge          FaultKind = "bridge"
	Ring            FaultKind = "ring"
	Flapping        FaultKind = "flapping"

	Crash          FaultKind = "crash"
	CrashLeader    FaultKind = "crash-leader"
	CrashMidTurn   FaultKind = "crash-mid-turn"
	CrashAll       FaultKind = "crash-all"
	CrashLoop      FaultKind = "crash-loop"
	Restart        FaultKind = "restart"
	RollingRestart FaultKind = "rolling-restart"
	CleanStop      FaultKind = "clean-stop"
	TightLog       FaultKind = "tight-log"
	Pause          FaultKind = "pause"
	PauseLeader    FaultKind = "pause-leader"
	SlowTurns      FaultKind = "slow-turns"
	SlowJobs       FaultKind = "slow-jobs"
	ReorderJobs    FaultKind = "reorder-jobs"
	Verify         FaultKind = "verify"

	ClockJump  FaultKind = "clock-jump"
	ClockDrift FaultKind = "clock-drift"
	ClockStop  FaultKind = "clock-stop"
	TickRate   FaultKind = "tick-rate"

	SlowSync         FaultKind = "slow-sync"
	StuckSync        FaultKind = "stuck-sync"
	FailSync         FaultKind = "fail-sync"
	FullDisk         FaultKind = "full-disk"
	TornTail         FaultKind = "torn-tail"
	BitRot           FaultKind = "bit-rot"
	MisdirectedWrite FaultKind = "misdirected-write"
	ReadError        FaultKind = "read-error"
	DiskLost         FaultKind = "disk-lost"
	MisdirectedRead  FaultKind = "misdirected-read"

	HotIDs       FaultKind = "hot-ids"
	HugeBatches  FaultKind = "huge-batches"
	TinyTimeouts FaultKind = "tiny-timeouts"
	Abandon      FaultKind = "abandon"
	RepeatWrites FaultKind = "repeat-writes"
	StaleTokens  FaultKind = "stale-tokens"
	Burst        FaultKind = "burst"
	ReuseIDs     FaultKind = "reuse-ids"
	Flood        FaultKind = "flood"

	OtherVersion   FaultKind = "other-version"
	RollingUpgrade FaultKind = "rolling-upgrade"
)

// faultTable lists every kind, in the order of the report.
var faultTable = slices.Concat(networkFaults, processFaults, diskFaults, clientFaults, versionFaults)

// faultKinds are the kinds of faultTable.
var faultKinds = func() (kinds []FaultKind) {
	for _, s := range faultTable {
		kinds = append(kinds, s.kind)
	}
	return kinds
}()

// FaultKinds returns every kind of fault, in the order of the report.
func FaultKinds() []FaultKind { return slices.Clone(faultKinds) }

// specOf returns the row of a kind, or nil.
func specOf(kind FaultKind) *faultSpec {
	if i := slices.Index(faultKinds, kind); i >= 0 {
		return faultTable[i]
	}
	return nil
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
	// Shard is the group that is meant, as users number it; -1 is the system group.
	Shard int `json:"shard,omitempty"`
	// Rate is a part of what passes, or a factor of speed.
	Rate float64 `json:"rate,omitempty"`
	// Delay is a time: of a message, of a clock's jump, between two repetitions.
	Delay time.Duration `json:"delay,omitempty"`
	// Bytes is a size: bytes a second of a link, bytes left on a disk.
	Bytes int64 `json:"bytes,omitempty"`
	// What is the kind of row that is meant, one of rotTargets.
	What string `json:"what,omitempty"`
	// Effects is how many effects of a turn still leave.
	Effects int `json:"effects,omitempty"`
}

// Label is the fault's kind as counters name it: rot by the kind of row.
func (f Fault) Label() FaultKind {
	if f.Kind == BitRot && f.What != "" {
		return f.Kind + "-" + FaultKind(f.What)
	}
	return f.Kind
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
	if s := specOf(f.Kind); s != nil && s.leader {
		fmt.Fprintf(&b, " shard %d", f.Shard)
	}
	if f.Rate != 0 {
		fmt.Fprintf(&b, " rate %.4g", f.Rate)
	}
	if f.Delay != 0 {
		fmt.Fprintf(&b, " by %v", f.Delay)
	}
	if f.Bytes != 0 {
		fmt.Fprintf(&b, " %d bytes", f.Bytes)
	}
	if f.What != "" {
		fmt.Fprintf(&b, " in %s", f.What)
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
	spec := specOf(f.Kind)
	if spec == nil {
		return fmt.Errorf("kind %q is not known", f.Kind)
	}
	if f.At < 0 || f.For < 0 {
		return fmt.Errorf("%v has a negative time", f.Kind)
	}
	if spec.node && f.Node == 0 {
		return fmt.Errorf("%v names no node", f.Kind)
	}
	return nil
}

// faultSpec is what there is to know about a kind of fault.
type faultSpec struct {
	kind FaultKind
	// node says that a fault of the kind must name one; leader that it hits whoever
	// leads Shard when it begins.
	node, leader bool
	// apart says that drawFaults leaves the kind to others.
	apart bool
	// weight is how often the kind is drawn beside others of its seed (0: 4).
	weight int
	// draw fills in a fault's fields beyond At, Kind and, if node is set, Node.
	draw func(d *drawing, f *Fault)
	// begin and end make the world do it, and no longer; either may be nil. A network
	// fault has bend instead: it changes the fate of a message, and says whether it did.
	begin, end func(f *activeFault)
	bend       func(f *activeFault, m *fate, from, to int) bool
	// cuts says whether frames of a link are lost while the fault is in force.
	cuts func(f *activeFault, from, to int) bool
}
