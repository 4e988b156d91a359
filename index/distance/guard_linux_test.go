package distance

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns memory whose neighbours on both sides cannot be read: a kernel that
// touches a byte it was not given ends the test.
func guarded(t *testing.T, bytes int) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	inner := (bytes + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, side := range [][]byte{m[:page], m[page+inner:]} {
		if err := syscall.Mprotect(side, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[page : page+inner]
}

// edges returns n elements at the start of guarded memory and n at its end.
func edges[T any](memory []byte, n int) [][]T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	all := unsafe.Slice((*T)(unsafe.Pointer(&memory[0])), len(memory)/size)
	return [][]T{all[:n:n], all[len(all)-n:]}
}

// TestKernelsStayInside runs every kernel on queries and rows that end where memory does.
func TestKernelsStayInside(t *testing.T) {
	const most = 3 * testDims * 8 // bytes of three rows of the widest elements
	queries, rows := guarded(t, testDims*8), guarded(t, most)
	for i := range rows {
		rows[i] = byte(i % 100)
	}
	at := []uint32{2, 0, 1, 2, 2}
	for dim := 1; dim <= testDims; dim++ {
		for _, k := range kernels() {
			for _, f := range functions {
				stayInside(f.run, k, queries, rows, dim, at)
			}
			stayInside(codesSquaredL2U8.run, k, queries, rows, dim, at)
			stayInside(codesDotU8.run, k, queries, rows, dim, at)
			stayInside(codesDotI8.run, k, queries, rows, dim, at)
			stayInside(codesHamming.run, k, queries, rows, dim, at)
			stayInsideMixed(k, queries, rows, dim, at)
			for _, b := range batches {
				for _, q := range edges[float32](queries, dim) {
					for _, r := range edges[float32](rows, 3*dim) {
						b.run(k, &[4][]float32{make([]float32, 3), make([]float32, 3), make([]float32, 3), make([]float32, 3)}, &[4][]float32{q, q, q, q}, r, dim)
					}
				}
			}
		}
	}
}

func stayInside[T float32 | uint8 | int8 | uint64, R float32 | uint32 | int32](run func(k kernel, out []R, q, rows []T, stride int, at []uint32),
	k kernel, queries, rows []byte, dim int, at []uint32) {
	for _, q := range edges[T](queries, dim) {
		for _, r := range edges[T](rows, 3*dim) {
			run(k, make([]R, 3), q, r, dim, nil)
			run(k, make([]R, len(at)), q, r, dim, at)
		}
	}
}

func stayInsideMixed(k kernel, queries, rows []byte, dim int, at []uint32) {
	for _, q := range edges[float32](queries, dim) {
		for _, r := range edges[uint8](rows, 3*dim) {
			squaredL2Mixed(k, make([]float32, 3), q, r, dim, nil)
			dotMixed(k, make([]float32, len(at)), q, r, dim, at)
		}
	}
}
