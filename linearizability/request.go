package linearizability

import (
	"bytes"
	"fmt"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// KindOf returns what kind of operation a request is, 0 for one that is not recorded.
func KindOf(req flow.Request) Kind {
	switch req.(type) {
	case *flow.WriteRequest:
		return Write
	case *flow.GetRequest:
		return Get
	case *flow.CountRequest:
		return Count
	case *flow.ScrollRequest:
		return Scroll
	case *flow.SearchRequest:
		return Search
	}
	return 0
}

// cloneRequest copies what the caller or the system could change later.
func cloneRequest(req flow.Request) flow.Request {
	switch r := req.(type) {
	case *flow.WriteRequest:
		c := *r
		c.Ops = slices.Clone(r.Ops)
		for i := range c.Ops {
			c.Ops[i].Vector = slices.Clone(c.Ops[i].Vector)
			c.Ops[i].Payload = bytes.Clone(c.Ops[i].Payload)
		}
		return &c
	case *flow.GetRequest:
		c := *r
		c.IDs, c.Read.Token = slices.Clone(r.IDs), slices.Clone(r.Read.Token)
		return &c
	case *flow.CountRequest:
		c := *r
		c.Filter, c.Read.Token = slices.Clone(r.Filter), slices.Clone(r.Read.Token)
		return &c
	case *flow.ScrollRequest:
		c := *r
		c.Filter, c.Read.Token = slices.Clone(r.Filter), slices.Clone(r.Read.Token)
		return &c
	case *flow.SearchRequest:
		c := *r
		c.Vector, c.Filter, c.Read.Token = slices.Clone(r.Vector), slices.Clone(r.Filter), slices.Clone(r.Read.Token)
		return &c
	}
	panic(fmt.Sprintf("linearizability: request %T is not recorded", req))
}

// CollectionOf returns the collection that a recorded request names, "" for another request.
func CollectionOf(req flow.Request) string {
	switch r := req.(type) {
	case *flow.WriteRequest:
		return r.Collection
	case *flow.GetRequest:
		return r.Collection
	case *flow.CountRequest:
		return r.Collection
	case *flow.ScrollRequest:
		return r.Collection
	case *flow.SearchRequest:
		return r.Collection
	}
	return ""
}

// Renamed returns a copy of a read that names another collection; other requests as
// they are.
func Renamed(req flow.Request, collection string) flow.Request {
	switch r := req.(type) {
	case *flow.GetRequest:
		c := *r
		c.Collection = collection
		return &c
	case *flow.CountRequest:
		c := *r
		c.Collection = collection
		return &c
	case *flow.ScrollRequest:
		c := *r
		c.Collection = collection
		return &c
	case *flow.SearchRequest:
		c := *r
		c.Collection = collection
		return &c
	}
	return req
}

func cloneResponse(resp flow.Response) flow.Response {
	switch r := resp.(type) {
	case *flow.GetResponse:
		c := *r
		c.ReadInfo, c.Points = cloneInfo(r.ReadInfo), clonePoints(r.Points)
		return &c
	case *flow.CountResponse:
		c := *r
		c.ReadInfo = cloneInfo(r.ReadInfo)
		return &c
	case *flow.ScrollResponse:
		c := *r
		c.ReadInfo, c.Points = cloneInfo(r.ReadInfo), clonePoints(r.Points)
		return &c
	case *flow.SearchResponse:
		c := *r
		c.ReadInfo, c.Hits = cloneInfo(r.ReadInfo), slices.Clone(r.Hits)
		for i := range c.Hits {
			c.Hits[i].Point = clonePoint(c.Hits[i].Point)
		}
		return &c
	}
	panic(fmt.Sprintf("linearizability: response %T does not answer a recorded read", resp))
}

func cloneInfo(i flow.ReadInfo) flow.ReadInfo {
	i.Missing, i.Shards = slices.Clone(i.Missing), slices.Clone(i.Shards)
	return i
}

func clonePoints(in []flow.Point) []flow.Point {
	out := slices.Clone(in)
	for i := range out {
		out[i] = clonePoint(out[i])
	}
	return out
}

func clonePoint(p flow.Point) flow.Point {
	p.Vector, p.Payload = slices.Clone(p.Vector), bytes.Clone(p.Payload)
	return p
}

// requestID returns the id of a write, zero when nobody gave one.
func requestID(op *Operation) flow.RequestID {
	if r, ok := op.Response.(*flow.WriteResponse); ok {
		return r.ID
	}
	return flow.RequestID{}
}

// level returns how fresh a read had to be.
func (op *Operation) level() flow.ReadLevel { return op.readOptions().Level }

func (op *Operation) readOptions() flow.ReadOptions { return ReadOptionsOf(op.Request) }

// info returns what a read's answer says of its origin.
func (op *Operation) info() flow.ReadInfo { return ReadInfoOf(op.Response) }

// ReadOptionsOf returns how a read may be answered, the zero value for another request.
func ReadOptionsOf(req flow.Request) flow.ReadOptions {
	switch r := req.(type) {
	case *flow.GetRequest:
		return r.Read
	case *flow.CountRequest:
		return r.Read
	case *flow.ScrollRequest:
		return r.Read
	case *flow.SearchRequest:
		return r.Read
	}
	return flow.ReadOptions{}
}

// ReadInfoOf returns what a read's answer says of its origin, the zero value for
// another answer.
func ReadInfoOf(resp flow.Response) flow.ReadInfo {
	switch r := resp.(type) {
	case *flow.GetResponse:
		return r.ReadInfo
	case *flow.CountResponse:
		return r.ReadInfo
	case *flow.ScrollResponse:
		return r.ReadInfo
	case *flow.SearchResponse:
		return r.ReadInfo
	}
	return flow.ReadInfo{}
}
