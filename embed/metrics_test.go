package embed

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// exposition is what a scrape has shown.
type exposition map[string]*dto.MetricFamily

func scrape(t *testing.T, s *Server) exposition {
	t.Helper()
	resp, err := http.Get("http://" + s.Addr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return families
}

// sum adds up the series of a name whose labels include the given pairs, and says how many
// there are.
func (e exposition) sum(name string, labels ...string) (total float64, series int) {
next:
	for _, m := range e[name].GetMetric() {
		have := map[string]string{}
		for _, l := range m.GetLabel() {
			have[l.GetName()] = l.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if have[labels[i]] != labels[i+1] {
				continue next
			}
		}
		series++
		total += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return total, series
}

// TestMetrics scrapes a node with data and compares what it shows with what the node answers.
func TestMetrics(t *testing.T) {
	const points, dim = 2000, 16
	s := startNode(t, Config{Name: "a", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}, MemoryLimit: 1 << 40, Version: "7.8",
		Tuning: node.Tuning{Index: node.IndexTuning{MinRows: 100}}})
	createDim(t, s, "films", dim)
	fill(t, s, "films", dim, 0, points)
	settled(t, s)
	all, _ := replicas(t, s)
	films := count(t, s, "films")
	for _, path := range []string{"/collections/films", "/collections/none", "/no/such"} {
		resp, err := http.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	e := scrape(t, s)
	want := func(want float64, series int, name string, labels ...string) {
		t.Helper()
		if got, n := e.sum("ruvector_flow_"+name, labels...); got != want || n != series {
			t.Errorf("%s %q is %v in %d series, want %v in %d", name, labels, got, n, want, series)
		}
	}
	want(1, 1, "distance_kernel_info", "kernel", distance.Kernel())
	want(1, 1, "build_info", "version", "7.8")
	want(1, 1, "node_up")
	want(2, 1, "shards_held", "role", "voter")
	want(2, 1, "shards_led")
	want(3, 3, "raft_has_leader")
	want(points, 2, "collection_points", "collection", "films")
	want(float64(all.Points), 3, "shard_points")
	want(float64(films.DiskBytes), 2, "collection_disk_bytes", "collection", "films")
	want(float64(films.MemoryBytes), 2, "collection_memory_bytes", "collection", "films")
	want(float64(films.Segments), 2, "collection_segments", "collection", "films")
	want(float64(films.Segments), 2, "collection_graphs", "collection", "films")
	want(float64(all.DiskBytes), 3, "shard_disk_bytes")
	want(1<<40, 1, "memory_limit_bytes")
	want(0, 4, "upkeep_graphs")
	want(1, 1, "http_requests_total", "route", "/collections/{c}", "method", "GET", "code", "200")
	want(1, 1, "http_requests_total", "route", "/collections/{c}", "method", "GET", "code", "404")
	want(1, 1, "http_requests_total", "route", "other", "code", "404")
	want(2, 1, "http_request_duration_seconds", "route", "/collections/{c}")
	for name, least := range map[string]float64{
		"ruvector_flow_memory_resident_bytes": float64(films.MemoryBytes), "process_resident_memory_bytes": float64(films.MemoryBytes),
		"ruvector_flow_disk_free_bytes": 1, "ruvector_flow_store_log_written_bytes_total": 2 * 4 * points * dim, "ruvector_flow_store_log_sync_duration_seconds": 5,
		"go_goroutines": 5, "ruvector_flow_raft_applied_index": 5, "ruvector_flow_raft_term": 3, "ruvector_flow_workers": 1,
	} {
		if got, n := e.sum(name); got < least || n == 0 {
			t.Errorf("%s is %v in %d series, want at least %v", name, got, n, least)
		}
	}
	problems, err := testutil.GatherAndLint(s.newMetrics().Gatherer())
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

// TestMetricsOfAStoppedNode: a node that answers nothing any more is shown as such.
func TestMetricsOfAStoppedNode(t *testing.T) {
	s := startNode(t, Config{Name: "a", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}})
	s.Kill()
	err := testutil.GatherAndCompare(s.newMetrics().Gatherer(), strings.NewReader(`
# HELP ruvector_flow_node_up 1 when the node has answered this scrape; without it there are no figures of shards.
# TYPE ruvector_flow_node_up gauge
ruvector_flow_node_up 0
`), "ruvector_flow_node_up")
	if err != nil {
		t.Error(err)
	}
	if r := s.Do(t.Context(), &flow.FiguresRequest{}); flow.KindOf(r.Error()) != flow.Unavailable {
		t.Errorf("a stopped node answers %+v", r)
	}
}
