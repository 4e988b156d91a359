//go:build !race

// The race detector's memory is not the product's.

package embed

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/ruvector-flow/ruvector-flow/node"
)

// storeMemory is what the store may take outside of the Go heap: its cache, 32 MiB, and
// eight tables of 16 MiB. Four are in its budget; while flushes lag behind the writes, as on
// a busy machine, there are more, and what they took is not given back to the system.
const storeMemory = 160 << 20

// TestMemoryIsTrue: the process grows by what the node says that a collection grew by.
func TestMemoryIsTrue(t *testing.T) {
	s := startNode(t, Config{Name: "a", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}, MemoryLimit: NoMemoryLimit,
		Tuning: node.Tuning{Index: node.IndexTuning{MinRows: 1 << 30, CutRows: 1 << 30}}})
	createDim(t, s, "wide", 2048)
	type figures struct{ resident, heap, shards, collection uint64 }
	look := func() figures {
		time.Sleep(3 * time.Second) // the store flushes what it can
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		all, _ := replicas(t, s)
		return figures{residentBytes(), m.HeapAlloc + uint64(s.memory.Mapped()), all.MemoryBytes, count(t, s, "wide").MemoryBytes}
	}
	fill(t, s, "wide", 2048, 0, 2000)
	before := look()
	fill(t, s, "wide", 2048, 2000, 18000)
	now := look()
	want := now.collection - before.collection
	t.Logf("before %+v, now %+v", before, now)
	near(t, "what the collection grew by against its vectors", want, 16000*4*2048, .05)
	near(t, "what the shards grew by against the collection", now.shards-before.shards, want, .1) // they count the kept log too
	near(t, "what heap and mapped memory grew by against the collection", now.heap-before.heap, want, .15)
	if grown := now.resident - before.resident; grown < want*9/10 || grown > want*11/10+storeMemory {
		t.Errorf("the process grew by %d bytes, the collection by %d, and the store may take %d", grown, want, storeMemory)
	}
}
