package node_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
)

// shelf is what a test has stored: the payload of each point.
type shelf map[uint64]string

// fill stores points at (n, 0) with payloads, and takes some away again.
func fill(t *testing.T, c *cluster, s shelf, from, to uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(from, to))
	var ops []flow.Op
	for n := from; n < to; n++ {
		payload := fmt.Sprintf(`{"color":"c%d","n":%d,"tags":["t%d","t%d"]}`, n%5, n, n%3, n%7)
		if n%11 == 0 {
			payload = ""
		}
		ops = append(ops, flow.Op{Kind: flow.Upsert, ID: flow.NumberID(n), Vector: flow.Vector{float32(n), 0}, Payload: []byte(payload)})
		s[n] = payload
	}
	for range (to - from) / 10 {
		n := from + r.Uint64N(to-from)
		ops = append(ops, remove(n)...)
		delete(s, n)
	}
	if resp := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "films", Ops: ops}); resp.Err != nil {
		t.Fatal(resp.Err)
	}
}

// passing returns the points of the shelf that pass, ascending.
func (s shelf) passing(t *testing.T, text string) []uint64 {
	t.Helper()
	e, err := filter.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []uint64
	for n, payload := range s {
		if e.Match(flow.NumberID(n), []byte(payload)) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// check counts, scrolls and searches with a filter on a node.
func (s shelf) check(t *testing.T, h *host, text string) {
	t.Helper()
	want := s.passing(t, text)
	if r := call[*flow.CountResponse](h, &flow.CountRequest{Collection: "films", Filter: flow.Filter(text)}); r.Err != nil || r.Count != uint64(len(want)) {
		t.Errorf("count of %s: %d, error %v, want %d", text, r.Count, r.Err, len(want))
	}
	var got []uint64
	for from := flow.PointID(""); ; {
		page := call[*flow.ScrollResponse](h, &flow.ScrollRequest{Collection: "films", From: from, Limit: 7, Filter: flow.Filter(text)})
		if page.Err != nil {
			t.Fatalf("scroll of %s: %v", text, page.Err)
		}
		for _, p := range page.Points {
			n, _ := p.ID.Number()
			got = append(got, n)
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("scroll of %s: %v, want %v", text, got, want)
	}
	const k = 20
	hits := call[*flow.SearchResponse](h, &flow.SearchRequest{Collection: "films", Vector: flow.Vector{0, 0}, K: k, Filter: flow.Filter(text), WithPayload: true})
	if hits.Err != nil || len(hits.Hits) != min(k, len(want)) {
		t.Fatalf("search of %s: %d hits, error %v, %d pass", text, len(hits.Hits), hits.Err, len(want))
	}
	for i, hit := range hits.Hits { // the nearest are those of the least numbers
		if n, _ := hit.ID.Number(); n != want[i] || string(hit.Payload) != s[n] {
			t.Errorf("search of %s: hit %d is %d with %s, want %d", text, i, n, hit.Payload, want[i])
		}
	}
}

var shelfFilters = []string{
	`{}`,
	`{"must":[{"key":"color","match":{"value":"c3"}}]}`,
	`{"must":[{"key":"color","match":{"value":"c3"}},{"key":"n","range":{"gte":100,"lt":250}}]}`,
	`{"should":[{"key":"tags","match":{"any":["t6"]}},{"key":"n","range":{"lt":9}}]}`,
	`{"must_not":[{"key":"color","match":{"value":"c1"}}]}`,
	`{"must":[{"is_empty":{"key":"color"}}]}`,
	`{"must":[{"has_id":[3,5,8,9999]}],"must_not":[{"key":"color","match":{"value":"c0"}}]}`,
	`{"must":[{"key":"color","match":{"value":"none"}}]}`,
}

// TestFilters counts, scrolls and searches with filters through every node.
func TestFilters(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	s := shelf{}
	fill(t, c, s, 1, 400)
	for _, h := range c.hosts {
		for _, text := range shelfFilters {
			s.check(t, h, text)
		}
	}
	bad := flow.Filter(`{"must":[{"key":"n","range":{"gte":"soon"}}]}`)
	for _, req := range []flow.Request{
		&flow.CountRequest{Collection: "films", Filter: bad}, &flow.ScrollRequest{Collection: "films", Limit: 1, Filter: bad},
		&flow.SearchRequest{Collection: "films", Vector: flow.Vector{0, 0}, K: 1, Filter: bad},
	} {
		err := call[flow.Response](c.hosts[0], req).Error()
		const want = `invalid argument: filter.must[0].range.gte: "soon" is neither a number nor a time such as 2023-02-08T10:49:00Z (RFC 3339)`
		if err == nil || err.Error() != want {
			t.Errorf("%T: %v", req, err)
		}
	}
}

// TestFields: filters answer the same before, while and after fields are indexed, on
// nodes that start again, and when the index goes.
func TestFields(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	s := shelf{}
	fill(t, c, s, 1, 200)
	declare := func(path string, kind flow.FieldKind, remove bool) error {
		return call[*flow.DeclareFieldResponse](c.hosts[1], &flow.DeclareFieldRequest{Collection: "films", Field: flow.Field{Path: path, Kind: kind}, Remove: remove}).Err
	}
	check := func() {
		t.Helper()
		for _, h := range c.hosts {
			for _, text := range shelfFilters {
				s.check(t, h, text)
			}
		}
	}
	for path, kind := range map[string]flow.FieldKind{"color": flow.KeywordField, "n": flow.FloatField, "tags": flow.TextField} {
		if err := declare(path, kind, false); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, c, s, 150, 300)
	check()
	c.quiet()
	check()
	fill(t, c, s, 250, 400)
	check()
	h := c.hosts[2]
	c.restart(2)
	c.quiet()
	fill(t, c, s, 390, 420)
	check()
	if err := declare("n", flow.IntegerField, false); err != nil {
		t.Fatal(err)
	}
	if err := declare(`"color"`, 0, true); err != nil {
		t.Fatal(err)
	}
	c.quiet()
	check()
	list := call[*flow.ListCollectionsResponse](h, &flow.ListCollectionsRequest{}).Collections
	got := map[string]flow.FieldKind{}
	for _, f := range list[0].Fields {
		got[f.Path] = f.Kind
	}
	if len(got) != 2 || got["n"] != flow.IntegerField || got["tags"] != flow.TextField {
		t.Errorf("the declared fields are %v", list[0].Fields)
	}
	c.verify()
	checkError(t, "a path that is none", declare("a b", flow.KeywordField, false), flow.InvalidArgument, "field_name")
	checkError(t, "a kind that is none", declare("a", 99, false), flow.InvalidArgument, "field_schema")
	for i := range flow.MaxFields {
		err := declare(fmt.Sprint("f", i), flow.BoolField, false)
		if full := i >= flow.MaxFields-len(got); full != (flow.KindOf(err) == flow.ResourceExhausted) || !full && err != nil {
			t.Errorf("field %d: %v", i, err)
		}
	}
}

// TestScrollOfFew: pages of a scroll are the same whether a filter leaves few points, which
// are sorted, or many, which are met on the way through all.
func TestScrollOfFew(t *testing.T) {
	c := newCluster(t, 1)
	c.create("films", 2, flow.Euclid)
	s := shelf{}
	fill(t, c, s, 1, 1500)
	for _, declared := range []bool{false, true} {
		for _, text := range []string{
			`{"must":[{"has_id":[9,77,300,1400]}]}`,
			`{"must":[{"key":"n","range":{"gte":900,"lt":910}}]}`,
			`{"must":[{"key":"n","range":{"gte":900,"lt":910}},{"key":"tags","match":{"value":"t1"}}]}`,
			`{"must":[{"key":"n","range":{"gte":200}}]}`,
		} {
			s.check(t, c.hosts[0], text)
		}
		if !declared {
			if err := call[*flow.DeclareFieldResponse](c.hosts[0], &flow.DeclareFieldRequest{Collection: "films", Field: flow.Field{Path: "n", Kind: flow.IntegerField}}).Err; err != nil {
				t.Fatal(err)
			}
			c.quiet()
		}
	}
}
