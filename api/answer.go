package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// do hands a request to the backend and returns the response of type T.
func do[T flow.Response](x *exchange, req flow.Request) (T, error) {
	resp := x.h.b.Do(x.r.Context(), req)
	t, ok := resp.(T)
	switch {
	case ok:
		return t, t.Error()
	case resp != nil && resp.Error() != nil:
		return t, resp.Error()
	}
	return t, flow.Errorf(flow.Internal, "api.do", "a %T was answered with a %T", req, resp)
}

// whole returns err, or Unavailable when a read lacks shards that it may not lack;
// either names the shards.
func whole(info *flow.ReadInfo, o *flow.ReadOptions, err error) error {
	if len(info.Missing) == 0 || err == nil && o.Partial {
		return err
	}
	names := make([]string, len(info.Missing))
	for i, s := range info.Missing {
		names[i] = strconv.Itoa(s.UserID())
	}
	list := "shard " + names[0]
	if len(names) > 1 {
		list = "shards " + strings.Join(names, ", ")
	}
	switch {
	case err == nil:
		return flow.Errorf(flow.Unavailable, "api.read", "%s could not be reached; partial=true answers without", list)
	case strings.Contains(message(err), "shard"):
		return err // the node has named them
	}
	return flow.Errorf(flow.KindOf(err), "api.read", "%s could not be reached: %s", list, message(err))
}

// reply answers with 200 and what encode appends as the result. Info is where a
// read came from, or nil.
func (x *exchange) reply(info *flow.ReadInfo, encode func(b []byte) []byte) error {
	b := append(x.out, `{"result":`...)
	b = encode(b)
	b = append(b, `,"status":"ok"`...)
	if info != nil {
		b = appendInfo(b, info)
		if len(info.Shards) > 0 {
			x.w.Header().Set(client.HeaderSession, info.Shards.String())
		}
	}
	x.out = x.appendTime(b)
	x.send(http.StatusOK)
	return nil
}

// replyJSON answers with 200 and v as the result.
func (x *exchange) replyJSON(info *flow.ReadInfo, v any) error {
	j, err := json.Marshal(v)
	if err != nil {
		return flow.Errorf(flow.Internal, "api.reply", "encode the answer: %w", err)
	}
	return x.reply(info, func(b []byte) []byte { return append(b, j...) })
}

func appendInfo(b []byte, info *flow.ReadInfo) []byte {
	if len(info.Missing) > 0 {
		b = append(b, `,"missing_shards":[`...)
		for i, s := range info.Missing {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(s.UserID()), 10)
		}
		b = append(b, ']')
	}
	if info.Stale {
		b = append(b, `,"stale":true`...)
	}
	if len(info.Shards) > 0 {
		b = client.AppendString(append(b, `,"session":`...), info.Shards.String())
	}
	return b
}

// appendTime ends an envelope with the time it took, in seconds.
func (x *exchange) appendTime(b []byte) []byte {
	b = append(b, `,"time":`...)
	b = strconv.AppendFloat(b, time.Since(x.start).Seconds(), 'f', 9, 64)
	return append(b, '}', '\n')
}

// send sends what out holds.
func (x *exchange) send(status int) {
	head := x.w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Content-Length", strconv.Itoa(len(x.out)))
	x.status = status
	x.w.WriteHeader(status)
	x.w.Write(x.out) // a client that is gone has no use for an error
}

// fail answers with an error, and with a result that goes with it if encode is
// not nil.
func (x *exchange) fail(err error, encode func(b []byte) []byte) {
	status, kind := statusOf(err), flow.KindOf(err)
	text := message(err)
	if kind == flow.Unknown {
		text += "; the outcome is unknown: retry with the same " + client.HeaderRequestID
		x.w.Header().Set(client.HeaderOutcome, "unknown")
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "1")
	}
	b := append(x.out[:0], '{')
	if encode != nil {
		b = append(encode(append(b, `"result":`...)), ',')
	}
	b = client.AppendString(append(b, `"status":{"error":`...), text)
	b = client.AppendString(append(b, `,"kind":`...), kind.String())
	if e := (*flow.Error)(nil); errors.As(err, &e) && e.HasShard {
		b = strconv.AppendInt(append(b, `,"shard":`...), int64(e.Shard.UserID()), 10)
	}
	x.out = x.appendTime(append(b, '}'))
	x.send(status)
}

// message returns an error's text without the kind in front, which has a field
// of its own.
func message(err error) string {
	var e *flow.Error
	if errors.As(err, &e) {
		if e.Err == nil {
			return e.Kind.String()
		}
		return e.Err.Error()
	}
	return err.Error()
}

// refusal is a request that is refused with an HTTP status of its own.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// Unwrap gives the refusal its kind.
func (r *refusal) Unwrap() error {
	return flow.Errorf(flow.InvalidArgument, "api.serve", "%s", r.reason)
}

// statusOf returns the HTTP status of an error.
func statusOf(err error) int {
	var no *refusal
	if errors.As(err, &no) {
		return no.status
	}
	var bad *scan.Error
	if errors.As(err, &bad) && bad.OutOfBounds {
		return http.StatusUnprocessableEntity
	}
	switch flow.KindOf(err) {
	case flow.InvalidArgument:
		return http.StatusBadRequest
	case flow.NotFound:
		return http.StatusNotFound
	case flow.AlreadyExists, flow.Conflict:
		return http.StatusConflict
	case flow.NotLeader, flow.Unavailable, flow.Unknown:
		return http.StatusServiceUnavailable
	case flow.ResourceExhausted:
		if errors.Is(err, flow.ErrQueueFull) {
			return http.StatusTooManyRequests
		}
		return http.StatusInsufficientStorage
	case flow.PermissionDenied:
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}
