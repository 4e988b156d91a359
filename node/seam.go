package node

import flow "github.com/ruvector-flow/ruvector-flow"

// Clock reads the node's clock. Now never goes backwards.
type Clock interface {
	Now() flow.Time
}

// Workers runs computation on immutable views outside the node's turn.
type Workers interface {
	// Do runs job.Run once, elsewhere, and then delivers job.Done as an input of
	// the node. It never blocks and never calls either before it returns. Jobs may
	// finish in any order.
	Do(job Job)
}

// Job is a unit of computation. Run must touch nothing but what it was given;
// Done is called on the node's turn after Run has returned.
type Job struct {
	// Cost is an estimate of the work, in bytes to be read; the simulator turns it
	// into time.
	Cost int
	// Background says that the job is upkeep that nobody waits for: it runs when no other
	// job waits.
	Background bool
	Run        func()
	Done       func()
}

// Completion is a call that belongs to the node's turn: the done of a disk batch
// or of a job. Drivers queue it as an input and hand it to Node.Done.
type Completion func()
