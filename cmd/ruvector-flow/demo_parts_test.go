package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/client"
)

func TestDemoDataOfYourOwn(t *testing.T) {
	shipped, err := prepareDemoData("", t.TempDir())
	if err != nil || len(shipped.queries) != demoQueryCount || shipped.truth.Len() != demoQueryCount || shipped.minRecall != 1 {
		t.Fatalf("the shipped data: %d queries, error %v", len(shipped.queries), err)
	}
	file, err := prepareDemoData(writeRows(t, "own.jsonl", 100), "")
	if err != nil || len(file.queries) != ownDataQueries {
		t.Fatalf("a file: %d queries, error %v", len(file.queries), err)
	}
	// Row i is the point i on a line: the nearest of row 2 are 2, then 1 and 3 and so on, ties by row.
	if got := file.truth.Row(1); !slices.Equal(got, []uint32{2, 1, 3, 0, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("the truth of row 2 is %v", got)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"train-ubyte.gz": demoBase, "t10k-ubyte.gz": demoQueries} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := prepareDemoData(dir, ""); err == nil || !strings.Contains(err.Error(), "holds 0 truth files") {
		t.Errorf("a folder without truth: error %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gt.i32.gz"), []byte(demoTruth), 0o600); err != nil {
		t.Fatal(err)
	}
	if folder, err := prepareDemoData(dir, ""); err != nil || len(folder.queries) != demoQueryCount {
		t.Errorf("a folder: %d queries, error %v", len(folder.queries), err)
	}
	if _, err := prepareDemoData(writeRows(t, "few.jsonl", 9), ""); err == nil || !strings.Contains(err.Error(), "has 9 rows") {
		t.Errorf("too few rows: error %v", err)
	}
}

func TestLeadsMost(t *testing.T) {
	shards := []client.Shard{{ID: 0, NodeID: "b"}, {ID: 1, NodeID: "a"}, {ID: 2, NodeID: "b"}, {ID: 3}, {ID: 4, NodeID: "a"}}
	if node, led := leadsMost(shards); node != "a" || !slices.Equal(led, []int{1, 4}) {
		t.Errorf("%s leads %v", node, led)
	}
}

// TestChainSeesWhatIsLost shows that the demo's checks can fail.
func TestChainSeesWhatIsLost(t *testing.T) {
	results := map[string]any{
		"PUT /collections/probes/points":  `{"status":"completed","points":[{"id":0,"status":"applied","version":5}]}`,
		"POST /collections/probes/points": `[{"id":0,"version":5,"vector":[1,0,0,1]}]`,
	}
	url, asked := canned(t, results)
	var story bytes.Buffer
	d := &demo{app: &app{}, story: &story}
	o := &outage{broken: d.broken}
	c := &chain{client: client.New(url), id: mustID("0")}
	if err := errors.Join(c.write(t.Context(), 0), c.read(t.Context(), 0), o.checkAcknowledged(t.Context(), []*chain{c})); err != nil || o.report.Lost != 0 || c.version != 5 {
		t.Fatalf("error %v, report %+v", err, o.report)
	}
	if !strings.Contains((*asked)[0], `"if_version":0`) {
		t.Errorf("the first write asks %s", (*asked)[0])
	}
	// The second write is acknowledged, but the point stays at the first.
	results["PUT /collections/probes/points"] = `{"status":"completed","points":[{"id":0,"status":"applied","version":6}]}`
	if err := c.write(t.Context(), 1); err != nil || c.acknowledged.Load() != 2 {
		t.Fatal(err)
	}
	if err := c.read(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "saw write 1 after write 2 was acknowledged") {
		t.Errorf("the read of a lost write: error %v", err)
	}
	if err := o.checkAcknowledged(t.Context(), []*chain{c}); err != nil || o.report.Lost != 1 || len(d.report.Broken) != 1 {
		t.Errorf("error %v, report %+v, %q", err, o.report, d.report.Broken)
	}
	if !strings.Contains(story.String(), "BROKEN: point 0 is at write 1") {
		t.Errorf("the story: %s", story.String())
	}
}

func TestProbeMeasuresTheGap(t *testing.T) {
	p := &probe{what: "x", last: time.Now().Add(-time.Second)}
	p.note(nil)
	p.note(errors.New("no"))
	p.note(nil)
	r := (&prober{probes: []*probe{p, {what: "x", gap: 3 * time.Second, answers: 4}}}).reports()
	if len(r) != 1 || r[0].Answers != 6 || r[0].Errors != 1 || r[0].FirstError != "no" || r[0].LongestGapMs != 3000 {
		t.Errorf("reports %+v", r)
	}
	if p.gap < time.Second {
		t.Errorf("gap %v", p.gap)
	}
	if (&prober{probes: []*probe{p}}).allSince(time.Now().Add(time.Hour)) {
		t.Error("an answer from the future")
	}
}
