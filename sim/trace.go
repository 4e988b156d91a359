package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"
)

// trace folds every event of a world into one running hash, and prints the events
// when somebody wants to read them.
type trace struct {
	hash   uint64
	events uint64
	out    io.Writer // nil: print nothing
	tape   *Tape
}

// note records an event: when, on which host (0: none), what, two numbers, and bytes.
func (t *trace) note(at time.Duration, host int, what string, a, b uint64, data []byte) {
	t.events++
	sum := xxhash.Sum64(data)
	h := mix(t.hash ^ uint64(at))
	h = mix(h ^ uint64(host)<<32 ^ xxhash.Sum64String(what))
	h = mix(h ^ a ^ mix(b))
	t.hash = mix(h ^ sum)
	if what == "start" || what == "heal" || what == "enter" {
		t.tape.moment(Moment{At: at, Event: t.events, Host: host, What: what, Words: fmt.Sprintf("process %d", a)})
	}
	if t.out == nil {
		return
	}
	if data != nil {
		fmt.Fprintf(t.out, "%14.9f #%d n%d %-10s %d %d %dB %016x\n", at.Seconds(), t.events, host, what, a, b, len(data), sum)
		return
	}
	fmt.Fprintf(t.out, "%14.9f #%d n%d %-10s %d %d\n", at.Seconds(), t.events, host, what, a, b)
}

// remark records an event in words.
func (t *trace) remark(at time.Duration, host int, what, words string) {
	t.note(at, host, what, xxhash.Sum64String(words), 0, nil)
	t.tape.moment(Moment{At: at, Event: t.events, Host: host, What: what, Words: words})
	if t.out != nil {
		fmt.Fprintf(t.out, "%14.9f #%d n%d %-10s %s\n", at.Seconds(), t.events, host, what, words)
	}
}
