package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// maxDemoSeconds is what the demo promises on two cores.
const maxDemoSeconds = 60

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three nodes")
	}
	nothingLeft := ownTempDir(t)
	out, story, code := cli(t, "demo", "--format", "json")
	var r demoReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("exit code %d, output %q, error %v; stderr:\n%s", code, out, err, story)
	}
	if code != exitOK || len(r.Broken) > 0 {
		t.Fatalf("exit code %d, stderr:\n%s\nrepeat: go run ./cmd/ruvector-flow demo --verbose", code, story)
	}
	if r.Load.Points != demoRows || r.Search.Recall != 1 || r.SearchAgain.Recall != 1 || r.Acknowledged == 0 || r.Lost != 0 || !r.Equal ||
		r.Replicas != (demoShards+1)*demoReplication || r.KilledLed == 0 || r.Seconds > maxDemoSeconds {
		t.Errorf("report %+v", r)
	}
	for _, p := range r.Probes {
		if p.Answers == 0 || p.Errors > 0 || p.LongestGapMs > millis(maxOutage) {
			t.Errorf("probes %+v", p)
		}
	}
	for _, want := range []string{"start    3 nodes healthy", "load     5,000 vectors", "search   recall@10 1.0000", "kill     " + r.Killed, "restart  ", "verify   51 replicas",
		"Every promise was kept"} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q:\n%s", want, story)
		}
	}
	nothingLeft()
}

// ownTempDir gives the commands of a test a folder of their own for temporary files. The
// function it returns looks whether they left any.
func ownTempDir(t *testing.T) (nothingLeft func()) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	return func() {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

// mustAddrs returns addresses that nobody listened on a moment ago.
func mustAddrs(t *testing.T, n int) []string {
	t.Helper()
	addrs, err := freeAddrs(n)
	if err != nil {
		t.Fatal(err)
	}
	return addrs
}

// nodeProcess runs cluster init or join as a person would, until stop.
func nodeProcess(t *testing.T, args ...string) (stop func() (log string, code int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var log bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, strings.NewReader(""), &log, &log) }()
	stopped := false
	stop = func() (string, int) {
		stopped = true
		cancel()
		code := <-ended
		return log.String(), code
	}
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	return stop
}

// TestWalkThrough is the README's walk through three terminals.
func TestWalkThrough(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three nodes")
	}
	dir, addrs := t.TempDir(), mustAddrs(t, 3)
	first := []string{"cluster", "init", "--node-id", "node1", "--listen", addrs[0], "--shards", "8", "--data-dir", filepath.Join(dir, "D1")}
	stop := []func() (string, int){nodeProcess(t, first...)}
	must := func(line string, more ...string) string {
		t.Helper()
		args := append(strings.Fields(line), more...)
		out, errOut, code := cli(t, append(args, "--endpoint", strings.Join(addrs, ","))...)
		if code != exitOK {
			t.Fatalf("%s: exit code %d, stdout %q, stderr %q", line, code, out, errOut)
		}
		return out
	}
	for i := 1; i < 3; i++ {
		stop = append(stop, nodeProcess(t, "cluster", "join", "--node-id", fmt.Sprintf("node%d", i+1), "--listen", addrs[i], "--peers", addrs[0], "--data-dir", filepath.Join(dir, fmt.Sprintf("D%d", i+1))))
	}
	must("cluster wait-healthy --nodes 3 --timeout 60s")
	must("collection create photos --dim 784 --metric euclid")
	must("vector import --collection photos --batch 500", "demodata/"+demoBaseFile)
	for _, addr := range addrs {
		out, errOut, code := cli(t, "vector", "count", "-c", "photos", "--format", "json", "--endpoint", addr)
		if code != exitOK || strings.Join(strings.Fields(out), "") != fmt.Sprintf(`{"count":%d}`, demoRows) {
			t.Errorf("count at %s: exit code %d, stdout %q, stderr %q", addr, code, out, errOut)
		}
	}
	var r searchReport
	if err := json.Unmarshal([]byte(must("bench search -c photos -k 10 --exact --limit 50 --format json", "--queries", "demodata/"+demoQueriesFile, "--truth", "demodata/"+demoTruthFile)), &r); err != nil || r.Recall != 1 || r.QPS <= 0 || r.P99 < r.P50 {
		t.Errorf("bench search reports %+v (%v)", r, err)
	}
	var kv kvReport
	if err := json.Unmarshal([]byte(must("bench kv --concurrency 1,4 --duration 200ms --format json")), &kv); err != nil || len(kv.Rows) != 4 || kv.Rows[3].PerSecond <= 0 || kv.Rows[0].Etcd != 308 {
		t.Errorf("bench kv reports %+v (%v)", kv, err)
	}
	if out := must("collection list --format json"); strings.Contains(out, "bench-kv") {
		t.Errorf("bench kv left its collection: %s", out)
	}
	for _, line := range []string{"cluster node list", "cluster shard list", "cluster stats", "cluster leader", "cluster ring info", "cluster health", "cluster verify", "collection info photos"} {
		must(line)
	}
	checkRefusedStarts(t, dir, addrs)
	for i := range stop {
		if log, code := stop[i](); code != exitOK || !strings.HasSuffix(log, " stopped\n") {
			t.Errorf("node%d ended with code %d:\n%s", i+1, code, log)
		}
	}
	again := nodeProcess(t, first...)
	waitServing(t, addrs[0])
	if log, code := again(); code != exitOK {
		t.Errorf("node1 started again on its data ended with code %d:\n%s", code, log)
	}
	out, errOut, code := cli(t, append(first, "--replication-factor", "2")...)
	if code != exitError || !strings.Contains(errOut, "--replication-factor") {
		t.Errorf("another replication factor: exit code %d, stdout %q, stderr %q", code, out, errOut)
	}
}

// checkRefusedStarts starts nodes that must not run beside the three.
func checkRefusedStarts(t *testing.T, dir string, addrs []string) {
	t.Helper()
	free := mustAddrs(t, 1)[0]
	for want, args := range map[string][]string{
		"cannot listen": {"cluster", "init", "--node-id", "x", "--listen", addrs[0], "--data-dir", filepath.Join(dir, "X1")},
		"join through":  {"cluster", "join", "--node-id", "node1", "--listen", free, "--peers", addrs[0], "--data-dir", filepath.Join(dir, "X2")},
	} {
		out, errOut, code := cli(t, args...)
		if code != exitError || !strings.Contains(errOut, want) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q; want %q on one line", args, code, out, errOut, want)
		}
	}
}

func waitServing(t *testing.T, addr string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < demoStepLimit; time.Sleep(healthPollEvery) {
		if _, _, code := cli(t, "cluster", "node", "list", "--endpoint", addr); code == exitOK {
			return
		}
	}
	t.Fatalf("%s does not answer within %v", addr, demoStepLimit)
}
