// Package node is the core of a cluster member: it routes requests, hosts replicas,
// batches their I/O and drives moves. It is a state machine: the driver calls its
// inputs and then Flush, the one place where effects leave. It owns no goroutine,
// lock, clock, file or socket.
package node

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"go.etcd.io/raft/v3/raftpb"
)

// Config is what a node is made of. Clock, Network, Disk and Workers are needed.
type Config struct {
	Clock   Clock
	Network net.Network
	Disk    disk.Disk
	Workers Workers
	// Parallel calls do(0) to do(n-1), perhaps several at a time, and returns when all have
	// returned: for the start, when stored replicas are read. Nil does one after the other.
	Parallel func(n int, do func(i int))
	// Memory is where vectors and graphs lie; nil for the Go heap.
	Memory memory.Source
	// Seed makes the node's random choices; production draws it, the simulator gives it.
	Seed uint64
	// FormatVersion is the highest format version that the node understands; 0 is
	// flow.NewestFormat. A lower one lets a node be taken back to an earlier program; below
	// the cluster's the node does not start.
	FormatVersion flow.FormatVersion
	// Addr and APIAddr, when set and different from the node's row, replace it.
	Addr, APIAddr string
	// Usage measures the process; nil for zeros.
	Usage func() flow.NodeUsage
	// OnPeers is told where the other nodes listen, once at the start and at every change:
	// as the node table says or, of those that are up, they themselves; may be nil.
	OnPeers func([]flow.NodeInfo)
	// OnEvent is told what happens in the cluster; may be nil.
	OnEvent func(Event)
	Tuning  Tuning
}

// Tuning holds a node's timing and limits; the zero value of a field is its default.
type Tuning struct {
	// TickEvery is how often the driver calls Tick (default 25 ms).
	TickEvery time.Duration
	// Replica is the tuning of every replica.
	Replica replica.Tuning
	// RequestTimeout bounds a request that names no bound (default 10 s).
	RequestTimeout time.Duration
	// MinFreeBytes is the free disk space below which upserts are refused (default 256
	// MiB); below a quarter of it, log entries of data shards are too.
	MinFreeBytes uint64
	// MaxMemoryBytes is the memory of the process above which upserts to the node's shards
	// are refused; reads and deletes go on. 0 is no limit: then the machine's is met instead,
	// which kills the process.
	MaxMemoryBytes uint64
	// MaxMoves bounds the shard moves under way in the cluster (default 16).
	MaxMoves int
	// MaxRequests bounds the requests that the node routes at a time (default 8192); it
	// refuses others with ResourceExhausted. A write to several shards counts once for each
	// that has not answered; what the node does for its own upkeep does not count.
	MaxRequests int
	// Index is about the graphs.
	Index IndexTuning
}

func (t *Tuning) setDefaults() {
	if t.TickEvery == 0 {
		t.TickEvery = 25 * time.Millisecond
	}
	if t.RequestTimeout == 0 {
		t.RequestTimeout = 10 * time.Second
	}
	if t.MinFreeBytes == 0 {
		t.MinFreeBytes = 256 << 20
	}
	if t.MaxMoves == 0 {
		t.MaxMoves = 16
	}
	if t.MaxRequests == 0 {
		t.MaxRequests = 8192
	}
	t.Index.setDefaults()
}

// Node is one member of a cluster.
type Node struct {
	cfg         Config
	identity    Identity
	incarnation uint64
	random      *rand.Rand
	ticks       uint64
	err         error
	// started says that this incarnation is durable. Nothing is sent before: a number
	// that a crash could give out again would let answers to a former life pass.
	started bool
	// syncing holds, for each synced batch that is not durable yet, the tick at which
	// it was applied.
	syncing []uint64

	replicas map[flow.ShardID]*replica.Replica
	broken   map[flow.ShardID]*broken
	hosted   []flow.ShardID // keys of replicas, ascending
	touched  map[flow.ShardID]bool

	fx        replica.Effects
	searchers []*searcher
	fields    fields
	answers   []func()

	peers    peers
	calls    calls
	requests requests
	moves    moves
	leaders  leaders
	upkeep   upkeep
	bridging bridging
	formats  formats
	sizes    sizes

	// confirmed says that the copy of the system state holds all that was committed when
	// the node started, or later; confirming that it is being asked for.
	confirmed, confirming bool
	// systemSeen and changesSeen tell when the copy of the system state has changed.
	systemSeen  *system.Machine
	changesSeen uint64
}

// New resumes the node whose identity the disk holds.
func New(cfg Config) (*Node, error) {
	cfg.Tuning.setDefaults()
	id, ok, err := ReadIdentity(cfg.Disk)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, flow.Errorf(flow.NotFound, "node.New", "the disk holds no node: it was neither initialised nor joined")
	}
	n := &Node{
		cfg: cfg, identity: id, random: rand.New(rand.NewPCG(cfg.Seed, uint64(id.Node))),
		replicas: map[flow.ShardID]*replica.Replica{}, broken: map[flow.ShardID]*broken{}, touched: map[flow.ShardID]bool{},
	}
	if err := n.openFormats(); err != nil {
		return nil, err
	}
	n.peers.init()
	n.calls.init()
	n.requests.init()
	n.moves.init()
	n.upkeep.init()
	n.bridging.init()
	if err := n.nextIncarnation(); err != nil {
		return nil, err
	}
	n.open(replica.Stored(cfg.Disk, MaxShards))
	if n.replicas[flow.SystemShard] == nil {
		if err := n.renewSystem(); err != nil {
			return nil, err
		}
	}
	n.calls.next = n.incarnation << 32
	return n, nil
}

// open takes up the stored replicas. What they have is read by as many goroutines as
// Config.Parallel has.
func (n *Node) open(stored []flow.ShardID) {
	replicas, errs := make([]*replica.Replica, len(stored)), make([]error, len(stored))
	load := func(i int) { replicas[i], errs[i] = replica.Load(n.cfg.Disk, n.replicaConfig(stored[i])) }
	if n.cfg.Parallel != nil {
		n.cfg.Parallel(len(stored), load)
	} else {
		for i := range stored {
			load(i)
		}
	}
	for i, s := range stored {
		if errs[i] == nil {
			errs[i] = replicas[i].Start()
		}
		if errs[i] != nil {
			n.foundBroken(s, errs[i])
			continue
		}
		n.host(s, replicas[i])
	}
}

// nextIncarnation counts this start.
func (n *Node) nextIncarnation() error {
	b, ok, err := n.cfg.Disk.Get(incarnationKey)
	if err != nil {
		return err
	}
	if ok && len(b) != 8 {
		return flow.Errorf(flow.Corrupt, "node.New", "the record of the incarnation has %d bytes, not 8", len(b))
	}
	if ok {
		n.incarnation = binary.BigEndian.Uint64(b)
	}
	n.incarnation++
	n.fx.Batch.Put(incarnationKey, binary.BigEndian.AppendUint64(nil, n.incarnation))
	n.fx.Sync = true
	return nil
}

func (n *Node) replicaConfig(s flow.ShardID) replica.Config {
	newMachine := func() replica.Machine { return shard.New(n.cfg.Memory).Reads(n.cfg.FormatVersion) }
	if s == flow.SystemShard {
		newMachine = func() replica.Machine { return system.New().Reads(n.cfg.FormatVersion) }
	}
	return replica.Config{
		Shard: s, Incarnation: n.incarnation, NewMachine: newMachine, Random: n.random.IntN, Now: n.cfg.Clock.Now, Wall: n.wall,
		Host: host{n}, OnRole: n.onRole, OnConf: func() { n.peers.reportSoon = true }, Tuning: n.cfg.Tuning.Replica,
	}
}

func (n *Node) host(s flow.ShardID, r *replica.Replica) {
	if n.replicas[s] == nil {
		i, _ := slices.BinarySearch(n.hosted, s)
		n.hosted = slices.Insert(n.hosted, i, s)
	}
	n.replicas[s] = r
	n.touched[s] = true
}

func (n *Node) unhost(s flow.ShardID) {
	n.replicas[s].Close()
	delete(n.replicas, s)
	n.hosted = slices.DeleteFunc(n.hosted, func(h flow.ShardID) bool { return h == s })
}

// host lends the node to its replicas.
type host struct{ n *Node }

func (h host) Effects() *replica.Effects { return &h.n.fx }
func (h host) Snapshot() disk.Snapshot   { return h.n.cfg.Disk.Snapshot() }

func (h host) Condemn(s flow.ShardID, err error) { h.n.condemn(s, err) }

func (h host) Do(cost int, run, done func()) {
	h.n.cfg.Workers.Do(Job{Cost: cost, Run: run, Done: func() {
		if h.n.err == nil {
			done()
			h.n.touchAll()
		}
	}})
}

// Tick is an input: time has passed. The driver calls it every Tuning.TickEvery,
// and once, not many times, after a stall, so that a stall is not taken for silence.
func (n *Node) Tick() {
	if n.err != nil {
		return
	}
	n.ticks++
	stalled := n.stalled()
	for _, s := range n.hosted {
		// A leader that cannot store anything falls silent (see fromLeader), so that another
		// is elected.
		if r := n.replicas[s]; stalled && r.IsLeader() || r.Tick() {
			n.touched[s] = true
		}
	}
	n.tickPeers()
	n.tickFormats()
	n.tickCalls()
	n.tickRequests()
	n.tickMoves()
	n.tickFields()
	n.tickLeaders()
	n.tickUpkeep()
	n.tickSizes()
}

// Receive is an input: a frame has arrived. Frames that are damaged, of another
// cluster, for another node or from an earlier incarnation of their sender are dropped;
// of those for a former incarnation of this node only reports are taken.
func (n *Node) Receive(frame []byte) {
	if n.err != nil {
		return
	}
	f, err := net.Decode(frame)
	if f == nil || f.ClusterID != n.identity.ClusterID || f.To != n.identity.Node || f.From == n.identity.Node {
		return
	}
	// Who sends is heard even if the frame is for a former life of this node: two nodes that
	// start at once may each know the other's former life only, from frames that were late.
	if !n.heard(&f.Header) {
		return
	}
	former, readable := f.ToIncarnation != 0 && f.ToIncarnation != n.incarnation, err == nil && n.reads(&f.Header)
	switch p := n.peers.known[f.From]; {
	case former:
	case readable:
		p.foreign = 0
	default:
		p.foreign = f.Format
	}
	if !readable {
		return
	}
	for _, m := range f.Messages {
		// A report is of its sender alone, and tells where that listens: this node may know
		// no other way to let it hear of its present life.
		if _, report := m.(*net.Status); report || !former {
			n.dispatch(f.From, m)
		}
	}
}

func (n *Node) dispatch(from flow.NodeID, m net.Message) {
	switch m := m.(type) {
	case *net.Raft:
		if r := n.touch(m.Shard); r != nil && flow.ReplicaID(m.M.GetFrom()).Node() == from {
			r.Step(m.M, n.fullDisk() && m.Shard != flow.SystemShard)
		}
	case *net.SnapshotChunk:
		if r := n.touch(m.Shard); r != nil && (!n.lowDisk() || m.Shard == flow.SystemShard) {
			r.TakeChunk(m)
		}
	case *net.SnapshotAck:
		if r := n.touch(m.Shard); r != nil {
			r.TakeAck(m)
		}
	case *net.Status:
		n.takeStatus(from, m)
	case *net.Call:
		if !n.peers.known[from].calls.first(m.ID) {
			return // repeated by the network: its first copy may have been refused
		}
		n.serveCall(m.Body, func(body net.Body, err *flow.Error) {
			n.send(from, &net.Reply{ID: m.ID, Body: body, Err: err})
		})
	case *net.Reply:
		n.takeReply(from, m)
	}
}

// Serve is an input: a request. reply is called once, from Flush, on the node's
// turn, and must not block; it is not called if the node dies first.
func (n *Node) Serve(req flow.Request, reply func(flow.Response)) {
	if n.err != nil {
		return
	}
	n.serve(req, func(resp flow.Response) {
		n.answers = append(n.answers, func() { reply(resp) })
	})
}

// Done is an input: work that the node gave away is finished.
func (n *Node) Done(c Completion) {
	if n.err == nil {
		c()
	}
}

// Err returns why the node has stopped for good: a failed sync or corruption. The
// driver then stops it, and may start another on what is durable.
func (n *Node) Err() error { return n.err }

// Close releases what the node holds of the disk. It is called once, at the end.
func (n *Node) Close() {
	n.err = flow.Errorf(flow.Unavailable, "node.Close", "the node is stopped")
	for _, s := range n.hosted {
		n.replicas[s].Close()
	}
}

// Flush lets the turn's effects leave, in one order: write, send, compute, reply.
func (n *Node) Flush() {
	if n.err != nil {
		return
	}
	n.settle()
	n.flushWrite()
	n.flushSend()
	compute := n.fx.Compute
	n.fx.Compute = nil
	for _, f := range compute {
		f()
	}
	n.flushSend() // what needed no job is answered at once
	answers := n.answers
	n.answers = nil
	for _, f := range answers {
		f()
	}
}

// settle lets replicas work until nothing moves without the outside.
func (n *Node) settle() {
	for {
		moved := false
		for _, s := range n.hosted {
			if n.touched[s] {
				delete(n.touched, s)
				n.replicas[s].Advance(&n.fx)
				moved = true
			}
		}
		if n.reconcile() {
			moved = true
		}
		replies := n.fx.Reply
		n.fx.Reply = nil
		for _, f := range replies {
			f()
		}
		if !moved && len(replies) == 0 {
			return
		}
	}
}

func (n *Node) flushWrite() {
	if n.fx.Batch.Len() == 0 && !n.fx.Sync {
		return
	}
	var done func(error)
	if n.fx.Sync {
		n.syncing = append(n.syncing, n.ticks)
		waiting, promised := n.fx.Durable, n.formats.written
		done = func(err error) {
			n.durable(waiting, err)
			if n.err == nil {
				n.formats.promised = max(n.formats.promised, promised)
			}
		}
	}
	n.cfg.Disk.Apply(&n.fx.Batch, n.fx.Sync, done)
	n.fx.Batch.Reset()
	n.fx.Sync, n.fx.Durable = false, nil
}

// durable takes the end of a synced batch. A failed sync is death: what the device
// kept is not known, so the node restarts from what it can read.
func (n *Node) durable(waiting []replica.Durable, err error) {
	if n.err != nil {
		return
	}
	if err != nil {
		n.err = flow.Errorf(flow.Internal, "node.durable", "a write did not become durable, the node stops: %w", err)
		return
	}
	n.started, n.syncing = true, n.syncing[1:]
	for _, d := range waiting {
		if s := d.Replica.Shard(); n.replicas[s] == d.Replica {
			d.Replica.Durable(d, &n.fx)
			n.touched[s] = true
		}
	}
}

// stallTicks is how long a sync may take before the node stops leading (1.5 s).
const stallTicks = 60

// stalled says that the disk has not made a batch durable for too long.
func (n *Node) stalled() bool { return len(n.syncing) > 0 && n.ticks > n.syncing[0]+stallTicks }

// fromLeader says whether a message tells its receiver that the sender leads. A leader
// whose disk is stalled sends none, whatever makes it speak: not only its ticks, a read or
// a change of membership would keep it in office as well (seed 520102526898).
func fromLeader(o replica.Outgoing) bool {
	m, ok := o.Message.(*net.Raft)
	return ok && (m.M.GetType() == raftpb.MsgApp || m.M.GetType() == raftpb.MsgHeartbeat)
}

// maxFrameBytes is the size past which a turn's messages to a node are parted into
// several frames. One message may still be larger.
const maxFrameBytes = 4 << 20

// flushSend packs the turn's messages: one frame a node, or several large ones.
func (n *Node) flushSend() {
	if !n.started {
		clear(n.fx.Send)
		n.fx.Send = n.fx.Send[:0]
	}
	if n.stalled() {
		n.fx.Send = slices.DeleteFunc(n.fx.Send, fromLeader)
	}
	if len(n.fx.Send) == 0 {
		return
	}
	slices.SortStableFunc(n.fx.Send, func(a, b replica.Outgoing) int { return int(a.To) - int(b.To) })
	header := net.Header{Newest: n.cfg.FormatVersion, ClusterID: n.identity.ClusterID, From: n.identity.Node, Incarnation: n.incarnation, Sent: n.cfg.Clock.Now()}
	for i := 0; i < len(n.fx.Send); {
		f := net.Frame{Header: header}
		f.To = n.fx.Send[i].To
		f.Format = n.speaks(f.To)
		if p := n.peers.known[f.To]; p != nil {
			f.ToIncarnation = p.incarnation
		}
		for bytes := 0; i < len(n.fx.Send) && n.fx.Send[i].To == f.To && bytes < maxFrameBytes; i++ {
			f.Messages = append(f.Messages, n.fx.Send[i].Message)
			bytes += net.Size(n.fx.Send[i].Message)
		}
		if f.To != n.identity.Node {
			n.cfg.Network.Send(f.To, net.Encode(&f))
		}
	}
	clear(n.fx.Send)
	n.fx.Send = n.fx.Send[:0]
}

func (n *Node) send(to flow.NodeID, m net.Message) {
	n.fx.Send = append(n.fx.Send, replica.Outgoing{To: to, Message: m})
}

func (n *Node) touch(s flow.ShardID) *replica.Replica {
	r := n.replicas[s]
	if r != nil {
		n.touched[s] = true
	}
	return r
}

func (n *Node) touchAll() {
	for _, s := range n.hosted {
		n.touched[s] = true
	}
}

// system returns the node's copy of the system state.
func (n *Node) system() *system.Machine {
	return n.replicas[flow.SystemShard].Machine().(*system.Machine)
}

// shard returns the state of a hosted data shard, or nil.
func (n *Node) shard(s flow.ShardID) *shard.Machine {
	if r := n.replicas[s]; r != nil && s != flow.SystemShard {
		return r.Machine().(*shard.Machine)
	}
	return nil
}

// Replicas reports on every replica that the node hosts, broken ones too, ascending by shard.
func (n *Node) Replicas() []flow.ReplicaStatus {
	list := make([]flow.ReplicaStatus, 0, len(n.hosted))
	for _, s := range n.hosted {
		status, _ := n.Replica(s)
		list = append(list, status)
	}
	if len(n.broken) > 0 {
		list = append(list, n.brokenStatus()...)
		slices.SortFunc(list, func(a, b flow.ReplicaStatus) int { return int(a.Shard) - int(b.Shard) })
	}
	return list
}

// Replica reports on the replica of one shard, if the node hosts one.
func (n *Node) Replica(s flow.ShardID) (status flow.ReplicaStatus, ok bool) {
	r := n.replicas[s]
	if r == nil {
		return status, false
	}
	status = r.Status()
	status.DiskBytes = n.sizes.shard(s)
	status.MemoryBytes += n.bridging.shardBytes(s)
	if su := n.upkeep.shards[s]; su != nil {
		status.Segments, status.Graphs, status.BadGraphs = su.segments, su.attached, su.bad
	}
	return status, true
}

// Identity returns who the node is.
func (n *Node) Identity() Identity { return n.identity }

// newRequestID makes an id for a request of the node's own.
func (n *Node) newRequestID() flow.RequestID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], n.random.Uint64())
	binary.BigEndian.PutUint16(random[8:], uint16(n.random.Uint32()))
	return flow.NewRequestID(n.wall(), random)
}
