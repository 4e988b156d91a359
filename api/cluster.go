package api

import (
	"fmt"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// view answers with a picture of what the node knows of the cluster.
func view[T any](x *exchange, draw func(*flow.StatusResponse) T) error {
	if err := x.params(nil).done(); err != nil {
		return err
	}
	s, err := do[*flow.StatusResponse](x, &flow.StatusRequest{})
	if err != nil {
		return err
	}
	return x.replyJSON(nil, draw(s))
}

// nodes serves GET /cluster/nodes.
func (x *exchange) nodes() error { return view(x, nodesView) }

// shards serves GET /cluster/shards.
func (x *exchange) shards() error { return view(x, shardsView) }

// stats serves GET /cluster/stats.
func (x *exchange) stats() error { return view(x, statsView) }

// health serves GET /cluster/health; it is 200 whatever the health is.
func (x *exchange) health() error { return view(x, healthView) }

// leader serves GET /cluster/leader.
func (x *exchange) leader() error { return view(x, leaderView) }

// ring serves GET /cluster/ring.
func (x *exchange) ring() error { return view(x, ringView) }

// peers serves GET /cluster, for Qdrant's clients.
func (x *exchange) peers() error { return view(x, peersView) }

// verify serves POST /cluster/verify.
func (x *exchange) verify() error {
	p := x.params(waitParams)
	req := &flow.VerifyRequest{Timeout: p.timeout()}
	if err := p.done(); err != nil {
		return err
	}
	if len(x.body) > 0 {
		if err := decode(x.body, func(s *scanner) *scan.Error {
			return s.fields(&verifyShape, func(string) *scan.Error { return nil })
		}); err != nil {
			return err
		}
	}
	resp, err := do[*flow.VerifyResponse](x, req)
	if err != nil {
		return err
	}
	s, err := do[*flow.StatusResponse](x, &flow.StatusRequest{})
	if err != nil {
		return err
	}
	return x.replyJSON(nil, verifyView(resp, s))
}

// join serves POST /cluster/join.
func (x *exchange) join() error {
	p := x.params(waitParams)
	timeout := p.timeout()
	if err := p.done(); err != nil {
		return err
	}
	req, err := decodeJoin(x.body)
	if err != nil {
		return err
	}
	req.Timeout = timeout
	resp, err := do[*flow.JoinResponse](x, &req)
	if err != nil {
		return err
	}
	res := client.JoinResult{
		ClusterID:     hex64(resp.ClusterID),
		Node:          uint32(resp.Node),
		SystemReplica: uint64(resp.SystemReplica),
		Peers:         make([]client.JoinPeer, len(resp.Peers)),
		FormatVersion: int(resp.FormatVersion),
	}
	for i, p := range resp.Peers {
		res.Peers[i] = client.JoinPeer{ID: uint32(p.ID), Name: p.Name, Addr: p.Addr, APIAddr: p.APIAddr, Region: p.Region}
	}
	return x.replyJSON(nil, res)
}

// hex64 writes a 64-bit value as 16 digits: JSON numbers lose bits past 2^53.
func hex64(x uint64) string { return fmt.Sprintf("%016x", x) }

// peersView is the cluster in the shape of Qdrant's clients.
func peersView(s *flow.StatusResponse) client.PeerStatus {
	p := client.PeerStatus{Status: "enabled", PeerID: uint32(s.Self), Peers: make(map[string]client.PeerURI, len(s.Nodes))}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		p.Peers[strconv.FormatUint(uint64(n.ID), 10)] = client.PeerURI{URI: "http://" + n.APIAddr + "/"}
		if n.ID != s.Self {
			continue
		}
		for _, r := range n.Replicas {
			if r.Shard != flow.SystemShard {
				continue
			}
			p.RaftInfo = client.PeerRaft{Term: r.Term, Commit: r.Commit, Leader: uint32(r.Leader.Node()), Role: "Follower", IsVoter: r.Role == flow.Voter}
			switch {
			case r.Leading:
				p.RaftInfo.Role = "Leader"
			case r.Role == flow.Learner:
				p.RaftInfo.Role = "Learner"
			}
		}
	}
	return p
}
