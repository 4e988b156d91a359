//go:build !linux

package embed

// residentBytes returns what the Go runtime holds, the nearest measure here.
func residentBytes() uint64 { return runtimeBytes() }
