package node

import (
	"fmt"
	"maps"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
)

const (
	// statusTicks is how often a node reports itself to all others (0.5 s).
	statusTicks = 20
	// fullDiskPart is the part of Tuning.MinFreeBytes below which a disk is full.
	fullDiskPart = 4
	// offsetAge is how long the best measurement of a peer's clock is kept.
	offsetAge = 10 * time.Second
	// nodeDownAfter is the silence after which a node counts as down.
	nodeDownAfter = 2 * time.Second
	// maxLagEntries is how far a replica may trail its leader and be called equal.
	maxLagEntries = 32
)

// peers is what the node knows of the others from their frames.
type peers struct {
	known map[flow.NodeID]*peer
	// reportSoon asks for a report at the next tick: something changed.
	reportSoon bool
	// hints holds the leaders heard of for shards that are not hosted here.
	hints map[flow.ShardID]hint
	// differing holds replicas whose digests were seen to differ.
	differing map[flow.ShardID]flow.NodeID
	// lowDisk and fullDisk say that little or hardly any space is left.
	lowDisk, fullDisk bool
	// memory is this node's usage as it last reported it.
	memory flow.NodeUsage
	// correction is what wall adds to the clock.
	correction time.Duration
}

type peer struct {
	incarnation uint64
	heardAt     flow.Time
	// calls tells which of its calls have come.
	calls window
	// upSince is when it was first heard after its last silence; 0 while it is down.
	upSince flow.Time
	// offset is its clock less ours by the least delayed frame since offsetAt.
	offset   time.Duration
	offsetAt flow.Time
	// status is its latest report, or nil.
	status *net.Status
	// addr is where it said that it listens.
	addr string
	// newest is the highest format version that it understands; foreign is that of a frame
	// of it that this node could not read, 0 since it could again.
	newest, foreign flow.FormatVersion
}

type hint struct {
	leader flow.NodeID
	term   uint64
}

func (p *peers) init() {
	p.known, p.hints, p.differing = map[flow.NodeID]*peer{}, map[flow.ShardID]hint{}, map[flow.ShardID]flow.NodeID{}
}

// ids returns the known peers in order.
func (p *peers) ids() []flow.NodeID { return slices.Sorted(maps.Keys(p.known)) }

// heard notes a frame's header; it is false for a frame of an earlier incarnation.
func (n *Node) heard(h *net.Header) bool {
	p := n.peers.known[h.From]
	if p == nil {
		p = &peer{}
		n.peers.known[h.From] = p
	}
	if h.Incarnation < p.incarnation {
		return false
	}
	if p.incarnation != 0 && h.Incarnation > p.incarnation {
		n.calls.lost[h.From] = true // the former life will not answer
	}
	if h.Incarnation != p.incarnation {
		p.calls = window{}
	}
	now := n.cfg.Clock.Now()
	p.incarnation, p.heardAt, p.newest = h.Incarnation, now, h.Newest
	if offset := h.Sent.Sub(now); offset >= p.offset || now.Sub(p.offsetAt) > offsetAge {
		p.offset, p.offsetAt = offset, now
	}
	if p.upSince == 0 {
		p.upSince = now
		n.event(NodeUp, 0, h.From, h.Incarnation)
		n.comesOrGoes(p)
	}
	return true
}

// wall is the time that goes into commands and request ids: this node's clock,
// corrected by the median of what it and its peers read, so that one clock that is
// wrong does not decide how long requests are remembered. It may go backwards.
func (n *Node) wall() flow.Time { return n.cfg.Clock.Now().Add(n.peers.correction) }

func (n *Node) correctClock() {
	offsets := []time.Duration{0}
	for _, id := range n.peers.ids() {
		if p := n.peers.known[id]; p.upSince != 0 {
			offsets = append(offsets, p.offset)
		}
	}
	slices.Sort(offsets)
	n.peers.correction = offsets[(len(offsets)-1)/2]
}

// up says whether a node was heard lately.
func (n *Node) up(id flow.NodeID) bool {
	if id == n.identity.Node {
		return true
	}
	p := n.peers.known[id]
	return p != nil && p.upSince != 0
}

// upFor returns how long a node has been heard without a silence.
func (n *Node) upFor(id flow.NodeID) time.Duration {
	p := n.peers.known[id]
	if p == nil || p.upSince == 0 {
		return 0
	}
	return n.cfg.Clock.Now().Sub(p.upSince)
}

// silentFor returns how long a node has not been heard; 0 for one that never was.
func (n *Node) silentFor(id flow.NodeID) time.Duration {
	p := n.peers.known[id]
	if p == nil {
		return 0
	}
	return n.cfg.Clock.Now().Sub(p.heardAt)
}

func (n *Node) tickPeers() {
	now := n.cfg.Clock.Now()
	for _, id := range n.peers.ids() {
		if p := n.peers.known[id]; p.upSince != 0 && now.Sub(p.heardAt) > nodeDownAfter {
			p.upSince = 0
			n.calls.lost[id] = true
			n.event(NodeDown, 0, id, p.incarnation)
			n.comesOrGoes(p)
		}
	}
	n.correctClock()
	if n.ticks%statusTicks == 1 || n.peers.reportSoon {
		n.peers.reportSoon = false
		free := n.cfg.Disk.Usage().Free
		n.peers.lowDisk = free < n.cfg.Tuning.MinFreeBytes
		n.peers.fullDisk = free < n.cfg.Tuning.MinFreeBytes/fullDiskPart
		status := n.status()
		n.peers.memory = status.Usage
		for _, to := range n.others() {
			n.send(to, status)
		}
	}
}

// lowDisk says that the disk has too little space left to take more data: the node
// refuses upserts where it leads, and wants to lead nothing.
func (n *Node) lowDisk() bool { return n.peers.lowDisk }

// fullDisk says that there is hardly any: the node takes no log entries of data shards
// either. Between the two there is room for the deletes that free space.
func (n *Node) fullDisk() bool { return n.peers.fullDisk }

// memoryFull returns why a shard takes no upserts: a node that keeps its points has no
// memory left for more. It would not help that others have: every replica needs it, and
// one that dies of it each time it starts is none.
func (n *Node) memoryFull(s flow.ShardID) *flow.Error {
	p := n.system().Placement(s)
	if p == nil {
		return nil
	}
	for _, id := range p.Replicas {
		u, name := n.peers.memory, n.identity.Name
		if id.Node() != n.identity.Node {
			known, row := n.peers.known[id.Node()], n.system().Nodes[id.Node()]
			if known == nil || known.status == nil || row == nil || !n.up(id.Node()) {
				continue
			}
			u, name = known.status.Usage, row.Name
		}
		if u.MemoryLimitBytes > 0 && u.MemoryBytes > u.MemoryLimitBytes {
			return flow.Errorf(flow.ResourceExhausted, "node.memoryFull",
				"node %v uses %d MiB of memory and its limit is %d MiB (--memory-limit); upserts are refused until points are deleted, shards move away or the limit is raised",
				name, u.MemoryBytes>>20, u.MemoryLimitBytes>>20).OnShard(s)
		}
	}
	return nil
}

// others lists the other nodes: those of the node table, or of the identity while that is
// empty, and those heard that it does not name. Who leads may have joined while this node
// was down: it is in no table that this node has, sends to its former life, and learns of
// the present one by nobody else.
func (n *Node) others() []flow.NodeID {
	var ids []flow.NodeID
	for _, p := range n.peerInfos() {
		if p.ID != n.identity.Node {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range n.peers.ids() {
		if n.up(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// meet notes where a peer says that it listens.
func (n *Node) meet(id flow.NodeID, addr string) {
	p := n.peers.known[id]
	if addr == "" || p.addr == addr {
		return
	}
	p.addr = addr
	if !slices.ContainsFunc(n.peerInfos(), func(i flow.NodeInfo) bool { return i.ID == id && i.Addr == addr }) {
		n.tellPeers()
	}
}

// comesOrGoes follows a peer that was heard after a silence, or has fallen silent.
func (n *Node) comesOrGoes(p *peer) {
	if p.addr != "" {
		n.tellPeers()
	}
}

// tellPeers tells the driver where the other nodes listen: as the table says, or the
// identity, and as those say themselves that are up.
func (n *Node) tellPeers() {
	if n.cfg.OnPeers == nil {
		return
	}
	infos := slices.Clone(n.peerInfos())
	for _, id := range n.peers.ids() {
		p := n.peers.known[id]
		if p.addr == "" || p.upSince == 0 {
			continue
		}
		i := slices.IndexFunc(infos, func(i flow.NodeInfo) bool { return i.ID == id })
		if i < 0 {
			infos = slices.DeleteFunc(infos, func(i flow.NodeInfo) bool { return i.Addr == p.addr })
			infos = append(infos, flow.NodeInfo{ID: id, Addr: p.addr})
			continue
		}
		infos[i].Addr = p.addr
	}
	n.answers = append(n.answers, func() { n.cfg.OnPeers(infos) })
}

// peerInfos is the node table, or the peers that the identity names.
func (n *Node) peerInfos() []flow.NodeInfo {
	var infos []flow.NodeInfo
	for _, row := range n.system().SortedNodes() {
		infos = append(infos, row.NodeInfo)
	}
	if len(infos) == 0 {
		return n.identity.Peers
	}
	return infos
}

// usage measures the node; replicas are its own.
func (n *Node) usage(replicas []flow.ReplicaStatus) flow.NodeUsage {
	var u flow.NodeUsage
	if n.cfg.Usage != nil {
		u = n.cfg.Usage()
	}
	d := n.cfg.Disk.Usage()
	u.DiskUsedBytes, u.DiskFreeBytes = d.Used, d.Free
	u.MemoryLimitBytes = n.cfg.Tuning.MaxMemoryBytes
	data := uint64(0)
	for i := range replicas {
		data += replicas[i].MemoryBytes
	}
	u.MemoryBytes = max(u.MemoryBytes, data) // the process may not have touched all of it yet
	return u
}

func (n *Node) status() *net.Status {
	replicas := n.Replicas()
	m := &net.Status{Usage: n.usage(replicas), Replicas: replicas, NoLead: n.lowDisk() || n.leaders.retired, Promised: n.formats.promised, Addr: n.cfg.Addr}
	for _, s := range n.hosted {
		if d := n.replicas[s].LastNoted(); d.Index > 0 {
			m.Noted = append(m.Noted, d)
		}
	}
	return m
}

// takeStatus keeps a node's report and compares its digests with ours.
func (n *Node) takeStatus(from flow.NodeID, m *net.Status) {
	p := n.peers.known[from]
	p.status = m
	n.meet(from, m.Addr)
	for _, s := range m.Replicas {
		if s.Leading && s.Term >= n.peers.hints[s.Shard].term {
			n.peers.hints[s.Shard] = hint{leader: from, term: s.Term}
		}
	}
	for _, d := range m.Noted {
		r := n.replicas[d.Shard]
		if r == nil {
			continue
		}
		switch mine, ok := r.Noted(d.Index); {
		case ok && mine != d.Digest:
			n.peers.differing[d.Shard] = from
			n.event(DigestMismatch, d.Shard, from, d.Index)
		case ok && n.peers.differing[d.Shard] == from:
			delete(n.peers.differing, d.Shard) // it was rebuilt since
		}
	}
}

// leaderOf returns the node that leads a shard as far as is known, or 0.
func (n *Node) leaderOf(s flow.ShardID) flow.NodeID {
	h := n.peers.hints[s]
	if r := n.replicas[s]; r != nil && r.Leader() != 0 && r.Term() >= h.term {
		return r.Leader().Node()
	}
	return h.leader
}

// cluster answers a StatusRequest from what this node knows.
func (n *Node) cluster() *flow.StatusResponse {
	sys := n.system()
	resp := &flow.StatusResponse{
		ClusterID: n.identity.ClusterID, Self: n.identity.Node, ReplicationFactor: sys.Settings.ReplicationFactor,
		VirtualNodes: sys.Settings.VirtualNodes, Epoch: sys.Epoch, Collections: sys.SortedCollections(),
		SystemLeader: n.leaderOf(flow.SystemShard), FormatVersion: sys.Format,
	}
	now := n.cfg.Clock.Now()
	for _, row := range sys.SortedNodes() {
		st := flow.NodeStatus{NodeInfo: row.NodeInfo, Up: n.up(row.ID)}
		if row.ID == n.identity.Node {
			st.Incarnation, st.Replicas, st.FormatVersion = n.incarnation, n.Replicas(), n.cfg.FormatVersion
			st.Usage = n.usage(st.Replicas)
		} else if p := n.peers.known[row.ID]; p != nil {
			st.Incarnation, st.LastHeard, st.FormatVersion = p.incarnation, now.Sub(p.heardAt), p.newest
			if p.status != nil {
				st.Usage, st.Replicas = p.status.Usage, p.status.Replicas
			}
		}
		resp.Nodes = append(resp.Nodes, st)
	}
	for _, p := range sys.Placements {
		resp.Shards = append(resp.Shards, flow.ShardPlacement{
			Shard: p.Shard, Start: p.Start, Epoch: p.Epoch, Replicas: slices.Clone(p.Replicas), Moving: sys.Moves[p.Shard] != nil,
		})
	}
	resp.Problems = n.problems(resp)
	return resp
}

// problems says why the cluster is not healthy, a sentence each.
func (n *Node) problems(c *flow.StatusResponse) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if len(c.Shards) == 0 {
		add("this node has not received the cluster's state yet")
	}
	if len(c.Nodes) < c.ReplicationFactor {
		add("replication factor %d needs %d nodes, the cluster has %d", c.ReplicationFactor, c.ReplicationFactor, len(c.Nodes))
	}
	reports := map[flow.ReplicaID]map[flow.ShardID]*flow.ReplicaStatus{}
	for i := range c.Nodes {
		node := &c.Nodes[i]
		if !node.Up {
			add("node %s is down", node.Name)
		}
		if p := n.peers.known[node.ID]; p != nil && p.foreign != 0 {
			add("node %s speaks format version %d, which this node cannot read: it understands %d to %d", node.Name, p.foreign, n.cfg.FormatVersion.Oldest(), n.cfg.FormatVersion)
		}
		for j := range node.Replicas {
			s := &node.Replicas[j]
			if reports[s.Replica] == nil {
				reports[s.Replica] = map[flow.ShardID]*flow.ReplicaStatus{}
			}
			reports[s.Replica][s.Shard] = s
		}
	}
	if c.SystemLeader == 0 || !n.up(c.SystemLeader) {
		add("the system group has no leader")
	}
	for _, p := range c.Shards {
		if len(p.Replicas) < c.ReplicationFactor && len(p.Replicas) < len(c.Nodes) {
			add("shard %d has %d of %d replicas", p.Shard.UserID(), len(p.Replicas), c.ReplicationFactor)
		}
		leader := n.leaderOf(p.Shard)
		if leader == 0 || !n.up(leader) {
			add("shard %d has no leader", p.Shard.UserID())
			continue
		}
		var commit uint64
		for _, id := range p.Replicas {
			if s := reports[id][p.Shard]; s != nil && id.Node() == leader {
				commit = s.Commit
			}
		}
		for _, id := range p.Replicas {
			s := reports[id][p.Shard]
			if s == nil || s.Role != flow.Voter || s.Applied+maxLagEntries < commit {
				add("shard %d: the replica on node %v is not up to date", p.Shard.UserID(), id.Node())
			}
			if s != nil && s.BadGraphs > 0 {
				add("shard %d: %d graphs on node %v were damaged or are not what the log says; their points are searched exactly", p.Shard.UserID(), s.BadGraphs, id.Node())
			}
		}
	}
	list = append(list, n.brokenProblems()...)
	for _, s := range slices.Sorted(maps.Keys(n.peers.differing)) {
		add("shard %v: the replicas on nodes %v and %v differ", s, n.identity.Node, n.peers.differing[s])
	}
	return list
}
