package sim

import (
	"os"
	"runtime/debug"
	"testing"
)

// worldGCPercent lets a process of worlds, which are small and make much garbage,
// collect it less often: a fifth of the time was spent on it.
const worldGCPercent = 400

func TestMain(m *testing.M) {
	const usual = 100
	if was := debug.SetGCPercent(worldGCPercent); was != usual {
		debug.SetGCPercent(was) // somebody asked for it
	}
	os.Exit(m.Run())
}
