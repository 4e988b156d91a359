package offheap

import "syscall"

// adviseHuge asks for huge pages. A kernel without them serves small ones, which are
// slower and nothing else, so that its answer does not matter.
func adviseHuge(data []byte) { _ = syscall.Madvise(data, syscall.MADV_HUGEPAGE) }
