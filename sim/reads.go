package sim

import (
	"math/rand/v2"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// maxStaleness is the largest age that bounded reads ask for.
const maxStaleness = 5 * time.Second

// read makes one read of any kind and level.
func (c *client) read(r *rand.Rand, collection string, then func()) {
	o := c.drawReadOptions(r)
	var req flow.Request
	switch n := r.IntN(100); {
	case n < 45:
		g := &flow.GetRequest{Collection: collection, WithVector: true, WithPayload: true, Read: o}
		for range 1 + r.IntN(3) {
			g.IDs = append(g.IDs, c.drawID(r))
		}
		req = g
	case n < 55:
		req = &flow.CountRequest{Collection: collection, Filter: c.drawFilter(), Read: o}
	case n < 70:
		s := &flow.ScrollRequest{Collection: collection, Limit: 1 + r.IntN(c.l.w.scenario.IDs+5), WithVector: true, WithPayload: true, Filter: c.drawFilter(), Read: o}
		if r.IntN(2) == 0 {
			s.From = c.drawID(r)
		}
		req = s
	default:
		req = &flow.SearchRequest{Collection: collection, Vector: drawVector(r, c.l.w.scenario), K: 1 + r.IntN(c.l.w.scenario.IDs+2),
			Exact: r.IntN(2) == 0, EF: pick(r, []int{0, 0, 1, 4, 100}), WithVector: r.IntN(2) == 0, WithPayload: r.IntN(2) == 0, Filter: c.drawFilter(), Read: o}
	}
	c.l.send(c, c.l.w.hosts[r.IntN(len(c.l.w.hosts))], req, o.Timeout, func(resp flow.Response) {
		if resp != nil && resp.Error() == nil && r.IntN(2) == 0 {
			c.token = c.token.Merge(linearizability.ReadInfoOf(resp).Shards)
		}
		if g, ok := resp.(*flow.GetResponse); ok && g.Err == nil {
			for _, p := range g.Points {
				c.learn(c.l.recorded(collection), p.ID, p.Version, false)
			}
		}
		then()
	})
}

func (c *client) drawReadOptions(r *rand.Rand) flow.ReadOptions {
	o := flow.ReadOptions{Timeout: c.timeout(r), Partial: r.IntN(10) == 0}
	switch n := r.IntN(10); {
	case n < 5:
	case n < 7:
		o.Level, o.Token = flow.Session, c.token
		if c.ops%64 == 0 {
			c.oldToken = c.token
		}
		old := c.l.w.clientFault(StaleTokens, c.key()) != nil
		if old {
			o.Token = c.oldToken
		}
		if old || !c.shownOld {
			c.shownToken, c.shownOld = o.Token, old
		}
	case n < 8:
		o.Level, o.MaxStaleness = flow.Bounded, between(r, 100*time.Millisecond, maxStaleness)
	default:
		o.Level = flow.Any
	}
	return o
}

// send makes one read and records it; done gets nil when there was no answer.
func (l *workload) send(c *client, h *host, req flow.Request, timeout time.Duration, done func(flow.Response)) {
	number, collection := 0, linearizability.CollectionOf(req)
	if c != nil {
		number = c.number
	}
	recorded := l.recorded(collection)
	token := l.history.Begin(number, l.now(), linearizability.Renamed(req, recorded))
	l.history.MayShow(token, l.former(req))
	out := &l.byKind[linearizability.KindOf(req)]
	calm := c != nil && l.calm()
	l.w.calls.do(h, req, timeout, func(resp flow.Response, refused bool) {
		l.served(calm, resp != nil && resp.Error() == nil)
		if resp == nil {
			out.failed++
			l.history.End(token, l.now(), nil)
			done(nil)
			return
		}
		l.history.End(token, l.now(), resp)
		if resp.Error() != nil {
			out.failed++
		} else {
			out.ok++
		}
		l.w.checks.allowed(h, req, resp, recorded)
		l.w.marks.read(req, resp)
		done(resp)
	})
}

const (
	// greetTimeout bounds a read that greets a process.
	greetTimeout = time.Second
	// loneGreetings is how many greet the process of a group's only voter: within its
	// first syncs it leads and does not know yet what is committed.
	loneGreetings = 8
)

// greet asks a process that has just started for the number of points, as clients do
// that have waited for it: before it has heard anything of what happened meanwhile.
func (l *workload) greet(h *host) {
	if !l.running || l.w.groupless {
		return
	}
	times := 1
	if min(l.w.scenario.Nodes, l.w.scenario.ReplicationFactor) == 1 {
		times = loneGreetings
	}
	for i := range times {
		l.w.after(time.Duration(i)*l.w.scenario.SyncLatency/2, func() {
			req := &flow.CountRequest{Collection: stableCollection, Read: flow.ReadOptions{Timeout: greetTimeout}}
			l.w.calls.do(h, req, greetTimeout, func(flow.Response, bool) {})
		})
	}
}
