package memory_test

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

func TestHeap(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 1000, 1 << 20} {
		b := memory.Heap{}.Alloc(n)
		if len(b.Bytes()) != n || len(b.Float32s()) != n/4 || len(b.Uint32s()) != n/4 || len(b.Uint64s()) != n/8 || len(b.Int8s()) != n {
			t.Fatalf("%d bytes: %d bytes, %d floats, %d words", n, len(b.Bytes()), len(b.Float32s()), len(b.Uint64s()))
		}
		if at := uintptr(unsafe.Pointer(unsafe.SliceData(b.Bytes()))); n > 0 && at%memory.Align != 0 {
			t.Fatalf("%d bytes lie at %x", n, at)
		}
		for i, x := range b.Bytes() {
			if x != 0 {
				t.Fatalf("byte %d is %d", i, x)
			}
		}
	}
	if (*memory.Block)(nil).Bytes() != nil {
		t.Fatal("a nil block has bytes")
	}
}

func ExampleBlock() {
	var source memory.Source = memory.Heap{}
	b := source.Alloc(8)
	b.Float32s()[1] = 1
	fmt.Println(b.Bytes())
	// Output: [0 0 0 0 0 0 128 63]
}
