package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/ruvector-flow/ruvector-flow/embed"
)

// demoCluster is the nodes that the demo runs in this process.
type demoCluster struct {
	logTo   io.Writer
	configs []embed.Config
	servers []*embed.Server
}

// start founds a cluster and lets the other nodes join it.
func (c *demoCluster) start(ctx context.Context, dir string) error {
	for i := range demoNodes {
		cfg := embed.Config{Name: fmt.Sprintf("node%d", i+1), Listen: "127.0.0.1:0", DataDir: filepath.Join(dir, fmt.Sprintf("node%d", i+1))}
		if c.logTo != nil {
			cfg.Logf = c.logf(cfg.Name)
		}
		if i == 0 {
			cfg.Init = &embed.InitOptions{Shards: demoShards, ReplicationFactor: demoReplication}
		} else {
			cfg.Join = []string{c.servers[0].Addr()}
		}
		server, err := embed.Start(ctx, cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", cfg.Name, err)
		}
		cfg.Listen = server.Addr() // the same port after a restart
		c.configs, c.servers = append(c.configs, cfg), append(c.servers, server)
	}
	return nil
}

func (c *demoCluster) logf(name string) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(c.logTo, "%s: %s\n", name, fmt.Sprintf(format, args...)) }
}

// endpoints returns the nodes' URLs.
func (c *demoCluster) endpoints() []string {
	var urls []string
	for _, s := range c.servers {
		urls = append(urls, "http://"+s.Addr())
	}
	return urls
}

// index returns the position of the node of that name.
func (c *demoCluster) index(name string) (int, error) {
	for i := range c.configs {
		if c.configs[i].Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no node is called %q", name)
}

// kill cuts a node off without warning.
func (c *demoCluster) kill(i int) error {
	c.servers[i].Kill()
	return nil
}

// restart runs a node again on its data and its port.
func (c *demoCluster) restart(ctx context.Context, i int) error {
	server, err := embed.Start(ctx, c.configs[i])
	if err != nil {
		return err
	}
	c.servers[i] = server
	return nil
}

// stop ends every node; those that were killed have ended.
func (c *demoCluster) stop() error {
	errs := make([]error, len(c.servers))
	var stopping sync.WaitGroup
	for i, s := range c.servers {
		stopping.Go(func() { errs[i] = s.Stop() })
	}
	stopping.Wait()
	return errors.Join(errs...)
}
