package main

import (
	"testing"

	"github.com/ruvector-flow/ruvector-flow/sim"
)

// Every kind of fault is in one family.
func TestFamilies(t *testing.T) {
	in := map[sim.FaultKind]int{}
	for _, f := range families {
		for _, kind := range f.kinds {
			in[kind]++
		}
	}
	for _, kind := range sim.FaultKinds() {
		if in[kind] != 1 {
			t.Errorf("%s is in %d families", kind, in[kind])
		}
		delete(in, kind)
	}
	if len(in) > 0 {
		t.Errorf("there are no kinds %v", in)
	}
}
