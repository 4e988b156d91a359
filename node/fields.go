package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

// fields is what the node does for payload indexes: it tells its shards which fields
// are declared, and has one index at a time built by a job.
type fields struct {
	// version counts the states of declared that were seen: of machine, with so many changes.
	version  uint64
	machine  *system.Machine
	changes  uint64
	declared map[flow.CollectionID][]flow.Field
	building bool
	// retry is the tick before which no build is begun after one that failed.
	retry uint64
}

// rebuildTicks is how long after a failure an index is built again (10 s).
const rebuildTicks = 400

// serveDeclare routes a declaration to the system group.
func (n *Node) serveDeclare(req *flow.DeclareFieldRequest, reply func(flow.Response)) {
	f := req.Field
	if req.Remove {
		f.Kind = flow.KeywordField // any: it is not looked at
	}
	f, err := filter.Check(f)
	if err != nil {
		reply(&flow.DeclareFieldResponse{Outcome: outcome(flow.Errorf(flow.InvalidArgument, "node.serveDeclare", "%w", cause(err)))})
		return
	}
	n.command(n.newRequestID(), system.EncodeField(req.Collection, f, req.Remove), n.due(req.Timeout), func(_ system.Result, err *flow.Error) {
		reply(&flow.DeclareFieldResponse{Outcome: outcome(err)})
	})
}

// tickFields hands declarations on, and begins a build if there is one to do.
func (n *Node) tickFields() {
	f := &n.fields
	if s := n.system(); f.machine != s || f.changes != s.FieldChanges {
		f.machine, f.changes, f.declared = s, s.FieldChanges, s.Fields()
		f.version++
	}
	for _, s := range n.hosted {
		if s == flow.SystemShard {
			continue
		}
		m := n.shard(s)
		m.Declare(f.version, f.declared)
		if !f.building && m.Unbuilt() && n.ticks >= f.retry {
			f.building = true
			n.fx.Compute = append(n.fx.Compute, func() { n.buildFields(s, m) })
		}
	}
}

// buildFields builds the indexes of one collection in one shard. They change no answer,
// so it does not matter when they come.
func (n *Node) buildFields(s flow.ShardID, m *shard.Machine) {
	r := n.replicas[s]
	if r == nil || n.shard(s) != m || !n.startBuild(s, m) {
		n.fields.building = false
	}
}

func (n *Node) startBuild(s flow.ShardID, m *shard.Machine) bool {
	b := m.FieldBuild()
	if b == nil {
		return false
	}
	view, prefix := n.cfg.Disk.Snapshot(), n.replicas[s].StatePrefix()
	var failed error
	host{n}.Do(b.Points()*payloadBytes, func() {
		lo, hi := b.Rows()
		failed = view.Scan(join(prefix, lo), join(prefix, hi), func(key, payload []byte) bool {
			b.Add(key, payload)
			return true
		})
		if err := view.Close(); failed == nil {
			failed = err
		}
	}, func() {
		n.fields.building = false
		if failed != nil { // who reads those rows for an answer says what is wrong
			n.fields.retry = n.ticks + rebuildTicks
			return
		}
		b.Attach()
	})
	return true
}
