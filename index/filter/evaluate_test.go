package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestEvaluate: whatever fields are declared, at whatever time, and whether their
// indexes are built or not, a filter finds the rows that Match lets pass.
func TestEvaluate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := chooser(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
		w := &world{index: New()}
		declare := func() {
			for range r(4) {
				w.index.Declare(drawField(r))
			}
		}
		declare()
		for range r(30) {
			w.add(drawPayload(r))
			if r(4) == 0 {
				w.remove(r(len(w.payloads)))
			}
			switch r(20) {
			case 0:
				declare()
			case 1:
				w.build()
			case 2:
				if f := w.index.Fields(); len(f) > 0 {
					w.index.Forget(f[r(len(f))].Path)
				}
			}
		}
		checkFilter(t, w, drawFilter(r, 2, len(w.payloads)))
		w.build()
		for range 3 {
			checkFilter(t, w, drawFilter(r, 2, len(w.payloads)))
		}
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkFilter(t failer, w *world, text string) {
	t.Helper()
	e, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	w.fetched = 0
	got, stats, err := w.index.View().Evaluate(e, w.rows())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if want := w.brute(e); !slices.Equal(got.ToArray(), want) {
		t.Fatalf("%s with %v:\n got %v\nwant %v\nof %q", text, w.index.Fields(), got.ToArray(), want, w.payloads)
	}
	if stats.Fetched != uint64(w.fetched) {
		t.Fatalf("%s: says that it fetched %d, but fetched %d", text, stats.Fetched, w.fetched)
	}
}

// TestEvaluateMany does it with so many rows that runs are joined and rows that went
// are cleaned away.
func TestEvaluateMany(t *testing.T) {
	for seed := range uint64(3) {
		source := rand.New(rand.NewPCG(seed, 1))
		r := chooser(source.IntN)
		w := &world{index: New()}
		for path := range map[string]bool{"a": true, "b": true, "c": true, "a[]": true, "a[].b": true, "b.c": true} {
			f, err := Check(flow.Field{Path: path, Kind: flow.KeywordField + flow.FieldKind(r(int(flow.UUIDField)))})
			if err != nil {
				t.Fatal(err)
			}
			w.index.Declare(f)
		}
		for i := range 30000 {
			w.add(drawPayload(r))
			if i > 100 && r(3) > 0 {
				w.remove(r(len(w.payloads)))
			}
			if i == 10000 {
				for range 2 {
					w.index.Declare(drawField(r))
				}
			}
		}
		w.build()
		for range 60 {
			checkFilter(t, w, drawFilter(r, 2, len(w.payloads)))
		}
	}
}

// TestFetch: what an index decides costs no payload, what it narrows few.
func TestFetch(t *testing.T) {
	w := &world{index: New(flow.Field{Path: "color", Kind: flow.KeywordField}, flow.Field{Path: "n", Kind: flow.IntegerField}, flow.Field{Path: "t", Kind: flow.TextField}, flow.Field{Path: "l[].k", Kind: flow.IntegerField})}
	for i := range 5000 {
		w.add(fmt.Sprintf(`{"color":"c%d","n":%d,"t":"w%d w%d","free":%d,"l":[{"k":%d,"v":1},{"k":%d,"v":2}]}`, i%10, i, i%100, i%7, i%50, i%20, i%30))
	}
	for _, c := range []struct {
		filter      string
		pass, fetch uint64
	}{
		{`{"must":[{"key":"color","match":{"value":"c3"}}]}`, 500, 0},
		{`{"must_not":[{"key":"color","match":{"value":"c3"}}]}`, 4500, 0},
		{`{"must":[{"key":"n","range":{"gte":100,"lt":200}},{"key":"color","match":{"any":["c1","c2"]}}]}`, 20, 0},
		{`{"must":[{"key":"n","range":{"gte":100,"lt":200}},{"key":"free","match":{"value":0}}]}`, 2, 100},
		{`{"should":[{"key":"n","range":{"lt":10}},{"key":"color","match":{"value":"c0"}}]}`, 509, 0},
		{`{"should":[{"key":"n","range":{"lt":10}},{"key":"free","match":{"value":0}}]}`, 109, 4990},
		{`{"must":[{"key":"t","match":{"text":"w99"}}]}`, 50, 0},
		{`{"must":[{"key":"t","match":{"text":"w99 w1"}}]}`, 8, 8},
		{`{"must":[{"nested":{"key":"l","filter":{"must":[{"key":"k","match":{"value":3}},{"key":"v","match":{"value":1}}]}}}]}`, 250, 333},
		{`{"must":[{"has_id":[1,2,3,99999]},{"key":"color","match":{"except":["c2"]}}]}`, 2, 0},
		{`{"must":[{"is_empty":{"key":"color"}}]}`, 0, 0},
		{`{"must":[{"key":"free","match":{"value":7}}]}`, 100, 5000},
		{`{"min_should":{"min_count":2,"conditions":[{"key":"color","match":{"value":"c3"}},{"key":"n","range":{"lt":100}},{"key":"t","match":{"text":"w3"}}]}}`, 134, 0},
	} {
		e, err := Parse([]byte(c.filter))
		if err != nil {
			t.Fatal(err)
		}
		got, stats, err := w.index.View().Evaluate(e, w.rows())
		if err != nil {
			t.Fatal(err)
		}
		if got.GetCardinality() != c.pass || stats.Fetched != c.fetch {
			t.Errorf("%s: %d pass, %d fetched; want %d, %d", c.filter, got.GetCardinality(), stats.Fetched, c.pass, c.fetch)
		}
		if want := w.brute(e); !slices.Equal(got.ToArray(), want) {
			t.Errorf("%s: finds other rows than Match", c.filter)
		}
	}
}

// TestViews: a view stays what it was, while its index goes on in another goroutine.
func TestViews(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	r := chooser(source.IntN)
	w := &world{index: New(flow.Field{Path: "a", Kind: flow.KeywordField}, flow.Field{Path: "b", Kind: flow.IntegerField}, flow.Field{Path: "c", Kind: flow.FloatField})}
	done := make(chan error)
	running := 0
	for i := range 12000 {
		w.add(drawPayload(r))
		if r(2) == 0 {
			w.remove(r(len(w.payloads)))
		}
		if i%600 == 599 {
			e, err := Parse([]byte(drawFilter(r, 1, 0)))
			if err != nil {
				t.Fatal(err)
			}
			then := &world{payloads: w.payloads[:len(w.payloads):len(w.payloads)], live: slices.Clone(w.live)}
			view := w.index.View()
			running++
			go func() {
				got, _, err := view.Evaluate(e, then.rows())
				if err == nil && !slices.Equal(got.ToArray(), then.brute(e)) {
					err = fmt.Errorf("a view finds other rows than were there")
				}
				done <- err
			}()
		}
	}
	for range running {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	source := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add(drawFilter(source.IntN, 3, 5), drawPayload(source.IntN))
	}
	f.Fuzz(func(t *testing.T, text, payload string) {
		e, err := Parse([]byte(text))
		if err != nil {
			return
		}
		w := &world{index: New(flow.Field{Path: "a", Kind: flow.KeywordField}, flow.Field{Path: "b", Kind: flow.IntegerField}, flow.Field{Path: "c", Kind: flow.TextField})}
		w.add(payload)
		w.add(`{"a":"x","b":[1,2.5],"c":"red fox"}`)
		got, _, err := w.index.View().Evaluate(e, w.rows())
		if err != nil {
			t.Fatal(err)
		}
		if want := w.brute(e); !slices.Equal(got.ToArray(), want) {
			t.Fatalf("%s on %s: got %v, want %v", text, payload, got.ToArray(), want)
		}
	})
}

// benchWorld has rows of a payload of about 180 bytes.
func benchWorld(rows int, fields ...flow.Field) *world {
	w := &world{index: New(fields...)}
	for i := range rows {
		w.add(fmt.Sprintf(`{"title":"point number %d of the set","color":"c%d","price":%d.5,"tags":["t%d","t%d","t%d"],"at":"2023-02-08T10:49:00Z","loc":{"lon":13.4,"lat":%d.25},"n":%d}`,
			i, i%10, i%1000, i%3, i%5, i%7, i%80, i))
	}
	return w
}

const benchFilter = `{"must":[{"key":"color","match":{"value":"c3"}},{"key":"price","range":{"gte":100,"lt":600}}]}`

// BenchmarkMatch asks about one payload a time.
func BenchmarkMatch(b *testing.B) {
	w := benchWorld(1000)
	e, err := Parse([]byte(benchFilter))
	if err != nil {
		b.Fatal(err)
	}
	m, bytes, rows := e.Matcher(), 0, 0
	payloads := make([][]byte, len(w.payloads))
	for i, p := range w.payloads {
		payloads[i] = []byte(p)
	}
	b.ReportAllocs()
	for b.Loop() {
		p := payloads[rows%len(payloads)]
		m.Match("", p)
		rows++
		bytes += len(p)
	}
	b.SetBytes(int64(bytes / rows))
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkEvaluate filters 100,000 rows by indexes alone.
func BenchmarkEvaluate(b *testing.B) {
	w := benchWorld(100_000, flow.Field{Path: "color", Kind: flow.KeywordField}, flow.Field{Path: "price", Kind: flow.FloatField})
	e, err := Parse([]byte(benchFilter))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, stats, err := w.index.View().Evaluate(e, w.rows()); err != nil || stats.Fetched > 0 {
			b.Fatal(err, stats)
		}
	}
	b.ReportMetric(float64(w.index.Bytes())/100_000, "B/row")
}

// BenchmarkAdd indexes two fields of a row.
func BenchmarkAdd(b *testing.B) {
	w := benchWorld(1000)
	x := New(flow.Field{Path: "color", Kind: flow.KeywordField}, flow.Field{Path: "price", Kind: flow.FloatField})
	payloads := make([][]byte, len(w.payloads))
	for i, p := range w.payloads {
		payloads[i] = []byte(p)
	}
	row := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		x.Add(row, payloads[row%1000])
		x.View()
		row++
	}
}
