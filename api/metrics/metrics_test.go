package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// answers is a node that answers the two requests of a scrape.
type answers struct {
	status  flow.StatusResponse
	figures flow.FiguresResponse
}

func (a *answers) do(_ context.Context, req flow.Request) flow.Response {
	switch req.(type) {
	case *flow.StatusRequest:
		return &a.status
	case *flow.FiguresRequest:
		return &a.figures
	}
	return nil
}

func known() *answers {
	a := &answers{}
	a.status = flow.StatusResponse{ClusterID: 0xabc, Self: 2, Problems: []string{"one"}, Collections: make([]flow.Collection, 3), Shards: make([]flow.ShardPlacement, 4),
		Nodes: []flow.NodeStatus{
			{NodeInfo: flow.NodeInfo{ID: 1, Name: "other"}, Replicas: []flow.ReplicaStatus{{Shard: 1, Role: flow.Voter, Leading: true}}},
			{NodeInfo: flow.NodeInfo{ID: 2, Name: "self", Region: "eu"}, Up: true, Incarnation: 5, Usage: flow.NodeUsage{MemoryBytes: 100, MemoryLimitBytes: 200, DiskUsedBytes: 300, DiskFreeBytes: 400},
				Replicas: []flow.ReplicaStatus{
					{Shard: 0, Role: flow.Voter, Leader: 7, Term: 3, Applied: 20, Commit: 21, FirstIndex: 11, LastIndex: 22},
					{Shard: 1, Role: flow.Voter, Leader: 7, Leading: true, Term: 4, Points: 50, MemoryBytes: 60, DiskBytes: 70, Segments: 2, Graphs: 1, BadGraphs: 1},
					{Shard: 4, Role: flow.Learner, FirstIndex: 9, LastIndex: 8},
				}},
		}}
	a.figures = flow.FiguresResponse{
		Slices: []flow.SliceFigures{{Shard: 1, Collection: "a \"b\"", Points: 40, MemoryBytes: 41, DiskBytes: 42, Segments: 2, Graphs: 1}},
		Others: flow.SliceFigures{Points: 10, MemoryBytes: 11, DiskBytes: 12, Segments: 13, Graphs: 14}, OtherSlices: 3,
		GraphBuilds: 1, GraphTransfers: 2, GraphStores: 3, GraphsWaiting: 4, GraphBuildBytes: 5, GraphsJoined: 8, Moves: 6,
	}
	return a
}

// TestNode: what the node answers is what is shown, each figure under its own name.
func TestNode(t *testing.T) {
	m := New(Config{Version: "1.2", Kernel: "avx2", Sources: []Source{Node(known().do)}})
	err := testutil.GatherAndCompare(m.Gatherer(), strings.NewReader(expected), strings.Fields(expectedNames)...)
	if err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

const expectedNames = `ruvector_flow_distance_kernel_info ruvector_flow_node_up ruvector_flow_node_info ruvector_flow_cluster_nodes ruvector_flow_cluster_nodes_up
ruvector_flow_cluster_problems ruvector_flow_shards_held ruvector_flow_shards_led ruvector_flow_raft_has_leader ruvector_flow_raft_is_leader
ruvector_flow_raft_log_entries ruvector_flow_shard_disk_bytes ruvector_flow_collection_disk_bytes ruvector_flow_collection_segments
ruvector_flow_collection_slices_hidden ruvector_flow_upkeep_graphs ruvector_flow_upkeep_joined_graphs ruvector_flow_memory_limit_bytes`

const expected = `
# HELP ruvector_flow_distance_kernel_info The kernel that computes distances: always 1.
# TYPE ruvector_flow_distance_kernel_info gauge
ruvector_flow_distance_kernel_info{kernel="avx2"} 1
# HELP ruvector_flow_node_up 1 when the node has answered this scrape; without it there are no figures of shards.
# TYPE ruvector_flow_node_up gauge
ruvector_flow_node_up 1
# HELP ruvector_flow_node_info This node: always 1.
# TYPE ruvector_flow_node_info gauge
ruvector_flow_node_info{cluster="abc",node="self",region="eu"} 1
# HELP ruvector_flow_cluster_nodes Nodes of the cluster, as this node knows it.
# TYPE ruvector_flow_cluster_nodes gauge
ruvector_flow_cluster_nodes 2
# HELP ruvector_flow_cluster_nodes_up Of them, nodes that this node hears.
# TYPE ruvector_flow_cluster_nodes_up gauge
ruvector_flow_cluster_nodes_up 1
# HELP ruvector_flow_cluster_problems Reasons why the cluster is not healthy, as this node sees it; 0 is healthy.
# TYPE ruvector_flow_cluster_problems gauge
ruvector_flow_cluster_problems 1
# HELP ruvector_flow_shards_held Shards that this node has a replica of, by its role; a broken one cannot be read and is replaced.
# TYPE ruvector_flow_shards_held gauge
ruvector_flow_shards_held{role="broken"} 0
ruvector_flow_shards_held{role="learner"} 1
ruvector_flow_shards_held{role="voter"} 1
# HELP ruvector_flow_shards_led Shards that this node leads.
# TYPE ruvector_flow_shards_led gauge
ruvector_flow_shards_led 1
# HELP ruvector_flow_raft_has_leader 1 when this replica knows a leader of its group.
# TYPE ruvector_flow_raft_has_leader gauge
ruvector_flow_raft_has_leader{shard="0"} 1
ruvector_flow_raft_has_leader{shard="3"} 0
ruvector_flow_raft_has_leader{shard="system"} 1
# HELP ruvector_flow_raft_is_leader 1 when this replica leads its group.
# TYPE ruvector_flow_raft_is_leader gauge
ruvector_flow_raft_is_leader{shard="0"} 1
ruvector_flow_raft_is_leader{shard="3"} 0
ruvector_flow_raft_is_leader{shard="system"} 0
# HELP ruvector_flow_raft_log_entries Entries of the log that are kept.
# TYPE ruvector_flow_raft_log_entries gauge
ruvector_flow_raft_log_entries{shard="0"} 1
ruvector_flow_raft_log_entries{shard="3"} 0
ruvector_flow_raft_log_entries{shard="system"} 12
# HELP ruvector_flow_shard_disk_bytes What the replica takes of the disk, its log included, measured some seconds ago.
# TYPE ruvector_flow_shard_disk_bytes gauge
ruvector_flow_shard_disk_bytes{shard="0"} 70
ruvector_flow_shard_disk_bytes{shard="3"} 0
ruvector_flow_shard_disk_bytes{shard="system"} 0
# HELP ruvector_flow_collection_disk_bytes What a collection takes of the disk in a replica of this node, measured some seconds ago.
# TYPE ruvector_flow_collection_disk_bytes gauge
ruvector_flow_collection_disk_bytes{collection="/other",shard=""} 12
ruvector_flow_collection_disk_bytes{collection="a \"b\"",shard="0"} 42
# HELP ruvector_flow_collection_segments Segments of a collection in a replica of this node.
# TYPE ruvector_flow_collection_segments gauge
ruvector_flow_collection_segments{collection="/other",shard=""} 13
ruvector_flow_collection_segments{collection="a \"b\"",shard="0"} 2
# HELP ruvector_flow_collection_slices_hidden Collections in shards that have no series of their own and are told together as /other.
# TYPE ruvector_flow_collection_slices_hidden gauge
ruvector_flow_collection_slices_hidden 3
# HELP ruvector_flow_upkeep_graphs Graphs of segments that are not searched yet or not stored yet, by what is done for them.
# TYPE ruvector_flow_upkeep_graphs gauge
ruvector_flow_upkeep_graphs{state="building"} 1
ruvector_flow_upkeep_graphs{state="loading"} 2
ruvector_flow_upkeep_graphs{state="storing"} 3
ruvector_flow_upkeep_graphs{state="waiting"} 4
# HELP ruvector_flow_upkeep_joined_graphs Graphs that bridges join with those of other shards of their collection, so that a search finds from one to the next.
# TYPE ruvector_flow_upkeep_joined_graphs gauge
ruvector_flow_upkeep_joined_graphs 8
# HELP ruvector_flow_memory_limit_bytes Memory above which upserts are refused; 0 is no limit.
# TYPE ruvector_flow_memory_limit_bytes gauge
ruvector_flow_memory_limit_bytes 200
`

// TestSilentNode: a node that does not answer is told to be down, and the rest is there.
func TestSilentNode(t *testing.T) {
	a := known()
	a.figures.Err = errors.New("stopping")
	m := New(Config{Sources: []Source{Node(a.do), func(_ context.Context, s *Sink) { s.Counter("things_total", "Things.")(7) }}})
	err := testutil.GatherAndCompare(m.Gatherer(), strings.NewReader(`
# HELP ruvector_flow_node_up 1 when the node has answered this scrape; without it there are no figures of shards.
# TYPE ruvector_flow_node_up gauge
ruvector_flow_node_up 0
# HELP ruvector_flow_things_total Things.
# TYPE ruvector_flow_things_total counter
ruvector_flow_things_total 7
`), "ruvector_flow_node_up", "ruvector_flow_things_total", "ruvector_flow_shards_led")
	if err != nil {
		t.Error(err)
	}
}

// TestObserve: requests are counted by route, method and code, whatever a client sends.
func TestObserve(t *testing.T) {
	m := New(Config{})
	m.Observe("/a", "GET", 200, time.Millisecond)
	m.Observe("/a", "GET", 200, 2*time.Second)
	m.Observe("/a", "GET", 0, time.Millisecond)
	for _, method := range []string{"PATCH", "BREW", "x"} {
		m.Observe("other", method, 405, time.Millisecond)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`ruvector_flow_http_requests_total{code="200",method="GET",route="/a"} 2`,
		`ruvector_flow_http_requests_total{code="500",method="GET",route="/a"} 1`,
		`ruvector_flow_http_requests_total{code="405",method="OTHER",route="other"} 3`,
		`ruvector_flow_http_request_duration_seconds_bucket{method="GET",route="/a",le="0.001"} 2`,
		`ruvector_flow_http_request_duration_seconds_bucket{method="GET",route="/a",le="2.5"} 3`,
		`ruvector_flow_http_request_duration_seconds_count{method="GET",route="/a"} 3`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

// TestContradiction: series that contradict each other are told, and do not hide the others.
func TestContradiction(t *testing.T) {
	var said []string
	m := New(Config{Logf: func(format string, args ...any) { said = append(said, format) }, Sources: []Source{func(_ context.Context, s *Sink) {
		twice := s.Gauge("twice", "Told twice.", "label")
		twice(1, "a")
		twice(2, "a")
		s.Gauge("short", "A label is missing.", "label")(1)
		s.Gauge("good", "Good.")(3)
		s.Histogram("h_seconds", "Durations.", 3, 1.5, map[float64]uint64{0.1: 1, 1: 3})
	}}})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, "\nruvector_flow_good 3\n") || !strings.Contains(body, "\nruvector_flow_h_seconds_bucket{le=\"0.1\"} 1\n") {
		t.Errorf("%d %s", w.Code, body)
	}
	if len(said) == 0 {
		t.Error("nothing was said")
	}
}
