package metrics

import (
	"context"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	// maxSlices is how many slices (a collection in a shard) have series of their own, the
	// oldest collections first. The rest is told as one.
	maxSlices = 4096
	// otherCollections is the collection's label of that rest; a slash is in no name.
	otherCollections = "/other"
)

// Node returns the source of what a node knows of itself and of its cluster. do carries
// out a request; it is asked for two, each answered from memory in one turn of the node.
func Node(do func(ctx context.Context, req flow.Request) flow.Response) Source {
	return func(ctx context.Context, s *Sink) {
		status, ok := do(ctx, &flow.StatusRequest{}).(*flow.StatusResponse)
		figures, too := do(ctx, &flow.FiguresRequest{MaxSlices: maxSlices}).(*flow.FiguresResponse)
		up := ok && too && status.Err == nil && figures.Err == nil
		s.Gauge("node_up", "1 when the node has answered this scrape; without it there are no figures of shards.")(flag(up))
		if !up {
			return
		}
		s.cluster(status, figures)
		for i := range status.Nodes {
			if n := &status.Nodes[i]; n.ID == status.Self {
				s.self(n, status)
				s.replicas(n.Replicas)
			}
		}
		s.slices(figures)
		s.upkeep(figures)
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (s *Sink) cluster(c *flow.StatusResponse, f *flow.FiguresResponse) {
	up := 0
	for i := range c.Nodes {
		if c.Nodes[i].Up {
			up++
		}
	}
	s.Gauge("cluster_nodes", "Nodes of the cluster, as this node knows it.")(float64(len(c.Nodes)))
	s.Gauge("cluster_nodes_up", "Of them, nodes that this node hears.")(float64(up))
	s.Gauge("cluster_shards", "Shards of the cluster.")(float64(len(c.Shards)))
	s.Gauge("cluster_collections", "Collections of the cluster.")(float64(len(c.Collections)))
	s.Gauge("cluster_moves", "Moves of shards that are under way.")(float64(f.Moves))
	s.Gauge("cluster_problems", "Reasons why the cluster is not healthy, as this node sees it; 0 is healthy.")(float64(len(c.Problems)))
}

func (s *Sink) self(n *flow.NodeStatus, c *flow.StatusResponse) {
	s.Gauge("node_info", "This node: always 1.", "cluster", "node", "region")(1, strconv.FormatUint(c.ClusterID, 16), n.Name, n.Region)
	s.Gauge("node_incarnation", "How often this node was started.")(float64(n.Incarnation))
	s.Gauge("memory_resident_bytes", "Memory that counts against the limit.")(float64(n.Usage.MemoryBytes))
	s.Gauge("memory_limit_bytes", "Memory above which upserts are refused; 0 is no limit.")(float64(n.Usage.MemoryLimitBytes))
	s.Gauge("disk_used_bytes", "What the store takes of the disk.")(float64(n.Usage.DiskUsedBytes))
	s.Gauge("disk_free_bytes", "What the disk has left.")(float64(n.Usage.DiskFreeBytes))
}

// shardLabel is "system" or the number that users know.
func shardLabel(id flow.ShardID) string {
	if id == flow.SystemShard {
		return "system"
	}
	return strconv.Itoa(id.UserID())
}

func (s *Sink) replicas(replicas []flow.ReplicaStatus) {
	roles := map[flow.ReplicaRole]int{flow.Voter: 0, flow.Learner: 0, flow.Broken: 0}
	led := 0
	for i := range replicas {
		if r := &replicas[i]; r.Shard != flow.SystemShard {
			roles[r.Role]++
			led += int(flag(r.Leading))
		}
	}
	held := s.Gauge("shards_held", "Shards that this node has a replica of, by its role; a broken one cannot be read and is replaced.", "role")
	for role, n := range roles {
		held(float64(n), role.String())
	}
	s.Gauge("shards_led", "Shards that this node leads.")(float64(led))
	per := func(name, help string, value func(r *flow.ReplicaStatus) float64) {
		series := s.Gauge(name, help, "shard")
		for i := range replicas {
			series(value(&replicas[i]), shardLabel(replicas[i].Shard))
		}
	}
	per("raft_has_leader", "1 when this replica knows a leader of its group.", func(r *flow.ReplicaStatus) float64 { return flag(r.Leader != 0) })
	per("raft_is_leader", "1 when this replica leads its group.", func(r *flow.ReplicaStatus) float64 { return flag(r.Leading) })
	per("raft_term", "The group's term.", func(r *flow.ReplicaStatus) float64 { return float64(r.Term) })
	per("raft_applied_index", "The last index that is applied here.", func(r *flow.ReplicaStatus) float64 { return float64(r.Applied) })
	per("raft_commit_index", "The last index that is known here to be committed.", func(r *flow.ReplicaStatus) float64 { return float64(r.Commit) })
	per("raft_log_entries", "Entries of the log that are kept.", func(r *flow.ReplicaStatus) float64 {
		return float64(r.LastIndex + 1 - min(r.FirstIndex, r.LastIndex+1))
	})
	per("shard_points", "Points of the replica.", func(r *flow.ReplicaStatus) float64 { return float64(r.Points) })
	per("shard_memory_bytes", "What the replica takes in memory.", func(r *flow.ReplicaStatus) float64 { return float64(r.MemoryBytes) })
	per("shard_disk_bytes", "What the replica takes of the disk, its log included, measured some seconds ago.", func(r *flow.ReplicaStatus) float64 { return float64(r.DiskBytes) })
	per("shard_segments", "Segments of the replica.", func(r *flow.ReplicaStatus) float64 { return float64(r.Segments) })
	per("shard_graphs", "Of them, segments that are searched by their graph.", func(r *flow.ReplicaStatus) float64 { return float64(r.Graphs) })
	per("shard_bad_graphs", "Graphs that were damaged or not what the log says.", func(r *flow.ReplicaStatus) float64 { return float64(r.BadGraphs) })
}

func (s *Sink) slices(f *flow.FiguresResponse) {
	slices, shards := f.Slices, make([]string, len(f.Slices), len(f.Slices)+1)
	for i := range slices {
		shards[i] = shardLabel(slices[i].Shard)
	}
	if f.OtherSlices > 0 {
		rest := f.Others
		rest.Collection = otherCollections
		slices, shards = append(slices[:len(slices):len(slices)], rest), append(shards, "")
	}
	per := func(name, help string, value func(c *flow.SliceFigures) float64) {
		series := s.Gauge(name, help, "collection", "shard")
		for i := range slices {
			series(value(&slices[i]), slices[i].Collection, shards[i])
		}
	}
	per("collection_points", "Points of a collection in a replica of this node.", func(c *flow.SliceFigures) float64 { return float64(c.Points) })
	per("collection_segments", "Segments of a collection in a replica of this node.", func(c *flow.SliceFigures) float64 { return float64(c.Segments) })
	per("collection_graphs", "Of them, segments that are searched by their graph.", func(c *flow.SliceFigures) float64 { return float64(c.Graphs) })
	per("collection_memory_bytes", "What a collection takes in memory in a replica of this node.", func(c *flow.SliceFigures) float64 { return float64(c.MemoryBytes) })
	per("collection_disk_bytes", "What a collection takes of the disk in a replica of this node, measured some seconds ago.", func(c *flow.SliceFigures) float64 { return float64(c.DiskBytes) })
	s.Gauge("collection_slices_hidden", "Collections in shards that have no series of their own and are told together as "+otherCollections+".")(float64(f.OtherSlices))
}

func (s *Sink) upkeep(f *flow.FiguresResponse) {
	graphs := s.Gauge("upkeep_graphs", "Graphs of segments that are not searched yet or not stored yet, by what is done for them.", "state")
	graphs(float64(f.GraphBuilds), "building")
	graphs(float64(f.GraphTransfers), "loading")
	graphs(float64(f.GraphStores), "storing")
	graphs(float64(f.GraphsWaiting), "waiting")
	s.Gauge("upkeep_joined_graphs", "Graphs that bridges join with those of other shards of their collection, so that a search finds from one to the next.")(float64(f.GraphsJoined))
	s.Gauge("upkeep_build_memory_bytes", "Memory that the graphs under construction take.")(float64(f.GraphBuildBytes))
}
