package client

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Limits of retrying.
const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = 200 * time.Millisecond
	// avoidFor is how long an endpoint that could not be reached is left out.
	avoidFor = time.Second
	// maxResponseBytes bounds what is read of one answer.
	maxResponseBytes = 1 << 30
	// firstReadBytes is what is set aside for an answer before any of it has come,
	// whatever length it announces; minReadBytes what it grows by at least.
	firstReadBytes = 1 << 20
	minReadBytes   = 4 << 10
	// maxPooledBytes is the largest buffer kept for the next answer.
	maxPooledBytes = 1 << 20
	// maxErrorTextBytes bounds what is quoted of an answer that is not JSON.
	maxErrorTextBytes = 200
)

// call is one operation, sent until it is answered.
type call struct {
	op, method, path string
	query            url.Values
	body             []byte
	// id is sent with writes, the same on every attempt.
	id flow.RequestID
	// write says that an attempt without an answer leaves the outcome unknown.
	write bool
	// once asks each endpoint at most once instead of until the deadline.
	once bool
}

// answer is the last answer of a call. Unsure says that an earlier or the last
// attempt may have been carried out without an answer reaching us.
type answer struct {
	Envelope
	status int
	header http.Header
	unsure bool
	// scanned says that the result has been read already.
	scanned bool
}

// NewRequestID makes an id for a write from the clock and the system's random source.
func NewRequestID() flow.RequestID {
	var random [10]byte
	crand.Read(random[:]) // never fails (crypto/rand)
	return flow.NewRequestID(flow.Time(time.Now().UnixNano()), random)
}

// do sends the call to one endpoint after the other until one answers with
// something else than "not now", and decodes the result of a success.
func (c *Client) do(ctx context.Context, cl *call, result any) (*answer, error) {
	if len(c.endpoints) == 0 {
		return nil, flow.Errorf(flow.InvalidArgument, cl.op, "no endpoint was given")
	}
	if _, ok := ctx.Deadline(); !ok && c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	backoff, unsure := minBackoff, false
	var last error
	for attempt := 1; ; attempt++ {
		e := c.pick()
		a, err := c.attempt(ctx, e, cl, result)
		if err == nil {
			e.avoidUntilNs.Store(0)
			a.unsure = unsure
			if err = a.failure(cl.op); !retryable(a.status) {
				return a, finish(cl, a, err, result)
			}
			unsure = unsure || flow.KindOf(err) == flow.Unknown || a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests
		} else {
			if ctx.Err() == nil {
				e.avoidUntilNs.Store(time.Now().Add(avoidFor).UnixNano())
			}
			unsure = unsure || cl.write && !neverSent(err)
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if cl.once && attempt >= len(c.endpoints) || !sleep(ctx, c.pause(&backoff, attempt, err, a)) {
			return &answer{unsure: unsure}, gaveUp(ctx, cl, unsure && cl.write, attempt, last)
		}
	}
}

// pick returns the next endpoint in turn that is not to be avoided, or the one
// whose avoidance ends first.
func (c *Client) pick() *endpoint {
	n := uint64(len(c.endpoints))
	start, now := c.next.Add(1)-1, time.Now().UnixNano()
	best := c.endpoints[start%n]
	for i := range n {
		e := c.endpoints[(start+i)%n]
		until := e.avoidUntilNs.Load()
		if until <= now {
			return e
		}
		if until < best.avoidUntilNs.Load() {
			best = e
		}
	}
	return best
}

// pause returns how long to wait before the next attempt: nothing while there
// are endpoints that have not been asked yet and this one could not be reached.
func (c *Client) pause(backoff *time.Duration, attempt int, err error, a *answer) time.Duration {
	if a == nil && err != nil && attempt < len(c.endpoints) {
		return 0
	}
	d := *backoff
	*backoff = min(2*d, maxBackoff)
	return d/2 + rand.N(d)
}

// sleep waits for d and says whether the context still allows an attempt.
func sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// attempt sends the call once and reads the whole answer; its result too, where
// that goes without encoding/json.
func (c *Client) attempt(ctx context.Context, e *endpoint, cl *call, result any) (*answer, error) {
	if c.AttemptTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.AttemptTimeout)
		defer cancel()
	}
	u := e.url + cl.path
	if len(cl.query) > 0 {
		u += "?" + cl.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, u, bytes.NewReader(cl.body))
	if err != nil {
		return nil, err
	}
	if len(cl.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if !cl.id.IsZero() {
		req.Header.Set(HeaderRequestID, cl.id.String())
	}
	var connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	resp, err := c.http.Do(req)
	if err != nil {
		if !connected.Load() {
			err = &unsentError{err}
		}
		return nil, err
	}
	defer resp.Body.Close()
	buffer := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buffer) // nothing of the answer stays in it
	body, err := readAll(resp, *buffer)
	if err != nil {
		return nil, err
	}
	if cap(body) <= maxPooledBytes {
		*buffer = body
	}
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.status == http.StatusOK && scanAnswer(body, &a.Envelope, result) {
		a.scanned = true
		return a, nil
	}
	if err := json.Unmarshal(body, &a.Envelope); err != nil {
		text, _ := json.Marshal(ErrorStatus{Error: fmt.Sprintf("HTTP %s from %s: %.*q", resp.Status, e.url, maxErrorTextBytes, body)})
		a.Envelope = Envelope{Status: text}
		if a.status < http.StatusMultipleChoices {
			a.status = http.StatusBadGateway // whoever answered is not one of our nodes
		}
	}
	return a, nil
}

// readAll reads an answer, into the buffer's memory as far as that goes.
func readAll(resp *http.Response, buffer []byte) ([]byte, error) {
	b := buffer[:0]
	if n := min(resp.ContentLength, firstReadBytes); int64(cap(b)) <= n {
		b = make([]byte, 0, n+1) // one more, so that the end is seen without growing
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, minReadBytes)
		}
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		case len(b) > maxResponseBytes:
			return nil, fmt.Errorf("the answer is longer than %d bytes", maxResponseBytes)
		}
	}
}

// retryable says that the same call may be answered otherwise a moment later.
func retryable(status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// unsentError is of a request that cannot have reached a node: no connection was had
// for it, because none could be made or because time ran out before.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// neverSent says that the request cannot have reached a node.
func neverSent(err error) bool {
	var unsent *unsentError
	return errors.As(err, &unsent)
}

// failure returns nil for a success, else the server's error.
func (a *answer) failure(op string) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	var s ErrorStatus
	if json.Unmarshal(a.Status, &s) != nil || s.Error == "" {
		s.Error = fmt.Sprintf("HTTP status %d", a.status)
	}
	e := flow.Errorf(kindOf(a.status, s.Kind), op, "%s", s.Error)
	if s.Shard != nil {
		e = e.OnShard(flow.ShardID(*s.Shard + 1))
	}
	return e
}

// finish decodes the result of a call that needs no retry.
func finish(cl *call, a *answer, err error, result any) error {
	if err != nil || result == nil || a.scanned {
		return err
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return flow.Errorf(flow.Internal, cl.op, "read the answer of %s %s: %w", cl.method, cl.path, err)
	}
	return nil
}

// gaveUp returns the error of a call that found no answer in its time.
func gaveUp(ctx context.Context, cl *call, unsure bool, attempts int, last error) error {
	kind := flow.Unavailable
	var fe *flow.Error
	if errors.As(last, &fe) {
		kind = fe.Kind
		if kind == flow.NotLeader || kind == flow.Internal {
			kind = flow.Unavailable
		}
	}
	if unsure {
		kind = flow.Unknown
	}
	times := "1 attempt"
	if attempts > 1 {
		times = fmt.Sprintf("%d attempts", attempts)
	}
	err := flow.Errorf(kind, cl.op, "%s %s: gave up after %s: %w", cl.method, cl.path, times, last)
	if cause := ctx.Err(); cause != nil && !errors.Is(last, cause) {
		err.Err = fmt.Errorf("%w (%w)", err.Err, cause)
	}
	if fe != nil && fe.HasShard {
		err = err.OnShard(fe.Shard)
	}
	return err
}

// kindOf returns the kind the server named, or the one its status stands for.
func kindOf(status int, name string) flow.Kind {
	for k := flow.Internal; k <= flow.Corrupt; k++ {
		if k.String() == name {
			return k
		}
	}
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge,
		http.StatusMethodNotAllowed:
		return flow.InvalidArgument
	case http.StatusNotFound:
		return flow.NotFound
	case http.StatusConflict:
		return flow.Conflict
	case http.StatusForbidden, http.StatusUnauthorized:
		return flow.PermissionDenied
	case http.StatusTooManyRequests, http.StatusInsufficientStorage:
		return flow.ResourceExhausted
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return flow.Unavailable
	}
	return flow.Internal
}
