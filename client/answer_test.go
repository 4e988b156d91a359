package client

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

var answerSeeds = []string{
	`{"result":[{"id":7,"version":4,"payload":{"a":[1,{}]},"vector":[1,2.5,-0,1e3,0.1]},{"id":"a\u00e9","version":0}],"status":"ok","session":"AQECAw","time":0.000123456}`,
	`{"result":[{"id":7,"version":18446744073709551615,"score":0.25,"payload":{}},{"id":"7","version":1,"score":-1e-45}],"status":"ok","missing_shards":[0,15],"stale":true,"time":1}`,
	`{"result":{"points":[{"id":1,"version":2,"vector":[16777217,3.4028235e38]}],"next_page_offset":"b"},"status":"ok","time":0}`,
	` { "result" : { "points" : [ ] , "next_page_offset" : null } , "status" : "ok" , "later" : [ { } ] , "time" : 0 } `,
	`{"result":[],"status":"ok","time":0}`,
	`{"result":null,"status":"ok","time":0}`,
	`{"result":[{"id":1,"vector":null,"score":null,"payload":null}],"status":{"a":1},"time":0}`,
	`{"status":"ok"}`, `{"result":[{"id":-1}]}`, `{"result":[{"id":1,"vector":[1e39]}]}`, `[]`, ``, `{"result":[]}}`,
}

// oddKeys says that some object of valid JSON has a key twice or with a capital
// letter: encoding/json takes "ID" for "id".
func oddKeys(body []byte) bool {
	var v any
	return json.Unmarshal(body, &v) == nil && !bytes.Equal(reencode(v), bytes.ToLower(reencode(v))) || repeats(body)
}

func reencode(v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		var b []byte
		for k, e := range v {
			b = append(append(b, k...), reencode(e)...)
		}
		return b
	case []any:
		var b []byte
		for _, e := range v {
			b = append(b, reencode(e)...)
		}
		return b
	}
	return nil
}

// repeats says that an object has a key twice.
func repeats(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	var seen []map[string]bool // of each open object; nil for an array
	key := false
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		top := len(seen) - 1
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				seen, key = append(seen, map[string]bool{}), true
				continue
			case '[':
				seen, key = append(seen, nil), false
				continue
			}
			seen = seen[:top]
			top--
		case string:
			if key {
				if seen[top][t] {
					return true
				}
				seen[top][t], key = true, false
				continue
			}
		}
		key = top >= 0 && seen[top] != nil
	}
}

// same compares what was read, numbers bit for bit.
func same(a, b []PointRecord) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(a, b PointRecord) bool {
		score := (a.Score == nil) == (b.Score == nil) && (a.Score == nil || math.Float32bits(*a.Score) == math.Float32bits(*b.Score))
		return score && a.ID == b.ID && a.Version == b.Version && bytes.Equal(a.Payload, b.Payload) && (a.Vector == nil) == (b.Vector == nil) &&
			slices.EqualFunc(a.Vector, b.Vector, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
	})
}

// compareAnswer checks that what scanAnswer reads is what encoding/json reads.
func compareAnswer(t *testing.T, body []byte) {
	t.Helper()
	var recs []PointRecord
	var page ScrollResult
	var e, e2, want Envelope
	isList, isPage := scanAnswer(body, &e, &recs), scanAnswer(body, &e2, &page)
	if isPage {
		e = e2
	}
	if !isList && !isPage || oddKeys(body) {
		return
	}
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatalf("%q was read, encoding/json refuses: %v", body, err)
	}
	ok := bytes.Equal(e.Status, want.Status) && e.Time == want.Time && slices.Equal(e.MissingShards, want.MissingShards) && e.Stale == want.Stale && e.Session == want.Session
	if isList {
		var list []PointRecord
		ok = ok && json.Unmarshal(want.Result, &list) == nil && same(recs, list)
	}
	if isPage {
		var p ScrollResult
		ok = ok && json.Unmarshal(want.Result, &p) == nil && same(page.Points, p.Points) && reflect.DeepEqual(page.NextPageOffset, p.NextPageOffset)
	}
	if !ok {
		t.Fatalf("%q: envelope %+v, points %+v, page %+v; encoding/json has %+v", body, e, recs, page, want)
	}
}

// FuzzAnswer: what is read without encoding/json is read as it would, bit for bit.
func FuzzAnswer(f *testing.F) {
	for _, s := range answerSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(compareAnswer)
}

// TestAnswerRandom compares answers made of valid pieces with a few bytes changed.
func TestAnswerRandom(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		b := []byte(answerSeeds[r.IntN(5)])
		for range r.IntN(3) {
			const bytes = `{}[],:"\eE.+-0123 n`
			b[r.IntN(len(b))] = bytes[r.IntN(len(bytes))]
		}
		compareAnswer(t, b)
	}
}

// TestScanAnswer: the fast way is taken for all that our servers send, and nothing
// is left of an answer that it cannot read.
func TestScanAnswer(t *testing.T) {
	for i, s := range answerSeeds {
		recs, page, e := []PointRecord{{Version: 9}}, ScrollResult{Points: []PointRecord{{Version: 9}}}, Envelope{Time: 9}
		isList := scanAnswer([]byte(s), &e, &recs)
		isPage := scanAnswer([]byte(s), &e, &page)
		if wantList, wantPage := i < 2 || i == 4, i == 2 || i == 3; isList != wantList || isPage != wantPage {
			t.Errorf("%s: read as a list %v, as a page %v", s, isList, isPage)
		}
		if !isList && recs[0].Version != 9 || !isPage && page.Points[0].Version != 9 || !isList && !isPage && e.Time != 9 {
			t.Errorf("%s: changed to %+v, %+v, %+v", s, recs, page, e)
		}
	}
}

// getAnswer is the answer to a get of one point of 784 components.
func getAnswer() []byte {
	r := rand.New(rand.NewPCG(5, 0))
	v := make(flow.Vector, 784)
	for i := range v {
		v[i] = r.Float32()
	}
	b := AppendVector([]byte(`{"result":[{"id":17,"version":123,"payload":{},"vector":`), v)
	return append(b, `}],"status":"ok","session":"AQECAw","time":0.000345678}`...)
}

func BenchmarkReadGet(b *testing.B) {
	body := getAnswer()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var e Envelope
		var recs []PointRecord
		if !scanAnswer(body, &e, &recs) || len(recs[0].Vector) != 784 {
			b.Fatal("not read")
		}
	}
}

func BenchmarkReadGetEncodingJSON(b *testing.B) {
	body := getAnswer()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var e Envelope
		var recs []PointRecord
		if json.Unmarshal(body, &e) != nil || json.Unmarshal(e.Result, &recs) != nil || len(recs[0].Vector) != 784 {
			b.Fatal("not read")
		}
	}
}

func BenchmarkAppendVector(b *testing.B) {
	body := getAnswer()
	var e Envelope
	var recs []PointRecord
	if !scanAnswer(body, &e, &recs) || !strings.Contains(string(body), string(AppendVector(nil, recs[0].Vector))) {
		b.Fatal("not read")
	}
	out := make([]byte, 0, len(body))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		out = AppendVector(out[:0], recs[0].Vector)
	}
}
