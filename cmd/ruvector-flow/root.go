package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	defaultEndpoint = "http://127.0.0.1:8080"
	// defaultCallTimeout outlives a failover, but does not keep a person waiting for long.
	defaultCallTimeout  = 10 * time.Second
	defaultBenchTimeout = 30 * time.Second
	// suggestWithin is how many letters off a mistyped command may be.
	suggestWithin = 2
)

// The output formats.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// app holds what every command needs: the streams and the global flags.
type app struct {
	in        io.Reader
	out, err  io.Writer
	endpoints []string
	format    string
	timeout   time.Duration
}

// root returns the whole command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ruvector-flow",
		Short: "A distributed vector database in one binary",
		Long: `ruvector-flow is a distributed vector database in one binary: collections of vectors
spread over shards, each shard a Raft group, every acknowledged write fsynced by a majority.

RUVECTOR_FLOW_KERNEL in the environment chooses the kernels by which a node compares vectors, among
those its processor can run (an unknown name lists them); all give the same results. 'cluster node list'
shows which are in use.

Exit codes: 0 done, 1 failed (the reason is on stderr), 2 the command line is wrong.`,
		Example: `  ruvector-flow demo
  ruvector-flow cluster init --node-id node1 --listen 127.0.0.1:8080 --data-dir D1
  ruvector-flow collection create photos --dim 784 --metric euclid
  ruvector-flow vector search --collection photos --vector @query.json -k 10`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRunE: a.checkGlobals,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err, cmd.CommandPath()}
	})
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringSliceVar(&a.endpoints, "endpoint", []string{defaultEndpoint}, "URL of a node; several, or a comma-separated list, for failover")
	flags.StringVar(&a.format, "format", formatTable, "output: table or json")
	root.AddCommand(a.demoCommand(), a.clusterCommand(), a.collectionCommand(), a.vectorCommand(), a.benchCommand(), a.versionCommand())
	return group(root)
}

// group makes a command that only holds others refuse what is not one of them.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = suggestWithin
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		err := usagef(cmd, "unknown command %q", args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			err = usagef(cmd, "unknown command %q; did you mean %q?", args[0], near[0])
		}
		return err
	}
	return cmd
}

// args returns a check for the number of arguments that names what is missing.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) < least:
			return usagef(cmd, "missing argument: %s", names)
		case most >= 0 && len(given) > most && most == 0:
			return usagef(cmd, "unexpected argument %q", given[0])
		case most >= 0 && len(given) > most:
			return usagef(cmd, "unexpected argument %q after %s", given[most], names)
		}
		return nil
	}
}

func (a *app) checkGlobals(cmd *cobra.Command, _ []string) error {
	if a.format != formatTable && a.format != formatJSON {
		return usagef(cmd, "--format is %q; it must be table or json", a.format)
	}
	given := 0
	for _, e := range a.endpoints {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		given++
		full := e
		if !strings.Contains(e, "://") {
			full = "http://" + e
		}
		u, err := url.Parse(full)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usagef(cmd, "--endpoint %q is not a URL such as %s", e, defaultEndpoint)
		}
	}
	if given == 0 {
		return usagef(cmd, "--endpoint is empty; give a URL such as %s", defaultEndpoint)
	}
	if cmd.Flags().Lookup("timeout") == nil {
		return nil
	}
	var err error
	if a.timeout, err = cmd.Flags().GetDuration("timeout"); err == nil && a.timeout <= 0 {
		err = usagef(cmd, "--timeout must be more than 0")
	}
	return err
}

// timeoutFlag gives a command --timeout, which checkGlobals reads into app.timeout.
func timeoutFlag(cmd *cobra.Command, value time.Duration, what string) {
	cmd.Flags().Duration("timeout", value, what)
}

// call gives a command --timeout and runs f with a client whose calls end by then.
func (a *app) call(cmd *cobra.Command, f func(ctx context.Context, c *client.Client, args []string) error) *cobra.Command {
	if cmd.Flags().Lookup("timeout") == nil {
		timeoutFlag(cmd, defaultCallTimeout, "how long to try, failovers included")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := a.client()
		defer c.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
		defer cancel()
		return f(ctx, c, args)
	}
	return cmd
}

func (a *app) client() *client.Client {
	c := client.New(a.endpoints...)
	if a.timeout > 0 {
		c.Timeout = a.timeout
	}
	return c
}

// required marks flags without which a command makes no sense.
func required(cmd *cobra.Command, names ...string) *cobra.Command {
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range names {
			if !cmd.Flags().Changed(name) {
				return usagef(cmd, "missing flag: --%s", name)
			}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
	return cmd
}

// readFlags are the flags of a read.
type readFlags struct {
	level, session string
	staleness      time.Duration
}

func (r *readFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.level, "level", flow.Linearizable.String(), "read level: linearizable, session, bounded or any")
	cmd.Flags().StringVar(&r.session, "session", "", "session token of a write, for --level session")
	cmd.Flags().DurationVar(&r.staleness, "max-staleness", 0, "oldest answer accepted, for --level bounded")
}

func (r *readFlags) options(cmd *cobra.Command) (flow.ReadOptions, error) {
	var o flow.ReadOptions
	level, err := flow.ParseReadLevel(r.level)
	if err != nil {
		return o, usagef(cmd, "--level: %v", errors.Unwrap(err))
	}
	o.Level, o.MaxStaleness = level, r.staleness
	if o.Token, err = flow.ParseSessionToken(r.session); err != nil {
		return o, usagef(cmd, "--session: %v", errors.Unwrap(err))
	}
	if level == flow.Session && r.session == "" {
		return o, usagef(cmd, "--level session needs --session TOKEN, which a write returned")
	}
	if level == flow.Bounded && r.staleness <= 0 {
		return o, usagef(cmd, "--level bounded needs --max-staleness, for example 500ms")
	}
	return o, nil
}

// isTerminal says whether a stream is a terminal, where a line may be drawn over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
