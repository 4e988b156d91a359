package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// server answers each request with the next of its steps, the last one for ever,
// and notes what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	steps []step
	ids   []string // request ids, in order
	paths []string
}

type step func(w http.ResponseWriter, r *http.Request)

func serve(t *testing.T, steps ...step) *server {
	t.Helper()
	s := &server{steps: steps}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		f := s.steps[0]
		if len(s.steps) > 1 {
			s.steps = s.steps[1:]
		}
		s.ids = append(s.ids, r.Header.Get(HeaderRequestID))
		s.paths = append(s.paths, r.Method+" "+r.URL.String())
		s.mu.Unlock()
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

func say(status int, body string) step {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func refuse(status int, kind flow.Kind) step {
	b, _ := json.Marshal(map[string]any{"status": ErrorStatus{Error: "because", Kind: kind.String()}})
	return say(status, string(b))
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter, r *http.Request) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// stall answers nothing until the client gives up, which the server notices once
// the body is read.
func stall(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

var written = say(200, `{"result":{"operation_id":4,"status":"completed","session":"AQECAw"},"status":"ok","time":0}`)

// deadEndpoint returns an address where nothing listens.
func deadEndpoint(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func point() []flow.Point {
	return []flow.Point{{ID: flow.NumberID(1), Vector: flow.Vector{1, 0.5}, Payload: []byte(`{"a":1}`)}}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestRetrySameID: whatever goes wrong on the way, every attempt of a write carries
// one request id, and another write another one.
func TestRetrySameID(t *testing.T) {
	s := serve(t, hangUp, refuse(503, flow.Unavailable), refuse(503, flow.Unknown), refuse(503, flow.NotLeader),
		refuse(429, flow.ResourceExhausted), say(502, "<html>bad gateway</html>"), written)
	c := New(s.URL)
	defer c.Close()
	r, err := c.Upsert(within(t, 20*time.Second), "c", point(), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.ids) != 7 || s.ids[0] != r.ID.String() || len(slices.Compact(slices.Clone(s.ids))) != 1 {
		t.Errorf("request ids %v, the result has %v; want one id 7 times", s.ids, r.ID)
	}
	if s.paths[0] != "PUT /collections/c/points?wait=true" || r.OperationID != 4 || r.Token.Index(2) != 3 {
		t.Errorf("%s gave %+v", s.paths[0], r)
	}
	again, err := c.Upsert(within(t, time.Second), "c", point(), WriteOptions{})
	if err != nil || again.ID == r.ID {
		t.Errorf("a second write has id %v, the first %v (%v)", again.ID, r.ID, err)
	}
	given, err := c.Delete(within(t, time.Second), "c", []flow.PointID{flow.NumberID(1)}, WriteOptions{ID: r.ID, Results: true})
	if err != nil || given.ID != r.ID || s.ids[8] != r.ID.String() || s.paths[8] != "POST /collections/c/points/delete?results=true&wait=true" {
		t.Errorf("a write with a given id sent %v %v (%v)", s.ids[8], s.paths[8], err)
	}
}

// TestEndpoints: a dead endpoint costs a moment, and is then left out for a while.
func TestEndpoints(t *testing.T) {
	s := serve(t, written)
	dead := deadEndpoint(t)
	c := New(dead+", "+s.URL+"/", "", dead)
	if got := c.Endpoints(); !slices.Equal(got, []string{"http://" + dead, s.URL, "http://" + dead}) {
		t.Fatalf("endpoints %v", got)
	}
	start := time.Now()
	for range 30 {
		if _, err := c.Upsert(within(t, 5*time.Second), "c", point(), WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d > 2*time.Second || len(s.ids) != 30 {
		t.Errorf("30 writes took %v, the server saw %d", d, len(s.ids))
	}
}

// TestStalledEndpoint: one that accepts and does not answer is given up after
// AttemptTimeout, and the next is asked with the same id.
func TestStalledEndpoint(t *testing.T) {
	stalled, s := serve(t, stall), serve(t, written)
	c := New(stalled.URL, s.URL)
	c.AttemptTimeout = 100 * time.Millisecond
	r, err := c.Upsert(within(t, 10*time.Second), "c", point(), WriteOptions{})
	if err != nil || stalled.ids[0] != r.ID.String() || s.ids[0] != r.ID.String() {
		t.Errorf("%v: ids %v and %v, want %v", err, stalled.ids, s.ids, r.ID)
	}
}

// TestGiveUp: at the end of its time a call says whether it may have happened.
func TestGiveUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		write flow.Kind
		read  flow.Kind
	}{
		{"no connection", nil, flow.Unavailable, flow.Unavailable},
		{"unavailable", []step{refuse(503, flow.Unavailable)}, flow.Unavailable, flow.Unavailable},
		{"not leader", []step{refuse(503, flow.NotLeader)}, flow.Unavailable, flow.Unavailable},
		{"queue full", []step{refuse(429, flow.ResourceExhausted)}, flow.ResourceExhausted, flow.ResourceExhausted},
		{"unknown", []step{refuse(503, flow.Unknown), refuse(503, flow.Unavailable)}, flow.Unknown, flow.Unavailable},
		{"hang up once", []step{hangUp, refuse(503, flow.Unavailable)}, flow.Unknown, flow.Unavailable},
		{"stall", []step{stall}, flow.Unknown, flow.Unavailable},
	} {
		for _, write := range []bool{true, false} {
			url := deadEndpoint(t)
			if c.steps != nil {
				url = serve(t, c.steps...).URL
			}
			cl := New(url)
			ctx := within(t, 300*time.Millisecond)
			want := c.read
			var err error
			if write {
				want = c.write
				_, err = cl.Upsert(ctx, "c", point(), WriteOptions{})
			} else if _, err = cl.Count(ctx, flow.CountRequest{Collection: "c"}); c.name == "unknown" {
				continue // the answer of a write
			}
			var fe *flow.Error
			if !errors.As(err, &fe) || fe.Kind != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, write %v: %v, want kind %v and the deadline as a cause", c.name, write, err, want)
			}
			cl.Close()
		}
	}
}

// TestNeverSent: a write whose time is over before there is a connection did not happen.
func TestNeverSent(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := New(deadEndpoint(t))
	defer c.Close()
	if _, err := c.Upsert(ctx, "c", point(), WriteOptions{}); flow.KindOf(err) != flow.Unavailable {
		t.Errorf("a write that had no time is %v, want it unavailable", err)
	}
}

// TestTimeout: without a deadline of the context, Timeout ends a call.
func TestTimeout(t *testing.T) {
	c := New(deadEndpoint(t))
	c.Timeout = 100 * time.Millisecond
	start := time.Now()
	_, err := c.ListCollections(context.Background())
	if flow.KindOf(err) != flow.Unavailable || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if _, err := New("").Health(context.Background()); flow.KindOf(err) != flow.InvalidArgument {
		t.Errorf("without endpoints: %v", err)
	}
}

// TestFinalErrors: what a retry cannot mend is returned at once, with the server's
// words.
func TestFinalErrors(t *testing.T) {
	shard := 3
	withShard, _ := json.Marshal(map[string]any{"status": ErrorStatus{Error: "because", Kind: "corrupt", Shard: &shard}})
	for _, c := range []struct {
		answer step
		kind   flow.Kind
		text   string
	}{
		{refuse(400, flow.InvalidArgument), flow.InvalidArgument, "because"},
		{say(422, `{"status":{"error":"limit"},"time":0}`), flow.InvalidArgument, "limit"},
		{say(413, `not json`), flow.InvalidArgument, `"not json"`},
		{refuse(404, flow.NotFound), flow.NotFound, "because"},
		{refuse(409, flow.AlreadyExists), flow.AlreadyExists, "because"},
		{refuse(409, flow.Conflict), flow.Conflict, "because"},
		{refuse(403, flow.PermissionDenied), flow.PermissionDenied, "because"},
		{refuse(507, flow.ResourceExhausted), flow.ResourceExhausted, "because"},
		{say(500, string(withShard)), flow.Corrupt, "shard s3"},
		{say(500, `{"status":"?"}`), flow.Internal, "HTTP status 500"},
		{say(200, `{"result":"five","status":"ok"}`), flow.Internal, "read the answer"},
	} {
		s := serve(t, c.answer)
		_, err := New(s.URL).Count(within(t, 5*time.Second), flow.CountRequest{Collection: "c"})
		if flow.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) || s.asked() != 1 {
			t.Errorf("got %v after %d attempts, want kind %v and %q after 1", err, s.asked(), c.kind, c.text)
		}
	}
}

// TestOnce: views of the cluster ask each endpoint once and then tell.
func TestOnce(t *testing.T) {
	a, b := serve(t, refuse(503, flow.Unavailable)), serve(t, refuse(503, flow.Unavailable))
	if err := New(a.URL, b.URL).Ready(within(t, 5*time.Second)); flow.KindOf(err) != flow.Unavailable || a.asked() != 1 || b.asked() != 1 {
		t.Errorf("%v after %d and %d attempts", err, a.asked(), b.asked())
	}
}

// TestLostAnswers: a collection that an unanswered attempt made or dropped is not
// an error of the next attempt, unless it is another collection.
func TestLostAnswers(t *testing.T) {
	ctx := within(t, 10*time.Second)
	info := func(size string) step {
		return say(200, `{"result":{"config":{"params":{"vectors":{"size":`+size+`,"distance":"Dot"}},"hnsw_config":{"m":16,"ef_construct":200}}},"status":"ok"}`)
	}
	exists := refuse(409, flow.AlreadyExists)
	if err := New(serve(t, hangUp, exists, info("3")).URL).CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 3, Metric: flow.Dot}); err != nil {
		t.Errorf("created by the first attempt: %v", err)
	}
	if err := New(serve(t, hangUp, exists, info("4")).URL).CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 3, Metric: flow.Dot}); flow.KindOf(err) != flow.AlreadyExists {
		t.Errorf("another collection is there: %v", err)
	}
	if err := New(serve(t, exists).URL).CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 3, Metric: flow.Dot}); flow.KindOf(err) != flow.AlreadyExists {
		t.Errorf("it was there before: %v", err)
	}
	if err := New(serve(t, hangUp, refuse(404, flow.NotFound)).URL).DropCollection(ctx, "c"); err != nil {
		t.Errorf("dropped by the first attempt: %v", err)
	}
	if err := New(serve(t, refuse(404, flow.NotFound)).URL).DropCollection(ctx, "c"); flow.KindOf(err) != flow.NotFound {
		t.Errorf("it was never there: %v", err)
	}
}

// TestID reads and writes ids as JSON.
func TestID(t *testing.T) {
	for _, text := range []string{`0`, `18446744073709551615`, `"7"`, `"a\"b\\\u000a\u00e9"`, `"0b6d3d1e-9a0c-4b1c-8d1b-2f0f2d9c7a11"`} {
		var id, back ID
		if err := json.Unmarshal([]byte(text), &id); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		b, err := json.Marshal(id)
		if err != nil || json.Unmarshal(b, &back) != nil || back != id {
			t.Errorf("%s was written as %s (%v) and read as %q, not %q", text, b, err, back, id)
		}
	}
	for _, text := range []string{`-1`, `1.5`, `""`, `true`, `18446744073709551616`, `{}`} {
		var id ID
		if err := json.Unmarshal([]byte(text), &id); err == nil {
			t.Errorf("%s was read as %q", text, id)
		}
	}
}

// TestAppendString agrees with encoding/json on what a string means.
func TestAppendString(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r < 0x300; r++ {
		all.WriteRune(r)
	}
	for _, s := range []string{"", "plain", all.String(), "a\xffb", "\u2028é漢😀"} {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") {
			t.Errorf("%q was written as %s and read as %q (%v)", s, AppendString(nil, s), back, err)
		}
	}
}

// TestWriteRefused: a write that mixes kinds is refused before anything is sent.
func TestWriteRefused(t *testing.T) {
	s := serve(t, written)
	for _, ops := range [][]flow.Op{{{Kind: flow.Upsert}, {Kind: flow.Delete}}, {{Kind: 9}}} {
		if _, err := New(s.URL).Write(within(t, time.Second), "c", ops, WriteOptions{}); flow.KindOf(err) != flow.InvalidArgument || s.asked() != 0 {
			t.Errorf("%v: %v after %d attempts", ops, err, s.asked())
		}
	}
}
