package embed

import (
	"syscall"
	"time"
)

// ProcessorTime returns the user and kernel time the process has used (GetProcessTimes).
func ProcessorTime() time.Duration {
	h, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return 0
	}
	// As durations these are counts of 100 ns, unlike dates, which Filetime.Nanoseconds expects.
	ticks := func(f syscall.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(100 * (ticks(kernel) + ticks(user)))
}
