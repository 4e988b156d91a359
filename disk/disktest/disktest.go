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

// Device is a Harness whose device can be made to fail. A failing or full device stays so
// over a Crash until it is told otherwise, or is sound afterwards.
type Device interface {
	Harness
	// FailWrites makes every write and sync of the device fail, or no longer.
	FailWrites(failing bool)
	// Fill leaves so many bytes of space on the device; a negative number is no limit.
	Fill(left int)
	// Misread makes reads of the device go wrong. A disk may still answer from memory.
	Misread(how Misread)
	// Tear is a Crash in the midst of the last write.
	Tear(seed uint64)
	// Damage closes the disk as Reopen does, spoils something that seed chooses of what lies
	// on its device, or a copy of it, and opens that. The error is that of the opening.
	Damage(how Damage, seed uint64) (disk.Reader, error)
	// Restore makes Disk the one that Damage closed, as it was, open again.
	Restore()
}

// Misread is a way in which reads go wrong.
type Misread int

// The ways in which reads go wrong.
const (
	Sound         Misread = iota // not at all
	Unreadable                   // the device says that it cannot read
	ReadElsewhere                // it gives what lies beside
)

// Damage is a way in which what lies on a device is spoiled.
type Damage int

// The ways in which what lies on a device is spoiled.
const (
	BitRot         Damage = iota // bits change
	WriteElsewhere               // a write went astray: it is missing, and something is overwritten
)

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
		const manyWalks = 80
		walks, failed, faulty, met := 0, false, false, map[string]int{}
		rapid.Check(t, func(r *rapid.T) {
			if walks++; c.Walks > 0 && walks > c.Walks && !failed {
				return
			}
			h := c.Open(t)
			defer h.Close()
			_, faulty = h.(Device)
			draw := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(r, label) }
			if err := walk(h, draw, met); err != nil {
				failed = true
				r.Fatal(err) // rapid shrinks the walk and prints the command that repeats it
			}
		})
		t.Logf("%d walks met %v", walks, met)
		for _, what := range outcomes {
			if faulty && !failed && walks >= manyWalks && met[what] == 0 {
				t.Errorf("no walk met %q: the faults show nothing", what)
			}
		}
	})
}
