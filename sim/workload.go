package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// Limits of the clients.
const (
	maxAttempts  = 8
	maxBatchOps  = 6
	drainOnPause = 6 * time.Second // longer than a request outlives its client's patience
)

// The collections of every world. The second may be dropped and made again.
const (
	stableCollection   = "stable"
	fleetingCollection = "fleeting"
)

// outcomes counts operations by what clients know of them.
type outcomes struct{ ok, failed, unknown, retried int }

// workload is the clients of a world and the record of what they saw.
type workload struct {
	w       *World
	history linearizability.History
	clients []*client
	// running lets clients begin new operations.
	running bool
	// pending counts operations under way.
	pending int
	// generation counts how often the fleeting collection was made; fleetingOpen
	// says that clients may use it.
	generation   int
	fleetingOpen bool
	recreated    int
	// dropped is when the drop of a generation was acknowledged.
	dropped map[int]time.Duration
	// fleetingPending counts operations under way on the fleeting collection.
	fleetingPending int
	byKind          [linearizability.Search + 1]outcomes
	// unresolved are writes whose outcome their client does not know.
	unresolved []*writing
}

func newWorkload(w *World) *workload {
	l := &workload{w: w, dropped: map[int]time.Duration{}}
	for i := range w.scenario.Clients {
		l.clients = append(l.clients, &client{l: l, number: i + 1, known: map[string]map[flow.PointID]uint64{}})
	}
	return l
}

// start lets the clients go.
func (l *workload) start() {
	l.running = true
	for _, c := range l.clients {
		l.w.after(within(hash(l.w.scenario.Seed, purposeClient, uint64(c.number)), l.w.scenario.Think), c.step)
	}
	l.planRecreations()
	l.planFields()
}

// now is the time of the history.
func (l *workload) now() flow.Time { return worldEpoch.Add(l.w.now) }

// recorded is a collection's name in the history: each generation is another collection.
func (l *workload) recorded(collection string) string {
	if collection == fleetingCollection {
		return fmt.Sprintf("%s@%d", collection, l.generation)
	}
	return collection
}

// client makes one operation after another. Every choice of an operation comes
// from (seed, client, operation number).
type client struct {
	l      *workload
	number int
	ops    uint64
	token  flow.SessionToken
	// oldToken is what token was some time ago; shownToken is the last that a read showed, an
	// old one rather than another.
	oldToken, shownToken flow.SessionToken
	shownOld             bool
	// known holds the latest version the client saw of each point, by recorded collection.
	known map[string]map[flow.PointID]uint64
	// settled are its latest writes that are.
	settled []settled
}

// step makes the next operation, and plans the one after it.
func (c *client) step() {
	l := c.l
	if !l.running {
		return
	}
	c.ops++
	r := stream(l.w.scenario.Seed, purposeOperation, uint64(c.number), c.ops)
	think := time.Duration(r.ExpFloat64() * float64(l.w.scenario.Think))
	if l.w.scenario.skips(c.number, c.ops) {
		l.w.after(max(think, time.Millisecond), c.step)
		return
	}
	if l.w.clientFault(Burst, c.key()) != nil {
		think = 0
	}
	l.pending++
	collection := stableCollection
	if r.IntN(4) == 0 && l.fleetingOpen {
		collection = fleetingCollection
		l.fleetingPending++
	}
	then := func() {
		l.pending--
		if collection == fleetingCollection {
			l.fleetingPending--
		}
		l.w.after(think, c.step)
	}
	if r.IntN(100) < 58 {
		c.write(r, collection, then)
		return
	}
	c.read(r, collection, then)
}

// writing is a write of a client over all its attempts.
type writing struct {
	c        *client
	req      *flow.WriteRequest
	recorded string
	attempts int
	patient  bool // retries until the outcome is known
	rand     *rand.Rand
	then     func()
	// mayHave says that some attempt ended without a decision; again that it is sent once
	// more in the healed cluster.
	mayHave, again bool
	// began is when the first attempt was made, calm whether in a calm.
	began time.Duration
	calm  bool
}

func (c *client) write(r *rand.Rand, collection string, then func()) {
	recorded := c.l.recorded(collection)
	n := 1
	if r.IntN(5) == 0 {
		n = 1 + r.IntN(maxBatchOps)
	}
	huge := c.l.w.clientFault(HugeBatches, c.key())
	if huge != nil {
		n = 2 * c.l.w.scenario.IDs
	}
	req := &flow.WriteRequest{Collection: collection, Timeout: c.timeout(r)}
	req.ID = drawRequestID(r, c.l.now())
	for i := range n {
		op := c.drawOp(r, recorded, i)
		if !slices.ContainsFunc(req.Ops, func(o flow.Op) bool { return o.ID == op.ID }) {
			req.Ops = append(req.Ops, op)
		}
	}
	if last := &req.Ops[len(req.Ops)-1]; huge != nil && last.Kind == flow.Upsert {
		last.Payload = fmt.Appendf(nil, `{"w":"%d-%d","pad":"%0*d"}`, c.number, c.ops, huge.Bytes, 0)
	}
	w := &writing{c: c, req: req, recorded: recorded, patient: r.IntN(5) != 0, rand: r, then: then, began: c.l.w.now, calm: c.l.calm()}
	w.attempt()
}

func drawRequestID(r *rand.Rand, now flow.Time) flow.RequestID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], r.Uint64())
	return flow.NewRequestID(now, random)
}

func (c *client) drawOp(r *rand.Rand, recorded string, i int) flow.Op {
	op := flow.Op{Kind: flow.Upsert, ID: c.drawID(r)}
	if r.IntN(4) == 0 {
		op.Kind = flow.Delete
	} else {
		op.Vector = drawVector(r, c.l.w.scenario)
		op.Payload = payloadOf(c.number, c.ops, i)
	}
	if r.IntN(4) == 0 {
		op.If, op.IfVersion = true, c.known[recorded][op.ID]
		if r.IntN(10) == 0 {
			op.IfVersion = uint64(r.IntN(100))
		}
	}
	return op
}

func (c *client) drawID(r *rand.Rand) flow.PointID {
	n := r.IntN(c.l.w.scenario.IDs)
	if r.IntN(3) == 0 { // a third of the operations meet on few points
		n = r.IntN(min(3, c.l.w.scenario.IDs))
	}
	if c.l.w.clientFault(HotIDs, c.key()) != nil {
		n = 0
	}
	return pointID(n)
}

// key names the client's operation for the choices that faults make about it.
func (c *client) key() uint64 { return hash(c.l.w.scenario.Seed, uint64(c.number), c.ops) }

// timeout is how long the cluster may take for an operation.
func (c *client) timeout(r *rand.Rand) time.Duration {
	d := between(r, 200*time.Millisecond, 3*time.Second)
	if f := c.l.w.clientFault(TinyTimeouts, c.key()); f != nil {
		d = f.Delay
	}
	return d
}

// pointID is the n-th id of every world: numbers and strings in turn.
func pointID(n int) flow.PointID {
	if n%2 == 0 {
		return flow.NumberID(uint64(n))
	}
	id, err := flow.StringID(fmt.Sprintf("p%d", n))
	if err != nil {
		panic(fmt.Sprintf("sim: id %d: %v", n, err))
	}
	return id
}

// drawVector draws small whole numbers, which make ties, or any floats.
func drawVector(r *rand.Rand, s Scenario) flow.Vector {
	v := make(flow.Vector, s.Dim)
	whole := r.IntN(2) == 0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		if whole {
			v[i] = float32(r.IntN(7) - 3)
		}
	}
	if v[0] == 0 { // never the zero vector, which cosine refuses
		v[0] = 1
	}
	return v
}

// attempt sends the write once more.
func (w *writing) attempt() {
	l := w.c.l
	w.attempts++
	key := hash(w.c.key(), uint64(w.attempts))
	patience := w.req.Timeout + callGrace
	// What is sent to the fleeting collection must end before that is dropped.
	misuse := l.running && w.req.Collection == stableCollection
	if misuse {
		if f := l.w.clientFault(Abandon, key); f != nil {
			patience = f.Delay
		}
	}
	if misuse && l.w.clientFault(RepeatWrites, key) != nil {
		w.send(l.w.hosts[key%uint64(len(l.w.hosts))], patience, func(h *host, answer *flow.WriteResponse) {
			if answer != nil {
				l.w.checks.allowed(h, w.req, answer, w.recorded)
			}
		})
	}
	w.send(l.w.hosts[w.rand.IntN(len(l.w.hosts))], patience, w.answered)
}

// send records and makes one attempt.
func (w *writing) send(h *host, patience time.Duration, answered func(*host, *flow.WriteResponse)) {
	l := w.c.l
	shadow := *w.req
	shadow.Collection = w.recorded
	token := l.history.Begin(w.c.number, l.now(), &shadow)
	l.w.calls.doFor(h, w.req, patience, func(resp flow.Response, refused bool) {
		if refused {
			resp = &flow.WriteResponse{Outcome: flow.Outcome{Err: flow.Errorf(flow.Unavailable, "sim.call", "connection refused")}}
		}
		answer, _ := resp.(*flow.WriteResponse)
		if answer == nil {
			l.history.End(token, l.now(), nil)
		} else {
			l.history.End(token, l.now(), answer)
		}
		answered(h, answer)
	})
}

// answered looks at one attempt's answer and retries, gives up or ends.
func (w *writing) answered(h *host, answer *flow.WriteResponse) {
	l := w.c.l
	settled := answer != nil && len(answer.Results) == len(w.req.Ops)
	if settled {
		for i, r := range answer.Results {
			switch r.Status {
			case flow.Applied, flow.Conflicted:
				w.c.learn(w.recorded, w.req.Ops[i].ID, r.Version, w.req.Ops[i].Kind == flow.Delete && r.Status == flow.Applied)
			case flow.Absent:
				w.c.learn(w.recorded, w.req.Ops[i].ID, 0, true)
			default:
				settled = false
			}
		}
	}
	if answer != nil {
		w.c.token = w.c.token.Merge(answer.Token)
		l.w.checks.allowed(h, w.req, answer, w.recorded)
		refusedAll := answer.Err != nil && !slices.ContainsFunc(answer.Results, func(r flow.OpResult) bool { return r.Status != flow.Failed })
		w.mayHave = w.mayHave || !settled && !(refusedAll && nothingHappened(flow.KindOf(answer.Err)))
	} else {
		w.mayHave = true
	}
	out := &l.byKind[linearizability.Write]
	l.w.marks.write(w, answer, settled)
	switch {
	case settled:
		out.ok++
		w.reuse(answer.Results)
	case w.patient && w.attempts < maxAttempts && l.running:
		out.retried++
		l.w.after(between(w.rand, 20*time.Millisecond, 300*time.Millisecond), w.attempt)
		return
	case w.mayHave:
		out.unknown++
		l.unresolved = append(l.unresolved, w)
	default:
		out.failed++
	}
	l.served(w.calm && !w.again, settled)
	if w.then != nil {
		w.then()
	}
}

// calm says that the clients run, and every node, and the network is well.
func (l *workload) calm() bool {
	return l.running && len(l.w.network.active) == 0 && !slices.ContainsFunc(l.w.members(), func(h *host) bool { return !h.up() || h.paused() })
}

// served counts an operation that began in a calm.
func (l *workload) served(calm, well bool) {
	switch {
	case !calm:
		return
	case well:
		l.w.served++
	}
	l.w.tried++
}

// nothingHappened says whether a refusal of the kind leaves the state as it was.
func nothingHappened(k flow.Kind) bool {
	return k != flow.Unknown && k != flow.Internal && k != flow.Corrupt
}

func (c *client) learn(recorded string, id flow.PointID, version uint64, gone bool) {
	m := c.known[recorded]
	if m == nil {
		m = map[flow.PointID]uint64{}
		c.known[recorded] = m
	}
	m[id] = version
	if gone {
		m[id] = 0
	}
}
