package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

func (n *Node) serve(req flow.Request, reply func(flow.Response)) {
	switch req := req.(type) {
	case *flow.WriteRequest:
		n.serveWriteRequest(req, reply)
	case *flow.GetRequest:
		n.serveGet(req, reply)
	case *flow.CountRequest:
		n.serveCount(req, reply)
	case *flow.ScrollRequest:
		n.serveScroll(req, reply)
	case *flow.SearchRequest:
		n.serveSearch(req, reply)
	case *flow.CreateCollectionRequest:
		n.serveCreate(req, reply)
	case *flow.DropCollectionRequest:
		n.serveDrop(req, reply)
	case *flow.DeclareFieldRequest:
		n.serveDeclare(req, reply)
	case *flow.ListCollectionsRequest:
		n.serveList(req, reply)
	case *flow.JoinRequest:
		n.serveJoin(req, reply)
	case *flow.EstimateRequest:
		reply(n.estimate(req))
	case *flow.FiguresRequest:
		reply(n.figures(req))
	case *flow.StatusRequest:
		reply(n.cluster())
	case *flow.VerifyRequest:
		n.serveVerify(req, reply)
	case *flow.RetireRequest:
		n.leaders.retired, n.peers.reportSoon = true, true
		n.leaders.retiring = append(n.leaders.retiring, &retireOp{due: n.due(req.Timeout), reply: reply})
		n.driveRetirement()
	}
}

// command routes a request's command to the system group.
func (n *Node) command(request flow.RequestID, command []byte, due flow.Time, done func(system.Result, *flow.Error)) {
	n.proposeSystem(&proposal{request: request, command: command, due: due}, done)
}

// ownCommand routes one of the node's own.
func (n *Node) ownCommand(command []byte, done func(system.Result, *flow.Error)) {
	n.proposeSystem(&proposal{request: n.newRequestID(), command: command, due: n.due(0), own: true}, done)
}

func (n *Node) proposeSystem(p *proposal, done func(system.Result, *flow.Error)) {
	p.shard = flow.SystemShard
	p.done = func(w *net.Written, err *flow.Error) {
		if err != nil {
			done(system.Result{}, err)
			return
		}
		res, derr := system.DecodeResult(w.Result)
		if derr != nil {
			res.Err = flow.Errorf(flow.Internal, "node.command", "result of a system command: %w", derr)
		}
		done(res, res.Err)
	}
	n.propose(p)
}

func (n *Node) serveCreate(req *flow.CreateCollectionRequest, reply func(flow.Response)) {
	if err := checkCollection(req); err != nil {
		reply(&flow.CreateCollectionResponse{Outcome: outcome(err)})
		return
	}
	due := n.due(req.Timeout)
	n.command(n.newRequestID(), system.EncodeCreate(flow.Collection{Name: req.Name, Dim: req.Dim, Metric: req.Metric, IndexParams: req.IndexParams}), due, func(res system.Result, err *flow.Error) {
		finish := func(err *flow.Error) {
			reply(&flow.CreateCollectionResponse{Outcome: outcome(err), Collection: res.Collection})
		}
		if err != nil && err.Kind != flow.AlreadyExists {
			finish(err)
			return
		}
		n.dropFormer(req.Name, due, err, finish)
	})
}

func checkCollection(req *flow.CreateCollectionRequest) *flow.Error {
	const op = "node.checkCollection"
	switch {
	case req.Name == "" || len(req.Name) > flow.MaxCollectionNameBytes:
		return flow.Errorf(flow.InvalidArgument, op, "collection name must have 1 to %d bytes, it has %d", flow.MaxCollectionNameBytes, len(req.Name))
	case req.Dim < 1 || req.Dim > flow.MaxDim:
		return flow.Errorf(flow.InvalidArgument, op, "vectors.size is %d, it must be in 1..%d", req.Dim, flow.MaxDim)
	case !req.Metric.Valid():
		return flow.Errorf(flow.InvalidArgument, op, "vectors.distance is missing or unknown")
	}
	if err := req.IndexParams.WithDefaults().Check(); err != nil {
		return flow.Errorf(flow.InvalidArgument, op, "%w", cause(err))
	}
	for _, c := range req.Name {
		if c < ' ' || c == '/' || c == 0x7f || c == 0xfffd {
			return flow.Errorf(flow.InvalidArgument, op, "collection name %q holds a slash, a control character or bytes that are not UTF-8", req.Name)
		}
	}
	return nil
}

// serveDrop drops a collection from the catalogue, and then in every shard's log,
// so that after the answer no shard takes a write to it.
func (n *Node) serveDrop(req *flow.DropCollectionRequest, reply func(flow.Response)) {
	due := n.due(req.Timeout)
	finish := func(err *flow.Error) { reply(&flow.DropCollectionResponse{Outcome: outcome(err)}) }
	n.command(n.newRequestID(), system.EncodeDrop(req.Name), due, func(_ system.Result, err *flow.Error) {
		if err != nil && err.Kind != flow.NotFound {
			finish(err)
			return
		}
		n.dropFormer(req.Name, due, err, finish)
	})
}

// dropFormer drops, in every shard's log, the collections that bore a name before,
// and then gives done the outcome so far. A drop that ran out of time may have left
// shards that still take writes to one of them from a node whose catalogue is old; so
// nobody is told that the name is free, or taken again, before that is over.
func (n *Node) dropFormer(name string, due flow.Time, outcome *flow.Error, done func(*flow.Error)) {
	unconfirmed := func(err *flow.Error) {
		done(flow.Errorf(flow.Unknown, "node.dropFormer", "not every shard has confirmed the drop of the former collection %q: %w", name, err))
	}
	n.latestSystem(due, func(err *flow.Error) {
		ids := n.system().Former(name)
		switch {
		case err != nil:
			unconfirmed(err)
			return
		case len(n.system().Placements) == 0:
			unconfirmed(n.noState())
			return
		case len(ids) == 0:
			done(outcome)
			return
		}
		var failed *flow.Error
		placements := n.system().Placements
		pending := len(placements)
		for _, p := range placements {
			n.propose(&proposal{
				shard: p.Shard, request: n.newRequestID(), due: due, command: shard.EncodeDrop(0, ids),
				done: func(_ *net.Written, err *flow.Error) {
					if err != nil {
						failed = err
					}
					if pending--; pending > 0 {
						return
					}
					if failed != nil {
						unconfirmed(failed)
						return
					}
					done(outcome)
				},
			})
		}
	})
}

func (n *Node) serveList(req *flow.ListCollectionsRequest, reply func(flow.Response)) {
	list := func(err *flow.Error) {
		resp := &flow.ListCollectionsResponse{Outcome: outcome(err)}
		if err == nil {
			resp.Collections = n.system().SortedCollections()
		}
		reply(resp)
	}
	if req.Read.Level == flow.Any {
		list(nil)
		return
	}
	n.latestSystem(n.due(req.Read.Timeout), list)
}

func (n *Node) serveJoin(req *flow.JoinRequest, reply func(flow.Response)) {
	err := checkJoin(req)
	if err != nil {
		reply(&flow.JoinResponse{Outcome: outcome(err)})
		return
	}
	for _, row := range n.system().SortedNodes() {
		if req.Replace && row.Name == req.Name && row.Nonce != req.Nonce && n.up(row.ID) {
			err := flow.Errorf(flow.Conflict, "node.serveJoin", "node %q answers: it is not lost, or not for long enough", req.Name)
			reply(&flow.JoinResponse{Outcome: outcome(err)})
			return
		}
	}
	// The command is refused when the cluster's version is higher than this one by then.
	format := n.writes()
	n.command(n.newRequestID(), system.EncodeJoin(format, req), n.due(req.Timeout), func(res system.Result, err *flow.Error) {
		reply(&flow.JoinResponse{
			Outcome: outcome(err), ClusterID: n.identity.ClusterID, Node: res.Node, SystemReplica: res.Replica, Peers: n.peerInfos(), FormatVersion: format,
		})
	})
}

func checkJoin(req *flow.JoinRequest) *flow.Error {
	if err := checkNodeName(req.Name); err != nil {
		return flow.Errorf(flow.InvalidArgument, "node.checkJoin", "%w", cause(err))
	}
	if req.Addr == "" {
		return flow.Errorf(flow.InvalidArgument, "node.checkJoin", "addr is empty")
	}
	if req.Nonce == [16]byte{} {
		return flow.Errorf(flow.InvalidArgument, "node.checkJoin", "nonce is zero")
	}
	return nil
}
