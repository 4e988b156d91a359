package distance

import "unsafe"

// Prefetch asks the memory for rows that will be read soon: of row i, the first bytes
// bytes at base + i*stride, for every i of at. It computes nothing, and does nothing on
// processors without an implementation. No row needs to be there.
func Prefetch(base unsafe.Pointer, stride, bytes int, at []uint32) {
	if len(at) > 0 && bytes > 0 {
		prefetch(base, stride, bytes, unsafe.SliceData(at), len(at))
	}
}
