package shard_test

import (
	"bytes"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

func upsert(id flow.PointID, first float32) []byte { return upsertIn(flow.NewestFormat, id, first) }

func upsertIn(format flow.FormatVersion, id flow.PointID, first float32) []byte {
	c := collection(1)
	v := make(flow.Vector, c.Dim)
	v[0] = first
	return shard.EncodeWrite(format, c, []flow.Op{{Kind: flow.Upsert, ID: id, Vector: v}}, []int{0})
}

// A request is remembered for the whole window and refused from then on, whatever
// its content; it never has a second effect. Where the first command and the later one
// have checksums, one for something else is told so.
func TestWindow(t *testing.T) {
	for first := flow.OldestFormat; first <= flow.NewestFormat; first++ {
		for later := flow.OldestFormat; later <= flow.NewestFormat; later++ {
			testWindow(t, first, later, 1, shard.None)
		}
	}
	testWindow(t, 1, 1, 2, shard.None)
	testWindow(t, 1, 2, 2, shard.None)
	testWindow(t, 2, 1, 2, shard.None)
	testWindow(t, 2, 2, 2, shard.Reused)
}

// testWindow writes in one format version and then, under the same id, another value of
// the point in another version; want is the refusal while the request is remembered.
func testWindow(t *testing.T, format, later flow.FormatVersion, value float32, want shard.Refusal) {
	l := newLone(t)
	id := request(epoch, 1)
	first := l.run(id, upsertIn(format, "sa", 1))
	for _, step := range []struct {
		name  string
		at    flow.Time
		known bool
	}{
		{"at once", epoch, true},
		{"by a proposer whose clock is behind", epoch.Add(-time.Hour), true},
		{"at the end of the window", epoch.Add(window - 1), true},
		{"after the window", epoch.Add(window), false},
		{"after the window, by a proposer whose clock is behind", epoch.Add(-time.Hour), false},
	} {
		l.now = step.at
		body := upsertIn(later, "sa", value)
		if seen, ok := l.machine().Seen(replica.Command{Request: id, Body: body}); step.known && (!ok || decode(t, replica.Result{Result: seen}).refusal != want) {
			t.Errorf("versions %d and %d, retry %s: the leader finds %x, %v, want refusal %d", format, later, step.name, seen, ok, want)
		}
		again := l.run(id, body)
		a := decode(t, again)
		slot, _ := l.machine().Slot(1, "sa")
		if shard.Version(slot) != first.Index || l.machine().Count(1) != 1 {
			t.Fatalf("retry %s: the point has version %d, the write was at %d", step.name, shard.Version(slot), first.Index)
		}
		if step.known && (a.refusal != want || want == shard.None && a.results[0] != flow.OpResult{Status: flow.Applied, Version: first.Index}) {
			t.Errorf("versions %d and %d, retry %s is answered %+v, want refusal %d", format, later, step.name, a, want)
		}
		if !step.known && a.refusal != shard.Expired {
			t.Errorf("retry %s is answered %+v, want a refusal", step.name, a)
		}
	}
}

// A request whose time is too far ahead is refused: the table could not promise to
// remember it for a window.
func TestFutureRequest(t *testing.T) {
	l := newLone(t)
	for i, c := range []struct {
		ahead time.Duration
		want  shard.Refusal
	}{{0, shard.None}, {maxAhead, shard.None}, {maxAhead + time.Millisecond, shard.Ahead}, {1000 * time.Hour, shard.Ahead}} {
		if a := decode(t, l.run(request(l.now.Add(c.ahead), uint64(i)), upsert("sa", 1))); a.refusal != c.want {
			t.Errorf("a request %v ahead is answered with refusal %d, want %d", c.ahead, a.refusal, c.want)
		}
	}
	// One clock that ran ahead does not open the door to what was forgotten.
	old := request(l.now, 99)
	l.now = epoch.Add(1000 * time.Hour)
	l.run(request(l.now, 1), upsert("sa", 2))
	l.now = epoch
	if a := decode(t, l.run(old, upsert("sb", 1))); a.refusal != shard.Expired || l.machine().Count(1) != 1 {
		t.Errorf("after a clock ran ahead, an id of before is answered %+v, %d points", a, l.machine().Count(1))
	}
}

// Past its limit the table forgets the oldest requests, and refuses them by their
// time: requests of one millisecond are forgotten together, so that none of them is
// taken for a new one. A restart changes nothing of that.
func TestMaxRemembered(t *testing.T) {
	l := newLone(t)
	at := func(n uint64) flow.RequestID { return request(epoch.Add(time.Duration(n/2)*time.Millisecond), n) }
	const extra = 5 // two to a millisecond: the sixth goes with the fifth
	for n := range uint64(maxRemembered + extra) {
		l.propose(at(n), upsert("sa", 1), func(res replica.Result) {
			if a := decode(t, res); a.refusal != shard.None {
				t.Fatalf("request %d is refused: %+v", n, a)
			}
		})
		if n%4096 == 0 {
			l.settle()
		}
	}
	l.settle()
	for range 2 {
		retry := func(n uint64) shard.Refusal { return decode(t, l.run(at(n), upsert("sa", 1))).refusal }
		for n, want := range map[uint64]shard.Refusal{
			0: shard.Expired, extra - 1: shard.Expired, extra: shard.Expired, extra + 1: shard.None, maxRemembered + extra - 1: shard.None,
		} {
			before := l.machine().Count(1)
			slot, _ := l.machine().Slot(1, "sa")
			if got := retry(n); got != want {
				t.Errorf("retry of request %d: refusal %d, want %d", n, got, want)
			}
			if after, _ := l.machine().Slot(1, "sa"); after != slot || l.machine().Count(1) != before {
				t.Errorf("retry of request %d changed the point", n)
			}
		}
		l.rebuild()
		l.restart()
	}
}

// Large results count by their bytes, so that memory stays bounded.
func TestMaxRememberedBytes(t *testing.T) {
	l := newLone(t)
	ops := make([]flow.Op, flow.MaxBatchPoints)
	for i := range ops {
		ops[i] = flow.Op{Kind: flow.Delete, ID: "sa"}
	}
	body := shard.EncodeWrite(flow.NewestFormat, collection(1), ops, all(ops))
	at := func(n int) flow.RequestID { return request(epoch.Add(time.Duration(n)*time.Millisecond), uint64(n)) }
	const maxResultBytes = 8 << 20
	bytes, n := 0, 0
	for ; bytes <= 2*maxResultBytes; n++ {
		bytes += len(l.run(at(n), body).Result)
	}
	_, before := l.machine().Points()
	for _, c := range []struct {
		request int
		want    shard.Refusal
	}{{0, shard.Expired}, {n / 4, shard.Expired}, {n/2 + n/10, shard.None}, {n - 1, shard.None}} {
		if a := decode(t, l.run(at(c.request), body)); a.refusal != c.want {
			t.Errorf("retry of request %d of %d: refusal %d, want %d", c.request, n, a.refusal, c.want)
		}
	}
	l.restart()
	if a := decode(t, l.run(at(n/4), body)); a.refusal != shard.Expired {
		t.Errorf("after a restart a forgotten request is answered %+v", a)
	}
	if _, after := l.machine().Points(); after > before {
		t.Errorf("the machine reports %d bytes, and %d before", after, before)
	}
}

// Admit refuses what Apply could not carry out, before it is in the log for good.
func TestAdmit(t *testing.T) {
	testAdmit(t, 1, flow.InvalidArgument)
	testAdmit(t, 2, flow.Unavailable) // to be sent again
}

// testAdmit tests commands of a format version; damaged is the kind of error of
// operations that are not those that were encoded.
func testAdmit(t *testing.T, format flow.FormatVersion, damaged flow.Kind) {
	m := shard.New(nil)
	c := collection(1)
	op := flow.Op{Kind: flow.Upsert, ID: "sa", Vector: make(flow.Vector, c.Dim)}
	write := func(change func(c *flow.Collection, op *flow.Op)) []byte {
		c, op := c, op
		change(&c, &op)
		return shard.EncodeWrite(format, c, []flow.Op{op}, []int{0})
	}
	good := write(func(*flow.Collection, *flow.Op) {})
	admit := func(id flow.RequestID, body []byte) error {
		if err := m.Admit(replica.Command{Request: id, Time: epoch, Body: body}); err != nil {
			return err
		}
		return nil
	}
	for name, body := range map[string][]byte{"a write": good, "a drop": shard.EncodeDrop(1, []flow.CollectionID{1}),
		"a deletion": write(func(_ *flow.Collection, op *flow.Op) { *op = flow.Op{Kind: flow.Delete, ID: "sa"} })} {
		if err := admit(request(epoch, 1), body); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		if got, want := shard.AddsData(body), name == "a write"; got != want {
			t.Errorf("%s adds data: %v, want %v", name, got, want)
		}
	}
	for name, body := range map[string][]byte{
		"nothing":                   nil,
		"an unknown kind":           append([]byte("?"), good[1:]...),
		"a drop cut short":          shard.EncodeDrop(1, []flow.CollectionID{1})[:2],
		"dimension 0":               write(func(c *flow.Collection, _ *flow.Op) { c.Dim = 0 }),
		"too many dimensions":       write(func(c *flow.Collection, _ *flow.Op) { c.Dim = flow.MaxDim + 1 }),
		"no metric":                 write(func(c *flow.Collection, _ *flow.Op) { c.Metric = 0 }),
		"an operation there is not": write(func(_ *flow.Collection, op *flow.Op) { op.Kind = 3 }),
		"no id":                     write(func(_ *flow.Collection, op *flow.Op) { op.ID = "" }),
	} {
		if err := admit(request(epoch, 1), body); flow.KindOf(err) != flow.InvalidArgument || err == nil {
			t.Errorf("%s: error is %v, want %v", name, err, flow.InvalidArgument)
		}
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-8] ^= 1 // in the vector
	for name, body := range map[string][]byte{"a write cut short": good[:len(good)-1], "a write with more": append(bytes.Clone(good), 0), "a write with a bit flipped": flipped} {
		want := damaged
		if format == 1 && name == "a write with a bit flipped" {
			want = flow.Internal // nobody can tell
		}
		if err := admit(request(epoch, 1), body); flow.KindOf(err) != want || (err == nil) != (want == flow.Internal) {
			t.Errorf("version %d, %s: error is %v, want %v", format, name, err, want)
		}
	}
	for name, c := range map[string]struct {
		id   flow.RequestID
		kind flow.Kind
	}{
		"an id that is too old":   {request(epoch.Add(-window), 1), flow.Conflict},
		"an id that is too early": {request(epoch.Add(maxAhead+time.Millisecond), 1), flow.InvalidArgument},
	} {
		if err := admit(c.id, good); flow.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s: error is %v, want %v", name, err, c.kind)
		}
	}
}
