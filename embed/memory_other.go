//go:build !linux

package embed

// machineBytes is not known here.
func machineBytes() uint64 { return 0 }
