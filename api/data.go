package api

import (
	"net/http"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// params reads the query parameters of the known names.
func (x *exchange) params(known []string) *params {
	return parseParams(x.r.URL.RawQuery, known)
}

// name returns the collection the path names.
func (x *exchange) name() string { return x.r.PathValue("c") }

// upsert serves PUT /collections/{c}/points.
func (x *exchange) upsert() error { return x.write(decodeUpsert) }

// remove serves POST /collections/{c}/points/delete.
func (x *exchange) remove() error { return x.write(decodeDelete) }

// write decodes a write, hands it on and answers with what became of it.
func (x *exchange) write(decode func([]byte) (points, error)) error {
	p := x.params(writeParams)
	wait, results := p.flag("wait"), p.flag("results")
	p.oneOf("ordering", "weak", "medium", "strong")
	req := &flow.WriteRequest{Collection: x.name(), Timeout: p.timeout()}
	if h := x.r.Header.Get(client.HeaderRequestID); h != "" {
		id, err := flow.ParseRequestID(h)
		if err != nil {
			return err
		}
		req.ID = id
	}
	if err := p.done(); err != nil {
		return err
	}
	pts, err := decode(x.body)
	if err != nil {
		return err
	}
	if pts.filter != nil {
		return x.removeMatching(req, pts.filter, wait)
	}
	req.Ops = pts.ops
	if req.ID.IsZero() { // so that an unknown outcome can be retried even if the node does not answer
		req.ID = client.NewRequestID()
	}
	x.w.Header().Set(client.HeaderRequestID, req.ID.String())
	resp, err := do[*flow.WriteResponse](x, req)
	if resp == nil {
		return err
	}
	if err == nil {
		err = conflict(resp.Results)
	}
	if len(resp.Token) > 0 {
		x.w.Header().Set(client.HeaderSession, resp.Token.String())
	}
	status := "acknowledged"
	if wait {
		status = "completed"
	}
	if err != nil {
		status = "incomplete"
	}
	encode := func(b []byte) []byte {
		return appendUpdate(b, req.Ops, resp, status, results || pts.conditional || err != nil)
	}
	if err == nil {
		return x.reply(nil, encode)
	}
	if len(resp.Results) == 0 {
		return err
	}
	x.fail(err, encode)
	return nil
}

// conflict returns a Conflict if one of the conditions did not hold.
func conflict(results []flow.OpResult) error {
	n := 0
	for i := range results {
		if results[i].Status == flow.Conflicted {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return flow.Errorf(flow.Conflict, "api.write", "%d of %d operations found another version than they ask for; the result names them", n, len(results))
}

// appendUpdate appends a client.UpdateResult.
func appendUpdate(b []byte, ops []flow.Op, resp *flow.WriteResponse, status string, results bool) []byte {
	var last uint64
	for _, e := range resp.Token {
		last = max(last, e.Index)
	}
	b = strconv.AppendUint(append(b, `{"operation_id":`...), last, 10)
	b = client.AppendString(append(b, `,"status":`...), status)
	if results && len(resp.Results) == len(ops) {
		b = append(b, `,"points":[`...)
		for i, r := range resp.Results {
			if i > 0 {
				b = append(b, ',')
			}
			b = client.AppendID(append(b, `{"id":`...), ops[i].ID)
			b = client.AppendString(append(b, `,"status":`...), r.Status.String())
			b = strconv.AppendUint(append(b, `,"version":`...), r.Version, 10)
			if r.Err != nil {
				b = client.AppendString(append(b, `,"error":`...), message(r.Err))
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if len(resp.Token) > 0 {
		b = client.AppendString(append(b, `,"session":`...), resp.Token.String())
	}
	return append(b, '}')
}

// appendPoint appends a client.PointRecord; score is nil outside of searches.
func appendPoint(b []byte, p *flow.Point, score *float32, withPayload, withVector bool) []byte {
	b = client.AppendID(append(b, `{"id":`...), p.ID)
	b = strconv.AppendUint(append(b, `,"version":`...), p.Version, 10)
	if score != nil {
		b = client.AppendFloat(append(b, `,"score":`...), *score)
	}
	if withPayload {
		b = append(b, `,"payload":`...)
		if len(p.Payload) > 0 {
			b = append(b, p.Payload...)
		} else {
			b = append(b, '{', '}')
		}
	}
	if withVector {
		b = client.AppendVector(append(b, `,"vector":`...), p.Vector)
	}
	return append(b, '}')
}

func appendPoints(b []byte, pts []flow.Point, withPayload, withVector bool) []byte {
	b = append(b, '[')
	for i := range pts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPoint(b, &pts[i], nil, withPayload, withVector)
	}
	return append(b, ']')
}

// retrieve serves POST /collections/{c}/points.
func (x *exchange) retrieve() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	req, err := decodeGet(x.body)
	if err != nil {
		return err
	}
	req.Collection, req.Read = x.name(), o
	resp, err := x.get(&req)
	if err != nil {
		return err
	}
	return x.reply(&resp.ReadInfo, func(b []byte) []byte {
		return appendPoints(b, resp.Points, req.WithPayload, req.WithVector)
	})
}

func (x *exchange) get(req *flow.GetRequest) (*flow.GetResponse, error) {
	resp, err := do[*flow.GetResponse](x, req)
	if resp == nil {
		return nil, err
	}
	return resp, whole(&resp.ReadInfo, &req.Read, err)
}

// one reads one point, or answers NotFound.
func (x *exchange) one(id flow.PointID, o flow.ReadOptions) (*flow.GetResponse, error) {
	resp, err := x.get(&flow.GetRequest{Collection: x.name(), IDs: []flow.PointID{id}, WithVector: true, WithPayload: true, Read: o})
	if err == nil && len(resp.Points) == 0 {
		err = flow.Errorf(flow.NotFound, "api.point", "collection %q has no point %v", x.name(), id)
		if len(resp.Missing) > 0 {
			err = flow.Errorf(flow.Unavailable, "api.point", "shard %d, which would hold point %v, could not be reached", resp.Missing[0].UserID(), id)
		}
	}
	return resp, err
}

// point serves GET /collections/{c}/points/{id}. An id of digits alone is a
// number; a string of digits can be had by retrieve.
func (x *exchange) point() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	id, err := flow.ParsePointID(x.r.PathValue("id"))
	if err != nil {
		return err
	}
	resp, err := x.one(id, o)
	if err != nil {
		return err
	}
	return x.reply(&resp.ReadInfo, func(b []byte) []byte {
		return appendPoint(b, &resp.Points[0], nil, true, true)
	})
}

// search serves POST /collections/{c}/points/search.
func (x *exchange) search() error {
	return x.find(&searchShape, func(b []byte, hits func([]byte) []byte) []byte { return hits(b) })
}

// query serves POST /collections/{c}/points/query.
func (x *exchange) query() error {
	return x.find(&queryShape, func(b []byte, hits func([]byte) []byte) []byte {
		return append(hits(append(b, `{"points":`...)), '}')
	})
}

// find decodes a search of the shape, carries it out, and puts the hits into the
// result by means of frame.
func (x *exchange) find(sh *shape, frame func(b []byte, hits func([]byte) []byte) []byte) error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	q, err := decodeSearch(x.body, sh)
	if err != nil {
		return err
	}
	q.Collection, q.Read = x.name(), o
	if q.nearest != "" {
		from, err := x.one(q.nearest, o)
		if err != nil {
			return err
		}
		q.Vector = from.Points[0].Vector
		q.K = min(q.K+1, flow.MaxK) // the point itself will be left out
	}
	resp, err := do[*flow.SearchResponse](x, &q.SearchRequest)
	if resp == nil {
		return err
	}
	if err := whole(&resp.ReadInfo, &o, err); err != nil {
		return err
	}
	hits := q.cut(resp.Hits, resp.Metric)
	return x.reply(&resp.ReadInfo, func(b []byte) []byte {
		return frame(b, func(b []byte) []byte {
			b = append(b, '[')
			for i := range hits {
				if i > 0 {
					b = append(b, ',')
				}
				score := resp.Metric.Score(hits[i].Distance)
				b = appendPoint(b, &hits[i].Point, &score, q.WithPayload, q.WithVector)
			}
			return append(b, ']')
		})
	})
}

// scroll serves POST /collections/{c}/points/scroll.
func (x *exchange) scroll() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	req, err := decodeScroll(x.body)
	if err != nil {
		return err
	}
	req.Collection, req.Read = x.name(), o
	resp, err := do[*flow.ScrollResponse](x, &req)
	if resp == nil {
		return err
	}
	if err := whole(&resp.ReadInfo, &o, err); err != nil {
		return err
	}
	return x.reply(&resp.ReadInfo, func(b []byte) []byte {
		b = appendPoints(append(b, `{"points":`...), resp.Points, req.WithPayload, req.WithVector)
		b = append(b, `,"next_page_offset":`...)
		if resp.Next == "" {
			return append(b, `null}`...)
		}
		return append(client.AppendID(b, resp.Next), '}')
	})
}

// count serves POST /collections/{c}/points/count.
func (x *exchange) count() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	req, err := decodeCount(x.body)
	if err != nil {
		return err
	}
	req.Collection, req.Read = x.name(), o
	resp, err := x.countOf(&req)
	if err != nil {
		return err
	}
	return x.replyJSON(&resp.ReadInfo, client.CountResult{Count: resp.Count})
}

func (x *exchange) countOf(req *flow.CountRequest) (*flow.CountResponse, error) {
	resp, err := do[*flow.CountResponse](x, req)
	if resp == nil {
		return nil, err
	}
	return resp, whole(&resp.ReadInfo, &req.Read, err)
}

// version serves GET /.
func (x *exchange) version() error {
	b := client.AppendString(append(x.out, `{"title":"ruvector-flow","version":`...), x.h.cfg.Version)
	x.out = append(b, '}', '\n')
	x.send(http.StatusOK)
	return nil
}

// alive serves GET /healthz and /livez: the process answers.
func (x *exchange) alive() error { return x.replyJSON(nil, true) }

// ready serves GET /readyz.
func (x *exchange) ready() error {
	if err := x.h.b.Ready(); err != nil {
		return flow.Errorf(flow.Unavailable, "api.ready", "not ready: %s", message(err))
	}
	return x.replyJSON(nil, true)
}
