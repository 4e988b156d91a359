package shard_test

import (
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

func upsert(id flow.PointID, first float32) []byte {
	c := collection(1)
	v := make(flow.Vector, c.Dim)
	v[0] = first
	return shard.EncodeWrite(c, []flow.Op{{Kind: flow.Upsert, ID: id, Vector: v}}, []int{0})
}

// A request is remembered for the whole window and refused from then on, whatever
// its content; it never has a second effect.
func TestWindow(t *testing.T) {
	l := newLone(t)
	id := request(epoch, 1)
	first := l.run(id, upsert("sa", 1))
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
		again := l.run(id, upsert("sa", 2))
		a := decode(t, again)
		slot, _ := l.machine().Slot(1, "sa")
		if shard.Version(slot) != first.Index || l.machine().Count(1) != 1 {
			t.Fatalf("retry %s: the point has version %d, the write was at %d", step.name, shard.Version(slot), first.Index)
		}
		if step.known && (a.refusal != shard.None || a.results[0] != flow.OpResult{Status: flow.Applied, Version: first.Index}) {
			t.Errorf("retry %s is answered %+v", step.name, a)
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
	}{{0, shard.None}, {window, shard.None}, {window + time.Millisecond, shard.Expired}, {1000 * time.Hour, shard.Expired}} {
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
// time; a restart changes nothing of that.
func TestMaxRemembered(t *testing.T) {
	l := newLone(t)
	at := func(n uint64) flow.RequestID { return request(epoch.Add(time.Duration(n)*time.Millisecond), n) }
	const extra = 3
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
			0: shard.Expired, extra - 1: shard.Expired, extra: shard.None, extra + 1: shard.None, maxRemembered + extra - 1: shard.None,
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

// Requests of one millisecond are forgotten together, so that none of them is taken
// for a new one while another is refused.
func TestForgottenTogether(t *testing.T) {
	l := newLone(t)
	const together = 8
	for n := range uint64(maxRemembered + 1) {
		id := request(epoch.Add(time.Millisecond), n)
		if n < together {
			id = request(epoch, n)
		}
		l.propose(id, upsert("sa", 1), func(replica.Result) {})
	}
	l.settle()
	l.run(request(epoch.Add(2*time.Millisecond), 0), upsert("sa", 1))
	for n := range uint64(together) {
		if a := decode(t, l.run(request(epoch, n), upsert("sa", 2))); a.refusal != shard.Expired {
			t.Errorf("request %d of the forgotten millisecond is answered %+v", n, a)
		}
	}
}
