package embed

import (
	"os"
	"strconv"
	"strings"
)

// residentBytes returns the resident memory of the process (proc(5), statm).
func residentBytes() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return runtimeBytes()
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return runtimeBytes()
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return runtimeBytes()
	}
	return pages * uint64(os.Getpagesize())
}
