package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// status reads one of the views of the cluster; each endpoint is asked once.
func status[T any](ctx context.Context, c *Client, op, path string) (T, error) {
	var v T
	_, err := c.do(ctx, &call{op: op, method: http.MethodGet, path: path, once: true}, &v)
	return v, err
}

// Nodes returns the node table with each node's figures.
func (c *Client) Nodes(ctx context.Context) (NodeList, error) {
	return status[NodeList](ctx, c, "client.Nodes", "/cluster/nodes")
}

// Shards returns the placement table with each replica's figures.
func (c *Client) Shards(ctx context.Context) (ShardList, error) {
	return status[ShardList](ctx, c, "client.Shards", "/cluster/shards")
}

// Stats returns the totals, the nodes and the shards.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	return status[Stats](ctx, c, "client.Stats", "/cluster/stats")
}

// Health says whether all is well and how many node losses are tolerated.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return status[Health](ctx, c, "client.Health", "/cluster/health")
}

// Leader returns the leaders of the system group and of every shard.
func (c *Client) Leader(ctx context.Context) (LeaderList, error) {
	return status[LeaderList](ctx, c, "client.Leader", "/cluster/leader")
}

// Ring returns the hash ring.
func (c *Client) Ring(ctx context.Context) (Ring, error) {
	return status[Ring](ctx, c, "client.Ring", "/cluster/ring")
}

// Verify compares the state digests of all replicas; timeout bounds the server's
// wait, 0 is its default.
func (c *Client) Verify(ctx context.Context, timeout time.Duration) (VerifyResult, error) {
	q := url.Values{}
	setTimeout(q, timeout)
	var v VerifyResult
	_, err := c.do(ctx, &call{op: "client.Verify", method: http.MethodPost, path: "/cluster/verify", query: q}, &v)
	return v, err
}

// Ready returns nil when one of the endpoints is ready to serve. Each is asked once.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, &call{op: "client.Ready", method: http.MethodGet, path: "/readyz", once: true}, nil)
	return err
}

// Join adds a node to the cluster and returns its identity. It is repeated with
// the same nonce until the context ends, which is harmless.
func (c *Client) Join(ctx context.Context, r flow.JoinRequest) (flow.JoinResponse, error) {
	const op = "client.Join"
	body, err := json.Marshal(JoinBody{Name: r.Name, Addr: r.Addr, APIAddr: r.APIAddr, Region: r.Region, Nonce: hex.EncodeToString(r.Nonce[:]), Replace: r.Replace, FormatVersion: int(r.FormatVersion)})
	if err != nil {
		return flow.JoinResponse{}, flow.Errorf(flow.Internal, op, "encode the request: %w", err)
	}
	q := url.Values{}
	setTimeout(q, r.Timeout)
	var j JoinResult
	if _, err := c.do(ctx, &call{op: op, method: http.MethodPost, path: "/cluster/join", query: q, body: body, write: true}, &j); err != nil {
		return flow.JoinResponse{}, err
	}
	cluster, err := strconv.ParseUint(j.ClusterID, 16, 64)
	if err != nil {
		return flow.JoinResponse{}, flow.Errorf(flow.Internal, op, "the answer's clusterId %q is not 16 hexadecimal digits", j.ClusterID)
	}
	res := flow.JoinResponse{ClusterID: cluster, Node: flow.NodeID(j.Node), SystemReplica: flow.ReplicaID(j.SystemReplica), FormatVersion: flow.FormatVersion(j.FormatVersion)}
	for _, p := range j.Peers {
		res.Peers = append(res.Peers, flow.NodeInfo{ID: flow.NodeID(p.ID), Name: p.Name, Addr: p.Addr, APIAddr: p.APIAddr, Region: p.Region})
	}
	return res, nil
}
