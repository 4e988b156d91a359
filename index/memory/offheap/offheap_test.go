package offheap_test

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/ruvector-flow/ruvector-flow/index/memory"
	"github.com/ruvector-flow/ruvector-flow/index/memory/offheap"
)

func TestAlloc(t *testing.T) {
	var s offheap.Source
	for _, n := range []int{0, 1, 64 << 10, 1<<20 + 1, 5<<20 + 3} {
		b := s.Alloc(n)
		data := b.Bytes()
		if len(data) != n {
			t.Fatalf("%d bytes, want %d", len(data), n)
		}
		if n == 0 {
			continue
		}
		if at := uintptr(unsafe.Pointer(&data[0])); at%memory.Align != 0 {
			t.Fatalf("%d bytes lie at %x", n, at)
		}
		for i, x := range data {
			if x != 0 {
				t.Fatalf("byte %d of %d is %d", i, n, x)
			}
			data[i] = 1
		}
		runtime.KeepAlive(b)
	}
}

// TestAccount: what is reachable counts, and what is not is given back.
func TestAccount(t *testing.T) {
	var s offheap.Source
	kept := s.Alloc(3 << 20)
	if runtime.GOOS == "linux" && s.Mapped() < 3<<20 {
		t.Fatalf("%d bytes mapped", s.Mapped())
	}
	before := s.Mapped()
	for range 10 {
		s.Alloc(1 << 20)
	}
	deadline := time.Now().Add(10 * time.Second)
	for s.Mapped() != before {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes mapped, want %d", s.Mapped(), before)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	runtime.KeepAlive(kept)
}
