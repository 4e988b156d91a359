package api

import (
	"fmt"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

const (
	bytesPerGB = 1e9
	bytesPerMB = 1e6
	bitsPerMb  = 1e6
)

// report is a node's word on one of its replicas.
type report struct {
	flow.ReplicaStatus
	node *flow.NodeStatus
}

// reports sorts a status by what the views ask for.
type reports struct {
	names map[flow.NodeID]string
	// replicas holds each group's reports in the order of the nodes.
	replicas map[flow.ShardID][]report
}

func newReports(s *flow.StatusResponse) *reports {
	r := &reports{names: make(map[flow.NodeID]string), replicas: make(map[flow.ShardID][]report)}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		r.names[n.ID] = n.Name
		for _, rep := range n.Replicas {
			r.replicas[rep.Shard] = append(r.replicas[rep.Shard], report{rep, n})
		}
	}
	return r
}

// name returns a node's name, or its number if it has no row any more.
func (r *reports) name(id flow.NodeID) string {
	if name, ok := r.names[id]; ok {
		return name
	}
	if id == 0 {
		return ""
	}
	return id.String()
}

// leader returns the report of the shard's leader, nil if no node that is up leads: of two
// that believe they do, the one with the higher term.
func (r *reports) leader(shard flow.ShardID) *report {
	var best *report
	for i := range r.replicas[shard] {
		rep := &r.replicas[shard][i]
		if rep.Leading && rep.node.Up && (best == nil || rep.Term > best.Term) {
			best = rep
		}
	}
	return best
}

// replica returns the report of one replica, nil if there is none.
func (r *reports) replica(shard flow.ShardID, id flow.ReplicaID) *report {
	for i := range r.replicas[shard] {
		if rep := &r.replicas[shard][i]; rep.Replica == id {
			return rep
		}
	}
	return nil
}

func nodesView(s *flow.StatusResponse) client.NodeList {
	list := client.NodeList{NodeCount: len(s.Nodes), Nodes: make([]client.Node, len(s.Nodes))}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		v := client.Node{
			ID: n.Name, Number: uint32(n.ID), Status: "down", Address: n.Addr, APIAddr: n.APIAddr, Region: n.Region,
			MemoryGB: float64(n.Usage.MemoryBytes) / bytesPerGB, MemoryLimitGB: float64(n.Usage.MemoryLimitBytes) / bytesPerGB, CPUPercent: n.Usage.CPUPercent, CPUSeconds: n.Usage.CPUSeconds,
			NetworkMbps: n.Usage.NetworkBitsPerSecond / bitsPerMb,
			DiskUsedGB:  float64(n.Usage.DiskUsedBytes) / bytesPerGB, DiskFreeGB: float64(n.Usage.DiskFreeBytes) / bytesPerGB,
			Kernel: n.Usage.Kernel, Incarnation: n.Incarnation, AgeMs: n.LastHeard.Milliseconds(), FormatVersion: int(n.FormatVersion),
		}
		if n.Up {
			v.Status = "healthy"
			list.HealthyNodes++
		}
		for _, r := range n.Replicas {
			if r.Shard == flow.SystemShard {
				continue
			}
			v.ShardCount++
			v.VectorCount += r.Points
			if r.Leading && n.Up {
				v.LeaderCount++
			}
		}
		list.Nodes[i] = v
	}
	return list
}

func shardsView(s *flow.StatusResponse) client.ShardList {
	rs := newReports(s)
	list := client.ShardList{ShardCount: len(s.Shards), Shards: make([]client.Shard, len(s.Shards))}
	for i, p := range s.Shards {
		v := client.Shard{ID: p.Shard.UserID(), Start: hex64(p.Start), Epoch: p.Epoch, Moving: p.Moving, Replicas: make([]client.Replica, len(p.Replicas))}
		leader := rs.leader(p.Shard)
		if leader != nil {
			v.NodeID, v.VectorCount = leader.node.Name, leader.Points
			v.MemoryMB, v.DiskMB = float64(leader.MemoryBytes)/bytesPerMB, float64(leader.DiskBytes)/bytesPerMB
		}
		for j, id := range p.Replicas {
			v.Replicas[j] = replicaView(rs, p.Shard, id, leader)
		}
		list.Shards[i] = v
	}
	return list
}

func replicaView(rs *reports, shard flow.ShardID, id flow.ReplicaID, leader *report) client.Replica {
	v := client.Replica{NodeID: rs.name(id.Node()), ReplicaID: uint64(id), Role: "unknown"}
	r := rs.replica(shard, id)
	if r == nil {
		return v
	}
	v.Role, v.Up, v.Leading = r.Role.String(), r.node.Up, leader != nil && leader.Replica == id
	v.Term, v.Applied, v.Commit, v.FirstIndex, v.LastIndex = r.Term, r.Applied, r.Commit, r.FirstIndex, r.LastIndex
	v.Segments, v.Graphs = r.Segments, r.Graphs
	v.Digest, v.VectorCount = hex64(r.Digest), r.Points
	v.MemoryMB, v.DiskMB = float64(r.MemoryBytes)/bytesPerMB, float64(r.DiskBytes)/bytesPerMB
	return v
}

func statsView(s *flow.StatusResponse) client.Stats {
	nodes, shards := nodesView(s), shardsView(s)
	v := client.Stats{
		NodeCount: nodes.NodeCount, HealthyNodes: nodes.HealthyNodes, ShardCount: shards.ShardCount,
		ReplicationFactor: s.ReplicationFactor, CollectionCount: len(s.Collections), Nodes: nodes.Nodes, Shards: shards.Shards,
	}
	for i := range s.Nodes {
		if s.Nodes[i].Up {
			v.TotalMemoryGB += float64(s.Nodes[i].Usage.MemoryBytes) / bytesPerGB
			v.TotalDiskGB += float64(s.Nodes[i].Usage.DiskUsedBytes) / bytesPerGB
		}
	}
	for _, sh := range shards.Shards {
		v.TotalVectors += sh.VectorCount
		for _, r := range sh.Replicas {
			v.Segments, v.Graphs = v.Segments+r.Segments, v.Graphs+r.Graphs
		}
	}
	return v
}

// healthView judges each group: with a leader, and a majority of its voters up, it
// serves; what is up beyond the majority may be lost.
func healthView(s *flow.StatusResponse) client.Health {
	rs := newReports(s)
	h := client.Health{Status: client.Healthy, Problems: append([]string{}, s.Problems...), NodeCount: len(s.Nodes), FormatVersion: int(s.FormatVersion)}
	for i := range s.Nodes {
		if s.Nodes[i].Up {
			h.HealthyNodes++
		}
	}
	if len(s.Problems) > 0 || h.HealthyNodes < h.NodeCount {
		h.Status = client.Degraded
	}
	if h.HealthyNodes < h.NodeCount && len(s.Problems) == 0 {
		h.Problems = append(h.Problems, fmt.Sprintf("%d of %d nodes are not heard", h.NodeCount-h.HealthyNodes, h.NodeCount))
	}
	spare, first := 0, true
	judge := func(shard flow.ShardID, voters, up int) {
		n := up - (voters/2 + 1)
		if first || n < spare {
			spare, first = n, false
		}
		why := ""
		switch {
		case n < 0:
			why = fmt.Sprintf("group %v has %d of %d voters up, too few to serve", shard, up, voters)
		case rs.leader(shard) == nil:
			why = fmt.Sprintf("group %v has no leader", shard)
		default:
			return
		}
		if h.Status != client.Unavailable && len(s.Problems) == 0 {
			h.Problems = append(h.Problems, why)
		}
		h.Status = client.Unavailable
	}
	voters, up := systemVoters(rs)
	judge(flow.SystemShard, voters, up)
	for _, p := range s.Shards {
		voters, up := shardVoters(rs, p)
		judge(p.Shard, voters, up)
	}
	h.ToleratesNodeLosses = max(spare, 0)
	return h
}

// systemVoters counts the voters of the system group, by the reports.
func systemVoters(rs *reports) (voters, up int) {
	for _, r := range rs.replicas[flow.SystemShard] {
		if r.Role != flow.Voter {
			continue
		}
		voters++
		if r.node.Up {
			up++
		}
	}
	return voters, up
}

// shardVoters counts the voters among a shard's placed replicas. One without a
// report counts as a voter that is down, unless the shard is being moved and it
// may not be a member yet.
func shardVoters(rs *reports, p flow.ShardPlacement) (voters, up int) {
	for _, id := range p.Replicas {
		r := rs.replica(p.Shard, id)
		switch {
		case r == nil && p.Moving, r != nil && r.Role == flow.Learner:
			continue
		case r != nil && r.node.Up && r.Role != flow.Broken:
			up++
		}
		voters++
	}
	return voters, up
}

func leaderView(s *flow.StatusResponse) client.LeaderList {
	rs := newReports(s)
	list := client.LeaderList{SystemLeader: rs.name(s.SystemLeader), Shards: make([]client.ShardLeader, len(s.Shards))}
	for i, p := range s.Shards {
		list.Shards[i].ID = p.Shard.UserID()
		if l := rs.leader(p.Shard); l != nil {
			list.Shards[i].Leader, list.Shards[i].Term = l.node.Name, l.Term
		}
	}
	return list
}

func ringView(s *flow.StatusResponse) client.Ring {
	rs := newReports(s)
	members := make([]ring.Member, len(s.Nodes))
	for i, n := range s.Nodes {
		members[i] = ring.Member{ID: n.ID, Region: n.Region}
	}
	if s.VirtualNodes < 1 { // the node has not learned the setting yet
		return client.Ring{Nodes: []client.RingNode{}, Shards: []client.RingShard{}}
	}
	r := ring.New(members, s.VirtualNodes)
	v := client.Ring{
		VirtualNodes: s.VirtualNodes, TotalSlots: r.Slots(), Variance: r.Variance(),
		Nodes: make([]client.RingNode, len(s.Nodes)), Shards: make([]client.RingShard, len(s.Shards)),
	}
	starts := make([]uint64, len(s.Shards))
	for i, p := range s.Shards {
		starts[i] = p.Start
		v.Shards[i] = client.RingShard{ID: p.Shard.UserID(), Start: hex64(p.Start), Preference: []string{}}
		for _, id := range r.Preference(p.Start, len(s.Nodes)) {
			v.Shards[i].Preference = append(v.Shards[i].Preference, rs.name(id))
		}
	}
	assigned, total := make(map[flow.NodeID]int), 0
	for _, ids := range r.Assign(starts, s.ReplicationFactor) {
		for _, id := range ids {
			assigned[id]++
			total++
		}
	}
	for i, n := range s.Nodes {
		v.Nodes[i] = client.RingNode{ID: n.Name, Slots: s.VirtualNodes}
		if total > 0 {
			v.Nodes[i].Share = float64(assigned[n.ID]) / float64(total)
		}
	}
	return v
}

func verifyView(r *flow.VerifyResponse, s *flow.StatusResponse) client.VerifyResult {
	rs := newReports(s)
	v := client.VerifyResult{Equal: len(r.Shards) > 0, Shards: make([]client.Verdict, len(r.Shards))}
	for i, d := range r.Shards {
		verdict := client.Verdict{ID: d.Shard.UserID(), Name: d.Shard.String(), Index: d.Index, Equal: d.Equal, Replicas: []client.ReplicaDigest{}}
		for _, id := range slices.Sorted(maps.Keys(d.Digests)) {
			verdict.Replicas = append(verdict.Replicas, client.ReplicaDigest{NodeID: rs.name(id.Node()), ReplicaID: uint64(id), Digest: hex64(d.Digests[id])})
		}
		for _, id := range d.Missing {
			verdict.Missing = append(verdict.Missing, rs.name(id.Node()))
		}
		v.Equal = v.Equal && d.Equal
		v.Shards[i] = verdict
	}
	return v
}
