package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// TestAccounting: what the node says of memory, disk and segments is shown, in the unit of
// each field's name.
func TestAccounting(t *testing.T) {
	_, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) { // 0 and 2 are in the first shard, 1 in the second
		if _, err := c.Upsert(ctx, "c", []flow.Point{{ID: flow.NumberID(i), Vector: flow.Vector{1}}}, client.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := c.Collection(ctx, "c")
	if err != nil || info.PointsCount != 3 || info.MemoryBytes != 3000 || info.DiskBytes != 6000 || info.SegmentsCount != 7 {
		t.Errorf("the collection: %+v, %v", info, err)
	}
	list, err := c.Shards(ctx)
	if err != nil || len(list.Shards) != 2 {
		t.Fatalf("the shards: %+v, %v", list, err)
	}
	first := list.Shards[0]
	if first.VectorCount != 2 || first.MemoryMB != 0.002 || first.DiskMB != 0.006 || first.Replicas[1].DiskMB != 0.006 || list.Shards[1].DiskMB != 0.003 {
		t.Errorf("the shards: %+v", list.Shards)
	}
	stats, err := c.Stats(ctx)
	if err != nil || stats.TotalDiskGB != 2 { // the third node is down
		t.Errorf("the stats: %+v, %v", stats, err)
	}
}

// TestObserve: each answer is told by route, method and status, and /metrics is only there
// when something serves it.
func TestObserve(t *testing.T) {
	var seen []string
	observe := func(route, method string, status int, took time.Duration) {
		if took <= 0 || took > time.Minute {
			t.Errorf("%s took %v", route, took)
		}
		seen = append(seen, strings.Join([]string{method, route, http.StatusText(status)}, " "))
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("figures")) })
	with, without := New(newFake(), Config{Observe: observe, Metrics: metrics}), New(newFake(), Config{})
	ask := func(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	ask(with, "GET", "/", "")
	ask(with, "PUT", "/collections/a", `{"vectors":{"size":1,"distance":"Dot"}}`)
	ask(with, "PUT", "/collections/a", `{"vectors":`)
	ask(with, "POST", "/collections/b/points/count", `{}`)
	ask(with, "GET", "/collections/a/points/7", "")
	ask(with, "GET", "/no/such/thing", "")
	ask(with, "PATCH", "/collections/a", "")
	want := []string{"GET / OK", "PUT /collections/{c} OK", "PUT /collections/{c} Bad Request", "POST /collections/{c}/points/count Not Found",
		"GET /collections/{c}/points/{id} Not Found", "GET other Not Found", "PATCH other Method Not Allowed"}
	if !slices.Equal(seen, want) {
		t.Errorf("seen %q\nwant %q", seen, want)
	}
	if w := ask(with, "GET", "/metrics", ""); w.Body.String() != "figures" || len(seen) != len(want) {
		t.Errorf("metrics: %d %s, seen %q", w.Code, w.Body, seen)
	}
	if w := ask(without, "GET", "/metrics", ""); w.Code != http.StatusNotFound {
		t.Errorf("metrics where nothing serves them: %d", w.Code)
	}
}
