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
		{flow.Errorf(flow.ResourceExhausted, "x", "the queue is full"), 429},
		{flow.Errorf(flow.ResourceExhausted, "x", "the disk is full"), 507},
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

// TestWrongBodies sends requests that are wrong in one way each: the answer names
// the field, and nothing reaches the backend.
func TestWrongBodies(t *testing.T) {
	up, del, find, query := "PUT /collections/c/points", "POST /collections/c/points/delete", "POST /collections/c/points/search", "POST /collections/c/points/query"
	get, scroll, count := "POST /collections/c/points", "POST /collections/c/points/scroll", "POST /collections/c/points/count"
	create := "PUT /collections/new"
	many := strings.Repeat("1,", flow.MaxBatchPoints) + "1"
	for _, c := range []struct {
		request, body string
		status        int
		says          string
	}{
		{up, ``, 400, "malformed JSON"},
		{up, `{`, 400, "malformed JSON"},
		{up, `[]`, 400, "expected an object, found an array"},
		{up, `{"points":[{"id":1,"vector":[1,2]}]} x`, 400, "something follows"},
		{up, `{"points":[{"id":1,"vector":[1,2],}]}`, 400, "malformed JSON"},
		{up, `{"points":[{"id":1,"vector":[NaN,2]}]}`, 400, "points[0].vector[0]: malformed JSON"},
		{up, `{"points":[{"id":1,"vector":[1,Infinity]}]}`, 400, "malformed JSON"},
		{up, `{"points":[{"id":1,"vector":[1,1e39]}]}`, 400, "points[0].vector[1]: 1e39 does not fit a 32-bit float"},
		{up, `{"points":[{"id":1,"vector":[1,01]}]}`, 400, "must not begin with 0"},
		{up, `{"points":[{"id":1,"vector":[1,"2"]}]}`, 400, "points[0].vector[1]: expected a number, found a string"},
		{up, `{"points":[{"id":1,"vector":[[1,2]]}]}`, 400, "points[0].vector[0]: expected a number, found an array"},
		{up, `{"points":[{"id":1,"vector":{"image":[1,2]}}]}`, 400, "points[0].vector: named, sparse and inferred vectors are not supported"},
		{up, `{"points":[{"id":1,"vector":[]}]}`, 400, "points[0].vector: is empty"},
		{up, `{"points":[{"id":1}]}`, 400, "points[0].vector: is missing"},
		{up, `{"points":[{"vector":[1,2]}]}`, 400, "points[0].id: is missing"},
		{up, `{"points":[{"id":-1,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer"},
		{up, `{"points":[{"id":1.5,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer"},
		{up, `{"points":[{"id":18446744073709551616,"vector":[1,2]}]}`, 400, "below 2^64"},
		{up, `{"points":[{"id":"","vector":[1,2]}]}`, 400, "points[0].id: id is empty"},
		{up, `{"points":[{"id":"` + strings.Repeat("x", 513) + `","vector":[1,2]}]}`, 400, "id is 513 bytes long"},
		{up, `{"points":[{"id":"\ud800","vector":[1,2]}]}`, 400, "surrogate"},
		{up, "{\"points\":[{\"id\":\"\xff\",\"vector\":[1,2]}]}", 400, "not UTF-8"},
		{up, `{"points":[{"id":true,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer or a string, found a boolean"},
		{up, `{"points":[{"id":1,"vector":[1,2],"payload":[1]}]}`, 400, "points[0].payload: expected an object, found an array"},
		{up, `{"points":[{"id":1,"vector":[1,2],"payload":{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}]}`, 400, "deep"},
		{up, `{"points":[{"id":1,"vector":[1,2],"if_version":-1}]}`, 400, "points[0].if_version"},
		{up, `{"points":[{"id":1,"id":2,"vector":[1,2]}]}`, 400, "points[0].id: is there twice"},
		{up, `{"points":[{"id":1,"vector":[1,2],"score":1}]}`, 400, "points[0].score: is not a field of this request"},
		{up, `{"points":[]}`, 422, "at least one point"},
		{up, `{}`, 400, "either points or batch"},
		{up, `{"points":[{"id":1,"vector":[1,2]}],"batch":{"ids":[1],"vectors":[[1,2]]}}`, 400, "either points or batch"},
		{up, `{"points":[{"id":1,"vector":[1,2]}],"shard_key":"a"}`, 400, "shard_key: is not supported"},
		{up, `{"batch":{"ids":[1,2],"vectors":[[1,2]]}}`, 400, "batch: has 2 ids, 1 vectors"},
		{up, `{"batch":{"ids":[1],"vectors":{"image":[[1,2]]}}}`, 400, "batch.vectors: expected an array, found an object"},
		{up, `{"batch":{"ids":[],"vectors":[]}}`, 422, "batch.ids"},
		{up, `{"points":[` + strings.Repeat(`{"id":1,"vector":[1]},`, flow.MaxBatchPoints) + `{"id":1,"vector":[1]}]}`, 400, "more than 10000"},
		{up, `{"points":[{"id":1,"vector":[` + strings.Repeat("1,", flow.MaxDim) + `1]}]}`, 400, "more than 65536 components"},
		{up, `{"points":[{"id":1,"vector":[1,2],"payload":{"a":"` + strings.Repeat("x", flow.MaxPayloadBytes) + `"}}]}`, 400, "the limit is 1048576"},
		{up + "?wiat=true", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "wiat: is not a query parameter"},
		{up + "?wait=maybe", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "wait: "},
		{up + "?ordering=chaotic", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "ordering: "},
		{up + "?timeout=-1", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "timeout: "},
		{del, `{"points":[]}`, 422, "at least one point"},
		{del, `{"filter":{"must":[]}}`, 400, "filter: is not supported"},
		{del, `{"points":[{"if_version":3}]}`, 400, "points[0].id: is missing"},
		{del, `{}`, 400, "points: is missing"},
		{del, `{"points":[` + many + `]}`, 400, "more than 10000"},
		{get, `{"ids":[]}`, 422, "ids: there must be at least one"},
		{get, `{}`, 400, "ids: is missing"},
		{get, `{"ids":[1],"with_payload":["a"]}`, 400, "with_payload: choosing parts is not supported"},
		{get, `{"ids":[1],"with_vectors":true}`, 400, "with_vectors: is not a field"},
		{get + "?level=strong", `{"ids":[1]}`, 400, "level: "},
		{get + "?level=session", `{"ids":[1]}`, 400, "session: is missing"},
		{get + "?session=%21", `{"ids":[1]}`, 400, "session: "},
		{get + "?level=bounded", `{"ids":[1]}`, 400, "max_staleness_ms: is missing"},
		{get + "?max_staleness_ms=x", `{"ids":[1]}`, 400, "max_staleness_ms: "},
		{get + "?consistency=0", `{"ids":[1]}`, 400, "consistency: "},
		{get + "?partial=true&partial=false", `{"ids":[1]}`, 400, "partial: is there twice"},
		{find, `{"vector":[1,2],"limit":0}`, 422, "limit: 0 is not from 1 to 10000"},
		{find, `{"vector":[1,2],"limit":10001}`, 422, "limit: "},
		{find, `{"vector":[1,2],"limit":9000,"offset":9000}`, 422, "limit: with offset"},
		{find, `{"vector":[1,2]}`, 400, "limit: is missing"},
		{find, `{"limit":3}`, 400, "vector: is missing"},
		{find, `{"vector":{"name":"image","vector":[1,2]},"limit":3}`, 400, "vector: named and sparse vectors are not supported"},
		{find, `{"vector":[1,2],"limit":3,"filter":{"must":[{"key":"a","match":{"value":1}}]}}`, 400, "filter: filters are not supported"},
		{find, `{"vector":[1,2],"limit":3,"params":{"hnsw_ef":10,"exact":1}}`, 400, "params.exact: expected true or false"},
		{find, `{"vector":[1,2],"limit":3,"params":{"efsearch":10}}`, 400, "params.efsearch: is not a field"},
		{find, `{"vector":[1,2,3],"limit":3}`, 400, "vector has 3 components, the collection has dimension 2"},
		{query, `{"query":[1,2],"prefetch":[{}]}`, 400, "prefetch: is not supported"},
		{query, `{"query":[1,2],"using":"image"}`, 400, "using: named vectors are not supported"},
		{query, `{"query":{"recommend":{"positive":[1]}}}`, 400, "query.recommend: is not supported"},
		{query, `{"query":{"fusion":"rrf"}}`, 400, "query.fusion: is not supported"},
		{query, `{"limit":3}`, 400, "query: is missing"},
		{query, `{"query":99}`, 404, "no point 99"},
		{scroll, `{"limit":0}`, 422, "limit: 0"},
		{scroll, `{"order_by":"a"}`, 400, "order_by: is not supported"},
		{scroll, `{"offset":-3}`, 400, "offset: "},
		{count, `{"exact":"yes"}`, 400, "exact: expected true or false"},
		{count, `{"filter":{"must":1}}`, 400, "filter: "},
		{create, `{}`, 400, "vectors: is missing"},
		{create, `{"vectors":{"size":3}}`, 400, "vectors.distance: is missing"},
		{create, `{"vectors":{"distance":"Dot"}}`, 400, "vectors.size: is missing"},
		{create, `{"vectors":{"size":0,"distance":"Dot"}}`, 422, "vectors.size: 0"},
		{create, `{"vectors":{"size":65537,"distance":"Dot"}}`, 422, "vectors.size: 65537"},
		{create, `{"vectors":{"size":3,"distance":"Hamming"}}`, 400, "Hamming"},
		{create, `{"vectors":{"image":{"size":3,"distance":"Dot"}}}`, 400, "vectors.image: is not a field"},
		{create, `{"vectors":{"size":3,"distance":"Dot","multivector_config":{"comparator":"max_sim"}}}`, 400, "vectors.multivector_config: is not supported"},
		{create, `{"vectors":{"size":3,"distance":"Dot","datatype":"uint8"}}`, 400, "vectors.datatype: "},
		{create, `{"vectors":{"size":3,"distance":"Dot"},"sparse_vectors":{"text":{}}}`, 400, "sparse_vectors: sparse vectors are not supported"},
		{create, `{"vectors":{"size":3,"distance":"Dot"},"sharding_method":"custom"}`, 400, "sharding_method: "},
		{create, `{"vectors":{"size":3,"distance":"Dot"},"shards":3}`, 400, "shards: is not a field"},
		{"PUT /collections/" + strings.Repeat("x", 256), `{"vectors":{"size":3,"distance":"Dot"}}`, 400, "collection name: is 256 bytes long"},
		{"POST /cluster/join", `{"name":"n","addr":"a:1","nonce":"00"}`, 400, "nonce: is not 32 hexadecimal digits"},
		{"POST /cluster/join", `{"addr":"a:1","nonce":"00"}`, 400, "nonce"},
		{"POST /cluster/verify", `{"all":true}`, 400, "all: is not a field"},
		{"GET /nowhere", ``, 404, "there is no /nowhere"},
		{"PATCH /collections/c", ``, 405, "PATCH is not possible here, only GET and PUT and DELETE"},
	} {
		f, h := withCollection(t, flow.Euclid)
		method, target, _ := strings.Cut(c.request, " ")
		w := request(h, method, target, c.body)
		e := errorOf(t, w)
		if w.Code != c.status || !strings.Contains(e.Error, c.says) {
			t.Errorf("%s %.120s: got %d %q, want %d and %q", c.request, c.body, w.Code, e.Error, c.status, c.says)
		}
		if f.writes != 0 || len(f.collections) != 1 {
			t.Errorf("%s %.120s: something changed", c.request, c.body)
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
