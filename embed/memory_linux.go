package embed

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// machineBytes returns the memory of the machine (proc(5), meminfo) or the least limit
// of the control groups that the process is in (cgroups(7), version 2).
func machineBytes() uint64 {
	total := uint64(0)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		total = memTotal(string(b))
	}
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return total
	}
	for line := range strings.Lines(string(group)) {
		dir, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ok {
			if b, err := os.ReadFile(path.Join("/sys/fs/cgroup", dir, "memory.max")); err == nil {
				if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && (total == 0 || n < total) {
					total = n
				}
			}
			if dir == "/" || dir == "." {
				break
			}
			dir = path.Dir(dir)
		}
	}
	return total
}

// memTotal returns the MemTotal of meminfo in bytes, 0 if there is none.
func memTotal(meminfo string) uint64 {
	for line := range strings.Lines(meminfo) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}
