package main

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"time"
)

const (
	// worldMemory is how much memory a world may take: a hundred times what one does. A bug
	// that lets one grow without end must not take the machine's.
	worldMemory = 4 << 30
	// exitMemory is the exit code of a process that ended for that.
	exitMemory = 3
)

// watchMemory ends the process when so many worlds have more memory than they may. It
// returns at once; the watch ends with ctx.
func watchMemory(ctx context.Context, worlds int) {
	limit := uint64(worlds) * worldMemory
	go func() { // ends with ctx
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if used := memoryInUse(); used > limit {
				fmt.Fprintf(os.Stderr, "the worlds have %d MiB of memory, more than %d: a bug lets one grow without end\n", used>>20, limit>>20)
				os.Exit(exitMemory)
			}
		}
	}()
}

// memoryInUse is what the Go heap holds, garbage included.
func memoryInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
