package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/spf13/cobra"
)

// progressEvery is how often a hunt says how far it is.
const progressEvery = 30 * time.Second

// hunt is a run over many seeds.
type hunt struct {
	base, seeds uint64
	procs       int
	forever     bool
	within      time.Duration
	cpuWithin   time.Duration
	first, json bool
	blind       []string
	without     []string
	only        []string
	corpus      string
	disk        string

	out   io.Writer
	began time.Time

	mu sync.Mutex // guards all below
	// next is how many seeds were begun.
	next  uint64
	ended bool
	tally tally
}

// tally is what a hunt has seen.
type tally struct {
	Seeds     uint64         `json:"seeds"`
	Failures  int            `json:"failures"`
	Oracles   map[string]int `json:"oracles,omitempty"`
	Simulated time.Duration  `json:"simulated"`
	Events    uint64         `json:"events"`
	// Tried counts the clients' operations that began when every node ran and the network was
	// well, Served those of them that succeeded.
	Tried  int `json:"tried"`
	Served int `json:"served"`
	// Drawn counts the faults of the schedules, Bit what they changed, by kind.
	Drawn map[sim.FaultKind]int `json:"drawn"`
	Bit   map[sim.FaultKind]int `json:"bit"`
	// Marks counts the worlds that got into each situation.
	Marks map[sim.Mark]int `json:"marks"`
}

// line is one line of a hunt's JSON.
type line struct {
	Type    string    `json:"type"` // failure, progress or summary
	Seconds float64   `json:"seconds"`
	CPU     float64   `json:"cpu"`
	Seed    uint64    `json:"seed,omitempty"`
	Failure *finding  `json:"failure,omitempty"`
	Tally   *tally    `json:"tally,omitempty"`
	At      time.Time `json:"at"`
}

// finding is a failed world.
type finding struct {
	Seed   uint64     `json:"seed"`
	Oracle sim.Oracle `json:"oracle"`
	At     float64    `json:"at"`
	What   string     `json:"what"`
	// File holds the shrunk scenario, when it was shrunk.
	File string `json:"file,omitempty"`
}

func huntCommand() *cobra.Command {
	h := &hunt{out: os.Stdout}
	cmd := &cobra.Command{
		Use:   "hunt",
		Short: "Run seeds until one fails, the number is reached, or it is interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return h.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&h.seeds, "seeds", 1000, "number of seeds")
	f.Uint64Var(&h.base, "base", 1, "first seed")
	f.IntVar(&h.procs, "procs", 1, "worlds at a time")
	f.BoolVar(&h.forever, "forever", false, "go on until interrupted, whatever --seeds says")
	f.DurationVar(&h.within, "within", 0, "stop after this time (0: no limit)")
	f.DurationVar(&h.cpuWithin, "cpu-within", 0, "stop after this processor time (0: no limit)")
	f.StringVar(&h.corpus, "corpus", "sim/corpus", "folder for shrunk failures; empty for none")
	f.BoolVar(&h.first, "first", false, "stop at the first failure")
	f.BoolVar(&h.json, "json", false, "print JSON, a line an event")
	f.StringSliceVar(&h.blind, "blind", nil, "oracles that say nothing, for example history,digest")
	f.StringSliceVar(&h.only, "only-kind", nil, "draw every schedule of these kinds of fault alone; none for no faults")
	f.StringVar(&h.disk, "disk", "", "what the nodes store in: "+sim.RealDisk+" for real stores on devices in memory, else simulated disks")
	f.StringSliceVar(&h.without, "without-kind", nil, "kinds of fault left out of every schedule")
	return cmd
}

// run hunts and returns errFound when a world failed.
func (h *hunt) run(ctx context.Context) error {
	if h.disk != "" && h.disk != sim.RealDisk {
		return fmt.Errorf("--disk is %q, want %q or nothing", h.disk, sim.RealDisk)
	}
	h.began = time.Now()
	h.tally = tally{Oracles: map[string]int{}, Drawn: map[sim.FaultKind]int{}, Bit: map[sim.FaultKind]int{}, Marks: map[sim.Mark]int{}}
	if h.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.within)
		defer cancel()
	}
	watchMemory(ctx, h.procs)
	var workers sync.WaitGroup
	for range h.procs { // each ends when there is no seed left for it; awaited below
		workers.Go(func() {
			for {
				seed, ok := h.take(ctx)
				if !ok {
					return
				}
				r := h.world(seed)
				h.count(r, h.keep(r))
			}
		})
	}
	done := make(chan struct{})
	go func() { // ends with the workers; closing done is all it does
		workers.Wait()
		close(done)
	}()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-tick.C:
			h.mu.Lock()
			h.say("progress", nil)
			h.mu.Unlock()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.say("summary", nil)
	if h.tally.Failures > 0 {
		return errFound
	}
	return nil
}

// take gives out the next seed, none when the hunt is over.
func (h *hunt) take(ctx context.Context) (uint64, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || ctx.Err() != nil || h.cpuWithin > 0 && cpuTime() > h.cpuWithin || !h.forever && h.next >= h.seeds {
		return 0, false
	}
	h.next++
	return h.base + h.next - 1, true
}

// world runs one seed.
func (h *hunt) world(seed uint64) sim.Report {
	s := sim.DrawScenario(seed)
	if len(h.only) > 0 {
		var kinds []sim.FaultKind
		for _, k := range h.only {
			kinds = append(kinds, sim.FaultKind(k))
		}
		s = s.WithOnly(kinds...)
	}
	if h.disk == sim.RealDisk {
		s, _ = s.OverRealStores() // the summary shows which kinds are drawn
	}
	var gone []int
	for i, f := range s.Faults {
		for _, k := range h.without {
			if string(f.Kind) == k {
				gone = append(gone, i)
			}
		}
	}
	o := limited()
	for _, b := range h.blind {
		o.Blind = append(o.Blind, sim.Oracle(b))
	}
	return sim.Run(s.Without(gone...), o)
}

// keep shrinks a failure and keeps it as a case, whose file it returns.
func (h *hunt) keep(r sim.Report) string {
	if r.Failure == nil || h.corpus == "" {
		return ""
	}
	small := shrink(r)
	file, err := save(h.corpus, newCase(fmt.Sprintf("seed-%d", r.Scenario.Seed), "", r.Scenario.Seed, small.Report))
	if err != nil {
		return "not kept: " + err.Error()
	}
	return file
}

// count adds a report to the tally and tells of a failure.
func (h *hunt) count(r sim.Report, file string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &h.tally
	t.Seeds++
	t.Simulated += r.Simulated
	t.Events += r.Events
	t.Tried, t.Served = t.Tried+r.Tried, t.Served+r.Served
	for i, f := range r.Scenario.Faults {
		t.Drawn[f.Label()]++
		t.Bit[f.Label()] += r.Bites[i]
	}
	for m := range r.Marks {
		t.Marks[m]++
	}
	if r.Failure == nil {
		return
	}
	t.Failures++
	t.Oracles[string(r.Failure.Oracle)]++
	h.ended = h.ended || h.first
	h.say("failure", &finding{Seed: r.Scenario.Seed, Oracle: r.Failure.Oracle, At: r.Failure.At, What: r.Failure.What, File: file})
}

// say prints a line; the lock is held.
func (h *hunt) say(what string, f *finding) {
	l := line{Type: what, Seconds: time.Since(h.began).Seconds(), CPU: cpuTime().Seconds(), Failure: f, At: time.Now().UTC()}
	if f == nil {
		l.Tally = &h.tally
	}
	if h.json {
		b, err := json.Marshal(l)
		if err != nil {
			panic(fmt.Sprintf("flow-sim: a line has no JSON: %v", err))
		}
		fmt.Fprintf(h.out, "%s\n", b)
		return
	}
	if f != nil {
		fmt.Fprintf(h.out, "FAILED seed %d oracle=%s at %.3fs: %s\nshrunk: %s\n", f.Seed, f.Oracle, f.At, f.What, f.File)
		return
	}
	h.tally.print(h.out, l.Seconds, what == "summary")
}
