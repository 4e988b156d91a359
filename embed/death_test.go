package embed

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
)

func TestFailedSyncEndsTheNode(t *testing.T) {
	var broken atomic.Bool
	fs := crashable.Inject(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && filepath.Ext(op.Path) == ".log" && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo) {
			return errors.New("the device is gone")
		}
		return nil
	}))
	cfg := Config{Name: "node1", Listen: "127.0.0.1:0", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}}
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	s := newServer(cfg)
	peer, web, err := s.listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.open(pebble.Options{FS: fs}); err != nil {
		t.Fatal(err)
	}
	if err := s.begin(t.Context(), peer, web); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	create(t, s, "c")
	write(t, s, "c", 1)

	broken.Store(true)
	answer := s.Do(t.Context(), &flow.WriteRequest{Collection: "c", Ops: []flow.Op{
		{Kind: flow.Upsert, ID: flow.NumberID(2), Vector: flow.Vector{1, 2}}}}).(*flow.WriteResponse)
	if answer.Err == nil {
		t.Fatal("a write was acknowledged although its sync failed")
	}
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("the node goes on without a disk")
	}
	if s.Err() == nil {
		t.Fatal("the node died without a reason")
	}

	resumed := startNode(t, Config{DataDir: cfg.DataDir})
	eventually(t, "the acknowledged point", func(ctx context.Context) error {
		r := resumed.Do(ctx, &flow.GetRequest{Collection: "c", IDs: []flow.PointID{flow.NumberID(1)}}).(*flow.GetResponse)
		if r.Err == nil && len(r.Points) != 1 {
			t.Fatalf("an acknowledged point is lost: %+v", r)
		}
		return r.Err
	})
}
