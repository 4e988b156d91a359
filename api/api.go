// Package api is the HTTP surface of a node: it turns requests into flow
// requests, hands them to a Backend, and turns the answers into JSON. It holds no
// state of the cluster and decides nothing about it.
//
// The data plane has the shapes of Qdrant's REST interface, as a superset; what
// this server cannot do is refused by name, never ignored. Control plane: /cluster.
//
// An acknowledgment always means that the write is on the disks of a majority of
// each shard's voters. wait=true promises that it is applied and searchable too;
// the node answers after applying in either case, so wait=false gains no time.
// It only makes the status "acknowledged", as Qdrant's clients expect.
package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// Limits on a request's body; a longer one is answered with 413.
const (
	// DefaultPointsBodyBytes is for bodies that hold points. A component of a
	// vector takes up to 16 characters, so this is about flow.MaxBatchBytes of vectors.
	DefaultPointsBodyBytes = 256 << 20
	// DefaultBodyBytes is for all others; the longest vector takes about 1 MB.
	DefaultBodyBytes = 2 << 20
)

const (
	// firstReadBytes is what is set aside for a body before any of it has come,
	// whatever length it announces.
	firstReadBytes = 1 << 20
	// maxPooledBytes is the largest buffer kept for the next request.
	maxPooledBytes = 16 << 20
)

// Backend carries out requests: a node, or a stand-in for one.
type Backend interface {
	// Do answers a request with the response type of its name, or with any
	// Response whose Error is not nil. When ctx ends first it returns, with
	// Unknown for a write that may still happen.
	Do(ctx context.Context, req flow.Request) flow.Response
	// Ready returns nil when the node can serve, else why it cannot.
	Ready() error
}

// Config is what a handler can be told. The zero value serves.
type Config struct {
	// Version is what GET / reports; default "dev".
	Version string
	// MaxPointsBodyBytes and MaxBodyBytes bound the bodies of writes of points and
	// of everything else; default DefaultPointsBodyBytes and DefaultBodyBytes. Each
	// request under way may take a few times as much memory.
	MaxPointsBodyBytes, MaxBodyBytes int64
	// Metrics serves GET /metrics; without it there is no such route.
	Metrics http.Handler
	// Observe, if not nil, is told of each request that was answered: its route as it is
	// written here without the method, or "other"; its method, the answer's status, and how
	// long it took. It is called on the request's goroutine.
	Observe func(route, method string, status int, took time.Duration)
}

func (c Config) validate() Config {
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.MaxPointsBodyBytes <= 0 {
		c.MaxPointsBodyBytes = DefaultPointsBodyBytes
	}
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = DefaultBodyBytes
	}
	return c
}

// handler serves the routes over a backend.
type handler struct {
	b       Backend
	cfg     Config
	mux     *http.ServeMux
	buffers sync.Pool // of *[]byte
}

// New returns the handler of all routes.
func New(b Backend, cfg Config) http.Handler {
	h := &handler{b: b, cfg: cfg.validate(), mux: http.NewServeMux()}
	h.buffers.New = func() any { return new([]byte) }
	none, small, large := int64(0), h.cfg.MaxBodyBytes, h.cfg.MaxPointsBodyBytes
	for _, r := range []struct {
		pattern string
		body    int64
		serve   func(*exchange) error
	}{
		{"GET /{$}", none, (*exchange).version},
		{"GET /healthz", none, (*exchange).alive},
		{"GET /livez", none, (*exchange).alive},
		{"GET /readyz", none, (*exchange).ready},

		{"GET /collections", none, (*exchange).listCollections},
		{"PUT /collections/{c}", small, (*exchange).createCollection},
		{"GET /collections/{c}", none, (*exchange).collection},
		{"DELETE /collections/{c}", none, (*exchange).dropCollection},
		{"GET /collections/{c}/exists", none, (*exchange).collectionExists},

		{"POST /collections/{c}/estimate", small, (*exchange).estimate},
		{"PUT /collections/{c}/index", small, (*exchange).declareField},
		{"DELETE /collections/{c}/index/{field}", none, (*exchange).forgetField},

		{"PUT /collections/{c}/points", large, (*exchange).upsert},
		{"POST /collections/{c}/points/delete", large, (*exchange).remove},
		{"POST /collections/{c}/points", large, (*exchange).retrieve},
		{"GET /collections/{c}/points/{id}", none, (*exchange).point},
		{"POST /collections/{c}/points/search", small, (*exchange).search},
		{"POST /collections/{c}/points/query", small, (*exchange).query},
		{"POST /collections/{c}/points/scroll", small, (*exchange).scroll},
		{"POST /collections/{c}/points/count", small, (*exchange).count},

		{"GET /cluster", none, (*exchange).peers},
		{"GET /cluster/nodes", none, (*exchange).nodes},
		{"GET /cluster/shards", none, (*exchange).shards},
		{"GET /cluster/stats", none, (*exchange).stats},
		{"GET /cluster/health", none, (*exchange).health},
		{"GET /cluster/leader", none, (*exchange).leader},
		{"GET /cluster/ring", none, (*exchange).ring},
		{"POST /cluster/verify", small, (*exchange).verify},
		{"POST /cluster/join", small, (*exchange).join},
	} {
		_, route, _ := strings.Cut(strings.TrimSuffix(r.pattern, "{$}"), " ")
		h.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { h.serve(w, req, route, r.body, r.serve) })
	}
	if h.cfg.Metrics != nil {
		h.mux.Handle("GET /metrics", h.cfg.Metrics)
	}
	h.mux.HandleFunc(elsewhere, func(w http.ResponseWriter, req *http.Request) { h.serve(w, req, otherRoute, 0, (*exchange).noRoute) })
	return h.mux
}

// otherRoute is what Observe is told of a request that has no route.
const otherRoute = "other"

// elsewhere is the pattern of all that has no route of its own.
const elsewhere = "/"

// noRoute answers a request without a route in JSON as well.
func (x *exchange) noRoute() error {
	allowed := x.h.methods(x.r)
	if len(allowed) == 0 {
		return flow.Errorf(flow.NotFound, "api.noRoute", "there is no %s", x.r.URL.Path)
	}
	x.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &refusal{http.StatusMethodNotAllowed, x.r.Method + " is not possible here, only " + strings.Join(allowed, " and ")}
}

// methods returns the methods for which the request's path has a route.
func (h *handler) methods(r *http.Request) (allowed []string) {
	probe := *r
	for _, probe.Method = range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		if _, pattern := h.mux.Handler(&probe); pattern != "" && pattern != elsewhere {
			allowed = append(allowed, probe.Method)
		}
	}
	return allowed
}

// exchange is one request and its answer.
type exchange struct {
	h     *handler
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	// body is the whole body, and out the answer being built; both go back to
	// the pool when the exchange ends.
	body, out []byte
	// status is that of the answer, once it is sent.
	status int
}

// serve reads the body, lets f answer, and answers with f's error if it has one.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, route string, limit int64, f func(*exchange) error) {
	x := &exchange{h: h, w: w, r: r, start: time.Now()}
	in, out := h.buffers.Get().(*[]byte), h.buffers.Get().(*[]byte)
	x.out = (*out)[:0]
	defer func() {
		h.giveBack(in, x.body)
		h.giveBack(out, x.out)
		if h.cfg.Observe != nil {
			h.cfg.Observe(route, r.Method, x.status, time.Since(x.start))
		}
	}()
	err := x.read((*in)[:0], limit)
	if err == nil {
		err = f(x)
	}
	if err != nil {
		x.fail(err, nil)
	}
}

// giveBack returns a buffer to the pool unless it has become too large.
func (h *handler) giveBack(p *[]byte, b []byte) {
	if cap(b) <= maxPooledBytes {
		*p = b[:0]
	} else {
		*p = nil
	}
	h.buffers.Put(p)
}

// read reads the body into b; one longer than limit is refused.
func (x *exchange) read(b []byte, limit int64) error {
	x.body = b
	if limit == 0 {
		return nil
	}
	tooLong := &refusal{http.StatusRequestEntityTooLarge, "the body is longer than the limit, send fewer points at a time"}
	if x.r.ContentLength > limit {
		return tooLong
	}
	if n := min(x.r.ContentLength+1, firstReadBytes); int64(cap(b)) < n {
		b = make([]byte, 0, n)
	}
	body := http.MaxBytesReader(x.w, x.r.Body, limit)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == nil {
			continue
		}
		x.body = b
		var long *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &long):
			return tooLong
		}
		return scan.Wrong("", "read the body: %v", err)
	}
}
