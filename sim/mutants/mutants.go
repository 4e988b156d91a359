// Package mutants holds bugs to plant in the product: each a few lines of its text
// and what stands there instead, the oracles that should notice, and the system in
// which the like of it was found. They are planted at build time, by an overlay, so
// that the product carries no switch for them. It never runs what it builds.
package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruvector-flow/ruvector-flow/sim"
)

// Mutant is one planted bug.
type Mutant struct {
	// Name is its short name, in words joined by hyphens.
	Name string
	// What says in a sentence what is wrong.
	What string
	// Edits make it. None for a bug that cannot be planted yet: see Needs.
	Edits []Edit
	// Oracles are those that should find it; any of them may come first.
	Oracles []sim.Oracle
	// Precedent names where the like of it happened or is warned of.
	Precedent string
	// Needs says what the product or the simulator must have before the bug can be
	// planted or found; "" for nothing.
	Needs string
	// Canary marks the bug that fails few seeds, by which a dead pipeline shows.
	Canary bool
}

// Edit replaces a text that stands exactly once in the code of a room: a folder below
// the module's root, or below the path of the Raft module.
type Edit struct{ Room, Old, New string }

const raftModule = "go.etcd.io/raft/v3"

// All returns every mutant, in the order of the table.
func All() []Mutant {
	return slices.Concat(consensus, logs, reads, writes, snapshots, membership, machines, segments, nodes, filters, versions, faults, lone, later)
}

// Find returns the mutant of a name.
func Find(name string) (Mutant, error) {
	for _, m := range All() {
		if m.Name == name {
			return m, nil
		}
	}
	return Mutant{}, fmt.Errorf("there is no mutant named %q", name)
}

// Plantable says whether the bug can be planted today.
func (m Mutant) Plantable() bool { return len(m.Edits) > 0 }

// raftDir finds the source of the Raft module that the product is built with.
func raftDir(root string) (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", raftModule)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", raftModule, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Texts returns the changed files of a mutant, by path. An old text that is gone, or
// stands there more than once, is an error.
func (m Mutant) Texts(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range m.Edits {
		dir := filepath.Join(root, e.Room)
		if rest, ok := strings.CutPrefix(e.Room, raftModule); ok {
			at, err := raftDir(root)
			if err != nil {
				return nil, err
			}
			dir = filepath.Join(at, rest)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		n := 0
		for _, path := range files {
			text, ok := changed[path]
			if !ok {
				b, err := os.ReadFile(path)
				if err != nil {
					return nil, fmt.Errorf("mutant %s: %w", m.Name, err)
				}
				text = string(b)
			}
			if here := strings.Count(text, e.Old); here > 0 && !strings.HasSuffix(path, "_test.go") {
				n += here
				changed[path] = strings.Replace(text, e.Old, e.New, 1)
			}
		}
		if n != 1 {
			return nil, fmt.Errorf("mutant %s: its old text stands %d times in %s:\n%s", m.Name, n, e.Room, e.Old)
		}
	}
	return changed, nil
}

// Plant writes what a build with the bug needs into a folder, and returns the flags
// for go build or go test, run in the module's root.
func (m Mutant) Plant(root, folder string) (flags []string, err error) {
	texts, err := m.Texts(root)
	if err != nil {
		return nil, err
	}
	copied, replace := "", map[string]string{}
	for path, text := range texts {
		to := filepath.Join(folder, fmt.Sprintf("%d.go", len(replace)))
		if !strings.HasPrefix(path, root+string(filepath.Separator)) {
			from, err := raftDir(root)
			if err != nil {
				return nil, err
			}
			if copied == "" {
				if copied, err = copyRaft(root, from, folder); err != nil {
					return nil, err
				}
			}
			to = filepath.Join(copied, strings.TrimPrefix(path, from))
		} else {
			replace[path] = to
		}
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	at := filepath.Join(folder, "overlay.json")
	flags = []string{"-overlay", at}
	if copied != "" {
		flags = append(flags, "-modfile", filepath.Join(folder, "go.mod"))
	}
	return flags, os.WriteFile(at, overlay, 0o600)
}

// copyRaft copies the Raft module, which an overlay must not touch where it lies, and
// writes a go.mod that names the copy.
func copyRaft(root, from, folder string) (string, error) {
	to := filepath.Join(folder, "raft")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return "", err
	}
	// What was copied from the module cache may not be written to.
	err := filepath.WalkDir(to, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		if name == "go.mod" {
			b = fmt.Appendf(b, "\nreplace %s => %s\n", raftModule, to)
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			return "", err
		}
	}
	return to, nil
}
