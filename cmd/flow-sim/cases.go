package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ruvector-flow/ruvector-flow/disk/pebble/crashable"
	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
	"github.com/spf13/cobra"
)

// shrinkWithin is how long a failure is shrunk.
const shrinkWithin = 28 * time.Second

// limited returns options that bound a run's real time.
func limited() sim.Options {
	began := time.Now()
	return sim.Options{Elapsed: func() time.Duration { return time.Since(began) }, OpenStore: openPebble}
}

// openPebble is the real store of worlds that have one.
func openPebble() (sim.Store, error) { return crashable.Open() }

// shrink reduces a failed run for at most shrinkWithin of processor time.
func shrink(failed sim.Report) sim.Shrunk {
	began := cpuTime()
	return sim.Shrink(failed, sim.Options{OpenStore: openPebble}, func() time.Duration { return cpuTime() - began }, shrinkWithin)
}

// newCase makes a corpus case of a shrunk failure.
func newCase(name, mutant string, seed uint64, r sim.Report) sim.Case {
	return sim.Case{Name: name, Why: firstLine(r.Failure.What), Oracle: r.Failure.Oracle, Mutant: mutant, Seed: seed, Scenario: r.Scenario}
}

// save writes a case into a folder and returns the file's name.
func save(folder string, c sim.Case) (string, error) {
	file := filepath.Join(folder, c.Name+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return file, err
	}
	return file, os.WriteFile(file, c.JSON(), 0o600)
}

// withMutant runs this command again in a build with a planted bug in it.
func withMutant(ctx context.Context, name string, args []string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	m, err := mutants.Find(name)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary, err := build(ctx, root, m, folder)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return errFound
	} else if err != nil {
		return err
	}
	return nil
}

func shrinkCommand() *cobra.Command {
	var seed uint64
	var file, out, mutant string
	cmd := &cobra.Command{
		Use:   "shrink",
		Short: "Reduce a failing seed or case, and write it as a case of the corpus",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if mutant != "" && !planted(mutant) {
				return withMutant(cmd.Context(), mutant, append([]string{"shrink"}, os.Args[2:]...))
			}
			watchMemory(cmd.Context(), 1)
			c := sim.Case{Seed: seed, Scenario: sim.DrawScenario(seed)}
			if file != "" {
				var err error
				if c, err = readCase(file); err != nil {
					return err
				}
			}
			first := sim.Run(c.Scenario, limited())
			if first.Failure == nil {
				return fmt.Errorf("seed %d does not fail: nothing to shrink", seed)
			}
			if out == "" {
				out = filepath.Join("sim", "corpus", fmt.Sprintf("seed-%d.json", seed))
			}
			name := strings.TrimSuffix(filepath.Base(out), ".json")
			s := shrink(first)
			file, err := save(filepath.Dir(out), newCase(name, mutant, c.Seed, s.Report))
			if err != nil {
				return err
			}
			fmt.Print(tell(s.Report, replayLine(file, mutant)))
			fmt.Printf("shrunk in %v and %d runs: %d faults of %d, %v of %v, %d clients of %d\n", s.Took.Round(10*time.Millisecond), s.Runs,
				len(s.Report.Scenario.Faults), len(c.Scenario.Faults), s.Report.Scenario.Run, c.Scenario.Run, s.Report.Scenario.Clients, c.Scenario.Clients)
			return nil
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the seed to shrink")
	cmd.Flags().StringVar(&file, "case", "", "shrink this case or scenario instead")
	cmd.Flags().StringVar(&out, "out", "", "file for the case (default sim/corpus/seed-N.json)")
	cmd.Flags().StringVar(&mutant, "mutant", "", "plant this bug first")
	return cmd
}

func replayCommand() *cobra.Command {
	var mutant string
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Run a case of the corpus, or a scenario",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if mutant != "" && !planted(mutant) {
				return withMutant(cmd.Context(), mutant, append([]string{"replay"}, os.Args[2:]...))
			}
			c, err := readCase(args[0])
			if err != nil {
				return err
			}
			r := sim.Run(c.Scenario, limited())
			if r.Failure != nil {
				fmt.Print(tell(r, replayLine(args[0], mutant)))
				return errFound
			}
			fmt.Printf("passed hash=%016x\n%s\n", r.Hash, r.Text)
			return nil
		},
	}
	cmd.Flags().StringVar(&mutant, "mutant", "", "plant this bug first")
	return cmd
}

func readCase(file string) (sim.Case, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return sim.Case{}, err
	}
	return sim.ParseCase(data)
}

func replayLine(file, mutant string) string {
	line := "go run ./cmd/flow-sim replay "
	if mutant != "" {
		line += "--mutant " + mutant + " "
	}
	return line + file
}

// tell tells a failure in a screen, of a run that is made again to be taped.
func tell(r sim.Report, command string) string {
	o := limited()
	o.Tape = true
	taped := sim.Run(r.Scenario, o)
	if r.Scenario.Disk != "" {
		return sim.Story(r, command) // another run need not be the same
	}
	if taped.Failure == nil || taped.Hash != r.Hash {
		return fmt.Sprintf("NOT DETERMINISTIC: hash %016x and then %016x\n", r.Hash, taped.Hash) + sim.Story(r, command)
	}
	return sim.Story(taped, command)
}

// maxUntil is how many seeds are tried to find one that fails by an oracle.
const maxUntil = 200

// failsBy runs a scenario and says whether an oracle finds it wrong.
func failsBy(s sim.Scenario, oracle sim.Oracle) bool {
	f := sim.Run(s, limited()).Failure
	return f != nil && f.Oracle == oracle
}

func reportCommand() *cobra.Command {
	var seed uint64
	var file, out, mutant, until string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a run as one HTML file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if mutant != "" && !planted(mutant) {
				return withMutant(cmd.Context(), mutant, append([]string{"report"}, os.Args[2:]...))
			}
			c := sim.Case{Scenario: sim.DrawScenario(seed)}
			command := fmt.Sprintf("go test ./sim -run TestSeed -seed %d", seed)
			if file != "" {
				var err error
				if c, err = readCase(file); err != nil {
					return err
				}
				command = "go test ./sim -run TestSeed -seed 1 -schedule $PWD/" + file
			}
			for n := 0; until != "" && !failsBy(c.Scenario, sim.Oracle(until)); n++ {
				if n == maxUntil {
					return fmt.Errorf("none of the seeds %d to %d fails by the oracle %s", seed, seed+maxUntil, until)
				}
				c.Scenario = sim.DrawScenario(c.Scenario.Seed + 1)
				command = fmt.Sprintf("go test ./sim -run TestSeed -seed %d", c.Scenario.Seed)
			}
			o := limited()
			o.Tape = true
			to, err := os.Create(out)
			if err != nil {
				return err
			}
			defer to.Close()
			if err := sim.WriteReport(to, sim.Run(c.Scenario, o), command); err != nil {
				return err
			}
			fmt.Println("wrote", out)
			return to.Close()
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the seed to run")
	cmd.Flags().StringVar(&file, "case", "", "run this case or scenario instead")
	cmd.Flags().StringVar(&out, "out", "report.html", "file to write")
	cmd.Flags().StringVar(&until, "until", "", "take the first seed from --seed on that fails by this oracle, such as history")
	cmd.Flags().StringVar(&mutant, "mutant", "", "plant this bug first")
	return cmd
}
