package embed

import "testing"

func TestMemTotal(t *testing.T) {
	const text = "MemTotal:       24006128 kB\nMemFree:         1234 kB\n"
	if got := memTotal(text); got != 24006128<<10 {
		t.Errorf("got %d", got)
	}
	for _, text := range []string{"", "MemTotal: x kB\n", "MemTotal: 5\n", "MemFree: 5 kB\n"} {
		if got := memTotal(text); got != 0 {
			t.Errorf("%q: got %d", text, got)
		}
	}
	if n := DefaultMemoryLimit(); n < 64<<20 {
		t.Errorf("the default limit on this machine is %d bytes", n)
	}
}
