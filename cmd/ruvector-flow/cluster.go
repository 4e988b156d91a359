package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	waitHealthyTimeout = time.Minute
	healthPollEvery    = 100 * time.Millisecond
)

func (a *app) clusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Run nodes and look at a cluster",
		Example: `  ruvector-flow cluster init --node-id node1 --listen 127.0.0.1:8080 --data-dir D1
  ruvector-flow cluster join --node-id node2 --listen 127.0.0.1:8081 --peers 127.0.0.1:8080 --data-dir D2
  ruvector-flow cluster wait-healthy --nodes 2`,
	}
	node := &cobra.Command{Use: "node", Short: "The nodes", Example: "  ruvector-flow cluster node list"}
	node.AddCommand(a.nodeList())
	shard := &cobra.Command{Use: "shard", Short: "The shards", Example: "  ruvector-flow cluster shard list"}
	shard.AddCommand(a.shardList())
	ring := &cobra.Command{Use: "ring", Short: "The ring", Example: "  ruvector-flow cluster ring info"}
	ring.AddCommand(a.ringInfo())
	cmd.AddCommand(a.initCommand(), a.joinCommand(), group(node), group(shard), group(ring), a.stats(), a.health(), a.leader(),
		a.waitHealthy(), a.verify())
	return group(cmd)
}

func (a *app) nodeList() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "list",
		Short:   "List the nodes with what each measures of itself",
		Example: "  ruvector-flow cluster node list --format json",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		list, err := c.Nodes(ctx)
		if err != nil {
			return err
		}
		return a.print(list, func(t *table) {
			nodeTable(t, list.Nodes)
			t.gap()
			t.row(fmt.Sprintf("%d of %d nodes healthy", list.HealthyNodes, list.NodeCount))
		})
	})
}

func nodeTable(t *table, nodes []client.Node) {
	t.row("NODE", "STATUS", "ADDRESS", "REGION", "VECTORS", "SHARDS", "LEADS", "MEMORY", "CPU %", "NET Mbit/s", "DISK", "KERNEL", "FORMAT")
	for _, n := range nodes {
		t.row(n.ID, n.Status, orDash(n.APIAddr), orDash(n.Region), thousands(n.VectorCount), n.ShardCount, n.LeaderCount,
			gigabytes(n.MemoryGB), fmt.Sprintf("%.0f", n.CPUPercent), fmt.Sprintf("%.1f", n.NetworkMbps), gigabytes(n.DiskUsedGB), orDash(n.Kernel), n.FormatVersion)
	}
}

func (a *app) shardList() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "list",
		Short:   "List the shards with their replicas (* leads, ! is not heard)",
		Example: "  ruvector-flow cluster shard list",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		list, err := c.Shards(ctx)
		if err != nil {
			return err
		}
		return a.print(list, func(t *table) { shardTable(t, list.Shards) })
	})
}

func shardTable(t *table, shards []client.Shard) {
	t.row("SHARD", "LEADER", "VECTORS", "MEMORY", "DISK", "START", "EPOCH", "MOVING", "REPLICAS (APPLIED)")
	for _, s := range shards {
		var replicas []string
		for _, r := range s.Replicas {
			name := r.NodeID
			switch {
			case r.Leading:
				name += "*"
			case !r.Up:
				name += "!"
			}
			if r.Role != "voter" {
				name += " " + r.Role
			}
			replicas = append(replicas, fmt.Sprintf("%s (%d)", name, r.Applied))
		}
		t.row(s.ID, orDash(s.NodeID), thousands(s.VectorCount), megabytes(s.MemoryMB), megabytes(s.DiskMB), s.Start, s.Epoch, yesNo(s.Moving),
			strings.Join(replicas, ", "))
	}
}

func (a *app) ringInfo() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "info",
		Short:   "Show the ring: tokens, shares, and where each shard should be",
		Example: "  ruvector-flow cluster ring info",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		ring, err := c.Ring(ctx)
		if err != nil {
			return err
		}
		return a.print(ring, func(t *table) {
			t.row("virtual nodes a node", ring.VirtualNodes)
			t.row("slots", thousands(ring.TotalSlots))
			t.row("variance", fmt.Sprintf("%.6f", ring.Variance))
			t.gap()
			t.row("NODE", "SLOTS", "SHARE")
			for _, n := range ring.Nodes {
				t.row(n.ID, n.Slots, fmt.Sprintf("%.1f %%", 100*n.Share))
			}
			t.gap()
			t.row("SHARD", "START", "PREFERENCE")
			for _, s := range ring.Shards {
				t.row(s.ID, s.Start, strings.Join(s.Preference, ", "))
			}
		})
	})
}

func (a *app) stats() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "stats",
		Short:   "Show the cluster's figures, all of them measured",
		Example: "  ruvector-flow cluster stats --format json",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		s, err := c.Stats(ctx)
		if err != nil {
			return err
		}
		return a.print(s, func(t *table) {
			t.row("nodes", fmt.Sprintf("%d of %d healthy", s.HealthyNodes, s.NodeCount))
			t.row("vectors", thousands(s.TotalVectors))
			t.row("collections", s.CollectionCount)
			t.row("shards", s.ShardCount)
			t.row("replication factor", s.ReplicationFactor)
			t.row("segments with a graph", fmt.Sprintf("%d of %d", s.Graphs, s.Segments))
			t.row("memory of the nodes", gigabytes(s.TotalMemoryGB))
			t.row("disk of the nodes", gigabytes(s.TotalDiskGB))
			t.gap()
			nodeTable(t, s.Nodes)
		})
	})
}

func (a *app) health() *cobra.Command {
	return a.call(&cobra.Command{
		Use:   "health",
		Short: "Tell whether the cluster is healthy, why not, and what it can lose",
		Long: `Tell whether the cluster is healthy, why it is not, and how many nodes it can lose.

Exit code: 0 when healthy, 1 when degraded (all is served, something is missing) or unavailable.`,
		Example: "  ruvector-flow cluster health",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		h, err := c.Health(ctx)
		if err != nil {
			return err
		}
		if err := a.print(h, func(t *table) {
			healthTable(t, h)
			t.row(fmt.Sprintf("written in format version %d", h.FormatVersion))
		}); err != nil || h.Status == client.Healthy {
			return err
		}
		return errSaid
	})
}

func healthTable(t *table, h client.Health) {
	t.row(fmt.Sprintf("%s: %d of %d nodes healthy; %s may be lost with every shard still served", h.Status, h.HealthyNodes,
		h.NodeCount, count(h.ToleratesNodeLosses, "more node")))
	for _, p := range h.Problems {
		t.row("- " + p)
	}
}

// count returns "1 node" or "3 nodes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

func (a *app) leader() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "leader",
		Short:   "Show who leads the system group and each shard",
		Example: "  ruvector-flow cluster leader",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		l, err := c.Leader(ctx)
		if err != nil {
			return err
		}
		return a.print(l, func(t *table) {
			t.row("SHARD", "LEADER", "TERM")
			t.row("system", orDash(l.SystemLeader), "")
			for _, s := range l.Shards {
				t.row(s.ID, orDash(s.Leader), s.Term)
			}
		})
	})
}

func (a *app) waitHealthy() *cobra.Command {
	var nodes int
	cmd := &cobra.Command{
		Use:   "wait-healthy",
		Short: "Wait until every shard has its leader and all its replicas",
		Example: `  ruvector-flow cluster wait-healthy --timeout 60s
  ruvector-flow cluster wait-healthy --nodes 3`,
		Args: args(0, 0, ""),
	}
	cmd.Flags().IntVar(&nodes, "nodes", 0, "wait for at least so many healthy nodes, too")
	timeoutFlag(cmd, waitHealthyTimeout, "how long to wait")
	return a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		h, err := waitHealthy(ctx, c, nodes)
		if err != nil {
			return fmt.Errorf("the cluster is not healthy after %v: %w", a.timeout, err)
		}
		return a.print(h, func(t *table) { healthTable(t, h) })
	})
}

// waitHealthy asks until the cluster is healthy with at least so many nodes. Its error
// says what was wrong at the last look.
func waitHealthy(ctx context.Context, c *client.Client, nodes int) (client.Health, error) {
	last := context.DeadlineExceeded
	for {
		h, err := c.Health(ctx)
		switch {
		case err == nil && h.Status == client.Healthy && h.HealthyNodes >= nodes:
			return h, nil
		case err == nil && h.Status == client.Healthy:
			last = fmt.Errorf("%d of the %d nodes asked for are there", h.HealthyNodes, nodes)
		case err == nil && len(h.Problems) > 0:
			last = fmt.Errorf("%s: %s", h.Status, h.Problems[0])
		case err == nil:
			last = fmt.Errorf("it is %s", h.Status)
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return client.Health{}, last
		case <-time.After(healthPollEvery):
		}
	}
}

func (a *app) verify() *cobra.Command {
	return a.call(&cobra.Command{
		Use:   "verify",
		Short: "Compare every replica's state digest at one applied index",
		Long: `Compare every replica's state digest at one applied index of its group.

Exit code: 0 when all replicas answered and agree, 1 otherwise.`,
		Example: "  ruvector-flow cluster verify",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		// The answer that names who is missing must come before the client gives up.
		c.AttemptTimeout = a.timeout
		v, err := c.Verify(ctx, a.timeout*4/5)
		if err != nil {
			return err
		}
		if err := a.print(v, func(t *table) { verdictTable(t, v) }); err != nil || v.Equal {
			return err
		}
		return errSaid
	})
}

func verdictTable(t *table, v client.VerifyResult) {
	replicas := 0
	t.row("GROUP", "INDEX", "EQUAL", "DIGESTS")
	for _, s := range v.Shards {
		replicas += len(s.Replicas)
		t.row(s.Name, s.Index, yesNo(s.Equal), digests(s))
	}
	t.gap()
	t.row(fmt.Sprintf("%s in %s: %s", count(replicas, "replica"), count(len(v.Shards), "group"), verdict(v)))
}

// verdict tells replicas that differ from replicas that did not answer.
func verdict(v client.VerifyResult) string {
	silent, differ := 0, false
	for _, s := range v.Shards {
		silent += len(s.Missing)
		for _, r := range s.Replicas {
			differ = differ || r.Digest != s.Replicas[0].Digest
		}
	}
	switch {
	case v.Equal:
		return "all equal"
	case differ || silent == 0:
		return "NOT all equal"
	}
	return fmt.Sprintf("all that answered are equal, %d did not answer", silent)
}

// digests returns "DIGEST on node1, node2", or each replica's where they differ.
func digests(v client.Verdict) string {
	var parts, nodes []string
	for _, r := range v.Replicas {
		parts = append(parts, orDash(r.Digest)+" on "+r.NodeID)
		nodes = append(nodes, r.NodeID)
	}
	if v.Equal && len(v.Replicas) > 0 {
		return v.Replicas[0].Digest + " on " + strings.Join(nodes, ", ")
	}
	if len(v.Missing) > 0 {
		parts = append(parts, "no answer from "+strings.Join(v.Missing, ", "))
	}
	return strings.Join(parts, "; ")
}
