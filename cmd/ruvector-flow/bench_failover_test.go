package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// asBinary makes the test binary be the command: bench failover starts what runs it.
const asBinary = "RUVECTOR_FLOW_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestBenchFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three processes")
	}
	t.Setenv(asBinary, "1")
	nothingLeft := ownTempDir(t)
	out, story, code := cli(t, "bench", "failover", "--runs", "1", "--load", "2", "--format", "json")
	var r failoverReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Runs) != 1 {
		t.Fatalf("exit code %d, output %q, error %v; stderr:\n%s", code, out, err, story)
	}
	if code != exitOK || len(r.Broken) > 0 || r.Failed != 0 || r.Lost != 0 {
		t.Fatalf("exit code %d, report %+v, stderr:\n%s\nrepeat: go run ./cmd/ruvector-flow bench failover --verbose", code, r, story)
	}
	run := r.Runs[0]
	if r.FirstWriteSeconds <= 0 || run.KilledLed == 0 || run.Acknowledged == 0 || run.LoadAcknowledged == 0 || run.LoadCounted != uint64(run.LoadAcknowledged) ||
		run.EqualSeconds < run.AnswersSeconds || run.AnswersSeconds <= 0 {
		t.Errorf("report %+v", r)
	}
	// A node that led cannot go without a gap: an election takes a while.
	if max := millis(maxOutage); r.WriteGap.Max <= millis(probeEvery) || r.WriteGap.Max > max || r.ReadGap.Max > max || r.LoadGap.Max > max {
		t.Errorf("gaps %+v, %+v, %+v", r.WriteGap, r.ReadGap, r.LoadGap)
	}
	nothingLeft()
}

// TestFailoverSeesWhatIsLost shows that the check of the load can fail.
func TestFailoverSeesWhatIsLost(t *testing.T) {
	url, _ := canned(t, map[string]any{
		"PUT /collections/load/points":        `{"operation_id":1,"status":"completed"}`,
		"POST /collections/load/points/count": `{"count":10}`,
	})
	load := &loader{client: client.New(url), collection: "load", vectors: []flow.Vector{{1}}}
	var broken []string
	o := &outage{broken: func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }}
	var run failoverRun
	if err := load.write(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := run.count(t.Context(), load, o); err != nil || len(broken) > 0 || run.LoadAcknowledged != loadBatch {
		t.Fatalf("error %v, run %+v, broken %q", err, run, broken)
	}
	if err := load.write(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := run.count(t.Context(), load, o); err != nil || len(broken) != 1 || o.report.Lost != loadBatch {
		t.Errorf("20 acknowledged, 10 counted: error %v, lost %d, broken %q", err, o.report.Lost, broken)
	}
}

func TestSpread(t *testing.T) {
	var runs []failoverRun
	for _, s := range []float64{5, 1, 4, 2} {
		runs = append(runs, failoverRun{outageReport: outageReport{EqualSeconds: s}})
	}
	if got := spreadOf(runs, func(r *failoverRun) float64 { return r.EqualSeconds }); got != (spread{Median: 2, Max: 5}) {
		t.Errorf("spread %+v", got)
	}
	if got := spreadOf(runs[:3], func(r *failoverRun) float64 { return r.EqualSeconds }); got != (spread{Median: 4, Max: 5}) {
		t.Errorf("spread of three %+v", got)
	}
	if got := spreadOf(nil, nil); got != (spread{}) {
		t.Errorf("spread of nothing %+v", got)
	}
}

func TestProcessThatEndsByItself(t *testing.T) {
	t.Setenv(asBinary, "1")
	p := processes{binary: os.Args[0], dir: t.TempDir()}
	n := &process{name: "node1", args: []string{"cluster", "init", "--node-id", "node1"}} // no data directory
	p.nodes = []*process{n}
	if err := p.run(n); err != nil {
		t.Fatal(err)
	}
	<-n.ended
	if err := p.check(); err == nil || !strings.Contains(err.Error(), "node1 ended by itself") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("error %v", err)
	}
	p.stop()
}

func TestLastLine(t *testing.T) {
	var all bytes.Buffer
	l := &lastLine{to: &all, name: "n"}
	for _, part := range []string{"one\ntw", "o\nthr"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if l.String() != "two" || all.String() != "n: one\nn: two\n" {
		t.Errorf("last line %q of %q", l, all.String())
	}
}

// TestFailoverTable holds what a person sees.
func TestFailoverTable(t *testing.T) {
	run := func(killed string, led int, gap float64) failoverRun {
		return failoverRun{outageReport: outageReport{Killed: killed, KilledLed: led, Acknowledged: 1000, EqualSeconds: gap / 500,
			Probes: []probeReport{{What: "writes", LongestGapMs: gap}, {What: "reads, linearizable", LongestGapMs: gap - 20}, {What: writesOfLoad, LongestGapMs: gap + 5}}},
			Leaders: 3, LoadAcknowledged: 2000, LoadCounted: 2000}
	}
	var out bytes.Buffer
	b := &failoverBench{app: &app{out: &out, format: formatTable}}
	b.report = failoverReport{Nodes: 3, FirstWriteSeconds: 1.25, Runs: []failoverRun{run("node2", 6, 530), run("node1", 10, 1040), run("node3", 5, 510)}, Anchors: failoverAnchors}
	b.sumUp()
	if err := b.print(b.report, b.report.table); err != nil {
		t.Fatal(err)
	}
	golden(t, "failover.txt", out.String())
}
