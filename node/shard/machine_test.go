package shard_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"pgregory.net/rapid"
)

// collections is how many collections the tests write to.
const collections = 4

// sent is a write command that was proposed, to be retried.
type sent struct {
	id         flow.RequestID
	collection flow.CollectionID
	ops        []flow.Op
}

func (s sent) body() []byte {
	return shard.EncodeWrite(flow.NewestFormat, collection(s.collection), s.ops, all(s.ops))
}

// pointIDs are few, so that operations meet each other.
var pointIDs = []flow.PointID{
	flow.NumberID(0), flow.NumberID(7), flow.NumberID(1 << 63), "s7", "sq", "sa", "sab", "sb\x00c", "sz", flow.PointID("s" + string(bytes.Repeat([]byte("x"), flow.MaxPointIDBytes))),
}

func drawOps(t *rapid.T, c flow.Collection, m *model) []flow.Op {
	ops := make([]flow.Op, rapid.IntRange(1, 6).Draw(t, "ops"))
	for i := range ops {
		op := &ops[i]
		*op = flow.Op{Kind: flow.Upsert, ID: rapid.SampledFrom(pointIDs).Draw(t, "point")}
		if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
			op.Kind = flow.Delete
		} else {
			for range c.Dim {
				op.Vector = append(op.Vector, float32(rapid.IntRange(-3, 3).Draw(t, "component")))
			}
			if rapid.Bool().Draw(t, "payload") {
				op.Payload = []byte(`{"n":` + string(rune('0'+rapid.IntRange(0, 9).Draw(t, "n"))) + `}`)
			}
		}
		switch rapid.IntRange(0, 5).Draw(t, "condition") {
		case 0:
			op.If = true // that there is no point
		case 1:
			op.If, op.IfVersion = true, m.points[c.ID][op.ID].Version
		case 2:
			op.If, op.IfVersion = true, rapid.Uint64Range(1, 40).Draw(t, "version")
		}
	}
	return ops
}

// drawSent draws a fresh write, or a retry of an earlier one.
func drawSent(t *rapid.T, now flow.Time, n uint64, m *model, past []sent) sent {
	if len(past) > 0 && rapid.IntRange(0, 3).Draw(t, "retry") == 0 {
		return past[rapid.IntRange(0, len(past)-1).Draw(t, "of")]
	}
	c := flow.CollectionID(rapid.IntRange(1, collections).Draw(t, "collection"))
	// Most ids are of now; some are as old or as early as is still taken, or beyond.
	offset := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, -time.Minute, maxAhead, maxAhead + time.Millisecond, -window, time.Millisecond - window, window, -2 * window}).Draw(t, "offset")
	return sent{id: request(now.Add(offset), n), collection: c, ops: drawOps(t, collection(c), m)}
}

func decode(t failer, res replica.Result) answer {
	t.Helper()
	refusal, results, err := shard.DecodeResult(res.Result)
	if err != nil {
		t.Fatalf("result %x: %v", res.Result, err)
	}
	return answer{refusal, results}
}

// The machine does what the model does, whatever its process lives through.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := newLone(t), newModel()
		var past []sent
		n := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				n++
				s := drawSent(t, l.now, n, m, past)
				admitted := l.machine().Admit(replica.Command{Request: s.id, Time: l.now, Body: s.body()})
				res := l.run(s.id, s.body())
				if got, want := decode(t, res), m.write(res.Index, l.now, s.id, s.collection, s.ops); !equalAnswers(got, want) {
					t.Fatalf("request %v at %d: %+v is answered %+v, want %+v", s.id, res.Index, s, got, want)
				} else if err := want.refusal.Err(s.id); m.remembered[s.id].results == nil && (err == nil) != (admitted == nil) {
					t.Fatalf("request %v at %d: admitted with %v, applied with %v", s.id, res.Index, admitted, err)
				}
				past = append(past, s)
			},
			"drop": func(t *rapid.T) {
				n++
				position := rapid.Uint64Range(0, 9).Draw(t, "position")
				ids := rapid.SliceOfN(rapid.Map(rapid.IntRange(1, collections+1), func(i int) flow.CollectionID { return flow.CollectionID(i) }), 0, 2).Draw(t, "ids")
				res := l.run(request(l.now, n), shard.EncodeDrop(position, ids))
				m.drop(l.now, position, ids)
				if a := decode(t, res); a.refusal != shard.None {
					t.Fatalf("a drop is refused: %+v", a)
				}
			},
			"maintain": func(t *rapid.T) {
				n++
				l.run(request(l.now, n), drawStep(t, l.machine()))
				m.pass(l.now)
			},
			"pass time": func(t *rapid.T) {
				// Proposers' clocks differ, so a command's time may be before the last one's.
				l.now = l.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, -time.Second, time.Minute, -time.Minute, window, 2 * window}).Draw(t, "by"))
			},
			"restart": func(t *rapid.T) { l.restart() },
			"": func(t *rapid.T) {
				checkMachine(t, l, l.machine(), m, past)
				checkMachine(t, l, l.rebuild(), m, past)
			},
		})
	})
}

// checkMachine compares a machine that stands on l's rows with the model.
func checkMachine(t *rapid.T, l *lone, got *shard.Machine, m *model, past []sent) {
	if got.DropPosition() != m.dropPosition || !bytes.Equal(got.Meta(), l.machine().Meta()) {
		t.Fatalf("drop position is %d, want %d; meta %x, want %x", got.DropPosition(), m.dropPosition, got.Meta(), l.machine().Meta())
	}
	points := 0
	for id := flow.CollectionID(1); id <= collections; id++ {
		checkCollection(t, l, got, m, id)
		points += len(m.points[id])
	}
	if n, _ := got.Points(); n != uint64(points) {
		t.Fatalf("the machine reports %d points, want %d", n, points)
	}
	for _, s := range past {
		result, ok := got.Seen(replica.Command{Request: s.id})
		want, known := m.remembered[s.id]
		if ok != known || ok && !equalAnswers(decode(t, replica.Result{Result: result}), want) {
			t.Fatalf("request %v: remembered is %v, want %v; result %x, want %+v", s.id, ok, known, result, want)
		}
	}
}

func checkCollection(t *rapid.T, l *lone, got *shard.Machine, m *model, id flow.CollectionID) {
	if got.IsDropped(id) != m.dropped[id] || got.Count(id) != uint64(len(m.points[id])) {
		t.Fatalf("collection %d: dropped is %v, count %d; want %v, %d", id, got.IsDropped(id), got.Count(id), m.dropped[id], len(m.points[id]))
	}
	var order []flow.PointID
	for _, p := range pointIDs {
		slot, ok := got.Slot(id, p)
		want, exists := m.points[id][p]
		if ok != exists {
			t.Fatalf("collection %d, point %q: exists is %v, want %v", id, p, ok, exists)
		}
		if !ok {
			continue
		}
		order = append(order, p)
		stored, err := shard.DecodePoint(slot, l.get(shard.PointKey(id, slot)))
		stored.Payload = l.get(shard.PayloadKey(id, slot))
		if err != nil || !equalPoints(stored, want) {
			t.Fatalf("collection %d: stored is %+v, error %v, want %+v", id, stored, err, want)
		}
	}
	slices.Sort(order)
	if listed := scroll(t, l, id); !slices.Equal(listed, order) {
		t.Fatalf("collection %d: the id rows list %q, want %q", id, listed, order)
	}
	checkSearch(t, got, m, id)
}

// scroll lists a collection's ids as its rows do, checking each row's slot.
func scroll(t *rapid.T, l *lone, id flow.CollectionID) (ids []flow.PointID) {
	lo, hi := shard.IDRange(id, "")
	skip := len(l.r.StatePrefix()) + 9
	err := l.disk.Scan(slices.Concat(l.r.StatePrefix(), lo), slices.Concat(l.r.StatePrefix(), hi), func(key, value []byte) bool {
		p := flow.PointID(key[skip:])
		want, _ := l.machine().Slot(id, p)
		if slot, err := shard.DecodeSlot(value); err != nil || slot != want {
			t.Fatalf("collection %d, point %q: the id row says slot %d, error %v, want %d", id, p, slot, err, want)
		}
		ids = append(ids, p)
		return true
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return ids
}

func checkSearch(t *rapid.T, got *shard.Machine, m *model, id flow.CollectionID) {
	view := got.View(id)
	if view == nil {
		if m.points[id] != nil {
			t.Fatalf("collection %d has no index", id)
		}
		return
	}
	query := make(flow.Vector, collection(id).Dim)
	query[0] = 1
	var ids, want []flow.PointID
	for _, c := range view.Search(index.Query{Vector: query, K: 3, Exact: true}) {
		ids = append(ids, c.ID)
	}
	if collection(id).Metric == flow.Euclid {
		want = m.nearest(id, query, 3)
	} else if len(ids) != min(3, len(m.points[id])) {
		t.Fatalf("collection %d: a search finds %q of %d points", id, ids, len(m.points[id]))
	} else {
		return
	}
	if !slices.Equal(ids, want) {
		t.Fatalf("collection %d: a search finds %q, want %q", id, ids, want)
	}
}

// Two machines fed the same log have the same rows, byte by byte, the same digest
// and the same answers and searches, however the log was cut into batches.
func TestTwins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, m := newLone(t), newLone(t), newModel()
		var past []sent
		var fromA, fromB [][]byte
		for n := range rapid.Uint64Range(1, 40).Draw(t, "commands") {
			id, body := request(a.now, n), shard.EncodeDrop(n, []flow.CollectionID{flow.CollectionID(n%(collections+2) + 1)})
			switch {
			case n%10 == 8:
				body = drawStep(t, a.machine())
			case n%10 != 9:
				s := drawSent(t, a.now, n, m, past)
				id, body, past = s.id, s.body(), append(past, s)
			}
			fromA = append(fromA, a.run(id, body).Result)
			b.propose(id, body, func(res replica.Result) { fromB = append(fromB, res.Result) })
			if rapid.IntRange(0, 3).Draw(t, "pause") == 0 {
				b.settle()
				a.now = a.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 2 * window}).Draw(t, "by"))
				b.now = a.now
			}
		}
		b.settle()
		if !slices.EqualFunc(fromA, fromB, bytes.Equal) {
			t.Fatalf("the results differ:\n%x\n%x", fromA, fromB)
		}
		live := searches(a.machine())
		for name, other := range map[string]*shard.Machine{"its twin": b.machine(), "the rebuilt one": a.rebuild()} {
			if got := searches(other); !reflect.DeepEqual(got, live) {
				t.Fatalf("a machine and %s find different points: %+v, %+v", name, live, got)
			}
		}
		keysA, valuesA := a.rows()
		keysB, valuesB := b.rows()
		if !slices.EqualFunc(keysA, keysB, bytes.Equal) || !slices.EqualFunc(valuesA, valuesB, bytes.Equal) {
			t.Fatalf("the rows differ:\n%x\n%x", keysA, keysB)
		}
		if a.r.Digest() != b.r.Digest() || a.r.Applied() != b.r.Applied() {
			t.Fatalf("digests at %d and %d are %016x and %016x", a.r.Applied(), b.r.Applied(), a.r.Digest(), b.r.Digest())
		}
	})
}

// searches asks every collection of a machine the same question.
func searches(m *shard.Machine) map[flow.CollectionID][]index.Candidate {
	found := map[flow.CollectionID][]index.Candidate{}
	for id := flow.CollectionID(1); id <= collections; id++ {
		if view := m.View(id); view != nil {
			q := index.Query{Vector: make(flow.Vector, collection(id).Dim), K: 5}
			q.Vector[0] = 2
			found[id] = view.Search(q)
		}
	}
	return found
}
