package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	// stopWithin is how long a process may take to stop cleanly before it is killed.
	stopWithin = 10 * time.Second
	// answerPollEvery is how often a starting process is asked whether it serves.
	answerPollEvery = 10 * time.Millisecond
)

// processes is a cluster of nodes that run in processes of their own, each started
// with the command line that a person would type.
type processes struct {
	binary string
	dir    string
	logTo  io.Writer // what the nodes log; nil for nowhere
	nodes  []*process
}

// process is a node's command line, and the process that runs it at the moment.
type process struct {
	name, addr string
	args       []string
	cmd        *exec.Cmd
	// ended is closed when the process is gone; log holds the end of what it wrote.
	ended chan struct{}
	log   *lastLine
}

// start runs so many nodes at once: the first founds the cluster and the others join it.
// It does not wait for them to answer.
func (p *processes) start(ctx context.Context, n int) error {
	addrs, err := freeAddrs(n)
	if err != nil {
		return err
	}
	for i, addr := range addrs {
		node := &process{name: fmt.Sprintf("node%d", i+1), addr: addr}
		node.args = []string{"cluster", "init", "--node-id", node.name, "--listen", addr, "--data-dir", filepath.Join(p.dir, node.name)}
		if i > 0 {
			node.args[1] = "join"
			node.args = append(node.args, "--peers", addrs[0])
		}
		p.nodes = append(p.nodes, node)
		if err := p.run(node); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// freeAddrs returns addresses on loopback that nobody listened on a moment ago.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end, so that no two are the same
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// run starts a node's process. The goroutine that waits for it ends with it.
func (p *processes) run(n *process) error {
	n.log = &lastLine{to: p.logTo, name: n.name}
	n.cmd = exec.Command(p.binary, n.args...)
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	cmd, ended := n.cmd, make(chan struct{})
	n.ended = ended
	go func() {
		cmd.Wait() // how it ended does not matter: whoever asked for it knows
		close(ended)
	}()
	return nil
}

// endpoints returns the nodes' URLs.
func (p *processes) endpoints() []string {
	var urls []string
	for _, n := range p.nodes {
		urls = append(urls, "http://"+n.addr)
	}
	return urls
}

// check returns an error if a process has ended by itself.
func (p *processes) check() error {
	for _, n := range p.nodes {
		select {
		case <-n.ended:
			return fmt.Errorf("%s ended by itself: %s", n.name, n.log)
		default:
		}
	}
	return nil
}

// index returns the position of the node of that name.
func (p *processes) index(name string) (int, error) {
	for i, n := range p.nodes {
		if n.name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no node is called %q", name)
}

// kill ends a node's process as kill -9 does.
func (p *processes) kill(i int) error {
	n := p.nodes[i]
	if err := n.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", n.name, err)
	}
	<-n.ended
	return nil
}

// restart runs a node's command line again, and waits until it serves.
func (p *processes) restart(ctx context.Context, i int) error {
	n := p.nodes[i]
	if err := p.run(n); err != nil {
		return err
	}
	c := client.New(n.addr)
	defer c.Close()
	for {
		err := c.Ready(ctx)
		if err == nil {
			return nil
		}
		if bad := errors.Join(p.check(), sleep(ctx, answerPollEvery)); bad != nil {
			return fmt.Errorf("%s does not answer: %w (%w)", n.name, err, bad)
		}
	}
}

// stop ends every process, cleanly where that goes.
func (p *processes) stop() {
	var stopping sync.WaitGroup
	for _, n := range p.nodes {
		if n.ended == nil {
			continue // it never ran
		}
		stopping.Go(func() {
			if n.cmd.Process.Signal(os.Interrupt) == nil {
				select {
				case <-n.ended:
					return
				case <-time.After(stopWithin):
				}
			}
			n.cmd.Process.Kill() // the wait below ends in any case
			<-n.ended
		})
	}
	stopping.Wait()
}

// lastLine keeps the last line written to it, and hands on all with a name in front.
// The goroutine of its process writes.
type lastLine struct {
	to   io.Writer
	name string

	mu   sync.Mutex // guards the rest
	part []byte
	last string
}

// Write takes what a process has written.
func (l *lastLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		line, rest, found := bytes.Cut(l.part, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.last, l.part = string(line), rest
		if l.to != nil {
			fmt.Fprintf(l.to, "%s: %s\n", l.name, line)
		}
	}
}

// String returns the last line.
func (l *lastLine) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
