package mutants

import (
	"go/format"
	"path/filepath"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Each mutant's old text is where it says, once, and what stands there instead is Go.
func TestMutantsFit(t *testing.T) {
	for _, m := range All() {
		t.Run(m.Name, func(t *testing.T) {
			texts, err := m.Texts(root(t))
			if err != nil {
				t.Fatal(err)
			}
			for path, text := range texts {
				if _, err := format.Source([]byte(text)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

// The table is whole: names are unique, each bug says what it is, who should find it
// and where the like of it was seen, and one that cannot be planted says why.
func TestMutantsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	plantable, canaries := 0, 0
	for _, m := range All() {
		if seen[m.Name] {
			t.Errorf("two mutants are named %s", m.Name)
		}
		seen[m.Name] = true
		if m.Name == "" || m.What == "" || m.Precedent == "" {
			t.Errorf("mutant %q: name, what and precedent must be given", m.Name)
		}
		if !m.Plantable() && m.Needs == "" {
			t.Errorf("mutant %s: it has no edits and does not say what it needs", m.Name)
		}
		if m.Plantable() {
			plantable++
			if len(m.Oracles) == 0 {
				t.Errorf("mutant %s: no oracle should find it", m.Name)
			}
		}
		if m.Canary {
			canaries++
		}
	}
	if plantable < 42 || canaries != 1 {
		t.Errorf("%d mutants can be planted, at least 42 must be; %d are the canary, one must be", plantable, canaries)
	}
}
