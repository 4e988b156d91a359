package node

import (
	"fmt"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// estimate answers an EstimateRequest from what this node knows of the others.
func (n *Node) estimate(req *flow.EstimateRequest) *flow.EstimateResponse {
	const op = "node.estimate"
	c := &req.Collection
	err := checkCollection(c)
	switch {
	case err != nil:
	case req.Points > flow.MaxEstimatePoints:
		err = flow.Errorf(flow.InvalidArgument, op, "points is %d, it must be in 0..%d", req.Points, uint64(flow.MaxEstimatePoints))
	case req.IDBytes < 0 || req.IDBytes > flow.MaxPointIDBytes:
		err = flow.Errorf(flow.InvalidArgument, op, "id_bytes is %d, it must be in 0..%d", req.IDBytes, flow.MaxPointIDBytes)
	case req.PayloadBytes < 0 || req.PayloadBytes > flow.MaxPayloadBytes:
		err = flow.Errorf(flow.InvalidArgument, op, "payload_bytes is %d, it must be in 0..%d", req.PayloadBytes, flow.MaxPayloadBytes)
	}
	if err != nil {
		return &flow.EstimateResponse{Outcome: outcome(err)}
	}
	resp := &flow.EstimateResponse{}
	var bad error
	resp.MemoryBytes, resp.DiskBytes, bad = shard.Estimate(flow.Collection{Dim: c.Dim, Metric: c.Metric, IndexParams: c.IndexParams}, req.Points, req.IDBytes, req.PayloadBytes)
	if bad != nil {
		resp.Err = bad
		return resp
	}
	cluster := n.cluster()
	nodes := max(len(cluster.Nodes), 1)
	resp.Copies = min(cluster.ReplicationFactor, nodes)
	share := func(bytes uint64) uint64 { return bytes / uint64(nodes) * uint64(resp.Copies) }
	resp.NodeMemoryBytes, resp.NodeDiskBytes = share(resp.MemoryBytes), share(resp.DiskBytes)
	for i := range cluster.Nodes {
		s := &cluster.Nodes[i]
		if !s.Up {
			resp.Problems = append(resp.Problems, fmt.Sprintf("node %s is down: its room is not known", s.Name))
			continue
		}
		limit, used := s.Usage.MemoryLimitBytes, s.Usage.MemoryBytes
		if free := limit - min(used, limit); limit > 0 && free < resp.NodeMemoryBytes {
			resp.Problems = append(resp.Problems, fmt.Sprintf("node %s has %d MiB of memory left of its limit of %d MiB, its share is %d MiB", s.Name, free>>20, limit>>20, resp.NodeMemoryBytes>>20))
		}
		if free := s.Usage.DiskFreeBytes - min(n.cfg.Tuning.MinFreeBytes, s.Usage.DiskFreeBytes); free < resp.NodeDiskBytes {
			resp.Problems = append(resp.Problems, fmt.Sprintf("node %s has %d MiB of disk left, its share is %d MiB", s.Name, free>>20, resp.NodeDiskBytes>>20))
		}
	}
	return resp
}
