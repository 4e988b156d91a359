// Package client is the Go client of a node's HTTP interface, and the JSON
// shapes of that interface, which the server side uses too. It never decides
// where a point lives: any node answers any request.
package client

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults and limits.
const (
	defaultTimeout        = 30 * time.Second
	defaultAttemptTimeout = 10 * time.Second
	defaultScheme         = "http://"
	dialTimeout           = 2 * time.Second
	idleConnTimeout       = 90 * time.Second
	// maxIdleConnsPerEndpoint connections stay open, so that as many concurrent
	// callers find one.
	maxIdleConnsPerEndpoint = 256
)

// Client talks to one cluster through any of its nodes. It is safe for
// concurrent use. Every failure is an *flow.Error.
type Client struct {
	// Timeout bounds a call whose context has no deadline; default 30 s. A call
	// is retried until then, so a small value gives up during a failover.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt on one endpoint, default 10 s, after which
	// the next endpoint is asked with the same request id. A value below the
	// time a large batch takes makes it be sent again and again.
	AttemptTimeout time.Duration

	http      *http.Client
	endpoints []*endpoint
	next      atomic.Uint64
	buffers   sync.Pool // of *[]byte, for answers while they are read
}

// endpoint is one node's base URL, and until when it is better avoided.
type endpoint struct {
	url          string
	avoidUntilNs atomic.Int64
}

// New returns a client of the cluster whose nodes listen at the endpoints: each
// "host:port", a URL, or several of these separated by commas. Calls go to the
// endpoints in turn, leaving out those that failed a moment ago. New does not
// connect; without an endpoint every call is InvalidArgument.
func New(endpoints ...string) *Client {
	c := &Client{
		Timeout:        defaultTimeout,
		AttemptTimeout: defaultAttemptTimeout,
		http: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			MaxIdleConnsPerHost: maxIdleConnsPerEndpoint,
			IdleConnTimeout:     idleConnTimeout,
			DisableCompression:  true,
			WriteBufferSize:     64 << 10,
			ReadBufferSize:      16 << 10,
		}},
	}
	c.buffers.New = func() any { return new([]byte) }
	for _, list := range endpoints {
		for e := range strings.SplitSeq(list, ",") {
			e = strings.TrimRight(strings.TrimSpace(e), "/")
			if e == "" {
				continue
			}
			if !strings.Contains(e, "://") {
				e = defaultScheme + e
			}
			c.endpoints = append(c.endpoints, &endpoint{url: e})
		}
	}
	return c
}

// Endpoints returns the base URLs the client uses.
func (c *Client) Endpoints() []string {
	urls := make([]string, len(c.endpoints))
	for i, e := range c.endpoints {
		urls[i] = e.url
	}
	return urls
}

// Close closes the idle connections. Calls under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }
