//go:build unix

package embed

import (
	"syscall"
	"time"
)

// ProcessorTime returns the user and system time the process has used (getrusage(2)).
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
