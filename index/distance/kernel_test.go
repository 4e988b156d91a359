package distance

import (
	"errors"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func TestUse(t *testing.T) {
	before := Kernel()
	defer func() {
		if err := Use(before); err != nil {
			t.Fatal(err)
		}
	}()
	for _, name := range Kernels() {
		if err := Use(name); err != nil || Kernel() != name {
			t.Fatalf("after Use(%q), which said %v, the kernel is %q", name, err, Kernel())
		}
		if err := Use(""); err != nil || Kernel() != name {
			t.Fatalf("Use of no name said %v and made the kernel %q", err, Kernel())
		}
		err := Use("mmx")
		var e *flow.Error
		if !errors.As(err, &e) || e.Kind != flow.InvalidArgument || !strings.Contains(err.Error(), `"mmx"`) || !strings.Contains(err.Error(), "portable") {
			t.Fatalf("Use of an unknown kernel said %v", err)
		}
		if Kernel() != name {
			t.Fatalf("a refused kernel left %q", Kernel())
		}
	}
	if !slices.Contains(Kernels(), "portable") {
		t.Fatalf("Kernels() = %v, without the definition", Kernels())
	}
}

// TestKernelsThatRunHere shows which kernels the other tests of this package compare:
// one that this processor cannot run is skipped where it is seen.
func TestKernelsThatRunHere(t *testing.T) {
	for _, k := range compiled() {
		t.Run(k.String(), func(t *testing.T) {
			if !k.runs() {
				t.Skipf("this processor cannot run %s: its assembly is not tested here", k)
			}
			out := make([]float32, 1)
			if squaredL2(k, out, []float32{1, 2, 3}, []float32{3, 2, 5}, 3, nil); out[0] != 8 {
				t.Errorf("the squared distance is %v, want 8", out[0])
			}
		})
	}
}
