//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package offheap

// acquire has no memory outside of the Go heap to give here.
func acquire(int) []byte { return nil }

func release([]byte) {}
