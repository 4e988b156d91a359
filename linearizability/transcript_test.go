package linearizability

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestTranscripts judges the histories of testdata/histories. After a change of the checkers:
//
//	go test ./linearizability -run TestTranscripts -rewrite
//
// and read what changed. A line is an operation, in any order:
//
//	CALL RETURN cCLIENT REQUEST -> ANSWER
//
// with times in milliseconds (RETURN "-": no answer came); requests:
//
//	[id=R] put P VECTOR [m=TEXT] [if=V] ; del P [if=V]
//	get P... | count | scroll from=P limit=N | search VECTOR k=N [exact] [metric=M]
//	reads also: session=SHARD:INDEX,... bounded=MS any partial withvector
//
// and answers: "v5", "absent", "conflict v5", "fail", "unknown" for writes; points
// "P v5 [VECTOR] [m=TEXT] [d=DISTANCE]" or "none" for reads, a number for count;
// reads also: at=SHARD:INDEX,... missing=SHARD,... next=P. Parts are separated by " ; ".
// "record R P v5" adds to the record. Arguments of check: shards, complete, steps, slack.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/histories", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "check" {
				d.Fatalf(t, "command %q is not check", d.Cmd)
			}
			h, o := parseHistory(t, d)
			var out strings.Builder
			for _, c := range []struct {
				name  string
				check func(*History, Options) Verdict
			}{{"points", CheckPoints}, {"reads", CheckReads}, {"searches", CheckSearches}} {
				if v := c.check(h, o); !v.OK {
					fmt.Fprintf(&out, "%s: %v\n", c.name, v)
				}
			}
			if out.Len() == 0 {
				return "ok\n"
			}
			return out.String()
		})
	})
}

// line is a parsed operation.
type line struct {
	call, ret flow.Time // ret < 0: no answer
	client    int
	req       flow.Request
	resp      flow.Response
}

func parseHistory(t *testing.T, d *datadriven.TestData) (*History, Options) {
	o := Options{Record: &Record{Complete: d.HasArg("complete")}}
	if d.HasArg("shards") {
		var n int
		d.ScanArgs(t, "shards", &n)
		o.ShardOf = func(id flow.PointID) flow.ShardID {
			k, _ := strconv.Atoi(strings.TrimLeft(id.Text(), "p"))
			return flow.ShardID(k%n + 1)
		}
	}
	if d.HasArg("steps") {
		d.ScanArgs(t, "steps", &o.MaxSteps)
	}
	if d.HasArg("slack") {
		var ms int
		d.ScanArgs(t, "slack", &ms)
		o.Since = func(at flow.Time, age time.Duration) flow.Time {
			return at.Add(-age - time.Duration(ms)*time.Millisecond)
		}
	}
	var lines []line
	for text := range strings.Lines(d.Input) {
		text = strings.TrimSpace(text)
		if f := strings.Fields(text); f[0] == "record" {
			o.Record.Add(Change{Request: testRequestID(f[1]), Collection: "c", Point: pid(f[2]), Version: version(t, f[3])})
			continue
		}
		lines = append(lines, parseLine(t, text))
	}
	return replay(lines), o
}

// replay records the lines' calls and returns in order of time, calls first.
func replay(lines []line) *History {
	type moment struct {
		at   flow.Time
		call bool
		line int
	}
	var ms []moment
	for i, l := range lines {
		ms = append(ms, moment{l.call, true, i})
		if l.ret >= 0 {
			ms = append(ms, moment{l.ret, false, i})
		}
	}
	slices.SortStableFunc(ms, func(a, b moment) int {
		if a.at == b.at && a.call != b.call {
			return map[bool]int{true: -1, false: 1}[a.call]
		}
		return cmp.Compare(a.at, b.at)
	})
	h, tokens := &History{}, make([]Token, len(lines))
	for _, m := range ms {
		l := lines[m.line]
		if m.call {
			tokens[m.line] = h.Begin(l.client, m.at, l.req)
		} else {
			h.End(tokens[m.line], m.at, l.resp)
		}
	}
	return h
}

func parseLine(t *testing.T, text string) line {
	ask, answer, _ := strings.Cut(text, "->")
	f := strings.Fields(ask)
	l := line{call: millis(t, f[0]), ret: -1, client: number(t, f[2][1:])}
	if f[1] != "-" {
		l.ret = millis(t, f[1])
	}
	f = f[3:]
	id := flow.RequestID{}
	if s, ok := strings.CutPrefix(f[0], "id="); ok {
		id, f = testRequestID(s), f[1:]
	}
	switch f[0] {
	case "put", "del":
		l.req = &flow.WriteRequest{ID: id, Collection: "c", Ops: parseOps(t, strings.Join(f, " "))}
		l.resp = &flow.WriteResponse{ID: id, Results: parseResults(t, answer)}
	default:
		l.req, l.resp = parseRead(t, f, answer)
	}
	return l
}

func parseOps(t *testing.T, text string) []flow.Op {
	var ops []flow.Op
	for part := range strings.SplitSeq(text, ";") {
		f := strings.Fields(part)
		op := flow.Op{Kind: flow.Delete, ID: pid(f[1])}
		if f[0] == "put" {
			op.Kind = flow.Upsert
		}
		for _, a := range f[2:] {
			switch k, v, _ := strings.Cut(a, "="); k {
			case "if":
				op.If, op.IfVersion = true, version(t, v)
			case "m":
				op.Payload = []byte(v)
			default:
				op.Vector = vec(t, k)
			}
		}
		ops = append(ops, op)
	}
	return ops
}

func parseResults(t *testing.T, text string) []flow.OpResult {
	var rs []flow.OpResult
	for part := range strings.SplitSeq(text, ";") {
		f := append(strings.Fields(part), "", "")
		switch f[0] {
		case "absent":
			rs = append(rs, flow.OpResult{Status: flow.Absent})
		case "conflict":
			rs = append(rs, flow.OpResult{Status: flow.Conflicted, Version: version(t, f[1])})
		case "fail":
			rs = append(rs, flow.OpResult{Status: flow.Failed})
		case "unknown", "":
			rs = append(rs, flow.OpResult{Status: flow.Unresolved})
		default:
			rs = append(rs, flow.OpResult{Status: flow.Applied, Version: version(t, f[0])})
		}
	}
	return rs
}

func parseRead(t *testing.T, f []string, answer string) (flow.Request, flow.Response) {
	arg := map[string]string{}
	var plain []string
	for _, a := range f[1:] {
		if k, v, ok := strings.Cut(a, "="); ok || k == "any" || k == "partial" || k == "exact" || k == "withvector" {
			arg[k] = v
		} else {
			plain = append(plain, a)
		}
	}
	has := func(k string) bool { _, ok := arg[k]; return ok }
	r := flow.ReadOptions{Partial: has("partial"), Token: token(t, arg["session"])}
	switch {
	case has("session"):
		r.Level = flow.Session
	case has("bounded"):
		r.Level, r.MaxStaleness = flow.Bounded, time.Duration(millis(t, arg["bounded"]))
	case has("any"):
		r.Level = flow.Any
	}
	a := parseAnswer(t, answer)
	switch f[0] {
	case "get":
		var ids []flow.PointID
		for _, p := range plain {
			ids = append(ids, pid(p))
		}
		return &flow.GetRequest{Collection: "c", IDs: ids, WithVector: true, WithPayload: true, Read: r},
			&flow.GetResponse{ReadInfo: a.info, Points: a.points()}
	case "count":
		return &flow.CountRequest{Collection: "c", Read: r}, &flow.CountResponse{ReadInfo: a.info, Count: a.count}
	case "scroll":
		return &flow.ScrollRequest{Collection: "c", From: pid(arg["from"]), Limit: number(t, arg["limit"]), Read: r, WithVector: has("withvector")},
			&flow.ScrollResponse{ReadInfo: a.info, Points: a.points(), Next: a.next}
	case "search":
		m, err := flow.ParseMetric(cmp.Or(arg["metric"], "l2"))
		if err != nil {
			t.Fatal(err)
		}
		return &flow.SearchRequest{Collection: "c", Vector: vec(t, plain[0]), K: number(t, arg["k"]), Exact: has("exact"), Read: r, WithVector: has("withvector")},
			&flow.SearchResponse{ReadInfo: a.info, Metric: m, Hits: a.hits}
	}
	t.Fatalf("request %q is not known", f[0])
	return nil, nil
}

type answer struct {
	info  flow.ReadInfo
	hits  []flow.Hit
	count uint64
	next  flow.PointID
}

func (a answer) points() []flow.Point {
	var ps []flow.Point
	for _, h := range a.hits {
		ps = append(ps, h.Point)
	}
	return ps
}

func parseAnswer(t *testing.T, text string) answer {
	var a answer
	for part := range strings.SplitSeq(text, ";") {
		var h flow.Hit
		for _, w := range strings.Fields(part) {
			k, v, pair := strings.Cut(w, "=")
			switch {
			case k == "at":
				a.info.Shards = token(t, v)
			case k == "missing":
				for s := range strings.SplitSeq(v, ",") {
					a.info.Missing = append(a.info.Missing, flow.ShardID(number(t, s)))
				}
			case k == "next":
				a.next = pid(v)
			case k == "m":
				h.Payload = []byte(v)
			case k == "d":
				d, err := strconv.ParseFloat(v, 32)
				if err != nil {
					t.Fatal(err)
				}
				h.Distance = float32(d)
			case k == "stale":
				a.info.Stale = true
			case w == "none" || pair:
			case w[0] == 'v':
				h.Version = version(t, w)
			case h.ID == "" && w[0] == 'p':
				h.ID = pid(w)
			case h.ID == "":
				a.count = uint64(number(t, w))
			default:
				h.Vector = vec(t, w)
			}
		}
		if h.ID != "" {
			a.hits = append(a.hits, h)
		}
	}
	return a
}

func token(t *testing.T, s string) flow.SessionToken {
	var out flow.SessionToken
	for part := range strings.SplitSeq(s, ",") {
		if a, b, ok := strings.Cut(part, ":"); ok {
			out = append(out, flow.ShardIndex{Shard: flow.ShardID(number(t, a)), Index: uint64(number(t, b))})
		}
	}
	return out
}

func vec(t *testing.T, s string) flow.Vector {
	var v flow.Vector
	for part := range strings.SplitSeq(s, ",") {
		x, err := strconv.ParseFloat(part, 32)
		if err != nil {
			t.Fatalf("vector %q: %v", s, err)
		}
		v = append(v, float32(x))
	}
	return v
}

func pid(s string) flow.PointID {
	id, _ := flow.ParsePointID(s)
	return id
}

func version(t *testing.T, s string) uint64 {
	return uint64(number(t, strings.TrimPrefix(s, "v")))
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func millis(t *testing.T, s string) flow.Time {
	return flow.Time(number(t, s)) * flow.Time(time.Millisecond)
}

// testRequestID turns a short name into a request id.
func testRequestID(s string) flow.RequestID {
	var random [10]byte
	copy(random[:], s)
	return flow.NewRequestID(0, random)
}
