package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
	"github.com/spf13/cobra"
)

// baseStep lies between the seed bases of a mutant's trials.
const baseStep = 1_000_000

// surely is how soon a mutant was found before, of which a sample must find it again.
const surely = 10 * time.Second

// kill is the settings of the mutants command.
type kill struct {
	only     []string
	sample   int
	bases    int
	base     uint64
	within   time.Duration
	procs    int
	matrix   bool
	markdown bool
	results  string
	resume   bool
	dissects bool
	known    string
	keep     string
	root     string

	// kinds and lone are the kinds of fault, and the oracles, that some mutant needs.
	kinds shown[sim.FaultKind]
	lone  shown[sim.Oracle]

	mu     sync.Mutex // guards all below, and the file of results
	began  time.Time
	done   int
	missed int
}

func mutantsCommand() *cobra.Command {
	k := &kill{}
	cmd := &cobra.Command{
		Use:   "mutants",
		Short: "Plant each bug in the product and measure how soon a world fails",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return k.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&k.only, "only", nil, "names of mutants; all when empty")
	f.IntVar(&k.sample, "sample", 0, "plant only so many, chosen by --base (0: all)")
	f.IntVar(&k.bases, "bases", 3, "seed bases for each, of which the median counts")
	f.Uint64Var(&k.base, "base", 1, "first seed of the first base")
	f.DurationVar(&k.within, "within", time.Minute, "time to find one from one base, on one core")
	f.StringVar(&k.results, "results", "", "file to which each result is added, a line of JSON a mutant; the latest of a mutant counts")
	f.StringVar(&k.known, "known", "", "sample only from those that this file of results says were found, and soon")
	f.IntVar(&k.procs, "procs", 1, "mutants at a time")
	f.BoolVar(&k.matrix, "matrix", true, "after shrinking, look for a world that one oracle alone sees, without which kinds of fault nothing is found, and by which alone")
	f.BoolVar(&k.dissects, "shrink", true, "shrink the first finding, and look who else sees it")
	f.BoolVar(&k.resume, "resume", false, "leave out those that --results holds already")
	f.BoolVar(&k.markdown, "markdown", false, "measure nothing: write the table and the matrices of the results into TESTING.md")
	f.StringVar(&k.keep, "keep", "", "folder for the shrunk first finding of each, as a case; empty for none")
	return cmd
}

func (k *kill) run(ctx context.Context) error {
	var err error
	if k.root, err = moduleRoot(); err != nil {
		return err
	}
	if k.markdown {
		return k.document(filepath.Join(k.root, "TESTING.md"))
	}
	list, err := k.choose()
	if err != nil {
		return err
	}
	k.began = time.Now()
	if k.resume {
		if list, err = k.unmeasured(list); err != nil {
			return err
		}
	}
	next := make(chan mutants.Mutant)
	var workers sync.WaitGroup
	for range max(k.procs, 1) { // each ends when next is closed; awaited below
		workers.Go(func() {
			for m := range next {
				if ctx.Err() == nil {
					k.judge(ctx, m, len(list))
				}
			}
		})
	}
	for _, m := range list {
		next <- m
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if k.missed > 0 {
		return fmt.Errorf("%d of %d mutants were not found within %v, or could not be measured", k.missed, len(list), k.within)
	}
	return nil
}

// judge measures a mutant, keeps the result and says how far the whole is.
func (k *kill) judge(ctx context.Context, m mutants.Mutant, of int) {
	v, err := k.measure(ctx, m)
	if ctx.Err() != nil {
		return // half a measurement is none
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done++
	line := v.line()
	if err == nil {
		err = k.add(v)
	}
	if err != nil {
		line = fmt.Sprintf("%-28s ERROR   %v", m.Name, err)
	}
	if err != nil || !v.found() && m.Needs == "" {
		k.missed++
	}
	took := time.Since(k.began)
	left := time.Duration(float64(took) / float64(k.done) * float64(of-k.done))
	fmt.Printf("[%d of %d, %v, about %v to go] %s\n", k.done, of, took.Round(time.Second), left.Round(time.Second), line)
}

// choose lists the mutants to plant.
func (k *kill) choose() ([]mutants.Mutant, error) {
	var list []mutants.Mutant
	for _, name := range k.only {
		m, err := mutants.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if len(list) > 0 {
		return list, nil
	}
	for _, m := range mutants.All() {
		if m.Plantable() && (k.sample == 0 || m.Needs == "") {
			list = append(list, m)
		}
	}
	if k.sample > 0 && k.known != "" {
		found, err := load(k.known)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(m mutants.Mutant) bool {
			v, measured := found[m.Name]
			return !measured || !v.found() || v.seconds() > surely.Seconds()
		})
	}
	if k.sample > 0 && k.sample < len(list) {
		var some []mutants.Mutant
		for i := range k.sample {
			some = append(some, list[(int(k.base%uint64(len(list)))+i*len(list)/k.sample)%len(list)])
		}
		list = some
	}
	return list, nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding go.mod: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
