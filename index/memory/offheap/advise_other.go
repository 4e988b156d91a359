//go:build darwin || freebsd || netbsd || openbsd

package offheap

// adviseHuge does nothing: these systems choose their pages themselves.
func adviseHuge([]byte) {}
