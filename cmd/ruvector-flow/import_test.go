package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

func mustID(s string) flow.PointID {
	id, err := flow.ParsePointID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// store is a node that keeps points in memory, and fails as it is told.
type store struct {
	t   *testing.T
	dim int

	mu       sync.Mutex
	created  bool
	points   map[string]string // id -> vector and payload as sent
	batches  int
	requests map[string]int // request id -> times sent
	// refuse, if not nil, says with what status the n-th request for points fails (0: it
	// does not), and whether it is carried out all the same.
	refuse func(n int) (status int, carriedOut bool)
}

func newStore(t *testing.T, dim int) (*store, string) {
	s := &store{t: t, dim: dim, created: true, points: map[string]string{}, requests: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fail := func(status int, text string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":{"error":%q},"time":0}`, text)
	}
	ok := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			s.t.Error(err)
		}
		fmt.Fprintf(w, `{"result":%s,"status":"ok","time":0}`, b)
	}
	switch {
	case r.Method == http.MethodPut && r.URL.Path == "/collections/c":
		if s.created {
			fail(http.StatusConflict, "it exists")
			return
		}
		s.created = true
		ok(true)
	case r.URL.Path == "/collections/c" && s.created:
		ok(client.CollectionInfo{Config: client.CollectionConfig{Params: client.CollectionParams{Vectors: client.VectorParams{Size: s.dim, Distance: "Euclid"}}}})
	case r.Method == http.MethodPut && r.URL.Path == "/collections/c/points":
		s.batches++
		s.requests[r.Header.Get(client.HeaderRequestID)]++
		if s.refuse != nil {
			if status, carriedOut := s.refuse(s.batches); status != 0 {
				if carriedOut {
					s.keep(r)
				}
				fail(status, "not now")
				return
			}
		}
		s.keep(r)
		ok(client.UpdateResult{Status: "completed"})
	default:
		fail(http.StatusNotFound, "no such collection")
	}
}

func (s *store) keep(r *http.Request) {
	var body struct {
		Points []struct{ ID, Vector, Payload json.RawMessage }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.t.Error(err)
	}
	for _, p := range body.Points {
		s.points[string(p.ID)] = string(p.Vector) + string(p.Payload)
	}
}

// write makes a JSONL file of rows [0 0] [1 0] …
func writeRows(t *testing.T, name string, rows int) string {
	t.Helper()
	var b bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&b, "{\"id\":\"row %d\",\"vector\":[%d,0.5],\"payload\":{\"n\":%d}}\n", i, i, i)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func importReportOf(t *testing.T, out string) importReport {
	t.Helper()
	var r importReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("output %q: %v", out, err)
	}
	return r
}

func TestImportRetriesWithOneRequestIDAndDropsNothing(t *testing.T) {
	s, url := newStore(t, 2)
	s.refuse = func(n int) (int, bool) {
		if n%3 == 0 {
			return http.StatusServiceUnavailable, n%2 == 0
		}
		return 0, false
	}
	file := writeRows(t, "a.jsonl", 1001)
	out, errOut, code := cli(t, "vector", "import", "-c", "c", file, "--batch", "10", "--concurrency", "4", "--format", "json", "--endpoint", url)
	if code != exitOK || errOut != "" {
		t.Fatalf("exit code %d, stderr %q", code, errOut)
	}
	r := importReportOf(t, out)
	if len(s.points) != 1001 || r.Points != 1001 || r.Rows != 1001 {
		t.Fatalf("%d points are stored, the report says %+v", len(s.points), r)
	}
	if s.points[`"row 1000"`] != `[1000,0.5]{"n":1000}` {
		t.Errorf("the last row is stored as %s", s.points[`"row 1000"`])
	}
	if len(s.requests) != 101 || r.Retries != int64(s.batches-101) || r.Retries == 0 {
		t.Errorf("%d request ids in %d requests, the report says %d retries; want 101 ids", len(s.requests), s.batches, r.Retries)
	}
}

func TestImportNumbersRowsOverAllFiles(t *testing.T) {
	s, url := newStore(t, 2)
	s.created = false
	a, b := writeRows(t, "a.jsonl", 7), writeRows(t, "b.jsonl", 5)
	out, errOut, code := cli(t, "vector", "import", "-c", "c", "--create", a, b, "--id-field", "", "--id-start", "100", "--payload-field", "", "--skip", "2",
		"--limit", "9", "--batch", "4", "--format", "json", "--endpoint", url)
	if code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, errOut)
	}
	if r := importReportOf(t, out); r.Points != 9 || r.Skipped != 2 || r.Rows != 11 {
		t.Errorf("report %+v", r)
	}
	if len(s.points) != 9 || s.points["102"] != "[2,0.5]" || s.points["107"] != "[0,0.5]" || s.points["110"] != "[3,0.5]" {
		t.Errorf("stored %v", s.points)
	}
}

func TestImportGoesOnFromItsState(t *testing.T) {
	s, url := newStore(t, 2)
	s.refuse = func(n int) (int, bool) {
		if n == 6 {
			return http.StatusInsufficientStorage, false
		}
		return 0, false
	}
	file, state := writeRows(t, "a.jsonl", 100), filepath.Join(t.TempDir(), "state")
	line := []string{"vector", "import", "-c", "c", file, "--batch", "10", "--concurrency", "1", "--state", state, "--endpoint", url, "--format", "json"}
	_, errOut, code := cli(t, line...)
	if code != exitError || !strings.Contains(errOut, "rows 50 to 59: resource exhausted: not now") || !strings.Contains(errOut, "the first 50 rows are stored; run the same command to go on") {
		t.Fatalf("exit code %d, stderr %q", code, errOut)
	}
	out, errOut, code := cli(t, line...)
	if code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, errOut)
	}
	if r := importReportOf(t, out); r.Points != 50 || r.Skipped != 50 || r.Rows != 100 || len(s.points) != 100 {
		t.Errorf("report %+v, %d points stored", r, len(s.points))
	}
	if out, _, code = cli(t, line...); code != exitOK || importReportOf(t, out).Points != 0 {
		t.Errorf("a third run: exit code %d, %s", code, out)
	}
	line[3] = "d"
	if _, errOut, code = cli(t, line...); code != exitError || !strings.Contains(errOut, "is of another import") {
		t.Errorf("another collection: exit code %d, stderr %q", code, errOut)
	}
}

func TestImportRefusesBeforeItSends(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want string
		sent int
	}{
		"dim.jsonl":  {`{"id":1,"vector":[1,2,3]}`, "dimension 3, collection \"c\" has dimension 2; nothing was sent", 0},
		"bad.fbin":   {"\x01\x00\x00", "its header is cut short", 0},
		"late.jsonl": {"{\"id\":1,\"vector\":[1,2]}\n{\"id\":1,\"vector\":[1]}\n", "row 1: vector has 1 components", 0},
		"id.jsonl":   {"{\"vector\":[1,2]}\n", `field "id" is not there`, 0},
	} {
		s, url := newStore(t, 2)
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errOut, code := cli(t, "vector", "import", "-c", "c", file, "--endpoint", url)
		if code != exitError || out != "" || !strings.Contains(errOut, c.want) || s.batches != c.sent {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, %d batches sent; want %q and %d", name, code, out, errOut, s.batches, c.want, c.sent)
		}
	}
}

func TestImportGivesUpAfterItsTimeout(t *testing.T) {
	s, url := newStore(t, 2)
	s.refuse = func(n int) (int, bool) { return http.StatusServiceUnavailable, false }
	_, errOut, code := cli(t, "vector", "import", "-c", "c", writeRows(t, "a.jsonl", 10), "--timeout", "300ms", "--endpoint", url)
	if code != exitError || !strings.Contains(errOut, "rows 0 to 9: ") || !strings.Contains(errOut, "the first 0 rows are stored; go on with --skip 0") {
		t.Errorf("exit code %d, stderr %q", code, errOut)
	}
}

func TestImportStopsAtASignal(t *testing.T) {
	s, url := newStore(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	s.refuse = func(n int) (int, bool) {
		if n == 5 {
			cancel()
		}
		return 0, false
	}
	_, errOut, code := cliContext(t, ctx, "", "vector", "import", "-c", "c", writeRows(t, "a.jsonl", 1000), "--batch", "10", "--concurrency", "1", "--endpoint", url)
	if code != exitError || !strings.Contains(errOut, "interrupted; the first ") {
		t.Errorf("exit code %d, stderr %q", code, errOut)
	}
}

func TestProgressLine(t *testing.T) {
	at := importProgress{points: 25000, total: 100000, fraction: -1, retries: 1, elapsed: 5e9}
	if got, want := progressLine(at, true), "[======                  ]   25 %  25,000 of 100,000  5,000/s  15s left  1 retry"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	at = importProgress{points: 10, total: -1, fraction: -1, elapsed: 1e9}
	if got, want := progressLine(at, true), "10  10/s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
