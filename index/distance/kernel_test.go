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
