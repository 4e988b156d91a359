//go:build linux || darwin || freebsd || netbsd || openbsd

package offheap

import (
	"fmt"
	"syscall"
)

// hugePage is what the size of a mapping that reaches it is rounded up to.
const hugePage = 2 << 20

// acquire maps at least that many zero bytes.
func acquire(bytes int) []byte {
	if bytes < hugePage {
		return mmap(bytes)
	}
	size := (bytes + hugePage - 1) / hugePage * hugePage
	data := mmap(size)
	adviseHuge(data)
	return data
}

func mmap(bytes int) []byte {
	data, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("offheap: map of %d bytes: %v", bytes, err))
	}
	return data
}

// release gives back what acquire has mapped.
func release(data []byte) {
	if err := syscall.Munmap(data); err != nil {
		panic(fmt.Sprintf("offheap: unmap of %d bytes: %v", len(data), err))
	}
}
