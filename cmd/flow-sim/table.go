package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ruvector-flow/ruvector-flow/sim"
	"github.com/ruvector-flow/ruvector-flow/sim/mutants"
)

// add writes a result to the file of results, if there is one.
func (k *kill) add(v verdict) error {
	if k.results == "" {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(k.results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%s\n", b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// load reads a file of results, by mutant.
func load(file string) (map[string]verdict, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]verdict{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[v.Name] = v
	}
	return all, nil
}

// unmeasured leaves out the mutants that the results hold.
func (k *kill) unmeasured(list []mutants.Mutant) ([]mutants.Mutant, error) {
	all, err := load(k.results)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(m mutants.Mutant) bool {
		_, measured := all[m.Name]
		return measured
	}), nil
}

// table prints all mutants, and what the results say of them, as Markdown.
func (k *kill) table(out io.Writer) error {
	all, err := load(k.results)
	if err != nil {
		return err
	}
	fmt.Fprint(out, "| mutant | what is wrong | found by | seeds | CPU s | without that oracle | faults needed | the like of it |\n|---|---|---|---|---|---|---|---|\n")
	for _, m := range mutants.All() {
		v, measured := all[m.Name]
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", m.Name, m.What, row(m, v, measured), m.Precedent)
	}
	summary(out, all)
	return nil
}

// row is the measured part of a mutant's row.
func row(m mutants.Mutant, v verdict, measured bool) string {
	switch {
	case !m.Plantable():
		return "*not yet: " + m.Needs + "* | | | | "
	case !measured:
		return "*not measured* | | | | "
	case !v.found():
		why := m.Needs
		if why == "" {
			why = "to be looked into"
		}
		return fmt.Sprintf("**not found**: %s | > %.0f | > %.0f | | ", why, v.seeds(), v.seconds())
	}
	other := v.Else
	if !v.Shrunk {
		other = ""
	} else if other == "" {
		other = "nobody"
	}
	kinds := "none"
	if len(v.Kinds) > 0 {
		var names []string
		for _, kind := range v.Kinds {
			names = append(names, string(kind))
		}
		kinds = strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s | %.0f | %.1f | %s | %s", v.by(), v.seeds(), v.seconds(), other, kinds)
}

// summary says what the whole table shows, and which oracles and kinds of fault no
// mutant needs.
func summary(out io.Writer, all map[string]verdict) {
	var found, within20, shrunk, few, slowest int
	var left []int
	oracles, kinds := map[string][]string{}, map[sim.FaultKind][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		if !v.found() {
			continue
		}
		found++
		if v.seeds() <= 20 {
			within20++
		}
		if v.Shrunk {
			shrunk++
			left = append(left, v.Faults)
			slowest = max(slowest, int(v.ShrinkSeconds))
			if v.Faults <= 5 {
				few++
			}
			if v.Else == "" {
				oracles[string(v.Trials[0].Oracle)] = append(oracles[string(v.Trials[0].Oracle)], name)
			}
		}
		for _, kind := range v.Kinds {
			kinds[kind] = append(kinds[kind], name)
		}
	}
	slices.Sort(left)
	median := 0
	if len(left) > 0 {
		median = left[len(left)/2]
	}
	fmt.Fprintf(out, "\n%d of %d measured mutants were found, %d of them within 20 seeds. %d findings were shrunk, to %d faults at the median (%d to 5 or fewer), the slowest in %d s.\n",
		found, len(all), within20, shrunk, median, few, slowest)
	fmt.Fprint(out, "\n| oracle | without it these findings pass |\n|---|---|\n")
	for _, o := range slices.Sorted(maps.Keys(oracles)) {
		fmt.Fprintf(out, "| %s | %s |\n", o, strings.Join(oracles[o], ", "))
	}
	fmt.Fprint(out, "\n| fault | without it these findings pass |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(out, "| %s | %s |\n", kind, strings.Join(kinds[kind], ", "))
	}
}
