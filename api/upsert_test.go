package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// member is a key and value of an object in the order of the text.
type member struct {
	key   string
	value any
}

// tree reads a value by encoding/json's tokens: object as []member, array as
// []any, number as json.Number.
func tree(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		ms := []member{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := tree(d)
			if err != nil {
				return nil, err
			}
			ms = append(ms, member{k.(string), v})
		}
		_, err = d.Token()
		return ms, err
	case json.Delim('['):
		vs := []any{}
		for d.More() {
			v, err := tree(d)
			if err != nil {
				return nil, err
			}
			vs = append(vs, v)
		}
		_, err = d.Token()
		return vs, err
	}
	return t, nil
}

var errReference = errors.New("refused")

// object checks the keys of an object and returns its members by key.
func object(v any, keys ...string) (map[string]any, error) {
	ms, ok := v.([]member)
	if !ok {
		return nil, errReference
	}
	m := map[string]any{}
	for _, e := range ms {
		if _, twice := m[e.key]; twice || !slices.Contains(keys, e.key) {
			return nil, errReference
		}
		m[e.key] = e.value
	}
	return m, nil
}

// reference is decodeUpsert written over encoding/json: slow, and by another
// road. Payloads are compared as values.
func reference(body []byte) ([]flow.Op, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errReference
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := tree(d)
	if err != nil {
		return nil, err
	}
	top, err := object(v, "points", "batch", "shard_key", "update_filter", "update_mode")
	if err != nil {
		return nil, err
	}
	for _, k := range []string{"shard_key", "update_filter", "update_mode"} {
		if top[k] != nil {
			return nil, errReference
		}
	}
	if (top["points"] == nil) == (top["batch"] == nil) {
		return nil, errReference
	}
	if top["batch"] != nil {
		return referenceBatch(top["batch"])
	}
	list, ok := top["points"].([]any)
	if !ok || len(list) == 0 || len(list) > flow.MaxBatchPoints {
		return nil, errReference
	}
	var ops []flow.Op
	for _, e := range list {
		p, err := object(e, "id", "vector", "payload", "if_version")
		if err != nil {
			return nil, err
		}
		op, err := referenceOp(p["id"], p["vector"], p["payload"])
		if err != nil {
			return nil, err
		}
		if p["if_version"] != nil {
			n, ok := p["if_version"].(json.Number)
			u, err := strconv.ParseUint(string(n), 10, 64)
			if !ok || err != nil {
				return nil, errReference
			}
			op.If, op.IfVersion = true, u
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func referenceBatch(v any) ([]flow.Op, error) {
	b, err := object(v, "ids", "vectors", "payloads")
	if err != nil {
		return nil, err
	}
	ids, ok1 := b["ids"].([]any)
	vectors, ok2 := b["vectors"].([]any)
	payloads, ok3 := b["payloads"].([]any)
	if b["payloads"] == nil {
		payloads, ok3 = make([]any, len(ids)), true
	}
	if !ok1 || !ok2 || !ok3 || len(ids) == 0 || len(ids) > flow.MaxBatchPoints || len(ids) != len(vectors) || len(ids) != len(payloads) {
		return nil, errReference
	}
	var ops []flow.Op
	for i := range ids {
		op, err := referenceOp(ids[i], vectors[i], payloads[i])
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func referenceOp(id, vector, payload any) (op flow.Op, err error) {
	op.Kind = flow.Upsert
	switch id := id.(type) {
	case json.Number:
		n, err := strconv.ParseUint(string(id), 10, 64)
		if err != nil {
			return op, err
		}
		op.ID = flow.NumberID(n)
	case string:
		if op.ID, err = flow.StringID(id); err != nil {
			return op, err
		}
	default:
		return op, errReference
	}
	list, ok := vector.([]any)
	if !ok || len(list) == 0 || len(list) > flow.MaxDim {
		return op, errReference
	}
	for _, e := range list {
		n, ok := e.(json.Number)
		x, err := strconv.ParseFloat(string(n), 32)
		if !ok || err != nil {
			return op, errReference
		}
		op.Vector = append(op.Vector, float32(x))
	}
	if payload == nil {
		return op, nil
	}
	if _, ok := payload.([]member); !ok {
		return op, errReference
	}
	op.Payload = []byte(fmt.Sprint(payload))
	return op, nil
}

// deepest is how deeply nested a text may be that every part of a request takes.
const deepest = 128

// depth returns how deeply the arrays and objects of valid JSON are nested.
func depth(body []byte) (most int) {
	d, now := json.NewDecoder(bytes.NewReader(body)), 0
	for {
		t, err := d.Token()
		if err != nil {
			return most
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			now++
			most = max(most, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

// compareUpsert checks decodeUpsert against the reference.
func compareUpsert(t *testing.T, body []byte) {
	t.Helper()
	got, gotErr := decodeUpsert(body)
	// Two rules are ours alone: a depth, and no half surrogate pair in a key or id,
	// which encoding/json turns into U+FFFD.
	if depth(body) >= deepest || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
		return
	}
	want, wantErr := reference(body)
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%q: got error %v, the reference %v", body, gotErr, wantErr)
	}
	if gotErr != nil {
		return
	}
	if len(got.ops) != len(want) {
		t.Fatalf("%q: got %d operations, want %d", body, len(got.ops), len(want))
	}
	for i, w := range want {
		g := got.ops[i]
		same := g.Kind == w.Kind && g.ID == w.ID && g.If == w.If && g.IfVersion == w.IfVersion && (g.Payload == nil) == (w.Payload == nil)
		same = same && slices.EqualFunc(g.Vector, w.Vector, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
		if same && g.Payload != nil {
			d := json.NewDecoder(bytes.NewReader(g.Payload))
			d.UseNumber()
			v, err := tree(d)
			_, more := d.Token()
			same = err == nil && more == io.EOF && fmt.Sprint(v) == string(w.Payload)
		}
		if !same {
			t.Fatalf("%q: operation %d is %+v, want %+v", body, i, g, w)
		}
	}
}

var upsertSeeds = []string{
	`{"points":[{"id":1,"vector":[1,2.5,-0,1e3]}]}`,
	`{"points":[{"id":"a\u00e9\"","vector":[0.1,0.30000001192092896,16777217,1.17549435e-38,1e-45,3.4028235e38]}]}`,
	` { "points" : [ { "payload" : { "a" : [ 1 , { } , "x\\" , null , true ] } , "vector" : [ 1 , 2 ] , "id" : 18446744073709551615 } ] } `,
	`{"batch":{"ids":[1,"b"],"vectors":[[1,2],[3,4]],"payloads":[null,{"k":"v"}]}}`,
	`{"batch":{"vectors":[[1]],"ids":[1],"payloads":null},"shard_key":null,"points":null}`,
	`{"points":[{"id":1,"vector":[1],"if_version":7},{"id":1,"vector":[1],"if_version":null,"payload":null}]}`,
	`{"p\u006fints":[{"id":1,"vector":[9007199254740993,0.1e-7,123456789012345678901234567890]}]}`,
	`{"points":[{"id":1,"vector":[1e400]}]}`, `{"points":[{"id":1,"vector":[-]}]}`, `{"points":[{"id":1,"vector":[1.]}]}`,
	`{"points":[{"id":1,"vector":[01]}]}`, `{"points":[{"id":1,"vector":[1,]}]}`, `{"points":[{"id":1,"vector":[1 2]}]}`,
	`{"points":[{"id":1,"vector":[1}]]}`, `{"points":[{"id":1,"vector":[1e]}]}`, `{"points":[{"id":1,"vector":[.5]}]}`,
	`{"points":[{"id":01,"vector":[1]}]}`, `{"points":[{"id":1,"id":1,"vector":[1]}]}`, `{"points":[{"id":1,"vector":[1]}]}}`,
	"{\"points\":[{\"id\":\"a\tb\",\"vector\":[1]}]}", "{\"points\":[{\"id\":\"a\xc3\",\"vector\":[1]}]}", "\xef\xbb\xbf{}",
	`{"points":[{"id":1,"vector":[1],"payload":{"a":1,"a":2}}]}`, `{"points":[{"id":1,"vector":[1],"payload":{"a":"\x"}}]}`,
	`{"points":[{"id":1,"vector":null}]}`, `{"points":{}}`, `null`, `[]`, ``, `{"points":[]}`, `{"batch":{"ids":[1],"vectors":[[1]],"payloads":[]}}`,
}

// FuzzUpsert: the same acceptance and the same values as encoding/json, bit for bit.
func FuzzUpsert(f *testing.F) {
	for _, s := range upsertSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(compareUpsert)
}

// TestUpsertRandom compares bodies made of valid pieces with a few bytes changed.
func TestUpsertRandom(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		b := []byte(upsertSeeds[r.IntN(7)])
		for range r.IntN(3) {
			const bytes = `{}[],:"\eE.+-0123 n`
			b[r.IntN(len(b))] = bytes[r.IntN(len(bytes))]
		}
		compareUpsert(t, b)
	}
}

// TestAppendFloat: what the client writes reads back as the same bits.
func TestAppendFloat(t *testing.T) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	check := func(x float32) {
		text := string(client.AppendFloat(nil, x))
		back, err := strconv.ParseFloat(text, 32)
		if err != nil || math.Float32bits(float32(back)) != math.Float32bits(x) || !json.Valid([]byte(text)) {
			t.Fatalf("%v is written as %s, which reads as %v (%v)", x, text, back, err)
		}
	}
	for _, x := range []float32{0, float32(math.Copysign(0, -1)), 1, -1, 9, 10, -10, 0.5, 1 << 24, 1<<24 - 1, -(1 << 24), 1e10, math.MaxFloat32, math.SmallestNonzeroFloat32} {
		check(x)
	}
	for range 100000 {
		if x := math.Float32frombits(r.Uint32()); !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) {
			check(x)
		}
		check(float32(r.IntN(1<<25) - 1<<24))
	}
}

// TestUpsertKeepsNothing overwrites the body after decoding: the operations must
// not change, since the body's buffer goes back to a pool.
func TestUpsertKeepsNothing(t *testing.T) {
	body := []byte(`{"points":[{"id":"abc","vector":[1,2.5],"payload":{"k":"v"}},{"id":5,"vector":[3,4]}]}`)
	p, err := decodeUpsert(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '#'
	}
	if got := fmt.Sprint(p.ops); got != `[{1 abc [1 2.5] [123 34 107 34 58 34 118 34 125] false 0} {1 5 [3 4] [] false 0}]` {
		t.Errorf("the operations became %s", got)
	}
	if v := append(p.ops[0].Vector, 9); p.ops[1].Vector[0] == 9 || len(v) != 3 {
		t.Error("appending to one vector overwrites the next")
	}
}

// benchmarkBody returns an upsert of 100 points of 784 components.
func benchmarkBody(component func(r *rand.Rand) float32) []byte {
	r := rand.New(rand.NewPCG(4, 0))
	ops := make([]flow.Op, 100)
	for i := range ops {
		ops[i] = flow.Op{ID: flow.NumberID(uint64(i)), Vector: make(flow.Vector, 784), Payload: []byte(`{"label":3}`)}
		for j := range ops[i].Vector {
			ops[i].Vector[j] = component(r)
		}
	}
	return client.AppendUpsert(nil, ops)
}

func benchmarkBodies() map[string][]byte {
	return map[string][]byte{
		"image": benchmarkBody(func(r *rand.Rand) float32 { // four fifths zeros, the rest bytes
			if r.IntN(5) > 0 {
				return 0
			}
			return float32(r.IntN(256))
		}),
		"byte":  benchmarkBody(func(r *rand.Rand) float32 { return float32(r.IntN(256)) }),
		"float": benchmarkBody(func(r *rand.Rand) float32 { return float32(r.NormFloat64()) }),
	}
}

func BenchmarkUpsert(b *testing.B) {
	bodies := benchmarkBodies()
	for _, name := range []string{"image", "byte", "float"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[name])))
			b.ReportAllocs()
			for b.Loop() {
				if p, err := decodeUpsert(bodies[name]); err != nil || len(p.ops) != 100 {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "vectors/s")
		})
	}
}

func BenchmarkUpsertEncodingJSON(b *testing.B) {
	bodies := benchmarkBodies()
	for _, name := range []string{"image", "byte", "float"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[name])))
			for b.Loop() {
				var u struct {
					Points []struct {
						ID      client.ID
						Vector  []float32
						Payload json.RawMessage
					}
				}
				if err := json.Unmarshal(bodies[name], &u); err != nil || len(u.Points) != 100 {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendUpsert(b *testing.B) {
	bodies := benchmarkBodies()
	for _, name := range []string{"image", "byte", "float"} {
		p, err := decodeUpsert(bodies[name])
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[name])))
			out := make([]byte, 0, len(bodies[name]))
			for b.Loop() {
				out = client.AppendUpsert(out[:0], p.ops)
			}
		})
	}
}
