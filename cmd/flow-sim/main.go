// Command flow-sim hunts for seeds whose worlds fail, shrinks and replays what it
// finds, and proves by planted bugs that it would find it. The production binary
// links none of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// errFound says that a run found what it looked for, and has told of it.
var errFound = errors.New("a world failed")

// worldGCPercent lets a process of worlds, which are small and make much garbage,
// collect it less often, unless GOGC says otherwise.
const worldGCPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(worldGCPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "flow-sim",
		Short:         "Hunt for bugs in simulated clusters, shrink them, replay them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(huntCommand(), shrinkCommand(), replayCommand(), reportCommand(), mutantsCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errFound) {
			fmt.Fprintln(os.Stderr, "flow-sim:", err)
		}
		os.Exit(1)
	}
}
