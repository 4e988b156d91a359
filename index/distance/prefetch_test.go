package distance

import (
	"testing"
	"unsafe"
)

// TestPrefetch asks for rows that are there, and for one that is not: no effect is seen.
func TestPrefetch(t *testing.T) {
	rows := make([]uint8, 1000)
	Prefetch(unsafe.Pointer(&rows[0]), 100, 100, []uint32{0, 9, 3})
	Prefetch(unsafe.Pointer(&rows[0]), 1<<20, 1, []uint32{1 << 30})
	Prefetch(nil, 1, 1, nil)
}
