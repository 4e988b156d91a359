package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// WriteOptions says how a write is sent.
type WriteOptions struct {
	// ID makes this write the same as an earlier one; zero makes up a new one.
	ID flow.RequestID
	// Results asks for what became of each operation. It comes without asking
	// when an operation is conditional and when the write fails.
	Results bool
	// Timeout is the server's limit on its wait; 0 is the server's default.
	Timeout time.Duration
}

// WriteResult is what became of a write.
type WriteResult struct {
	// ID is the request id that was sent; repeat the write with it to learn its outcome.
	ID flow.RequestID
	// OperationID is the largest log index the write got in any shard.
	OperationID uint64
	// Results, when there are any, are at the positions of the operations.
	Results []flow.OpResult
	// Token names the write for a later read at level Session.
	Token flow.SessionToken
}

// Upsert stores the points. The answer means: committed by a majority of each
// shard's replicas, applied and searchable.
func (c *Client) Upsert(ctx context.Context, collection string, points []flow.Point, o WriteOptions) (WriteResult, error) {
	ops := make([]flow.Op, len(points))
	for i := range points {
		ops[i] = flow.Op{Kind: flow.Upsert, ID: points[i].ID, Vector: points[i].Vector, Payload: points[i].Payload}
	}
	return c.Write(ctx, collection, ops, o)
}

// Delete removes the points; those that do not exist are left so.
func (c *Client) Delete(ctx context.Context, collection string, ids []flow.PointID, o WriteOptions) (WriteResult, error) {
	ops := make([]flow.Op, len(ids))
	for i, id := range ids {
		ops[i] = flow.Op{Kind: flow.Delete, ID: id}
	}
	return c.Write(ctx, collection, ops, o)
}

// Write carries out operations of one kind, each with its condition if it has
// one. When a condition does not hold the error is a Conflict and the result
// tells each operation's fate. An Unknown error means that the write may have
// happened: calling again with WriteOptions.ID set to the result's ID is safe.
func (c *Client) Write(ctx context.Context, collection string, ops []flow.Op, o WriteOptions) (WriteResult, error) {
	cl := &call{op: "client.Write", query: url.Values{"wait": {"true"}}, id: o.ID, write: true}
	kind := flow.Upsert
	for i := range ops {
		if i == 0 {
			kind = ops[0].Kind
		}
		if ops[i].Kind != kind {
			return WriteResult{}, flow.Errorf(flow.InvalidArgument, cl.op, "operation %d is of another kind than the first", i)
		}
	}
	switch kind {
	case flow.Upsert:
		cl.method, cl.path, cl.body = http.MethodPut, collectionPath(collection, "/points"), AppendUpsert(make([]byte, 0, upsertSize(ops)), ops)
	case flow.Delete:
		cl.method, cl.path, cl.body = http.MethodPost, collectionPath(collection, "/points/delete"), AppendDelete(nil, ops)
	default:
		return WriteResult{}, flow.Errorf(flow.InvalidArgument, cl.op, "operation kind %d is neither Upsert nor Delete", kind)
	}
	if cl.id.IsZero() {
		cl.id = NewRequestID()
	}
	if o.Results {
		cl.query.Set("results", "true")
	}
	setTimeout(cl.query, o.Timeout)
	a, err := c.do(ctx, cl, nil)
	res := WriteResult{ID: cl.id}
	if a == nil || len(a.Result) == 0 {
		return res, err
	}
	if bad := res.read(a.Result); bad != nil && err == nil {
		err = bad
	}
	return res, err
}

// Guesses of the length of an upsert's body: an operation without its vector and
// payload, and a component, by whether it is an integer, as in quantised data.
const (
	opBytes       = 64
	integerBytes  = 4
	fractionBytes = 12
	// sampledFloats is how many components tell what the rest are like.
	sampledFloats = 16
)

// upsertSize guesses the length of an upsert's body.
func upsertSize(ops []flow.Op) int {
	n, each := opBytes, integerBytes
	for i := range ops {
		v := ops[i].Vector
		if i == 0 {
			for _, x := range v[:min(len(v), sampledFloats)] {
				if x != float32(int32(x)) {
					each = fractionBytes
				}
			}
		}
		n += opBytes + each*len(v) + len(ops[i].Payload)
	}
	return n
}

// read fills the result from its JSON form.
func (r *WriteResult) read(b []byte) error {
	const op = "client.Write"
	var u UpdateResult
	if err := json.Unmarshal(b, &u); err != nil {
		return flow.Errorf(flow.Internal, op, "read the answer: %w", err)
	}
	r.OperationID = u.OperationID
	if u.Session != "" {
		t, err := flow.ParseSessionToken(u.Session)
		if err != nil {
			return err
		}
		r.Token = t
	}
	for _, p := range u.Points {
		res := flow.OpResult{Version: p.Version}
		for s := flow.Applied; s <= flow.Unresolved; s++ {
			if s.String() == p.Status {
				res.Status = s
			}
		}
		switch res.Status {
		case flow.Failed:
			res.Err = flow.Errorf(flow.Unavailable, op, "%s", p.Error)
		case flow.Unresolved:
			res.Err = flow.Errorf(flow.Unknown, op, "%s", p.Error)
		}
		r.Results = append(r.Results, res)
	}
	return nil
}

// Get returns one point with vector and payload, or NotFound.
func (c *Client) Get(ctx context.Context, collection string, id flow.PointID, o flow.ReadOptions) (flow.Point, error) {
	r, err := c.Retrieve(ctx, flow.GetRequest{Collection: collection, IDs: []flow.PointID{id}, WithVector: true, WithPayload: true, Read: o})
	if err != nil {
		return flow.Point{}, err
	}
	if len(r.Points) == 0 {
		return flow.Point{}, flow.Errorf(flow.NotFound, "client.Get", "collection %q has no point %v", collection, id)
	}
	return r.Points[0], nil
}

// Retrieve returns those of the points that exist, in the order of the ids.
func (c *Client) Retrieve(ctx context.Context, r flow.GetRequest) (flow.GetResponse, error) {
	b := append([]byte(nil), `{"ids":[`...)
	for i, id := range r.IDs {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendID(b, id)
	}
	b = appendWith(append(b, ']'), r.WithPayload, r.WithVector)
	var recs []PointRecord
	info, err := c.read(ctx, "client.Retrieve", r.Collection, "/points", append(b, '}'), r.Read, &recs)
	if err != nil {
		return flow.GetResponse{}, err
	}
	return flow.GetResponse{ReadInfo: info, Points: points(recs)}, nil
}

// Count returns the exact number of points.
func (c *Client) Count(ctx context.Context, r flow.CountRequest) (flow.CountResponse, error) {
	var n CountResult
	b := append(appendFilter([]byte(`{"exact":true`), r.Filter), '}')
	info, err := c.read(ctx, "client.Count", r.Collection, "/points/count", b, r.Read, &n)
	if err != nil {
		return flow.CountResponse{}, err
	}
	return flow.CountResponse{ReadInfo: info, Count: n.Count}, nil
}

// Scroll returns a page of points in id order.
func (c *Client) Scroll(ctx context.Context, r flow.ScrollRequest) (flow.ScrollResponse, error) {
	b := strconv.AppendInt([]byte(`{"limit":`), int64(r.Limit), 10)
	if r.From != "" {
		b = AppendID(append(b, `,"offset":`...), r.From)
	}
	b = append(appendWith(appendFilter(b, r.Filter), r.WithPayload, r.WithVector), '}')
	var page ScrollResult
	info, err := c.read(ctx, "client.Scroll", r.Collection, "/points/scroll", b, r.Read, &page)
	if err != nil {
		return flow.ScrollResponse{}, err
	}
	res := flow.ScrollResponse{ReadInfo: info, Points: points(page.Points)}
	if page.NextPageOffset != nil {
		res.Next = flow.PointID(*page.NextPageOffset)
	}
	return res, nil
}

// Hit is one answer of a search. Score is the L2 or Manhattan distance (smaller
// is nearer), the cosine or the dot product (larger is nearer).
type Hit struct {
	flow.Point
	Score float32
}

// SearchResult holds the hits, nearest first.
type SearchResult struct {
	flow.ReadInfo
	Hits []Hit
}

// Search returns the K points nearest to the request's vector.
func (c *Client) Search(ctx context.Context, r flow.SearchRequest) (SearchResult, error) {
	b := AppendVector([]byte(`{"vector":`), r.Vector)
	b = strconv.AppendInt(append(b, `,"limit":`...), int64(r.K), 10)
	b = appendFilter(appendParams(b, &r), r.Filter)
	b = append(appendWith(b, r.WithPayload, r.WithVector), '}')
	var recs []PointRecord
	info, err := c.read(ctx, "client.Search", r.Collection, "/points/search", b, r.Read, &recs)
	if err != nil {
		return SearchResult{}, err
	}
	res := SearchResult{ReadInfo: info, Hits: make([]Hit, len(recs))}
	for i, p := range points(recs) {
		res.Hits[i].Point = p
		if recs[i].Score != nil {
			res.Hits[i].Score = *recs[i].Score
		}
	}
	return res, nil
}

// appendFilter appends a filter, if there is one.
func appendFilter(b []byte, f flow.Filter) []byte {
	if len(f) == 0 {
		return b
	}
	return append(append(b, `,"filter":`...), f...)
}

// appendParams appends the params of a search, those that are not zero.
func appendParams(b []byte, r *flow.SearchRequest) []byte {
	b = append(b, `,"params":{"exact":`...)
	b = strconv.AppendBool(b, r.Exact)
	if r.EF != 0 {
		b = strconv.AppendInt(append(b, `,"hnsw_ef":`...), int64(r.EF), 10)
	}
	if r.Oversampling != 0 {
		b = strconv.AppendFloat(append(b, `,"quantization":{"oversampling":`...), r.Oversampling, 'g', -1, 64)
		b = append(b, '}')
	}
	return append(b, '}')
}

// read sends a read of a collection's points.
func (c *Client) read(ctx context.Context, op, collection, path string, body []byte, o flow.ReadOptions, result any) (flow.ReadInfo, error) {
	cl := &call{op: op, method: http.MethodPost, path: collectionPath(collection, path), query: readQuery(o), body: body}
	a, err := c.do(ctx, cl, result)
	if err != nil {
		return flow.ReadInfo{}, err
	}
	return a.readInfo()
}

// readInfo returns where the answer came from.
func (a *answer) readInfo() (flow.ReadInfo, error) {
	info := flow.ReadInfo{Stale: a.Stale}
	for _, s := range a.MissingShards {
		info.Missing = append(info.Missing, flow.ShardID(s+1))
	}
	if a.Session != "" {
		t, err := flow.ParseSessionToken(a.Session)
		if err != nil {
			return info, err
		}
		info.Shards = t
	}
	return info, nil
}

// readQuery puts read options into query parameters.
func readQuery(o flow.ReadOptions) url.Values {
	q := url.Values{}
	if o.Level != flow.Linearizable {
		q.Set("level", o.Level.String())
	}
	if o.Level == flow.Session {
		q.Set("session", o.Token.String())
	}
	if o.Level == flow.Bounded {
		q.Set("max_staleness_ms", strconv.FormatInt(o.MaxStaleness.Milliseconds(), 10))
	}
	if o.Partial {
		q.Set("partial", "true")
	}
	setTimeout(q, o.Timeout)
	return q
}

func setTimeout(q url.Values, d time.Duration) {
	if d > 0 {
		q.Set("timeout", strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
	}
}

func collectionPath(name, rest string) string {
	return "/collections/" + url.PathEscape(name) + rest
}

func appendWith(b []byte, payload, vector bool) []byte {
	b = strconv.AppendBool(append(b, `,"with_payload":`...), payload)
	return strconv.AppendBool(append(b, `,"with_vector":`...), vector)
}

// points turns records into points.
func points(recs []PointRecord) []flow.Point {
	ps := make([]flow.Point, len(recs))
	for i, r := range recs {
		ps[i] = flow.Point{ID: flow.PointID(r.ID), Vector: r.Vector, Payload: r.Payload, Version: r.Version}
	}
	return ps
}

// DeleteMatching deletes the points that pass a filter, each in the version in which it
// passed; what other writes change meanwhile stays as they leave it. On an error some
// may be deleted; doing it again is harmless.
func (c *Client) DeleteMatching(ctx context.Context, collection string, f flow.Filter) (flow.SessionToken, error) {
	const op = "client.DeleteMatching"
	if len(f) == 0 {
		return nil, flow.Errorf(flow.InvalidArgument, op, "filter is empty; {} deletes every point")
	}
	var u UpdateResult
	body := append(append([]byte(`{"filter":`), f...), '}')
	if _, err := c.do(ctx, &call{op: op, method: http.MethodPost, path: collectionPath(collection, "/points/delete"), body: body}, &u); err != nil {
		return nil, err
	}
	return flow.ParseSessionToken(u.Session)
}
