package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

func (a *app) collectionIndex() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Index fields of a collection's metadata, so that filters on them are fast",
		Example: `  ruvector-flow collection index create photos shop keyword
  ruvector-flow collection index list photos`,
	}
	cmd.AddCommand(a.indexCreate(), a.indexList(), a.indexDelete())
	return group(cmd)
}

func (a *app) indexCreate() *cobra.Command {
	var field flow.Field
	cmd := &cobra.Command{
		Use:   "create COLLECTION FIELD KIND",
		Short: "Index a field",
		Long: `Index a field of the metadata. KIND is keyword, integer, float, bool, datetime, text, geo or uuid. Filters
answer the same with and without; with an index they need not read the metadata of every vector.`,
		Example: `  ruvector-flow collection index create photos shop keyword
  ruvector-flow collection index create photos 'items[].price' float`,
		Args: args(3, 3, "COLLECTION FIELD KIND"),
	}
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) {
		field.Path = args[1]
		if field.Kind, err = flow.ParseFieldKind(args[2]); err != nil {
			return usagef(cmd, "KIND: %v", errors.Unwrap(err))
		}
		return nil
	}
	return a.call(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.DeclareField(ctx, args[0], field); err != nil {
			return err
		}
		made := client.FieldIndex{FieldName: field.Path, FieldSchema: field.Kind.String()}
		return a.print(made, func(t *table) { t.row("indexed", made.FieldName, made.FieldSchema) })
	})
}

func (a *app) indexList() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "list COLLECTION",
		Short:   "List the indexed fields, with how many vectors have each",
		Example: "  ruvector-flow collection index list photos",
		Args:    args(1, 1, "COLLECTION"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		info, err := c.Collection(ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(info.PayloadSchema, func(t *table) {
			t.row("FIELD", "KIND", "VECTORS")
			for _, path := range slices.Sorted(maps.Keys(info.PayloadSchema)) {
				t.row(path, info.PayloadSchema[path].DataType, info.PayloadSchema[path].Points)
			}
		})
	})
}

func (a *app) indexDelete() *cobra.Command {
	return a.call(&cobra.Command{
		Use:     "delete COLLECTION FIELD",
		Short:   "End the index of a field",
		Example: "  ruvector-flow collection index delete photos shop",
		Args:    args(2, 2, "COLLECTION FIELD"),
	}, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.ForgetField(ctx, args[0], args[1]); err != nil {
			return err
		}
		return a.print(map[string]string{"deleted": args[1]}, func(t *table) { t.row("deleted", args[1]) })
	})
}
