package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

var timeField = regexp.MustCompile(`"time":[0-9.]+`)

// TestTranscripts plays the requests of testdata against a fake node. After a
// change on purpose: go test ./api -run TestTranscripts -rewrite, and read the diff.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		f := newFake()
		h := New(f, Config{Version: "v1.2.3", MaxBodyBytes: 4096, MaxPointsBodyBytes: 8192})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "missing": // missing <shard>…: these shards cannot be reached from here on
				f.missing = nil
				for _, a := range d.CmdArgs {
					var n int
					fmt.Sscan(a.Key, &n)
					f.missing = append(f.missing, flow.ShardID(n+1))
				}
				return ""
			case "http":
				return play(t, h, d)
			}
			d.Fatalf(t, "unknown command %q", d.Cmd)
			return ""
		})
	})
}

// play sends "METHOD path", then header lines, then the body, and shows the answer.
func play(t *testing.T, h http.Handler, d *datadriven.TestData) string {
	first, rest, _ := strings.Cut(d.Input, "\n")
	method, target, _ := strings.Cut(first, " ")
	header := http.Header{}
	for strings.HasPrefix(rest, "X-") {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		k, v, _ := strings.Cut(line, ": ")
		header.Set(k, v)
	}
	req := httptest.NewRequest(method, target, strings.NewReader(rest))
	req.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", w.Code)
	for _, k := range []string{"Allow", client.HeaderRequestID, client.HeaderSession, client.HeaderOutcome} {
		v := w.Header().Get(k)
		if k == client.HeaderRequestID && v != "" && header.Get(k) == "" {
			if _, err := flow.ParseRequestID(v); err != nil {
				t.Errorf("%s: %s: %v", d.Pos, first, err)
			}
			v = "made up"
		}
		if v != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, v)
		}
	}
	if !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s: %s: the answer is not JSON: %s", d.Pos, first, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: %s: Content-Type %q", d.Pos, first, ct)
	}
	b.Write(timeField.ReplaceAll(w.Body.Bytes(), []byte(`"time":T`)))
	return b.String()
}

// request sends one request and returns the answer.
func request(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

// withCollection returns a fake with a collection "c" of 2 dimensions.
func withCollection(t *testing.T, metric flow.Metric) (*fake, http.Handler) {
	t.Helper()
	f := newFake()
	h := New(f, Config{})
	if w := request(h, "PUT", "/collections/c", `{"vectors":{"size":2,"distance":"`+metric.String()+`"}}`); w.Code != 200 {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	return f, h
}

// errorOf returns the error of an answer.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) client.ErrorStatus {
	t.Helper()
	var e struct{ Status client.ErrorStatus }
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Status.Error == "" {
		t.Fatalf("no error in the answer: %s (%v)", w.Body, err)
	}
	return e.Status
}

// TestStatuses holds the HTTP status of every kind of error, on a write and on a read.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{flow.Errorf(flow.InvalidArgument, "x", "bad"), 400},
		{flow.Errorf(flow.PermissionDenied, "x", "no"), 403},
		{flow.Errorf(flow.NotFound, "x", "gone"), 404},
		{flow.Errorf(flow.AlreadyExists, "x", "there"), 409},
		{flow.Errorf(flow.Conflict, "x", "version 4"), 409},
		{flow.Errorf(flow.ResourceExhausted, "x", "%w: 9 requests wait", flow.ErrQueueFull), 429},
		{flow.Errorf(flow.ResourceExhausted, "x", "around: %w", flow.Errorf(flow.ResourceExhausted, "y", "%w", flow.ErrQueueFull)).OnShard(3), 429},
		{flow.Errorf(flow.ResourceExhausted, "x", "the disk is full, and with it the queue"), 507},
		{flow.Errorf(flow.NotLeader, "x", "ask n2"), 503},
		{flow.Errorf(flow.Unavailable, "x", "no quorum").OnShard(3), 503},
		{flow.Errorf(flow.Unknown, "x", "timed out"), 503},
		{flow.Errorf(flow.Corrupt, "x", "checksum"), 500},
		{flow.Errorf(flow.Internal, "x", "bug"), 500},
		{errors.New("something else"), 500},
		{fmt.Errorf("around: %w", flow.Errorf(flow.NotFound, "x", "gone")), 404},
	} {
		f, h := withCollection(t, flow.Euclid)
		f.fail = func(flow.Request) error { return c.err }
		for _, r := range [][3]string{
			{"PUT", "/collections/c/points", `{"points":[{"id":1,"vector":[1,2]}]}`},
			{"POST", "/collections/c/points/count", `{}`},
			{"GET", "/cluster/nodes", ""},
		} {
			w := request(h, r[0], r[1], r[2])
			e := errorOf(t, w)
			if w.Code != c.status || e.Kind != flow.KindOf(c.err).String() || !strings.Contains(e.Error, message(c.err)) {
				t.Errorf("%s %s with %v: got %d %+v, want status %d", r[0], r[1], c.err, w.Code, e, c.status)
			}
			unknown := flow.KindOf(c.err) == flow.Unknown
			if got := w.Header().Get(client.HeaderOutcome) == "unknown"; got != unknown {
				t.Errorf("%v: %s is %q", c.err, client.HeaderOutcome, w.Header().Get(client.HeaderOutcome))
			}
			if unknown && !strings.Contains(e.Error, client.HeaderRequestID) {
				t.Errorf("%v: %q does not say how to retry", c.err, e.Error)
			}
			var fe *flow.Error
			if errors.As(c.err, &fe) && fe.HasShard != (e.Shard != nil) || e.Shard != nil && *e.Shard != 2 {
				t.Errorf("%v: shard %v", c.err, e.Shard)
			}
		}
	}
}

// TestBodyLimits sends bodies at and past the limits, with and without a length.
func TestBodyLimits(t *testing.T) {
	f, _ := withCollection(t, flow.Euclid)
	h := New(f, Config{MaxBodyBytes: 100, MaxPointsBodyBytes: 200})
	pad := func(body string, n int) string { return body + strings.Repeat(" ", n-len(body)) }
	up, find := `{"points":[{"id":1,"vector":[1,2]}]}`, `{"vector":[1,2],"limit":1}`
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"PUT", "/collections/c/points", pad(up, 200), 200},
		{"PUT", "/collections/c/points", pad(up, 201), 413},
		{"POST", "/collections/c/points/search", pad(find, 100), 200},
		{"POST", "/collections/c/points/search", pad(find, 101), 413},
	} {
		for _, length := range []int64{int64(len(c.body)), -1} {
			r := httptest.NewRequest(c.method, c.target, bytes.NewReader([]byte(c.body)))
			r.ContentLength = length
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s %d bytes, announced %d: got %d, want %d", c.target, len(c.body), length, w.Code, c.status)
			}
			if w.Code == 413 && errorOf(t, w).Kind != flow.InvalidArgument.String() {
				t.Errorf("413 is of kind %q", errorOf(t, w).Kind)
			}
		}
	}
}

// TestReadOptions checks what the backend is asked for.
func TestReadOptions(t *testing.T) {
	token := flow.SessionToken{{Shard: 1, Index: 5}}
	for _, c := range []struct {
		params string
		want   string
	}{
		{"", "linearizable 0s 0s false []"},
		{"?consistency=majority&timeout=2.5", "linearizable 0s 2.5s false []"},
		{"?consistency=2", "linearizable 0s 0s false []"},
		{"?level=any&partial=true", "any 0s 0s true []"},
		{"?level=bounded&max_staleness_ms=30", "bounded 30ms 0s false []"},
		{"?max_staleness_ms=30", "bounded 30ms 0s false []"},
		{"?session=" + token.String(), "session 0s 0s false [{s0 5}]"},
		{"?level=linearizable&session=" + token.String(), "linearizable 0s 0s false [{s0 5}]"},
	} {
		f, h := withCollection(t, flow.Euclid)
		w := request(h, "POST", "/collections/c/points/count"+c.params, "")
		if w.Code != 200 {
			t.Errorf("%s: %d %s", c.params, w.Code, w.Body)
			continue
		}
		o := f.requests[len(f.requests)-1].(*flow.CountRequest).Read
		if got := fmt.Sprint(o.Level, o.MaxStaleness, o.Timeout, o.Partial, []flow.ShardIndex(o.Token)); got != c.want {
			t.Errorf("%q: asked for %s, want %s", c.params, got, c.want)
		}
	}
}

// TestScoreThreshold keeps the hits on the near side for every metric.
func TestScoreThreshold(t *testing.T) {
	for _, c := range []struct {
		metric    flow.Metric
		threshold string
		want      []uint64
	}{
		{flow.Euclid, "2", []uint64{1, 2}},
		{flow.Manhattan, "0.5", []uint64{1}},
		{flow.Dot, "2", []uint64{3, 2}},
		{flow.Cosine, "0.9", []uint64{1, 2, 3}},
	} {
		_, h := withCollection(t, c.metric)
		if w := request(h, "PUT", "/collections/c/points", `{"points":[{"id":1,"vector":[1,0]},{"id":2,"vector":[2,0]},{"id":3,"vector":[5,1]}]}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
		w := request(h, "POST", "/collections/c/points/search", `{"vector":[1,0],"limit":10,"score_threshold":`+c.threshold+`}`)
		var a struct{ Result []client.PointRecord }
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%v: %d %s", c.metric, w.Code, w.Body)
		}
		var ids []uint64
		for _, p := range a.Result {
			n, _ := flow.PointID(p.ID).Number()
			ids = append(ids, n)
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("%v with threshold %s: got %v, want %v", c.metric, c.threshold, ids, c.want)
		}
	}
}

// TestReuse sends requests of very different sizes one after the other: the pooled
// buffers of one must not show in another.
func TestReuse(t *testing.T) {
	f, h := withCollection(t, flow.Euclid)
	for i := range 50 {
		pad := strings.Repeat("x", i%7*1000)
		body := fmt.Sprintf(`{"points":[{"id":"p%d","vector":[%d,0],"payload":{"a":"%s%d"}}]}`, i, i, pad, i)
		if w := request(h, "PUT", "/collections/c/points", body); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	for i, p := range f.collections["c"].sorted() {
		n := strings.TrimPrefix(p.ID.Text(), "p")
		if fmt.Sprint(p.Vector[0]) != n || !strings.HasSuffix(string(p.Payload), n+`"}`) {
			t.Errorf("point %d is %v %v %.40s", i, p.ID, p.Vector, p.Payload)
		}
	}
}
