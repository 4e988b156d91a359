package linearizability

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// key names a point: the history is judged apart for each.
type key struct {
	collection string
	point      flow.PointID
}

// value is what a point holds: nothing, or a vector and a payload, by digest.
type value struct {
	exists          bool
	vector, payload uint64
}

// change is what one write does to one point: all its Ops on the point, which
// take effect together or not at all.
type change struct {
	op      *Operation
	subs    []flow.Op
	results []flow.OpResult // Unresolved where nothing was told
	// call and ret bound when it takes effect; ret is forever while it may yet.
	call, ret int64
	// version is where it changed the point; 0 when it did not, or nobody said.
	version uint64
	// open says that it may have happened or not.
	open bool
	// afters are the states it can leave; one, unless conditions were not answered.
	afters []value
	// vectors are those of afters.
	vectors []flow.Vector
	// earliest and latest bound the effect more closely, given the order of versions.
	earliest, latest int64
	// unseen is the linearizable read that set earliest by not seeing the effect yet.
	unseen *Operation
}

// lookup is what a linearizable get or another read saw of one point.
type lookup struct {
	op *Operation
	seen
}

// seen is what an answer says of a point.
type seen struct {
	found                   bool
	version                 uint64
	value                   value
	withVector, withPayload bool
	distance                float32
	vector                  flow.Vector // of the answer; meaningful withVector
}

// agrees says whether the answer's parts are those of a value.
func (s seen) agrees(v value) bool {
	if !s.found || !v.exists {
		return s.found == v.exists
	}
	return (!s.withVector || s.value.vector == v.vector) && (!s.withPayload || s.value.payload == v.payload)
}

// pointHistory is all that concerns one point.
type pointHistory struct {
	key
	shard   flow.ShardID // 0 when not known
	changes []*change    // in order of call, refused ones left out
	reads   []*lookup    // linearizable gets, in order of call
	sights  []*lookup    // every sight of the point in any answer, absence left out
	effects []*change    // changes with a version, ascending; see order
	// opaque says that what some version holds cannot be told from outside.
	opaque bool
	fault  *fault
}

// fault is a contradiction seen while a point's history was put together.
type fault struct {
	check, reason string
	ops           []*Operation
}

func (p *pointHistory) blame(check string, ops []*Operation, format string, args ...any) {
	if p.fault == nil {
		p.fault = &fault{check, fmt.Sprintf(format, args...), ops}
	}
}

// partition is a history taken apart by point.
type partition struct {
	h      *History
	o      Options
	points []*pointHistory // by collection, then id
	// payloads holds what was written, by digest, if there are filters to ask of it.
	payloads map[uint64][]byte
	byPoint  map[key]*pointHistory
}

// newPartition takes a history apart, settles what the record and the answers
// tell of unknown outcomes, and orders the effects.
func newPartition(h *History, o Options) *partition {
	p := &partition{h: h, o: o, byPoint: map[key]*pointHistory{}}
	for i := range h.ops {
		op := &h.ops[i]
		switch {
		case op.Kind == Write:
			p.addWrite(op)
		case op.Outcome == OK && len(op.Former) == 0:
			p.addRead(op)
		}
	}
	slices.SortFunc(p.points, func(a, b *pointHistory) int {
		return cmp.Or(cmp.Compare(a.collection, b.collection), cmp.Compare(a.point, b.point))
	})
	for _, ph := range p.points {
		ph.resolveByRecord(o.Record)
		ph.resolveBySight()
		ph.order()
	}
	return p
}

func (p *partition) at(collection string, id flow.PointID) *pointHistory {
	k := key{collection, id}
	ph := p.byPoint[k]
	if ph == nil {
		ph = &pointHistory{key: k}
		if p.o.ShardOf != nil {
			ph.shard = p.o.ShardOf(id)
		}
		p.byPoint[k] = ph
		p.points = append(p.points, ph)
	}
	return ph
}

// addWrite splits a write into a change per point.
func (p *partition) addWrite(op *Operation) {
	req, resp := op.Request.(*flow.WriteRequest), op.Response.(*flow.WriteResponse)
	mine := map[flow.PointID]*change{}
	for i, sub := range req.Ops {
		c := mine[sub.ID]
		if c == nil {
			c = &change{op: op, call: op.call, ret: op.ret}
			mine[sub.ID] = c
			ph := p.at(req.Collection, sub.ID)
			ph.changes = append(ph.changes, c)
		}
		c.subs = append(c.subs, sub)
		p.keep(sub.Payload)
		c.results = append(c.results, resp.Results[i])
	}
	for _, sub := range req.Ops {
		if c := mine[sub.ID]; c.afters == nil {
			p.at(req.Collection, sub.ID).settle(c)
		}
	}
}

// settle reads off a change's results whether it happened and where.
func (p *pointHistory) settle(c *change) {
	decided := false
	for i, r := range c.results {
		decided = decided || isDecision(r.Status)
		if r.Status != flow.Applied {
			continue
		}
		if r.Version == 0 {
			p.blame("point", []*Operation{c.op}, "a change was answered as applied without a version")
		}
		if c.version != 0 && c.version != r.Version {
			p.blame("point", []*Operation{c.op}, "one request changed the point at version %d and at version %d", c.version, r.Version)
		}
		c.version = c.results[i].Version
	}
	c.setAfters()
	if c.op.contradiction != "" {
		p.blame("exactly-once", []*Operation{c.op}, "%s: %s", requestName(c.op), c.op.contradiction)
	}
	if !decided {
		c.open, c.ret = c.unanswered(), forever
	}
}

// unanswered says whether some Op of the change may yet have happened.
func (c *change) unanswered() bool {
	return slices.ContainsFunc(c.results, func(r flow.OpResult) bool { return r.Status == flow.Unresolved })
}

// setAfters works out the states the change can leave, the likeliest first: that
// of the last Op that changed the point, where conditions without an answer may
// have held or not.
func (c *change) setAfters() {
	c.afters, c.vectors = []value{}, nil
	for i := len(c.subs) - 1; i >= 0; i-- {
		sub, r := c.subs[i], c.results[i]
		if r.Status != flow.Applied && r.Status != flow.Unresolved {
			continue
		}
		c.afters = append(c.afters, valueOf(sub))
		c.vectors = append(c.vectors, sub.Vector)
		if r.Status == flow.Applied || !sub.If {
			return
		}
	}
}

// addRead notes what a read saw.
func (p *partition) addRead(op *Operation) {
	switch req := op.Request.(type) {
	case *flow.GetRequest:
		resp := op.Response.(*flow.GetResponse)
		found := map[flow.PointID]bool{}
		for _, pt := range resp.Points {
			found[pt.ID] = true
			p.addSight(op, req.Collection, pt.ID, seenPoint(pt, req.WithVector, req.WithPayload))
		}
		if req.Read.Level != flow.Linearizable {
			return
		}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(req.IDs))) {
			if !found[id] && !p.missing(&resp.ReadInfo, id) {
				ph := p.at(req.Collection, id)
				ph.reads = append(ph.reads, &lookup{op: op})
			}
		}
	case *flow.ScrollRequest:
		for _, pt := range op.Response.(*flow.ScrollResponse).Points {
			p.addSight(op, req.Collection, pt.ID, seenPoint(pt, req.WithVector, req.WithPayload))
		}
	case *flow.SearchRequest:
		for _, hit := range op.Response.(*flow.SearchResponse).Hits {
			p.addSight(op, req.Collection, hit.ID, seenHit(hit, req))
		}
	}
}

func (p *partition) addSight(op *Operation, collection string, id flow.PointID, s seen) {
	ph := p.at(collection, id)
	l := &lookup{op: op, seen: s}
	ph.sights = append(ph.sights, l)
	if op.Kind == Get && op.level() == flow.Linearizable {
		ph.reads = append(ph.reads, l)
	}
}

// missing says whether an answer need not hold the point because its shard, as
// far as can be told, was not reached.
func (p *partition) missing(info *flow.ReadInfo, id flow.PointID) bool {
	if len(info.Missing) == 0 {
		return false
	}
	return p.o.ShardOf == nil || slices.Contains(info.Missing, p.o.ShardOf(id))
}

// resolveByRecord compares the changes with what the system says it applied, and
// takes its word on those without an answer.
func (p *pointHistory) resolveByRecord(r *Record) {
	kept := p.changes[:0]
	for _, c := range p.changes {
		versions, known := r.versions(requestID(c.op), p.point)
		switch {
		case len(versions) > 1:
			p.blame("exactly-once", []*Operation{c.op}, "%s was applied twice, at versions %v", requestName(c.op), versions)
		case known && c.version != 0 && !slices.Contains(versions, c.version):
			p.blame("exactly-once", []*Operation{c.op}, "%s was answered as applied at version %d; the system applied it at %v", requestName(c.op), c.version, versions)
		case !c.unanswered() && c.version == 0 && len(versions) > 0:
			p.blame("exactly-once", []*Operation{c.op}, "%s was answered as not applied; the system applied it at version %d", requestName(c.op), versions[0])
		}
		if c.open && known {
			c.open = false
			if len(versions) == 0 {
				continue
			}
			c.version = versions[0]
		}
		if c.open || c.version != 0 || c.ret != forever {
			kept = append(kept, c)
		}
	}
	p.changes = kept
}

// resolveBySight gives an unknown change its version when some answer holds what
// only that change could have stored.
func (p *pointHistory) resolveBySight() {
	taken := map[uint64]bool{}
	for _, c := range p.changes {
		taken[c.version] = true
	}
	by := map[*change]*lookup{}
	for _, s := range p.sights {
		c := p.onlyWriter(s.seen)
		if c == nil || by[c] == nil && (!c.open || taken[s.version]) {
			continue
		}
		if first := by[c]; first != nil && first.version != s.version {
			p.blame("exactly-once", []*Operation{c.op, first.op, s.op},
				"what %s stored was seen at version %d and at version %d", requestName(c.op), first.version, s.version)
		}
		if by[c] == nil {
			by[c], c.version, c.open = s, s.version, false
			taken[s.version] = true
			c.narrow(s.seen)
		}
	}
}

// narrow keeps of the states a change can leave those that were seen.
func (c *change) narrow(s seen) {
	var afters []value
	var vectors []flow.Vector
	for i, v := range c.afters {
		if s.agrees(v) {
			afters, vectors = append(afters, v), append(vectors, c.vectors[i])
		}
	}
	c.afters, c.vectors = afters, vectors
}

// onlyWriter returns the one change that can have stored what was seen, or nil.
func (p *pointHistory) onlyWriter(s seen) *change {
	if !s.withVector && !s.withPayload || s.version == 0 {
		return nil
	}
	var only *change
	for _, c := range p.changes {
		if !slices.ContainsFunc(c.afters, s.agrees) {
			continue
		}
		if only != nil {
			return nil
		}
		only = c
	}
	return only
}

func seenPoint(pt flow.Point, withVector, withPayload bool) seen {
	return seen{
		found: true, version: pt.Version, withVector: withVector, withPayload: withPayload, vector: pt.Vector,
		value: value{true, vectorDigest(pt.Vector), payloadDigest(pt.Payload)},
	}
}

func seenHit(hit flow.Hit, req *flow.SearchRequest) seen {
	s := seenPoint(hit.Point, req.WithVector, req.WithPayload)
	s.distance = hit.Distance
	return s
}

func valueOf(op flow.Op) value {
	if op.Kind != flow.Upsert {
		return value{}
	}
	return value{true, vectorDigest(op.Vector), payloadDigest(op.Payload)}
}

// vectorDigest hashes the components' bits.
func vectorDigest(v flow.Vector) uint64 {
	f, b := fnv.New64a(), [4]byte{}
	for _, x := range v {
		u := math.Float32bits(x)
		b = [4]byte{byte(u), byte(u >> 8), byte(u >> 16), byte(u >> 24)}
		f.Write(b[:])
	}
	return f.Sum64()
}

// payloadDigest hashes a payload; none and an empty one are the same.
func payloadDigest(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	f := fnv.New64a()
	f.Write(b)
	return f.Sum64()
}
