package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruvector-flow/ruvector-flow/embed"
)

// nodeFlags are the flags of a running node.
type nodeFlags struct {
	config embed.Config
	init   embed.InitOptions
	memory string
}

func (f *nodeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.config.Name, "node-id", "", "name of the node, unique in the cluster (needed)")
	flags.StringVar(&f.config.Listen, "listen", "127.0.0.1:8080", "address for clients and, without --cluster-listen, for nodes")
	flags.StringVar(&f.config.DataDir, "data-dir", "", "folder for all that survives a restart (needed)")
	flags.StringVar(&f.config.ClusterListen, "cluster-listen", "", "an address of its own for the traffic between nodes")
	flags.StringVar(&f.config.Advertise, "advertise", "", "host or host:port where others reach this node (default: the listening address)")
	flags.StringVar(&f.config.Region, "region", "", "a label: replicas are put into distinct regions first")
	flags.IntVar(&f.config.Workers, "workers", 0, "goroutines that compute; 0 is one a core")
	flags.Uint8Var((*uint8)(&f.config.FormatVersion), "format-version", 0, "highest version of messages and logs to use, to be able to go back to an earlier program; 0 is the newest")
	flags.StringVar(&f.memory, "memory-limit", "", "memory above which upserts are refused, such as 900MiB or 4GiB, or none (default: 80 % of the machine's)")
}

func (f *nodeFlags) check(cmd *cobra.Command) error {
	for flag, addr := range map[string]string{"listen": f.config.Listen, "cluster-listen": f.config.ClusterListen} {
		if _, _, err := net.SplitHostPort(addr); err != nil && (addr != "" || flag == "listen") {
			return usagef(cmd, "--%s is %q, not an address like 127.0.0.1:8080", flag, addr)
		}
	}
	if f.config.Workers < 0 {
		return usagef(cmd, "--workers is %d; it must be 0 or more", f.config.Workers)
	}
	var ok bool
	if f.config.MemoryLimit, ok = parseMemory(f.memory); !ok {
		return usagef(cmd, "--memory-limit is %q, not a size like 900MiB or 4GiB, or none", f.memory)
	}
	return nil
}

// parseMemory reads a number of bytes with or without a unit. Nothing is 0.
func parseMemory(text string) (n uint64, ok bool) {
	switch text {
	case "":
		return 0, true
	case "none":
		return embed.NoMemoryLimit, true
	}
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if number, found := strings.CutSuffix(text, unit); found {
			text, shift = number, 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n << shift, err == nil && n > 0 && n<<shift>>shift == n
}

func (a *app) initCommand() *cobra.Command {
	f := &nodeFlags{}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Found a cluster of one node and run it, or run it again",
		Long: `Found a cluster of one node and run it in the foreground. On a data folder that holds the node
already, run it again; another name, shard count or replication factor is refused.
Clients are served over HTTP, and Prometheus under /metrics.

Ctrl-C or SIGTERM stops it cleanly; kill -9 loses nothing that was acknowledged.`,
		Example: "  ruvector-flow cluster init --node-id node1 --listen 127.0.0.1:8080 --shards 16 --replication-factor 3 --data-dir D1",
		Args:    args(0, 0, ""),
	}
	f.add(cmd)
	var shards, factor, tokens int
	cmd.Flags().IntVar(&shards, "shards", 16, "shards of the cluster, fixed for ever")
	cmd.Flags().IntVar(&factor, "replication-factor", 3, "replicas each shard shall have")
	cmd.Flags().IntVar(&tokens, "virtual-nodes", 128, "tokens of a node on the ring")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		// What is not given must not contradict what a data folder holds: 0 is "the default".
		for name, v := range map[string]struct{ from, to *int }{
			"shards": {&shards, &f.init.Shards}, "replication-factor": {&factor, &f.init.ReplicationFactor}, "virtual-nodes": {&tokens, &f.init.VirtualNodes},
		} {
			if !cmd.Flags().Changed(name) {
				continue
			}
			if *v.to = *v.from; *v.to < 1 {
				return usagef(cmd, "--%s is %d; it must be 1 or more", name, *v.to)
			}
		}
		f.config.Init = &f.init
		return f.check(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.runNode(cmd.Context(), f.config) }
	return required(cmd, "node-id", "data-dir")
}

func (a *app) joinCommand() *cobra.Command {
	f := &nodeFlags{}
	cmd := &cobra.Command{
		Use:   "join",
		Short: "Join a cluster as a new node and run it, or run it again",
		Long: `Join a cluster as a new node and run it in the foreground. Shards gain replicas on it until each has
its replication factor. On a data folder that holds the node already, run it again; another name or
cluster is refused. Clients are served over HTTP, and Prometheus under /metrics.

Ctrl-C or SIGTERM stops it cleanly; kill -9 loses nothing that was acknowledged.`,
		Example: "  ruvector-flow cluster join --node-id node2 --listen 127.0.0.1:8081 --peers 127.0.0.1:8080 --data-dir D2",
		Args:    args(0, 0, ""),
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&f.config.Join, "peers", nil, "host:port of nodes of the cluster, one or more (needed)")
	cmd.Flags().BoolVar(&f.config.Replace, "replace", false, "take the place of the node of this name, whose data folder is lost for good")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if len(f.config.Join) == 0 {
			return usagef(cmd, "--peers is empty; give the host:port of a node of the cluster")
		}
		for _, p := range f.config.Join {
			if _, _, err := net.SplitHostPort(p); err != nil {
				return usagef(cmd, "--peers: %q is not an address like 127.0.0.1:8080", p)
			}
		}
		return f.check(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.runNode(cmd.Context(), f.config) }
	return required(cmd, "node-id", "data-dir", "peers")
}

// runNode runs a node until the context ends or the node dies.
func (a *app) runNode(ctx context.Context, cfg embed.Config) error {
	cfg.Logf = func(format string, args ...any) {
		fmt.Fprintf(a.err, "%s %s\n", time.Now().Format("2006-01-02T15:04:05.000Z07:00"), fmt.Sprintf(format, args...))
	}
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = embed.DefaultMemoryLimit()
	}
	if os.Getenv("GOMEMLIMIT") == "" && cfg.MemoryLimit < math.MaxInt64 && cfg.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(cfg.MemoryLimit)) // collects garbage before it would count as memory in use
	}
	server, err := embed.Start(ctx, cfg)
	if err != nil {
		return err
	}
	id := server.Identity()
	cfg.Logf("node %s of cluster %016x serves http://%s from %s; Ctrl-C stops it", id.Name, id.ClusterID, server.Addr(), cfg.DataDir)
	select {
	case <-ctx.Done():
		cfg.Logf("stopping")
		if err := server.Stop(); err != nil {
			return err
		}
		cfg.Logf("stopped")
		return nil
	case <-server.Done():
		return fmt.Errorf("the node died: %w", server.Err())
	}
}

// versionInfo is the JSON form of version.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this binary",
		Example: "  ruvector-flow version --format json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Version = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			return a.print(v, func(t *table) {
				t.row("ruvector-flow", orDash(v.Version))
				t.row("revision", orDash(v.Revision))
				t.row("built with", v.Go+" for "+v.Platform)
			})
		},
	}
}
