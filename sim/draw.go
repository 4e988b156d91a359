package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// drawing is a source of choices for the faults of a world of some shape. Its
// source is a seed's, or a property test's.
type drawing struct {
	Nodes, Shards int
	IntN          func(n int) int
}

// Float64 draws from [0, 1).
func (d *drawing) Float64() float64 { return float64(d.IntN(1<<30)) / (1 << 30) }

// between draws a duration from [lo, hi), in whole microseconds so that schedules read well.
func (d *drawing) between(lo, hi time.Duration) time.Duration {
	lo, hi = lo/time.Microsecond, hi/time.Microsecond
	return (lo + time.Duration(d.IntN(int(max(hi-lo, 1))))) * time.Microsecond
}

// node draws a host's number.
func (d *drawing) node() int { return 1 + d.IntN(d.Nodes) }

// pair draws the ends of a link; a world of one host has none.
func (d *drawing) pair() (from, to int) {
	from = d.node()
	return from, (from+d.IntN(max(d.Nodes-1, 1)))%d.Nodes + 1
}

// side draws a set of hosts that is neither empty nor, where there are two, all.
func (d *drawing) side() []int {
	var side []int
	for n := 1; n <= d.Nodes; n++ {
		if d.IntN(2) == 0 {
			side = append(side, n)
		}
	}
	switch {
	case len(side) == 0:
		return []int{d.node()}
	case len(side) == d.Nodes && d.Nodes > 1:
		out := d.IntN(d.Nodes)
		return slices.Delete(side, out, out+1)
	}
	return side
}

// fault draws a fault of a kind.
func (d *drawing) fault(spec *faultSpec, at time.Duration) Fault {
	f := Fault{At: at, Kind: spec.kind}
	if spec.node {
		f.Node = d.node()
	}
	spec.draw(d, &f)
	return f
}

// DrawScenario draws a scenario from a seed: nothing else decides a seed's run.
func DrawScenario(seed uint64) Scenario {
	r := stream(seed, purposeScenario)
	s := Scenario{Seed: seed}
	s.Nodes, s.Shards, s.ReplicationFactor, s.Regions = drawShape(r)
	s.Run = between(r, 20*time.Second, 40*time.Second).Round(time.Second)
	s.Latency = between(r, 50*time.Microsecond, time.Millisecond)
	s.LatencySpread = between(r, 50*time.Microsecond, time.Millisecond)
	if s.Regions > 1 {
		s.RegionLatency = between(r, time.Millisecond, 30*time.Millisecond)
	}
	s.SyncLatency = between(r, 100*time.Microsecond, 5*time.Millisecond)
	s.TickEvery = 25 * time.Millisecond
	s.TurnCost, s.InputCost = 10*time.Microsecond, 5*time.Microsecond
	s.JobCost, s.JobCostPerByte = between(r, 10*time.Microsecond, 2*time.Millisecond), time.Nanosecond
	s.RestartDelay = between(r, 100*time.Millisecond, 2*time.Second)
	s.ClockOffset = between(r, 0, 2*time.Second)
	s.ClockDrift = float64(r.IntN(100)) * 1e-5
	s.Clients = 3 + r.IntN(6)
	s.Think = between(r, 20*time.Millisecond, 150*time.Millisecond)
	s.IDs = 6 + r.IntN(30)
	s.Dim = 4 + r.IntN(5)
	s.Metric = flow.Metric(1 + r.IntN(4))
	s.Recreate = r.IntN(3)
	if r.IntN(4) == 0 && s.Nodes > 1 {
		s.LateJoins = 1 + r.IntN(s.Nodes-1)
	}
	s.Replica = drawTuning(r)
	if s.RegionLatency > 0 && s.Replica.ChunkBytes > 0 {
		s.Replica.ChunkBytes = max(s.Replica.ChunkBytes, minFarChunkBytes)
	}
	s.Index = drawIndexTuning(r)
	if r.IntN(2) == 0 {
		s.MaxRequests = 40 + r.IntN(100)
	}
	s.Former = drawFormer(seed, s.Nodes)
	s.Faults = s.withVersions(drawFaults(stream(seed, purposeFaults).IntN, s), stream(seed, purposeVersions, 1).IntN)
	s.Faults = s.withReuse(s.Faults, stream(seed, purposeReuse).IntN)
	s.Ending = drawEnding(seed)
	return s
}

// minFarChunkBytes is the least size of snapshot chunks between regions: there is one
// under way at a time, so that at a row a chunk a snapshot would outlast healWithin
// (seed 10191).
const minFarChunkBytes = 400

// drawShape draws the cluster's shape. Most worlds are small: what many nodes and
// shards show is rare, and they cost the time of many small ones.
func drawShape(r *rand.Rand) (nodes, shards, factor, regions int) {
	nodes = pick(r, []int{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 4, 4, 1, 2, 6 + r.IntN(2), 8 + r.IntN(2)})
	switch n := r.IntN(20); {
	case n < 15:
		shards = 1 + r.IntN(4)
	case n < 19:
		shards = 5 + r.IntN(12)
	default:
		shards = 17 + r.IntN(48)
	}
	if nodes > 5 {
		shards = min(shards, 16)
	}
	factor = pick(r, []int{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 2, 2, 4, 5, 5})
	regions = pick(r, []int{1, 1, 1, 2, 3})
	return nodes, shards, factor, regions
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// drawTuning draws limits that a short run reaches: logs are cut and members that
// lag get snapshots of several chunks. One world in four has the defaults.
func drawTuning(r *rand.Rand) replica.Tuning {
	t := replica.Tuning{
		TruncateEntries: 1 + r.IntN(60), MaxLogEntries: 5 + r.IntN(200), ChunkBytes: 256 << r.IntN(6),
		NoteEvery: 1 << r.IntN(6), MaxSnapshotSends: 1 + r.IntN(2), MaxInflightMessages: 1 + r.IntN(64),
		HeartbeatTicks: 2 + r.IntN(3), ElectionTicks: 12 + r.IntN(10), RetryTicks: 3 + r.IntN(6),
	}
	if r.IntN(3) == 0 {
		t.MaxMessageBytes, t.MaxApplyBytes = 100<<r.IntN(8), 100<<r.IntN(8)
	}
	if r.IntN(6) == 0 {
		t.MaxUncommittedBytes = 500 << r.IntN(6)
	}
	if r.IntN(4) == 0 {
		return replica.Tuning{}
	}
	return t
}

// drawIndexTuning draws limits by which a few points make segments and graphs that are
// merged, fetched and made again. One world in four has the defaults, and so no graph.
func drawIndexTuning(r *rand.Rand) node.IndexTuning {
	t := node.IndexTuning{
		MinRows: 1 + r.IntN(3), CutRows: 2 + r.IntN(6), IdleTicks: uint64(1 + r.IntN(20)), MergeFanIn: 2 + r.IntN(3),
		MergeGrowth: 1 + r.IntN(4), DeadPercent: 10 + r.IntN(50), MaxBuilds: 1 + r.IntN(3), MaxTransfers: 1 + r.IntN(3),
		GraceTicks: uint64(4 + r.IntN(100)), AuditEvery: uint64(1 + r.IntN(5)), ChunkBytes: 16 << r.IntN(8),
	}
	t.BridgedRows = 1 + t.MinRows
	t.WalkRows = t.CutRows % 2 // so few rows are compared one by one else
	if r.IntN(4) == 0 {
		return node.IndexTuning{}
	}
	return t
}

// drawFaults draws a schedule. Each has its own subset of the kinds and its own rate.
func drawFaults(intn func(int) int, s Scenario) []Fault {
	d := &drawing{Nodes: s.Nodes, Shards: s.Shards, IntN: intn}
	kinds := slices.DeleteFunc(slices.Clone(faultTable), func(k *faultSpec) bool { return k.apart })
	for i := len(kinds) - 1; i > 0; i-- {
		j := d.IntN(i + 1)
		kinds[i], kinds[j] = kinds[j], kinds[i]
	}
	return d.schedule(kinds[:3+d.IntN(len(kinds)-3)], s.Run)
}

// WithOnly returns the scenario with a schedule drawn anew, of some kinds of fault alone;
// with none it has no faults.
func (s Scenario) WithOnly(kinds ...FaultKind) Scenario {
	var specs []*faultSpec
	for _, k := range kinds {
		if spec := specOf(k); spec != nil {
			specs = append(specs, spec)
		}
	}
	s.Faults = nil
	if len(specs) > 0 {
		d := &drawing{Nodes: s.Nodes, Shards: s.Shards, IntN: stream(s.Seed, purposeFaults, 1).IntN}
		s.Faults = d.schedule(specs, s.Run)
	}
	return s
}

// schedule draws faults of some kinds, at a rate of its own.
func (d *drawing) schedule(kinds []*faultSpec, run time.Duration) (faults []Fault) {
	var bag []*faultSpec // each kind as often as its weight
	for _, k := range kinds {
		weight := k.weight
		if weight == 0 {
			weight = usualWeight
		}
		for range weight {
			bag = append(bag, k)
		}
	}
	gap := d.between(400*time.Millisecond, 3*time.Second)
	for at := d.between(0, gap); at < run; at += d.between(gap/4, 2*gap) {
		faults = append(faults, d.fault(bag[d.IntN(len(bag))], at))
	}
	return faults
}

// usualWeight is how often a kind of fault is drawn beside others.
const usualWeight = 4
