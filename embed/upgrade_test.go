package embed

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// Three nodes of the former format version are upgraded one after the other, over real
// stores and connections, while the cluster serves; then none can be taken back.
func TestRollingUpgrade(t *testing.T) {
	dir := t.TempDir()
	configs, servers := make([]Config, 3), make([]*Server, 3)
	for i := range servers {
		configs[i] = Config{Name: fmt.Sprintf("node%d", i+1), DataDir: filepath.Join(dir, fmt.Sprint(i)), FormatVersion: 1}
		if i == 0 {
			configs[i].Init = &InitOptions{Shards: 2, ReplicationFactor: 3}
		} else {
			configs[i].Join = []string{servers[0].Addr()}
		}
		servers[i] = startNode(t, configs[i])
		configs[i].Listen = servers[i].Addr() // the same port after a restart
	}
	waitHealthy(t, servers[2], 3)
	create(t, servers[1], "c")
	version := func(s *Server) int {
		h, err := client.New(s.Addr()).Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.FormatVersion
	}
	for i := range servers {
		if v := version(servers[(i+1)%3]); v != 1 {
			t.Fatalf("with %d new nodes the cluster's version is %d, want 1", i, v)
		}
		if err := servers[i].Stop(); err != nil {
			t.Fatal(err)
		}
		write(t, servers[(i+1)%3], "c", 2*i)
		configs[i].FormatVersion = 0
		servers[i] = startNode(t, configs[i])
		waitHealthy(t, servers[i], 3)
		write(t, servers[i], "c", 2*i+1)
		wantCount(t, servers[i], "c", uint64(2*i+2))
	}
	eventually(t, "the cluster's version is 2 everywhere", func(context.Context) error {
		for _, s := range servers {
			if v := version(s); v != 2 {
				return fmt.Errorf("it is %d by %s", v, s.Addr())
			}
		}
		return nil
	})
	write(t, servers[0], "c", 6)
	wantCount(t, servers[2], "c", 7)
	eventually(t, "equal digests", func(ctx context.Context) error {
		r := servers[0].Do(ctx, &flow.VerifyRequest{Timeout: 5 * time.Second}).(*flow.VerifyResponse)
		for _, v := range r.Shards {
			if !v.Equal {
				return fmt.Errorf("shard %v: digests %v, missing %v", v.Shard, v.Digests, v.Missing)
			}
		}
		return r.Err
	})

	servers[1].Kill()
	configs[1].FormatVersion = 1
	wantRefused(t, configs[1], flow.Conflict, "node2", "has format version 2", "understands only 1 to 1")
	old := Config{Name: "node4", Listen: "127.0.0.1:0", DataDir: filepath.Join(dir, "new"), Join: []string{servers[0].Addr()}, FormatVersion: 1}
	wantRefused(t, old, flow.Conflict, "node4", "up to 1", "is 2")
}
