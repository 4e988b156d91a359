package tcp

import (
	"context"
	"net"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Probe asks what answers node traffic at an address: the id of its cluster and
// its own. It fails when nothing, or another program, answers before ctx ends.
func Probe(ctx context.Context, addr string) (cluster uint64, node flow.NodeID, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// Cluster 0 is no cluster: the other side answers and closes.
	if _, err := conn.Write(preface{}.encode()); err != nil {
		return 0, 0, err
	}
	p, err := readPreface(conn)
	return p.cluster, p.node, err
}
