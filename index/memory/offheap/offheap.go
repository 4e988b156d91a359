// Package offheap gives out memory from the operating system, which the garbage
// collector neither scans nor counts, in huge pages where they can be had: a walk
// through a graph touches rows all over a large array, and with small pages most of
// its steps would wait for the page table too.
package offheap

import (
	"runtime"
	"sync/atomic"

	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// minBytes is the smallest block that is taken from the operating system; what is less
// comes from the Go heap.
const minBytes = 64 << 10

// Source is a memory.Source. The zero value is ready for use, from any goroutine. It
// must not be copied.
type Source struct{ mapped atomic.Int64 }

var _ memory.Source = (*Source)(nil)

// Mapped returns how many bytes this Source holds of the operating system now. Blocks
// that have become unreachable count until the garbage collector has seen it.
func (s *Source) Mapped() int64 { return s.mapped.Load() }

// Alloc returns a block, see memory.Source. It panics when the operating system has no
// more memory to give.
func (s *Source) Alloc(bytes int) *memory.Block {
	if bytes < minBytes {
		return memory.Heap{}.Alloc(bytes)
	}
	data := acquire(bytes)
	if data == nil {
		return memory.Heap{}.Alloc(bytes)
	}
	b := memory.NewBlock(data[:bytes:bytes])
	s.mapped.Add(int64(len(data)))
	runtime.AddCleanup(b, func(data []byte) {
		release(data)
		s.mapped.Add(-int64(len(data)))
	}, data)
	return b
}
