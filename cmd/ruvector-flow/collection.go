package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

func (a *app) collectionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collection",
		Short: "Create, list, describe and delete collections",
		Example: `  ruvector-flow collection create photos --dim 784 --metric euclid
  ruvector-flow collection list`,
	}
	cmd.AddCommand(a.collectionCreate(), a.collectionList(), a.collectionInfo(), a.collectionDelete(), a.collectionIndex())
	return group(cmd)
}

func (a *app) collectionCreate() *cobra.Command {
	var request flow.CreateCollectionRequest
	var metricName, quantization string
	var estimate flow.EstimateRequest
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Create a collection",
		Example: "  ruvector-flow collection create photos --dim 784 --metric euclid",
		Args:    args(1, 1, "NAME"),
	}
	cmd.Flags().IntVar(&request.Dim, "dim", 0, "number of components of every vector (needed)")
	cmd.Flags().StringVar(&metricName, "metric", "euclid", "euclid, cosine, dot or manhattan")
	cmd.Flags().IntVar(&request.M, "m", flow.DefaultM, "neighbours of a vector in its graph; more finds more and takes memory")
	cmd.Flags().IntVar(&request.EfConstruct, "ef-construct", flow.DefaultEfConstruct, "candidates while a graph is built; more finds more and builds slower")
	cmd.Flags().StringVar(&quantization, "quantization", "none", "none, int8 or binary: short codes to find candidates by")
	cmd.Flags().Uint64Var(&estimate.Points, "estimate", 0, "create nothing: tell what so many vectors would take, and whether there is room")
	cmd.Flags().IntVar(&estimate.PayloadBytes, "metadata-bytes", 0, "mean length of a vector's metadata, for --estimate")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		switch {
		case request.Dim < 1 || request.Dim > flow.MaxDim:
			return usagef(cmd, "--dim is %d; it must be 1 to %d", request.Dim, flow.MaxDim)
		case request.M < flow.MinM || request.M > flow.MaxM:
			return usagef(cmd, "--m is %d; it must be %d to %d", request.M, flow.MinM, flow.MaxM)
		case request.EfConstruct < flow.MinEfConstruct || request.EfConstruct > flow.MaxEfConstruct:
			return usagef(cmd, "--ef-construct is %d; it must be %d to %d", request.EfConstruct, flow.MinEfConstruct, flow.MaxEfConstruct)
		}
		if request.Quantization, err = flow.ParseQuantization(quantization); err != nil {
			return usagef(cmd, "--quantization: %v", errors.Unwrap(err))
		}
		request.Metric, err = parseMetric(cmd, metricName)
		return err
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		request.Name = args[0]
		if estimate.Points > 0 {
			estimate.Collection = request
			return a.estimateCollection(ctx, c, estimate)
		}
		if err := c.CreateCollection(ctx, request); err != nil {
			return err
		}
		made := client.CollectionDescription{Name: request.Name, Size: request.Dim, Distance: request.Metric.String()}
		return a.print(made, func(t *table) { t.row("created", made.Name, made.Size, made.Distance) })
	}), "dim")
}

func (a *app) estimateCollection(ctx context.Context, c *client.Client, r flow.EstimateRequest) error {
	e, err := c.EstimateCollection(ctx, r)
	if err != nil {
		return err
	}
	return a.print(e, func(t *table) {
		size := func(bytes uint64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
		t.row("", "MEMORY", "DISK")
		t.row("one copy", size(e.MemoryBytes), size(e.DiskBytes))
		t.row("all copies: "+strconv.Itoa(e.Copies), size(e.MemoryBytes*uint64(e.Copies)), size(e.DiskBytes*uint64(e.Copies)))
		t.row("a node's share", size(e.NodeMemoryBytes), size(e.NodeDiskBytes))
		t.gap()
		for _, p := range e.Problems {
			t.row(p)
		}
		if e.Fits {
			t.row("every node has room for it")
		}
	})
}

func parseMetric(cmd *cobra.Command, name string) (flow.Metric, error) {
	m, err := flow.ParseMetric(name)
	if err != nil {
		return 0, usagef(cmd, "--metric: %v", errors.Unwrap(err))
	}
	return m, nil
}

func (a *app) collectionList() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "list",
		Short:   "List the collections",
		Example: "  ruvector-flow collection list --format json",
		Args:    args(0, 0, ""),
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		all, err := c.ListCollections(ctx)
		if err != nil {
			return err
		}
		return a.print(client.CollectionList{Collections: all}, func(t *table) {
			t.row("NAME", "DIM", "METRIC")
			for _, d := range all {
				t.row(d.Name, d.Size, strings.ToLower(d.Distance))
			}
		})
	})
}

func (a *app) collectionInfo() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "info NAME",
		Short:   "Describe a collection: vectors counted exactly, memory and disk measured",
		Example: "  ruvector-flow collection info photos",
		Args:    args(1, 1, "NAME"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		info, err := c.Collection(ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(info, func(t *table) {
			p := info.Config.Params
			t.row("name", args[0])
			t.row("status", info.Status)
			t.row("vectors", thousands(info.PointsCount))
			t.row("segments", info.SegmentsCount)
			t.row("memory of one copy", fmt.Sprintf("%.1f MB", float64(info.MemoryBytes)/1e6))
			t.row("disk of one copy", fmt.Sprintf("%.1f MB", float64(info.DiskBytes)/1e6))
			t.row("dimension", p.Vectors.Size)
			t.row("metric", strings.ToLower(p.Vectors.Distance))
			t.row("shards", p.ShardNumber)
			t.row("replication factor", p.ReplicationFactor)
			t.row("m", info.Config.HnswConfig.M)
			t.row("ef_construct", info.Config.HnswConfig.EfConstruct)
			t.row("quantization", info.Config.QuantizationConfig.Quantization())
			for _, path := range slices.Sorted(maps.Keys(info.PayloadSchema)) {
				t.row("indexed field", path, info.PayloadSchema[path].DataType)
			}
		})
	})
}

func (a *app) collectionDelete() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a collection and all its vectors",
		Example: "  ruvector-flow collection delete photos",
		Args:    args(1, 1, "NAME"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.DropCollection(ctx, args[0]); err != nil {
			return err
		}
		return a.print(map[string]string{"deleted": args[0]}, func(t *table) { t.row("deleted", args[0]) })
	})
}
