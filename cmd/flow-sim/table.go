package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// maxResultLine is more bytes than a line of results has.
const maxResultLine = 16 << 20

// load reads a file of results, by mutant.
func load(file string) (map[string]verdict, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]verdict{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxResultLine)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[v.Name] = v
	}
	return all, lines.Err()
}

// measured says whether a verdict is of the bases and the time that are asked for.
func (k *kill) measured(v verdict) bool {
	return v.Base == k.base && v.Bases == k.bases && v.Within == k.within.Seconds()
}

// unmeasured leaves out the mutants that the results hold, and takes over what they
// say of what is needed.
func (k *kill) unmeasured(list []mutants.Mutant) ([]mutants.Mutant, error) {
	all, err := load(k.results)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(m mutants.Mutant) bool {
		v, there := all[m.Name]
		if !there || !k.measured(v) {
			return false
		}
		k.kinds.show(slices.Concat(v.Needs, v.Alone)...)
		k.lone.show(v.only())
		for _, l := range v.Lone {
			k.lone.show(l.Oracle)
		}
		return true
	}), nil
}

// The marks in TESTING.md around what document writes; each is a line of its own.
const (
	tableBegins = "<!-- mutants: made by flow-sim mutants --markdown -->\n"
	tableEnds   = "<!-- end of mutants -->\n"
)

// document writes the tables into a file, between the marks.
func (k *kill) document(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s lacks the line %q or %q", file, strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	var tables strings.Builder
	if err := k.table(&tables); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(before+tableBegins+tables.String()+tableEnds+after), 0o644)
}

// table prints all mutants, and what the results say of them, as Markdown.
func (k *kill) table(out io.Writer) error {
	all, err := load(k.results)
	if err != nil {
		return err
	}
	fmt.Fprint(out, "| mutant | what is wrong | found by | seeds | CPU s | without that oracle | faults needed | the like of it |\n|---|---|---|---|---|---|---|---|\n")
	present := map[string]verdict{}
	for _, m := range mutants.All() {
		v, measured := all[m.Name]
		if measured {
			present[m.Name] = v
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", m.Name, m.What, row(m, v, measured), m.Precedent)
	}
	summary(out, present)
	oracleMatrix(out, present)
	kindMatrix(out, present)
	familyMatrix(out, present)
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
		seeds, seconds := v.tried()
		return fmt.Sprintf("**not found**: %s | > %d | > %.0f | | ", why, seeds, seconds)
	}
	other, kinds := "", "none"
	switch {
	case len(v.Seen) > 1:
		other = string(v.Seen[1])
	case v.Shrunk:
		other = "nobody"
	}
	if len(v.Kinds) > 0 {
		kinds = join(v.Kinds)
	} else if !v.Shrunk {
		kinds = ""
	}
	return fmt.Sprintf("%s | %.0f | %.1f | %s | %s", v.by(), v.seeds(), v.seconds(), other, kinds)
}

func join[T ~string](names []T) string {
	var list []string
	for _, n := range names {
		list = append(list, string(n))
	}
	return strings.Join(list, ", ")
}

// summary says what the whole table shows.
func summary(out io.Writer, all map[string]verdict) {
	var found, within20, shrunk, few, slowest int
	var left []int
	for _, v := range all { // order-free: sums
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
		}
	}
	slices.Sort(left)
	median := 0
	if len(left) > 0 {
		median = left[len(left)/2]
	}
	fmt.Fprintf(out, "\n%d of %d measured mutants were found, %d of them within 20 seeds. %d findings were shrunk, to %d faults at the median (%d to 5 or fewer), the slowest in %d s.\n",
		found, len(all), within20, shrunk, median, few, slowest)
}

// oracleMatrix says, for each oracle, by which mutants there are worlds that only it sees,
// which it finds first, and which it would see without the others.
func oracleMatrix(out io.Writer, all map[string]verdict) {
	fmt.Fprint(out, "\n| oracle | needed by: nobody else sees the finding, or the failing world that is named | finds first | sees when others are blind |\n|---|---|---|---|\n")
	var idle []sim.Oracle
	for _, o := range sim.Oracles {
		var only, first, also []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			v := all[name]
			switch {
			case v.only() == o:
				only = append(only, name)
			case len(v.Seen) > 0 && v.Seen[0] == o:
				first = append(first, name)
			case slices.Contains(v.Seen, o):
				also = append(also, name)
			}
			for _, l := range v.Lone {
				if l.Oracle == o {
					only = append(only, fmt.Sprintf("%s (%d)", name, l.Seed))
				}
			}
		}
		if len(only) == 0 {
			idle = append(idle, o)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", o, join(only), join(first), join(also))
	}
	asked := count(all, func(v verdict) bool { return len(v.Seen) > 0 })
	fmt.Fprintf(out, "\nOracles that no mutant needs, of %d findings that were shown to all: %s.\n", asked, orNone(join(idle)))
}

// kindMatrix says, for each kind of fault, which mutants are not found when it is left
// out of every schedule, which it finds alone, and which shrunk findings do not fail
// without it.
func kindMatrix(out io.Writer, all map[string]verdict) {
	fmt.Fprintf(out, "\n| fault | needed by: not found without it | needed where it is the only fault: fails %d of %d such worlds, and none of %d without faults, or %d more for each that does | left in the shrunk schedule of |\n|---|---|---|---|\n",
		aloneFound, aloneWorlds, calmWorlds, aloneFound)
	var idle []sim.FaultKind
	for _, kind := range sim.FaultKinds() {
		var needed, left, alone []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			v := all[name]
			if slices.Contains(v.Needs, kind) {
				needed = append(needed, name)
			} else if slices.Contains(v.Kinds, kind) {
				left = append(left, name)
			}
			if slices.Contains(v.Alone, kind) {
				alone = append(alone, name)
			}
		}
		if len(needed)+len(alone) == 0 {
			idle = append(idle, kind)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", kind, join(needed), join(alone), join(left))
	}
	shrunk := count(all, func(v verdict) bool { return v.Shrunk })
	fmt.Fprintf(out, "\nBy %d findings that were shrunk. Kinds that no mutant needs, neither among all nor alone: %s.\n", shrunk, orNone(join(idle)))
}

func count(all map[string]verdict, of func(verdict) bool) (n int) {
	for _, v := range all { // order-free: a sum
		if of(v) {
			n++
		}
	}
	return n
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
