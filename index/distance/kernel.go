package distance

import (
	"slices"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// kernel names one implementation of all the functions of this package.
type kernel uint8

const (
	portable kernel = iota
	avx2
	avx512
	neon
)

var kernelNames = [...]string{portable: "portable", avx2: "avx2", avx512: "avx512", neon: "neon"}

func (k kernel) String() string { return kernelNames[k] }

// kernels returns what this processor can run, slowest first.
func kernels() []kernel {
	return slices.DeleteFunc(compiled(), func(k kernel) bool { return !k.runs() })
}

// active is the kernel in use: the one this processor runs best, until use puts
// another in its place. A pointer, because a program may choose once at its start;
// what it chooses cannot be seen in any result.
var active = best(kernels())

// best returns the last of the kernels, which are ordered from slow to fast.
func best(ks []kernel) *kernel { return &ks[len(ks)-1] }

func (k *kernel) use(other kernel) { *k = other }

// Kernel names the kernel in use, one of Kernels.
func Kernel() string { return active.String() }

// Kernels names what this processor can run, slowest first.
func Kernels() []string {
	var names []string
	for _, k := range kernels() {
		names = append(names, k.String())
	}
	return names
}

// Use makes the named one of Kernels the kernel in use, in place of the one that
// suits the processor best; "" changes nothing. A program may call it at its start,
// before anything computes: it is not guarded against use at the same time.
func Use(name string) error {
	i := slices.Index(Kernels(), name)
	if i < 0 && name != "" {
		return flow.Errorf(flow.InvalidArgument, "distance.Use", "no kernel %q for this processor; it has %s",
			name, strings.Join(Kernels(), ", "))
	}
	if name != "" {
		active.use(kernels()[i])
	}
	return nil
}
