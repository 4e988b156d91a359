package sim

import (
	"encoding/json"
	"fmt"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// Scenario is everything that decides a run: the shape of the cluster, its
// environment, the load and the faults. It is plain data, so that a run can be
// printed, edited and replayed from a file. Durations are nanoseconds in JSON.
type Scenario struct {
	Seed uint64 `json:"seed"`
	// Nodes, Shards and ReplicationFactor are the cluster's shape.
	Nodes             int `json:"nodes"`
	Shards            int `json:"shards"`
	ReplicationFactor int `json:"replicationFactor"`
	// Regions is in how many regions the nodes stand, in turn; a message between two
	// takes RegionLatency longer.
	Regions       int           `json:"regions,omitempty"`
	RegionLatency time.Duration `json:"regionLatency,omitempty"`
	// LateJoins is how many of the nodes join while clients and faults are at work.
	LateJoins int `json:"lateJoins"`
	// Former are the numbers of the hosts that begin under the format version before the
	// newest; that of the first is the cluster's.
	Former []int `json:"former,omitempty"`
	// Replica is the tuning of every replica; a zero field is the default.
	Replica replica.Tuning `json:"replica"`
	// MaxRequests is how many requests a node routes at a time; 0 is the default.
	MaxRequests int `json:"maxRequests,omitempty"`
	// Index is that of the graphs.
	Index node.IndexTuning `json:"index"`
	// Run is how long clients and faults go on once the cluster has formed.
	Run time.Duration `json:"run"`

	// Latency is the least delay of a message, LatencySpread what is added evenly.
	Latency       time.Duration `json:"latency"`
	LatencySpread time.Duration `json:"latencySpread"`
	// SyncLatency is the time a disk needs to make batches durable.
	SyncLatency time.Duration `json:"syncLatency"`
	// TickEvery is the driver's tick; TurnCost and InputCost are processor time.
	TickEvery time.Duration `json:"tickEvery"`
	TurnCost  time.Duration `json:"turnCost"`
	InputCost time.Duration `json:"inputCost"`
	// JobCost and JobCostPerByte are the processor time of a worker job.
	JobCost        time.Duration `json:"jobCost"`
	JobCostPerByte time.Duration `json:"jobCostPerByte"`
	// RestartDelay is how long a dead process stays down when no fault says otherwise.
	RestartDelay time.Duration `json:"restartDelay"`
	// ClockOffset is the largest offset of a clock at the beginning, either way;
	// ClockDrift the largest drift, in seconds a second.
	ClockOffset time.Duration `json:"clockOffset"`
	ClockDrift  float64       `json:"clockDrift"`

	// Clients is the number of clients, Think the mean pause between two operations.
	Clients int           `json:"clients"`
	Think   time.Duration `json:"think"`
	// IDs is the number of point ids in use, Dim the vectors' dimension.
	IDs    int         `json:"ids"`
	Dim    int         `json:"dim"`
	Metric flow.Metric `json:"metric"`
	// Recreate is how often the second collection is dropped and made again.
	Recreate int `json:"recreate"`

	Faults []Fault `json:"faults"`
	// Skip are operations that clients leave out: what shrinking found not to matter.
	Skip []Skipped `json:"skip,omitempty"`
	// Disk is what the nodes store in: "" is the simulated disk, RealDisk a real store over
	// each (see Options.OpenStore).
	Disk string `json:"disk,omitempty"`
	// Ending is what becomes of the hosts when the faults end.
	Ending Ending `json:"ending,omitempty"`
}

// Limits of a run; going past one is a failure.
const (
	// formWithin is the simulated time a cluster may take to form without faults.
	formWithin = 30 * time.Second
	// healWithin is the simulated time after the last fault within which every
	// pending operation is answered and the cluster is healthy and equal.
	healWithin = 30 * time.Second
	// maxEvents and maxWall stop a run that a bug keeps busy for ever.
	maxEvents = 20_000_000
	maxWall   = 120 * time.Second
	// longestLook is more than 8,192 events take.
	longestLook = 10 * time.Second
)

// Without returns the scenario without the faults at the given positions.
func (s Scenario) Without(positions ...int) Scenario {
	gone := map[int]bool{}
	for _, p := range positions {
		gone[p] = true
	}
	kept := make([]Fault, 0, len(s.Faults))
	for i, f := range s.Faults {
		if !gone[i] {
			kept = append(kept, f)
		}
	}
	s.Faults = kept
	return s
}

// ParseScenario reads a scenario that JSON wrote.
func ParseScenario(data []byte) (Scenario, error) {
	var s Scenario
	if err := json.Unmarshal(data, &s); err != nil {
		return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "schedule is not a scenario in JSON: %v", err)
	}
	if s.LateJoins < 0 || s.LateJoins >= s.Nodes {
		return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "schedule has %d late joins among %d nodes", s.LateJoins, s.Nodes)
	}
	if s.Nodes < 1 || s.Shards < 1 || s.ReplicationFactor < 1 || s.TickEvery <= 0 || s.IDs < 1 || s.Dim < 1 || s.Clients < 0 {
		return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "schedule needs nodes, shards, replicationFactor, tickEvery, ids and dim above zero")
	}
	for _, n := range s.Former {
		if n < 1 || n > s.Nodes {
			return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "former names node %d of %d", n, s.Nodes)
		}
	}
	if s.Disk != "" && s.Disk != RealDisk {
		return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "schedule has disk %q, want none or %q", s.Disk, RealDisk)
	}
	for i, f := range s.Faults {
		if err := f.check(s.Nodes); err != nil {
			return s, flow.Errorf(flow.InvalidArgument, "sim.ParseScenario", "fault %d: %v", i, err)
		}
	}
	return s, nil
}

// JSON returns the scenario as indented JSON, which ParseScenario reads.
func (s Scenario) JSON() []byte {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("sim: scenario %+v has no JSON: %v", s, err))
	}
	return out
}
