package distance

import "unsafe"

// prefetch wants n and bytes to be at least 1.
//
//go:noescape
func prefetch(base unsafe.Pointer, stride, bytes int, at *uint32, n int)
