// Package disktest is the suite that every disk.Disk passes, the simulated ones
// and the real ones: a list of cases and a random walk of writes, syncs, crashes
// and reads, judged by a model. It starts no disk by itself and never looks
// inside one.
package disktest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// Harness owns one Disk and can crash it. Failures of its own are panics or
// t.Fatal of the test that made it.
type Harness interface {
	// Disk returns the open disk; it changes with Crash and Reopen.
	Disk() disk.Disk
	// Drive makes at least one done function be called, waiting if it must. It
	// returns false, and does nothing, when none is outstanding.
	Drive() bool
	// Crash stops the disk without warning, loses as much of what is not durable
	// as seed says, and opens it again. No done of before may be called afterwards.
	Crash(seed uint64)
	// Reopen closes the disk, so that every outstanding done is called and nothing
	// is lost, and opens it again.
	Reopen()
	// Close ends the harness and removes what it left.
	Close()
}

// Config is what a test of one kind of disk gives to Run.
type Config struct {
	// Open returns a harness over an empty disk.
	Open func(t testing.TB) Harness
	// Walks bounds the number of random walks, for slow disks. 0 leaves it to
	// -rapid.checks, which is 100.
	Walks int
}

// maxWalkSteps is the longest walk, in actions.
const maxWalkSteps = 60

// Run runs the suite.
func Run(t *testing.T, c Config) {
	for _, cs := range cases {
		t.Run(cs.name, func(t *testing.T) {
			h := c.Open(t)
			defer h.Close()
			if err := cs.run(h); err != nil {
				t.Fatalf("%v\nrepeat with: go test -run '^%s$' in this folder", err, t.Name())
			}
		})
	}
	t.Run("walk", func(t *testing.T) {
		walks, failed := 0, false
		rapid.Check(t, func(r *rapid.T) {
			if walks++; c.Walks > 0 && walks > c.Walks && !failed {
				return
			}
			h := c.Open(t)
			defer h.Close()
			draw := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(r, label) }
			if err := walk(h, draw); err != nil {
				failed = true
				r.Fatal(err) // rapid shrinks the walk and prints the command that repeats it
			}
		})
	})
}
