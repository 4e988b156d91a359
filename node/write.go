package node

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// writeOp is a WriteRequest being routed: a part for each shard it touches.
type writeOp struct {
	req        *flow.WriteRequest
	reply      func(flow.Response)
	due        flow.Time
	collection flow.Collection
	results    []flow.OpResult
	token      flow.SessionToken
	pending    int
	err        *flow.Error
}

// due returns when a request with the given timeout has had its time.
func (n *Node) due(timeout time.Duration) flow.Time {
	if timeout <= 0 {
		timeout = n.cfg.Tuning.RequestTimeout
	}
	return n.cfg.Clock.Now().Add(timeout)
}

// noState is the error of a node that has not received the cluster's state yet.
func (n *Node) noState() *flow.Error {
	return flow.Errorf(flow.Unavailable, "node", "node %v has not received the cluster's state yet", n.identity.Name)
}

// resolve finds a collection by name: in this node's copy of the catalogue, or,
// when it is not there, in the latest one. stale is the id that turned out to be
// dropped, so that the copy is known to be behind.
func (n *Node) resolve(name string, stale flow.CollectionID, due flow.Time, done func(flow.Collection, *flow.Error)) {
	if c := n.system().Collections[name]; c != nil && c.ID != stale && len(n.system().Placements) > 0 {
		done(c.Collection, nil)
		return
	}
	n.latestSystem(due, func(err *flow.Error) {
		c := n.system().Collections[name]
		switch {
		case err != nil:
			done(flow.Collection{}, err)
		case len(n.system().Placements) == 0:
			done(flow.Collection{}, n.noState())
		case c == nil || c.ID == stale:
			done(flow.Collection{}, flow.Errorf(flow.NotFound, "node.resolve", "collection %q does not exist", name))
		default:
			done(c.Collection, nil)
		}
	})
}

func (n *Node) serveWriteRequest(req *flow.WriteRequest, reply func(flow.Response)) {
	refuse := func(err *flow.Error) {
		reply(&flow.WriteResponse{Outcome: flow.Outcome{Err: err}, ID: req.ID})
	}
	if err := n.admit(); err != nil {
		refuse(err)
		return
	}
	if err := checkOps(req.Ops); err != nil {
		refuse(err)
		return
	}
	if req.ID.IsZero() {
		req.ID = n.newRequestID()
	}
	op := &writeOp{req: req, reply: reply, due: n.due(req.Timeout), results: make([]flow.OpResult, len(req.Ops))}
	all := make([]int, len(req.Ops))
	for i := range all {
		all[i] = i
	}
	op.pending++ // until all parts are sent
	n.resolve(req.Collection, 0, op.due, func(c flow.Collection, err *flow.Error) {
		if err == nil {
			err = checkVectors(req.Ops, c)
		}
		if err != nil {
			refuse(err)
			return
		}
		op.collection = c
		n.sendParts(op, all)
		op.finish()
	})
}

// starts returns the first hash of each data shard's range, beginning with shard 1.
func (n *Node) starts() []uint64 {
	placements := n.system().Placements
	starts := make([]uint64, len(placements))
	for i, p := range placements {
		starts[i] = p.Start
	}
	return starts
}

// sendParts proposes the operations at some positions, a part for each shard.
func (n *Node) sendParts(op *writeOp, positions []int) {
	starts := n.starts()
	parts := make([][]int, len(starts))
	for _, i := range positions {
		s := ring.Find(starts, ring.Hash(op.req.Ops[i].ID))
		parts[s] = append(parts[s], i)
	}
	for s, part := range parts {
		if len(part) > 0 {
			n.sendPart(op, flow.ShardID(s+1), part)
		}
	}
}

func (n *Node) sendPart(op *writeOp, s flow.ShardID, part []int) {
	op.pending++
	collection := op.collection
	n.propose(&proposal{
		shard: s, request: op.req.ID, command: shard.EncodeWrite(n.writes(), collection, op.req.Ops, part), due: op.due,
		done: func(w *net.Written, err *flow.Error) {
			if err == nil {
				err = n.takeWritten(op, collection, s, part, w)
			}
			if err != nil {
				op.fail(part, err)
			}
			op.finish()
		},
	})
}

// takeWritten takes the result of a part. A shard that has dropped the collection
// makes the name be resolved again: it may stand for a new one by now.
func (n *Node) takeWritten(op *writeOp, sent flow.Collection, s flow.ShardID, part []int, w *net.Written) *flow.Error {
	refusal, results, err := shard.DecodeResult(w.Result)
	switch {
	case err != nil:
		return flow.Errorf(flow.Internal, "node.takeWritten", "result of a write: %w", err).OnShard(s)
	case refusal == shard.Expired || refusal == shard.Ahead || refusal == shard.Reused:
		return refusal.Err(op.req.ID).OnShard(s)
	case refusal == shard.Dropped:
		op.pending++
		n.resolve(op.req.Collection, sent.ID, op.due, func(c flow.Collection, err *flow.Error) {
			if err == nil {
				err = checkVectors(op.req.Ops, c)
			}
			if err != nil {
				op.fail(part, err)
			} else {
				op.collection = c
				n.sendPart(op, s, part)
			}
			op.finish()
		})
		return nil
	case len(results) != len(part):
		return flow.Errorf(flow.Conflict, "node.takeWritten", "request id %v was used for another write", op.req.ID).OnShard(s)
	}
	for i, at := range part {
		op.results[at] = results[i]
	}
	op.token = op.token.Merge(flow.SessionToken{{Shard: s, Index: w.Index}})
	return nil
}

// fail gives the operations of a part their error; the worst one is the request's.
func (op *writeOp) fail(part []int, err *flow.Error) {
	status := flow.Failed
	if err.Kind == flow.Unknown || err.Kind == flow.Conflict { // Conflict: perhaps a retry that came too late
		status = flow.Unresolved
	}
	for _, i := range part {
		op.results[i] = flow.OpResult{Status: status, Err: err}
	}
	if op.err == nil || err.Kind == flow.Unknown {
		op.err = err
	}
}

// finish counts a part as done and answers when it was the last.
func (op *writeOp) finish() {
	if op.pending--; op.pending > 0 {
		return
	}
	resp := &flow.WriteResponse{ID: op.req.ID, Results: op.results, Token: op.token}
	if op.err != nil {
		resp.Err = op.err
	}
	op.reply(resp)
}

// checkOps refuses what no collection would take.
func checkOps(ops []flow.Op) *flow.Error {
	const name = "node.checkOps"
	if len(ops) == 0 {
		return flow.Errorf(flow.InvalidArgument, name, "points is empty")
	}
	if len(ops) > flow.MaxBatchPoints {
		return flow.Errorf(flow.InvalidArgument, name, "points holds %d points, the limit is %d", len(ops), flow.MaxBatchPoints)
	}
	bytes := 0
	for i := range ops {
		op := &ops[i]
		bytes += 4*len(op.Vector) + len(op.Payload)
		switch {
		case op.Kind != flow.Upsert && op.Kind != flow.Delete:
			return flow.Errorf(flow.InvalidArgument, name, "points[%d]: unknown operation", i)
		case !op.ID.Valid():
			return flow.Errorf(flow.InvalidArgument, name, "points[%d].id is missing or longer than %d bytes", i, flow.MaxPointIDBytes)
		case len(op.Payload) > flow.MaxPayloadBytes:
			return flow.Errorf(flow.InvalidArgument, name, "points[%d].payload is %d bytes long, the limit is %d", i, len(op.Payload), flow.MaxPayloadBytes)
		}
	}
	if bytes > flow.MaxBatchBytes {
		return flow.Errorf(flow.InvalidArgument, name, "points holds %d bytes, the limit is %d", bytes, flow.MaxBatchBytes)
	}
	return nil
}

// checkVectors refuses vectors that do not fit the collection.
func checkVectors(ops []flow.Op, c flow.Collection) *flow.Error {
	for i := range ops {
		if ops[i].Kind != flow.Upsert {
			continue
		}
		if err := ops[i].Vector.Check(c.Dim, c.Metric); err != nil {
			return flow.Errorf(flow.KindOf(err), "node.checkVectors", "points[%d].%w", i, cause(err))
		}
	}
	return nil
}

// cause is an error without its kind, for a sentence that names the field.
func cause(err error) error {
	if e, ok := err.(*flow.Error); ok && e.Err != nil {
		return e.Err
	}
	return err
}
