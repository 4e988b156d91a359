// Command ruvector-flow runs a node of a cluster, and is the client with which
// people and scripts use one. It holds the command line and the demo; every
// answer comes through package client, every node through package embed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal is a clean stop; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// kernelVariable names the environment variable that chooses the kernels by which
// vectors are compared; without it the processor decides.
const kernelVariable = "RUVECTOR_FLOW_KERNEL"

// usageError is a command line that cannot be right, whatever the cluster says.
type usageError struct {
	err     error
	command string
}

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

// usagef returns a usageError of the command.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
}

// errSaid ends a command with exit code 1 when its output has told why.
var errSaid = errors.New("the output tells why")

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, err: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := distance.Use(os.Getenv(kernelVariable)); err != nil {
		fmt.Fprintf(errOut, "ruvector-flow: %s: %s\n", kernelVariable, oneLine(err))
		return exitUsage
	}
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitError
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "ruvector-flow: %v (see %s --help)\n", oneLine(err), usage.command)
		return exitUsage
	}
	fmt.Fprintf(errOut, "ruvector-flow: %s\n", oneLine(err))
	return exitError
}

// oneLine returns the error's text on one line. The kind of an invalid argument is
// left out: the text says what is wrong.
func oneLine(err error) string {
	text := err.Error()
	var e *flow.Error
	if errors.As(err, &e) && e == err && e.Kind == flow.InvalidArgument && e.Err != nil && !e.HasShard {
		text = e.Err.Error()
	}
	b := []byte(text)
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b[i] = ' '
		}
	}
	return string(b)
}
