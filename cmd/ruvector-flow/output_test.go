package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ruvector-flow/ruvector-flow/client"
)

// canned answers each method and path with a fixed result, and notes the requests.
func canned(t *testing.T, results map[string]any) (url string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		key := r.Method + " " + r.URL.Path
		query := ""
		if r.URL.RawQuery != "" {
			query = "?" + r.URL.RawQuery
		}
		*asked = append(*asked, strings.TrimSpace(key+query+" "+string(body)))
		result, ok := results[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"status":{"error":"%s is not here"},"time":0}`, key)
			return
		}
		b, err := json.Marshal(result)
		if err != nil {
			t.Error(err)
		}
		if raw, ok := result.(string); ok {
			b = []byte(raw)
		}
		fmt.Fprintf(w, `{"result":%s,"status":"ok","time":0.001}`, b)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func float(x float32) *float32 { return &x }

// answers are what a cluster of three nodes might say, one of them down.
func answers() map[string]any {
	node := func(i int, status string) client.Node {
		return client.Node{FormatVersion: 2, ID: fmt.Sprintf("node%d", i), Number: uint32(i), Status: status, APIAddr: fmt.Sprintf("127.0.0.1:%d", 8079+i), VectorCount: 60000,
			ShardCount: 2, LeaderCount: i % 2, MemoryGB: 0.41, CPUPercent: 37.4, CPUSeconds: 12.5, NetworkMbps: 3.25, DiskUsedGB: 1.5}
	}
	nodes := []client.Node{node(1, "healthy"), node(2, "healthy"), node(3, "down")}
	replica := func(n int, up, leading bool, role string) client.Replica {
		return client.Replica{NodeID: fmt.Sprintf("node%d", n), ReplicaID: uint64(n), Role: role, Up: up, Leading: leading, Applied: 1234, Digest: "00c0ffee00c0ffee"}
	}
	shards := []client.Shard{
		{ID: 0, NodeID: "node1", VectorCount: 30001, MemoryMB: 94.3, DiskMB: 188.6, Start: "0000000000000000", Epoch: 3,
			Replicas: []client.Replica{replica(1, true, true, "voter"), replica(2, true, false, "voter"), replica(3, false, false, "unknown")}},
		{ID: 1, VectorCount: 29999, MemoryMB: 94.1, DiskMB: 188.2, Start: "8000000000000000", Epoch: 2, Moving: true, Replicas: []client.Replica{replica(2, true, false, "learner")}},
	}
	digests := []client.ReplicaDigest{{NodeID: "node1", ReplicaID: 1, Digest: "00c0ffee00c0ffee"}, {NodeID: "node2", ReplicaID: 2, Digest: "00c0ffee00c0ffee"}}
	return map[string]any{
		"GET /cluster/nodes":  client.NodeList{NodeCount: 3, HealthyNodes: 2, Nodes: nodes},
		"GET /cluster/shards": client.ShardList{ShardCount: 2, Shards: shards},
		"GET /cluster/stats": client.Stats{NodeCount: 3, HealthyNodes: 2, TotalVectors: 60000, TotalMemoryGB: 0.82, TotalDiskGB: 1.64, ShardCount: 2, ReplicationFactor: 3,
			CollectionCount: 1, Nodes: nodes, Shards: shards},
		"GET /cluster/health": client.Health{FormatVersion: 2, Status: client.Degraded, Problems: []string{"node3 is not heard"}, NodeCount: 3, HealthyNodes: 2},
		"GET /cluster/leader": client.LeaderList{SystemLeader: "node1", Shards: []client.ShardLeader{{ID: 0, Leader: "node1", Term: 7}, {ID: 1, Term: 8}}},
		"GET /cluster/ring": client.Ring{VirtualNodes: 128, TotalSlots: 384, Variance: 0.00123, Nodes: []client.RingNode{{ID: "node1", Slots: 128, Share: 0.34}},
			Shards: []client.RingShard{{ID: 0, Start: "0000000000000000", Preference: []string{"node1", "node3"}}}},
		"POST /cluster/verify": client.VerifyResult{Shards: []client.Verdict{
			{ID: -1, Name: "system", Index: 40, Equal: true, Replicas: digests},
			{ID: 0, Name: "s0", Index: 99, Replicas: []client.ReplicaDigest{{NodeID: "node1", Digest: "01"}, {NodeID: "node2", Digest: "02"}}, Missing: []string{"node3"}},
		}},
		"GET /collections": client.CollectionList{Collections: []client.CollectionDescription{{Name: "photos", Size: 784, Distance: "Euclid"}}},
		"GET /collections/photos": client.CollectionInfo{Status: "yellow", PointsCount: 60000, SegmentsCount: 17, MemoryBytes: 188400000, DiskBytes: 376800000, Config: client.CollectionConfig{Params: client.CollectionParams{
			Vectors: client.VectorParams{Size: 784, Distance: "Euclid"}, ShardNumber: 2, ReplicationFactor: 3}}},
		"PUT /collections/photos":    true,
		"DELETE /collections/photos": true,
		"PUT /collections/photos/points": client.UpdateResult{OperationID: 12, Status: "completed", Session: "AQw",
			Points: []client.PointResult{{ID: client.ID(mustID("7")), Status: "applied", Version: 12}}},
		"POST /collections/photos/points/delete": client.UpdateResult{OperationID: 13, Status: "completed", Session: "AQ0",
			Points: []client.PointResult{{ID: client.ID(mustID("7")), Status: "applied"}, {ID: client.ID(mustID("a b")), Status: "absent"}}},
		"POST /collections/photos/points": []client.PointRecord{{ID: client.ID(mustID("7")), Version: 12, Payload: json.RawMessage(`{"shop":"A"}`),
			Vector: []float32{1, 2.5, 3, 4, 5, 6, 7, 8, 9}}},
		"POST /collections/photos/points/search": []client.PointRecord{{ID: client.ID(mustID("7")), Version: 12, Score: float(0.5), Payload: json.RawMessage(`{"shop":"A"}`)},
			{ID: client.ID(mustID("a b")), Version: 3, Score: float(1.25)}},
		"POST /collections/photos/points/count": client.CountResult{Count: 60000},
	}
}

// outputs are the command lines whose output and requests a golden file holds.
var outputs = []string{
	"cluster node list", "cluster shard list", "cluster stats", "cluster health", "cluster leader", "cluster ring info", "cluster verify",
	"collection create photos --dim 784", "collection list", "collection info photos", "collection delete photos",
	`vector insert -c photos --id 7 --vector 1,2.5,-3 --metadata {"shop":"A"} --if-version 0`, "vector get -c photos --id 7",
	"vector search -c photos --vector [1,2.5] -k 2", "vector delete -c photos --id 7 --id a%20b", "vector count -c photos --level bounded --max-staleness 250ms",
}

func TestOutputOfEveryCommand(t *testing.T) {
	for _, format := range []string{formatTable, formatJSON} {
		var all strings.Builder
		for _, line := range outputs {
			url, asked := canned(t, answers())
			args := strings.Fields(line)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "%20", " ")
			}
			out, errOut, code := cli(t, append(args, "--endpoint", url, "--format", format)...)
			if errOut != "" {
				t.Errorf("%s: stderr %q", line, errOut)
			}
			fmt.Fprintf(&all, "$ ruvector-flow %s --format %s\n", line, format)
			for _, a := range *asked {
				fmt.Fprintf(&all, "> %s\n", a)
			}
			fmt.Fprintf(&all, "%s[%d]\n\n", out, code)
		}
		golden(t, "output."+format, all.String())
	}
}

// TestJSONNames holds the field names that users' documents rely on.
func TestJSONNames(t *testing.T) {
	url, _ := canned(t, answers())
	out, _, code := cli(t, "cluster", "stats", "--format", "json", "--endpoint", url)
	var stats map[string]any
	if err := json.Unmarshal([]byte(out), &stats); err != nil || code != exitOK {
		t.Fatalf("exit code %d, error %v", code, err)
	}
	has := func(object map[string]any, names ...string) {
		t.Helper()
		for _, name := range names {
			if _, ok := object[name]; !ok {
				t.Errorf("there is no %q in %v", name, object)
			}
		}
	}
	has(stats, "nodeCount", "totalVectors", "totalMemoryGB", "shardCount", "replicationFactor", "healthyNodes")
	has(stats["nodes"].([]any)[0].(map[string]any), "id", "status", "vectorCount", "memoryGB", "shardCount", "cpuPercent", "networkMbps")
	has(stats["shards"].([]any)[0].(map[string]any), "id", "nodeId", "vectorCount", "memoryMB", "diskMB")
	out, _, _ = cli(t, "vector", "count", "-c", "photos", "--format", "json", "--endpoint", url)
	if strings.Join(strings.Fields(out), "") != `{"count":60000}` {
		t.Errorf("count prints %s", out)
	}
	out, _, _ = cli(t, "cluster", "ring", "info", "--format", "json", "--endpoint", url)
	var ring map[string]any
	if err := json.Unmarshal([]byte(out), &ring); err != nil {
		t.Fatal(err)
	}
	has(ring, "virtualNodes", "totalSlots", "variance")
}

func TestWaitHealthySaysWhatIsWrong(t *testing.T) {
	results := answers()
	url, _ := canned(t, results)
	_, errOut, code := cli(t, "cluster", "wait-healthy", "--timeout", "250ms", "--endpoint", url)
	if code != exitError || errOut != "ruvector-flow: the cluster is not healthy after 250ms: degraded: node3 is not heard\n" {
		t.Errorf("exit code %d, stderr %q", code, errOut)
	}
	results["GET /cluster/health"] = client.Health{Status: client.Healthy, NodeCount: 2, HealthyNodes: 2, ToleratesNodeLosses: 1}
	out, _, code := cli(t, "cluster", "wait-healthy", "--timeout", "10s", "--endpoint", url)
	if code != exitOK || out != "healthy: 2 of 2 nodes healthy; 1 more node may be lost with every shard still served\n" {
		t.Errorf("exit code %d, stdout %q", code, out)
	}
	_, errOut, code = cli(t, "cluster", "wait-healthy", "--nodes", "3", "--timeout", "250ms", "--endpoint", url)
	if code != exitError || !strings.Contains(errOut, "2 of the 3 nodes asked for are there") {
		t.Errorf("exit code %d, stderr %q", code, errOut)
	}
}

func TestVectorFromFileAndStdin(t *testing.T) {
	url, asked := canned(t, answers())
	for _, in := range []string{"[1, 2.5]\n", `{"vector": [1,2.5], "id": 3}`, "1,2.5"} {
		*asked = nil
		_, errOut, code := cliContext(t, t.Context(), in, "vector", "search", "-c", "photos", "--vector", "@-", "--endpoint", url)
		if code != exitOK || len(*asked) != 1 || !strings.Contains((*asked)[0], `"vector":[1,2.5]`) {
			t.Errorf("input %q: exit code %d, stderr %q, asked %v", in, code, errOut, *asked)
		}
	}
}

func TestVerdict(t *testing.T) {
	of := func(missing []string, digests ...string) client.Verdict {
		v := client.Verdict{Missing: missing}
		for _, d := range digests {
			v.Replicas = append(v.Replicas, client.ReplicaDigest{Digest: d})
		}
		return v
	}
	for _, c := range []struct {
		want   string
		result client.VerifyResult
	}{
		{"all equal", client.VerifyResult{Equal: true, Shards: []client.Verdict{of(nil, "a", "a"), of(nil, "b")}}},
		{"NOT all equal", client.VerifyResult{Shards: []client.Verdict{of(nil, "a", "a"), of([]string{"node3"}, "a", "b")}}},
		{"all that answered are equal, 3 did not answer", client.VerifyResult{Shards: []client.Verdict{of([]string{"node3"}, "a", "a"), of([]string{"node2", "node3"}, "b")}}},
		{"NOT all equal", client.VerifyResult{}},
	} {
		if got := verdict(c.result); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.result, got, c.want)
		}
	}
}
