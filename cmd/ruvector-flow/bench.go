package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure indexes, searches with their recall, single-point requests, and failovers",
		Example: `  ruvector-flow bench search --collection photos --queries q.idx.gz --truth truth.i32.gz -k 10
  ruvector-flow bench index --data base.fbin --queries q.fbin --metric cosine
  ruvector-flow bench kv --concurrency 1,16,64
  ruvector-flow bench failover`,
	}
	cmd.AddCommand(a.benchIndex(), a.benchSearch(), a.benchKV(), a.benchFailover())
	return group(cmd)
}

// percentile returns the smallest of the sorted durations that at least so many
// percent of them do not exceed.
func percentile(sorted []time.Duration, percent float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(percent/100*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// merged returns the durations of all parts, sorted.
func merged(parts [][]time.Duration) []time.Duration {
	all := slices.Concat(parts...)
	slices.Sort(all)
	return all
}

// parseConcurrency reads a list such as 1,16,64.
func parseConcurrency(cmd *cobra.Command, text string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > maxImportConcurrency {
			return nil, usagef(cmd, "--concurrency: %q is not a number from 1 to %d", part, maxImportConcurrency)
		}
		list = append(list, n)
	}
	return list, nil
}

// ms formats a duration in milliseconds with a precision that suits it.
func ms(d time.Duration) string {
	if m := millis(d); m < 10 {
		return fmt.Sprintf("%.2f ms", m)
	}
	return fmt.Sprintf("%.0f ms", millis(d))
}
