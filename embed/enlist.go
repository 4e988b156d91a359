package embed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net/tcp"
	"github.com/ruvector-flow/ruvector-flow/node"
)

const (
	// joinTimeout is how long a new node keeps asking the peers to take it in.
	joinTimeout = 30 * time.Second
	// joinNotice is after how long it says that it is waiting.
	joinNotice = 2 * time.Second
	// joinAttempt is how long one peer may take to answer before the next is asked.
	joinAttempt = 5 * time.Second
	// probeTimeout bounds the look at the peers of a node that joined before.
	probeTimeout = time.Second
	// nonceFile holds, until the node has joined, the number and the name under
	// which it asks: a repeated request is then recognised. It must not outlive that:
	// a store that was lost would come back as the voter it had been, without its log.
	nonceFile = "join"
)

// enlistment finds out who this node is: from its store, or by founding a
// cluster, or by joining one.
type enlistment struct {
	cfg           Config
	store         disk.Disk
	addr, apiAddr string // advertised
}

// identity returns the identity in the store, after writing it if there was none.
func (e *enlistment) identity(ctx context.Context) (node.Identity, error) {
	id, ok, err := node.ReadIdentity(e.store)
	if err != nil {
		return id, err
	}
	if ok {
		if err := e.resume(ctx, id); err != nil {
			return id, err
		}
		return id, e.forgetNonce()
	}
	switch {
	case e.cfg.Init != nil:
		err = e.found(ctx)
	case len(e.cfg.Join) > 0:
		err = e.join(ctx)
	default:
		err = flow.Errorf(flow.InvalidArgument, "embed.Start", "--data-dir: %s holds no node yet; found a cluster or join one first", e.cfg.DataDir)
	}
	if err != nil {
		return id, err
	}
	id, ok, err = node.ReadIdentity(e.store)
	if err == nil && !ok {
		err = flow.Errorf(flow.Internal, "embed.Start", "the identity just written to %s cannot be read", e.cfg.DataDir)
	}
	if err != nil {
		return id, err
	}
	return id, e.forgetNonce()
}

// resume refuses settings that contradict the identity.
func (e *enlistment) resume(ctx context.Context, id node.Identity) error {
	const op = "embed.Start"
	dir := e.cfg.DataDir
	if e.cfg.Name != "" && e.cfg.Name != id.Name {
		return flow.Errorf(flow.InvalidArgument, op, "--node-id: data directory %s holds node %q, not %q", dir, id.Name, e.cfg.Name)
	}
	if o := e.cfg.Init; o != nil {
		// A node that joined does not hold these numbers: it takes them from the cluster.
		if o.Shards != 0 && id.Shards != 0 && o.Shards != id.Shards {
			return flow.Errorf(flow.InvalidArgument, op, "--shards: data directory %s holds a cluster of %d shards, not %d; the number is fixed when a cluster is founded", dir, id.Shards, o.Shards)
		}
		if o.ReplicationFactor != 0 && id.ReplicationFactor != 0 && o.ReplicationFactor != id.ReplicationFactor {
			return flow.Errorf(flow.InvalidArgument, op, "--replication-factor: data directory %s holds a cluster with replication factor %d, not %d", dir, id.ReplicationFactor, o.ReplicationFactor)
		}
	}
	if cluster, peer, ok := e.foreignPeer(ctx, id.ClusterID); ok {
		return flow.Errorf(flow.InvalidArgument, op, "--peers: %s is of cluster %016x, but data directory %s holds node %q of cluster %016x", peer, cluster, dir, id.Name, id.ClusterID)
	}
	return nil
}

// foreignPeer returns a peer that answers for another cluster. Peers that do not
// answer at once are not waited for: they may be starting too.
func (e *enlistment) foreignPeer(ctx context.Context, ours uint64) (cluster uint64, peer string, found bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	type result struct {
		cluster uint64
		peer    string
		err     error
	}
	results := make(chan result, len(e.cfg.Join))
	for _, p := range e.cfg.Join {
		go func() { // ends with ctx; all are received below
			c, _, err := tcp.Probe(ctx, p)
			results <- result{c, p, err}
		}()
	}
	for range e.cfg.Join {
		if r := <-results; r.err == nil && r.cluster != ours {
			cluster, peer, found = r.cluster, r.peer, true
		}
	}
	return cluster, peer, found
}

// found writes a cluster of one.
func (e *enlistment) found(ctx context.Context) error {
	o := node.InitOptions{
		Name: e.cfg.Name, Addr: e.addr, APIAddr: e.apiAddr, Region: e.cfg.Region,
		Shards: e.cfg.Init.Shards, ReplicationFactor: e.cfg.Init.ReplicationFactor, VirtualNodes: e.cfg.Init.VirtualNodes,
		FormatVersion: e.cfg.FormatVersion,
	}
	var b [8]byte
	for o.ClusterID == 0 {
		rand.Read(b[:]) // never fails (crypto/rand)
		o.ClusterID = binary.LittleEndian.Uint64(b[:])
	}
	rand.Read(o.Nonce[:])
	return durable(ctx, func(done func(error)) { node.Init(e.store, o, done) })
}

// join asks the peers in turn until one has taken the node in.
func (e *enlistment) join(ctx context.Context) error {
	nonce, err := e.nonce()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	c := client.New(e.cfg.Join...)
	c.AttemptTimeout = joinAttempt
	defer c.Close()
	waiting := time.AfterFunc(joinNotice, func() {
		e.cfg.Logf("waiting for %s to answer; giving up after %v", strings.Join(e.cfg.Join, ", "), joinTimeout)
	})
	defer waiting.Stop()
	r, err := c.Join(ctx, flow.JoinRequest{
		Name: e.cfg.Name, Addr: e.addr, APIAddr: e.apiAddr, Region: e.cfg.Region,
		Nonce: nonce, Replace: e.cfg.Replace, FormatVersion: e.cfg.FormatVersion, Timeout: joinAttempt,
	})
	if err != nil {
		return e.refusedBy(err)
	}
	return durable(ctx, func(done func(error)) { node.Join(e.store, e.cfg.Name, nonce, &r, done) })
}

// refusedBy names the peers in the error of a join. A join of unknown outcome is
// simply to be repeated: the nonce makes the repetition harmless.
func (e *enlistment) refusedBy(err error) error {
	kind := flow.KindOf(err)
	if kind == flow.Unknown || kind == flow.NotLeader {
		kind = flow.Unavailable
	}
	var fe *flow.Error
	if errors.As(err, &fe) && fe.Err != nil {
		err = fe.Err // its kind is said once
	}
	return flow.Errorf(kind, "embed.Start", "--peers: join through %s: %w", strings.Join(e.cfg.Join, ", "), err)
}

// nonce returns the number this data directory joins with. It is made durable
// before the first request, so that a crash at any later point is harmless.
func (e *enlistment) nonce() ([16]byte, error) {
	const op = "embed.Start"
	var nonce [16]byte
	path := filepath.Join(e.cfg.DataDir, nonceFile)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		digits, name, _ := bytes.Cut(bytes.TrimSuffix(b, []byte("\n")), []byte(" "))
		if n, err := hex.Decode(nonce[:], digits[:min(len(digits), 32)]); err != nil || n != len(nonce) || len(digits) != 32 {
			return nonce, flow.Errorf(flow.Corrupt, op, "%s is not what a join writes", path)
		}
		if string(name) != e.cfg.Name {
			return nonce, flow.Errorf(flow.InvalidArgument, op, "--node-id: data directory %s began to join as %q, not %q", e.cfg.DataDir, name, e.cfg.Name)
		}
		return nonce, nil
	case !errors.Is(err, os.ErrNotExist):
		return nonce, flow.Errorf(flow.Internal, op, "read %s: %w", path, err)
	}
	rand.Read(nonce[:]) // never fails (crypto/rand)
	if err := writeDurably(path, fmt.Appendf(nil, "%x %s\n", nonce, e.cfg.Name)); err != nil {
		return nonce, flow.Errorf(flow.Internal, op, "write %s: %w", path, err)
	}
	return nonce, nil
}

// forgetNonce removes the file of nonce, if there is one. That the removal is not
// durable at once is harmless: the next start repeats it before it does anything else.
func (e *enlistment) forgetNonce() error {
	err := os.Remove(filepath.Join(e.cfg.DataDir, nonceFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return flow.Errorf(flow.Internal, "embed.Start", "remove the file of a join that is over: %w", err)
	}
	return nil
}

// writeDurably makes a file appear whole or not at all.
func writeDurably(path string, content []byte) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	// Some systems cannot sync a directory (Windows); there the rename is journalled.
	if err := dir.Sync(); err != nil && os.PathSeparator == '/' {
		return err
	}
	return nil
}

// durable waits for what apply writes; the store calls done in any case.
func durable(ctx context.Context, apply func(done func(error))) error {
	result := make(chan error, 1)
	apply(func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return flow.Errorf(flow.Unavailable, "embed.Start", "write the node's identity: %w", context.Cause(ctx))
	}
}
