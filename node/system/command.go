package system

import (
	"errors"
	"fmt"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// The kinds of command.
const (
	commandCreate = 'c'
	commandDrop   = 'd'
	commandFinish = 'f'
	commandForget = 'g'
	commandIndex  = 'i'
	commandJoin   = 'j'
	commandMove   = 'm'
	commandRenew  = 'r'
	commandCancel = 'x'
	commandUndone = 'z'
	commandUpdate = 'u'
	commandRaise  = 'v'
)

// EncodeCreate returns the command that makes a collection; its id is given by Apply.
func EncodeCreate(c flow.Collection) []byte {
	w := wire.Writer{Buf: []byte{commandCreate}}
	c.IndexParams = c.WithDefaults()
	encodeDefinition(&w, &c)
	return w.Buf
}

// EncodeDrop returns the command that drops a collection.
func EncodeDrop(name string) []byte {
	w := wire.Writer{Buf: []byte{commandDrop}}
	w.Text(name)
	return w.Buf
}

// EncodeField returns the command that declares an index of a field, or removes it. The
// field's path is in the form that compares.
func EncodeField(name string, f flow.Field, remove bool) []byte {
	w := wire.Writer{Buf: []byte{commandIndex}}
	w.Text(name)
	encodeField(&w, f)
	w.Bool(remove)
	return w.Buf
}

// EncodeJoin returns the command that adds a node, in a cluster of a format version. Since
// version 2 it tells what the node understands.
func EncodeJoin(format flow.FormatVersion, j *flow.JoinRequest) []byte {
	var w wire.Writer
	replica.BeginCommand(&w, format, commandJoin)
	encodeInfo(&w, &flow.NodeInfo{Name: j.Name, Addr: j.Addr, APIAddr: j.APIAddr, Region: j.Region})
	w.Raw(j.Nonce[:])
	w.Bool(j.Replace)
	if format >= 2 {
		w.Byte(byte(max(j.FormatVersion, flow.OldestFormat)))
	}
	return w.Buf
}

// EncodeRaise returns the command that raises the cluster's format version, which every
// node up to the one with id last must have promised to understand.
func EncodeRaise(to flow.FormatVersion, last flow.NodeID) []byte {
	var w wire.Writer
	replica.BeginCommand(&w, to, commandRaise)
	w.Uint(uint64(last))
	return w.Buf
}

// EncodeForget returns the command that takes the row of a lost node out of the node
// table, once no placement and no move names it.
func EncodeForget(id flow.NodeID) []byte {
	w := wire.Writer{Buf: []byte{commandForget}}
	w.Uint(uint64(id))
	return w.Buf
}

// EncodeUpdate returns the command that changes a node's addresses.
func EncodeUpdate(id flow.NodeID, addr, apiAddr string) []byte {
	w := wire.Writer{Buf: []byte{commandUpdate}}
	encodeInfo(&w, &flow.NodeInfo{ID: id, Addr: addr, APIAddr: apiAddr})
	return w.Buf
}

// EncodeMove returns the command that begins a move of a shard: a new replica on
// node add, in place of replica remove (0: beside the others).
func EncodeMove(shard flow.ShardID, add flow.NodeID, remove flow.ReplicaID) []byte {
	w := wire.Writer{Buf: []byte{commandMove}}
	w.Uint(uint64(shard))
	w.Uint(uint64(add))
	w.Uint(uint64(remove))
	return w.Buf
}

// EncodeCancel returns the command that cancels a move.
func EncodeCancel(m *Move) []byte { return encodeMoveCommand(commandCancel, m) }

// EncodeUndone returns the command that ends a cancelled move: its new replica is no
// member of the group, and nothing that could make it one is under way.
func EncodeUndone(m *Move) []byte { return encodeMoveCommand(commandUndone, m) }

func encodeMoveCommand(kind byte, m *Move) []byte {
	w := wire.Writer{Buf: []byte{kind}}
	w.Uint(uint64(m.Shard))
	w.Uint(m.ID)
	return w.Buf
}

// EncodeRenew returns the command that gives a node a new member of the system group,
// of a later generation.
func EncodeRenew(id flow.ReplicaID) []byte {
	w := wire.Writer{Buf: []byte{commandRenew}}
	w.Uint(uint64(id))
	return w.Buf
}

// EncodeFinish returns the command that enters a finished move into the placement table.
func EncodeFinish(m *Move) []byte { return encodeMoveCommand(commandFinish, m) }

// Result is what became of a command: an error that changed nothing, or the row
// that it made or found; of a dropped collection, the id.
type Result struct {
	Err        *flow.Error
	Collection flow.Collection
	Node       flow.NodeID
	Replica    flow.ReplicaID
}

func (res Result) encode() []byte {
	var w wire.Writer
	w.Bool(res.Err != nil)
	if res.Err != nil {
		w.Byte(byte(res.Err.Kind))
		w.Text(res.Err.Err.Error())
		return w.Buf
	}
	w.Bytes(encodeCollection(&Collection{Collection: res.Collection}))
	w.Uint(uint64(res.Node))
	w.Uint(uint64(res.Replica))
	return w.Buf
}

// DecodeResult reads the result of a command.
func DecodeResult(b []byte) (Result, error) {
	r := wire.NewReader(b)
	if r.Bool() {
		kind := flow.Kind(r.Byte())
		err := &flow.Error{Op: "system.Apply", Kind: kind, Err: errors.New(r.Text())}
		return Result{Err: err}, r.Done()
	}
	var res Result
	res.Collection = decodeCollection(wire.NewReader(r.Bytes())).Collection
	res.Node, res.Replica = flow.NodeID(r.Uint()), flow.ReplicaID(r.Uint())
	return res, r.Done()
}

func refuse(kind flow.Kind, format string, args ...any) Result {
	return Result{Err: flow.Errorf(kind, "system.Apply", format, args...)}
}

// Admit implements replica.Machine: a malformed command is InvalidArgument.
func (m *Machine) Admit(c replica.Command) *flow.Error {
	format, kind, body, refused := replica.OpenCommand(c.Body, m.newest)
	if refused != nil {
		return refused
	}
	malformed := flow.Errorf(flow.InvalidArgument, "system.Admit", "the command is malformed")
	r := wire.NewReader(body)
	switch kind {
	case commandCreate:
		c := decodeDefinition(r)
		if c.Dim < 1 || c.Dim > flow.MaxDim || !c.Metric.Valid() || c.IndexParams.Check() != nil {
			return malformed
		}
	case commandDrop:
		r.Text()
	case commandIndex:
		r.Text()
		if f := decodeField(r); !r.Bool() && !f.Kind.Valid() {
			return malformed
		}
	case commandJoin:
		decodeInfo(r)
		decodeRequest(r)
		r.Bool()
		decodeNewest(r, format)
	case commandForget:
		r.Uint()
	case commandUpdate:
		decodeInfo(r)
	case commandMove:
		r.Uint()
		r.Uint()
		r.Uint()
	case commandFinish, commandCancel, commandUndone:
		r.Uint()
		r.Uint()
	case commandRenew, commandRaise:
		r.Uint()
	default:
		return malformed
	}
	if r.Done() != nil {
		return malformed
	}
	return nil
}

// Apply implements replica.Machine.
func (m *Machine) Apply(index uint64, c replica.Command, rows *replica.Rows) []byte {
	format, kind, body, refused := replica.OpenCommand(c.Body, m.newest)
	if refused != nil {
		panic(flow.Errorf(flow.Corrupt, "system.Apply", "command at %d: %w", index, refused))
	}
	r := wire.NewReader(body)
	var res Result
	catalogue := kind == commandCreate || kind == commandDrop
	if result, answered := m.repeated(c.Request); catalogue && answered {
		return result
	}
	switch kind {
	case commandCreate:
		res = m.create(rows, c.Request, decodeDefinition(r))
	case commandDrop:
		res = m.drop(rows, c.Request, r.Text())
	case commandIndex:
		res = m.declare(rows, r.Text(), decodeField(r), r.Bool())
	case commandJoin:
		res = m.join(rows, decodeInfo(r), decodeRequest(r), r.Bool(), decodeNewest(r, format))
	case commandForget:
		res = m.forget(rows, flow.NodeID(r.Uint()))
	case commandUpdate:
		res = m.update(rows, decodeInfo(r))
	case commandMove:
		res = m.move(rows, flow.ShardID(r.Uint()), flow.NodeID(r.Uint()), flow.ReplicaID(r.Uint()))
	case commandFinish:
		res = m.finish(rows, flow.ShardID(r.Uint()), r.Uint())
	case commandCancel:
		res = m.cancel(rows, flow.ShardID(r.Uint()), r.Uint())
	case commandUndone:
		res = m.undone(rows, flow.ShardID(r.Uint()), r.Uint())
	case commandRenew:
		res = m.renew(rows, flow.ReplicaID(r.Uint()))
	case commandRaise:
		res = m.raise(rows, format, flow.NodeID(r.Uint()))
	default:
		panic(flow.Errorf(flow.Corrupt, "system.Apply", "command at %d has unknown kind %q", index, kind))
	}
	if err := r.Done(); err != nil {
		panic(flow.Errorf(flow.Corrupt, "system.Apply", "command at %d: %w", index, err))
	}
	result := res.encode()
	if catalogue {
		m.remember(rows, c.Request, result)
	}
	return result
}

func (m *Machine) create(rows *replica.Rows, request flow.RequestID, row flow.Collection) Result {
	if c := m.Collections[row.Name]; c != nil {
		if c.Request == request {
			return Result{Collection: c.Collection} // a retry
		}
		return refuse(flow.AlreadyExists, "collection %q exists", row.Name)
	}
	for _, d := range m.Drops {
		if d.Created == request { // a late copy: nobody waits for it any more
			return refuse(flow.NotFound, "collection %q was made by this request and dropped since", row.Name)
		}
	}
	m.lastCollection++
	row.ID = m.lastCollection
	c := &Collection{Collection: row, Request: request}
	m.Collections[c.Name] = c
	m.put(rows, collectionKey(c.ID), encodeCollection(c))
	return Result{Collection: c.Collection}
}

// declare changes the indexed fields of a collection. A repetition finds nothing to do.
func (m *Machine) declare(rows *replica.Rows, name string, f flow.Field, remove bool) Result {
	old := m.Collections[name]
	if old == nil {
		return refuse(flow.NotFound, "collection %q does not exist", name)
	}
	at := slices.IndexFunc(old.Fields, func(have flow.Field) bool { return have.Path == f.Path })
	c := *old // the old row may be in somebody's hands
	c.Fields = slices.Clone(old.Fields)
	switch {
	case remove && at < 0 || !remove && at >= 0 && old.Fields[at] == f:
		return Result{Collection: old.Collection}
	case remove:
		c.Fields = slices.Delete(c.Fields, at, at+1)
	case at >= 0:
		c.Fields[at] = f
	case len(c.Fields) == flow.MaxFields:
		return refuse(flow.ResourceExhausted, "collection %q has %d indexed fields, the most there can be", name, flow.MaxFields)
	default:
		c.Fields = append(c.Fields, f)
	}
	m.Collections[name] = &c
	m.FieldChanges++
	m.put(rows, collectionKey(c.ID), encodeCollection(&c))
	return Result{Collection: c.Collection}
}

func (m *Machine) drop(rows *replica.Rows, request flow.RequestID, name string) Result {
	for i := len(m.Drops) - 1; i >= 0; i-- {
		if m.Drops[i].Request == request {
			return Result{Collection: flow.Collection{ID: m.Drops[i].ID}} // a retry
		}
	}
	c := m.Collections[name]
	if c == nil {
		return refuse(flow.NotFound, "collection %q does not exist", name)
	}
	d := Drop{ID: c.ID, Name: c.Name, Created: c.Request, Request: request}
	m.put(rows, dropKey(len(m.Drops)), encodeDrop(d))
	m.Drops = append(m.Drops, d)
	m.remove(rows, collectionKey(c.ID))
	delete(m.Collections, name)
	return Result{Collection: flow.Collection{ID: d.ID}}
}

// decodeNewest reads what a joining node understands, 0 where the command does not say.
func decodeNewest(r *wire.Reader, format flow.FormatVersion) flow.FormatVersion {
	if format < 2 {
		return 0
	}
	return flow.FormatVersion(r.Byte())
}

func (m *Machine) join(rows *replica.Rows, info flow.NodeInfo, nonce [16]byte, replace bool, newest flow.FormatVersion) Result {
	switch {
	case newest == 0 && m.Format > flow.OldestFormat: // from a node that had not heard of it
		return refuse(flow.Unavailable, "the cluster's format version was raised to %d meanwhile; ask again", m.Format)
	case newest != 0 && newest < m.Format:
		return refuse(flow.Conflict, "node %q understands format versions up to %d and the cluster's is %d: it cannot join with this program", info.Name, newest, m.Format)
	}
	for _, n := range m.SortedNodes() {
		switch {
		case n.Name == info.Name && n.Nonce == nonce:
			return Result{Node: n.ID, Replica: n.SystemReplica} // a repeated join
		case n.Name == info.Name && !replace:
			return refuse(flow.AlreadyExists, "a node named %q is in the cluster already, with another data directory; choose another --node-id, or --replace it if that directory is lost for good", info.Name)
		case n.Name == info.Name:
			lost := *n
			lost.Name, lost.Lost = fmt.Sprintf("%s (lost %v)", n.Name, n.ID), true // no node can have a name with spaces
			m.Nodes[n.ID] = &lost
			m.put(rows, nodeKey(n.ID), encodeNode(&lost))
		}
	}
	m.lastNode++
	info.ID = m.lastNode
	n := &Node{NodeInfo: info, Nonce: nonce, SystemReplica: flow.NewReplicaID(info.ID, 1)}
	m.Nodes[n.ID] = n
	m.put(rows, nodeKey(n.ID), encodeNode(n))
	return Result{Node: n.ID, Replica: n.SystemReplica}
}

// raise enters the cluster's format version. It does nothing when a node has joined
// since the proposer looked: that one has promised nothing.
func (m *Machine) raise(rows *replica.Rows, to flow.FormatVersion, last flow.NodeID) Result {
	if to <= m.Format || last != m.lastNode {
		return Result{} // raised before, or to be proposed again
	}
	m.Format = to
	m.put(rows, rowKey(rowFormat, 0), encodeFormat(to))
	return Result{}
}

// LastNode is the latest node that was ever taken in.
func (m *Machine) LastNode() flow.NodeID { return m.lastNode }

func (m *Machine) forget(rows *replica.Rows, id flow.NodeID) Result {
	n := m.Nodes[id]
	if n == nil {
		return Result{} // forgotten before
	}
	if !n.Lost || m.Named(id) {
		return refuse(flow.Conflict, "node %v is not lost, or has replicas", id)
	}
	delete(m.Nodes, id)
	m.remove(rows, nodeKey(id))
	return Result{Node: id}
}

func (m *Machine) update(rows *replica.Rows, info flow.NodeInfo) Result {
	n := m.Nodes[info.ID]
	if n == nil {
		return refuse(flow.NotFound, "node %v is not in the cluster", info.ID)
	}
	changed := *n // the old row may be in somebody's hands
	changed.Addr, changed.APIAddr = info.Addr, info.APIAddr
	m.Nodes[n.ID] = &changed
	m.put(rows, nodeKey(n.ID), encodeNode(&changed))
	return Result{Node: n.ID}
}

func (m *Machine) renew(rows *replica.Rows, id flow.ReplicaID) Result {
	n := m.Nodes[id.Node()]
	if n == nil {
		return refuse(flow.NotFound, "node %v is not in the cluster", id.Node())
	}
	if id.Generation() > n.SystemReplica.Generation() {
		changed := *n
		changed.SystemReplica = id
		m.Nodes[n.ID] = &changed
		m.put(rows, nodeKey(n.ID), encodeNode(&changed))
	}
	return Result{Node: n.ID, Replica: m.Nodes[n.ID].SystemReplica}
}

func (m *Machine) move(rows *replica.Rows, shard flow.ShardID, add flow.NodeID, remove flow.ReplicaID) Result {
	p := m.Placement(shard)
	switch {
	case p == nil:
		return refuse(flow.NotFound, "shard %v does not exist", shard)
	case m.Moves[shard] != nil:
		return refuse(flow.Conflict, "shard %v is being moved", shard)
	case m.Nodes[add] == nil:
		return refuse(flow.NotFound, "node %v is not in the cluster", add)
	case remove != 0 && !slices.Contains(p.Replicas, remove):
		return refuse(flow.Conflict, "replica %v is not one of shard %v", remove, shard)
	}
	for _, id := range p.Replicas {
		if id.Node() == add && id != remove {
			return refuse(flow.Conflict, "node %v has a replica of shard %v", add, shard)
		}
	}
	changed := *p
	changed.Generation++
	m.lastMove++
	mv := &Move{ID: m.lastMove, Shard: shard, Add: flow.NewReplicaID(add, changed.Generation), Remove: remove}
	m.Placements[shard-1], m.Moves[shard] = &changed, mv
	m.put(rows, placementKey(shard), encodePlacement(&changed))
	m.put(rows, moveKey(shard), encodeMove(mv))
	return Result{Replica: mv.Add}
}

func (m *Machine) finish(rows *replica.Rows, shard flow.ShardID, id uint64) Result {
	mv := m.Moves[shard]
	if mv == nil || mv.ID != id {
		return Result{} // finished before
	}
	p := *m.Placement(shard)
	p.Epoch++
	p.Replicas = slices.DeleteFunc(slices.Clone(p.Replicas), func(r flow.ReplicaID) bool { return r == mv.Remove })
	p.Replicas = append(p.Replicas, mv.Add)
	m.Epoch++
	m.Placements[shard-1] = &p
	delete(m.Moves, shard)
	m.put(rows, placementKey(shard), encodePlacement(&p))
	m.remove(rows, moveKey(shard))
	return Result{Replica: mv.Add}
}

func (m *Machine) cancel(rows *replica.Rows, shard flow.ShardID, id uint64) Result {
	mv := m.Moves[shard]
	if mv == nil || mv.ID != id || mv.Cancelled {
		return Result{} // ended or cancelled before
	}
	changed := *mv
	changed.Cancelled = true
	m.Moves[shard] = &changed
	m.put(rows, moveKey(shard), encodeMove(&changed))
	return Result{Replica: mv.Add}
}

func (m *Machine) undone(rows *replica.Rows, shard flow.ShardID, id uint64) Result {
	mv := m.Moves[shard]
	if mv == nil || mv.ID != id || !mv.Cancelled {
		return Result{} // ended before
	}
	delete(m.Moves, shard)
	m.remove(rows, moveKey(shard))
	return Result{Replica: mv.Add}
}
