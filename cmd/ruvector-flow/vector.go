package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	maxVectorFileBytes = 8 << 20
	shownComponents    = 8
	shownPayloadBytes  = 100
)

func (a *app) vectorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vector",
		Short: "Insert, get, search, delete, count and import vectors",
		Example: `  ruvector-flow vector insert --collection photos --id 7 --vector @photo.json --metadata '{"shop":"A"}'
  ruvector-flow vector search --collection photos --vector @query.json -k 10`,
	}
	cmd.AddCommand(a.vectorInsert(), a.vectorGet(), a.vectorSearch(), a.vectorDelete(), a.vectorCount(), a.vectorImport())
	return group(cmd)
}

// collectionFlag gives a command --collection, which it must have.
func collectionFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "collection", "c", "", "the collection (needed)")
}

func (a *app) vectorInsert() *cobra.Command {
	var collection, id, vector, metadata string
	var version uint64
	cmd := &cobra.Command{
		Use:   "insert",
		Short: "Store one vector, in place of any with the same id",
		Long: `Store one vector, in place of any with the same id. The answer means that a majority of the
shard's replicas hold it on disk and that searches find it.`,
		Example: `  ruvector-flow vector insert --collection photos --id 7 --vector 0.1,0.2,0.3 --metadata '{"shop":"A"}'
  ruvector-flow vector insert --collection photos --id a-string --vector @photo.json --if-version 0`,
		Args: args(0, 0, ""),
	}
	collectionFlag(cmd, &collection)
	cmd.Flags().StringVar(&id, "id", "", "an unsigned integer or any other text up to 512 bytes (needed)")
	cmd.Flags().StringVar(&vector, "vector", "", "numbers 0.1,0.2, or @FILE with a JSON array, or @- (needed)")
	cmd.Flags().StringVar(&metadata, "metadata", "", "a JSON object to keep with it")
	cmd.Flags().Uint64Var(&version, "if-version", 0, "store only if the point has this version; 0: only if it does not exist")
	op := flow.Op{Kind: flow.Upsert}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if op.ID, err = parseID(cmd, id); err != nil {
			return err
		}
		if op.Vector, err = a.parseVector(cmd, vector); err != nil {
			return err
		}
		if op.Payload, err = parseMetadata(cmd, metadata); err != nil {
			return err
		}
		op.If, op.IfVersion = cmd.Flags().Changed("if-version"), version
		return nil
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		r, err := c.Write(ctx, collection, []flow.Op{op}, client.WriteOptions{Results: true})
		return a.printWrite(r, []flow.PointID{op.ID}, err)
	}), "collection", "id", "vector")
}

// written is the JSON form of a write's outcome.
type written struct {
	Points  []client.PointResult `json:"points"`
	Session string               `json:"session"`
}

// printWrite prints each point's fate, and then returns the write's error.
func (a *app) printWrite(r client.WriteResult, ids []flow.PointID, err error) error {
	if err != nil && len(r.Results) == 0 {
		return err
	}
	w := written{Points: []client.PointResult{}, Session: r.Token.String()}
	for i, o := range r.Results {
		p := client.PointResult{ID: client.ID(ids[i]), Status: o.Status.String(), Version: o.Version}
		if o.Err != nil {
			p.Error = o.Err.Error()
		}
		w.Points = append(w.Points, p)
	}
	printed := a.print(w, func(t *table) {
		t.row("ID", "STATUS", "VERSION", "SESSION TOKEN")
		for _, p := range w.Points {
			t.row(flow.PointID(p.ID).Text(), p.Status, p.Version, orDash(w.Session))
		}
	})
	return errors.Join(err, printed)
}

func (a *app) vectorGet() *cobra.Command {
	var collection, id string
	var read readFlags
	var request flow.GetRequest
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show one vector",
		Example: "  ruvector-flow vector get --collection photos --id 7 --format json",
		Args:    args(0, 0, ""),
	}
	collectionFlag(cmd, &collection)
	cmd.Flags().StringVar(&id, "id", "", "the id (needed)")
	read.add(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		pid, err := parseID(cmd, id)
		if err != nil {
			return err
		}
		request.IDs = []flow.PointID{pid}
		request.Read, err = read.options(cmd)
		return err
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		p, err := c.Get(ctx, collection, request.IDs[0], request.Read)
		if err != nil {
			return err
		}
		record := client.PointRecord{ID: client.ID(p.ID), Version: p.Version, Payload: p.Payload, Vector: p.Vector}
		return a.print(record, func(t *table) {
			t.row("id", p.ID.Text())
			t.row("version", p.Version)
			t.row("metadata", orDash(string(p.Payload)))
			t.row("vector", shortVector(p.Vector))
		})
	}), "collection", "id")
}

func (a *app) vectorSearch() *cobra.Command {
	var collection, vector string
	var read readFlags
	var request flow.SearchRequest
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Find the vectors nearest to one",
		Long: `Find the vectors nearest to one. The score is the distance under euclid and manhattan (smaller is
nearer), the cosine or the dot product under the others (larger is nearer).`,
		Example: `  ruvector-flow vector search --collection photos --vector @query.json -k 10
  ruvector-flow vector search --collection photos --vector 0.1,0.2,0.3 --exact --format json`,
		Args: args(0, 0, ""),
	}
	collectionFlag(cmd, &collection)
	cmd.Flags().StringVar(&vector, "vector", "", "numbers 0.1,0.2, or @FILE with a JSON array, or @- (needed)")
	cmd.Flags().IntVarP(&request.K, "k", "k", 10, "how many to find")
	cmd.Flags().BoolVar(&request.Exact, "exact", false, "compare with every vector")
	cmd.Flags().IntVar(&request.EF, "ef", 0, "candidates kept while graphs are searched; more finds more and takes longer (0: the node's choice)")
	cmd.Flags().BoolVar(&request.WithVector, "with-vector", false, "show the vectors, too (JSON)")
	cmd.Flags().BoolVar(&request.Read.Partial, "partial", false, "accept an answer that lacks shards, and name them")
	filterFlag(cmd, &request.Filter)
	read.add(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if request.K < 1 || request.K > flow.MaxK {
			return usagef(cmd, "-k is %d; it must be 1 to %d", request.K, flow.MaxK)
		}
		if request.EF < 0 || request.EF > flow.MaxEF {
			return usagef(cmd, "--ef is %d; it must be 1 to %d", request.EF, flow.MaxEF)
		}
		if request.Vector, err = a.parseVector(cmd, vector); err != nil {
			return err
		}
		partial := request.Read.Partial
		request.Read, err = read.options(cmd)
		request.Read.Partial, request.WithPayload, request.Collection = partial, true, collection
		return err
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		r, err := c.Search(ctx, request)
		if err != nil {
			return err
		}
		return a.printHits(r)
	}), "collection", "vector")
}

// found is the JSON form of a search's answer.
type found struct {
	Points        []client.PointRecord `json:"points"`
	MissingShards []int                `json:"missing_shards,omitempty"`
	Stale         bool                 `json:"stale,omitempty"`
}

func (a *app) printHits(r client.SearchResult) error {
	f := found{Points: []client.PointRecord{}, MissingShards: userIDs(r.Missing), Stale: r.Stale}
	for i := range r.Hits {
		h := &r.Hits[i]
		f.Points = append(f.Points, client.PointRecord{ID: client.ID(h.ID), Version: h.Version, Score: &h.Score, Payload: h.Payload, Vector: h.Vector})
	}
	return a.print(f, func(t *table) {
		t.row("#", "ID", "SCORE", "METADATA")
		for i, h := range r.Hits {
			payload := orDash(string(h.Payload))
			if len(payload) > shownPayloadBytes {
				payload = strings.ToValidUTF8(payload[:shownPayloadBytes], "") + "…"
			}
			t.row(i+1, h.ID.Text(), h.Score, payload)
		}
		noteReadInfo(t, r.ReadInfo)
	})
}

// noteReadInfo says aloud what an answer lacks.
func noteReadInfo(t *table, info flow.ReadInfo) {
	if len(info.Missing) > 0 {
		t.gap()
		t.row(fmt.Sprintf("shards that did not answer, and are not in this: %v", userIDs(info.Missing)))
	}
	if info.Stale {
		t.gap()
		t.row("read at level any: nothing bounds the age of this answer")
	}
}

func userIDs(shards []flow.ShardID) []int {
	var ids []int
	for _, s := range shards {
		ids = append(ids, s.UserID())
	}
	return ids
}

func (a *app) vectorDelete() *cobra.Command {
	var collection string
	var texts []string
	var version uint64
	var ops []flow.Op
	var ids []flow.PointID
	var filter flow.Filter
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete vectors by id or by their metadata",
		Example: `  ruvector-flow vector delete --collection photos --id 7 --id 8
  ruvector-flow vector delete --collection photos --filter '{"must":[{"key":"shop","match":{"value":"A"}}]}'`,
		Args: args(0, 0, ""),
	}
	collectionFlag(cmd, &collection)
	cmd.Flags().StringArrayVar(&texts, "id", nil, "an id; may be given several times")
	filterFlag(cmd, &filter)
	cmd.Flags().Uint64Var(&version, "if-version", 0, "delete only if the point has this version")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case len(texts) == 0 && len(filter) == 0:
			return usagef(cmd, "missing flag: --id or --filter")
		case len(filter) > 0 && (len(texts) > 0 || cmd.Flags().Changed("if-version")):
			return usagef(cmd, "--filter says alone what is deleted: leave out --id and --if-version")
		}
		for _, text := range texts {
			id, err := parseID(cmd, text)
			if err != nil {
				return err
			}
			ids = append(ids, id)
			ops = append(ops, flow.Op{Kind: flow.Delete, ID: id, If: cmd.Flags().Changed("if-version"), IfVersion: version})
		}
		return nil
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if len(filter) > 0 {
			token, err := c.DeleteMatching(ctx, collection, filter)
			if err != nil {
				return err
			}
			return a.print(written{Points: []client.PointResult{}, Session: token.String()}, func(t *table) {
				t.row("deleted what passes; session token", orDash(token.String()))
			})
		}
		r, err := c.Write(ctx, collection, ops, client.WriteOptions{Results: true})
		return a.printWrite(r, ids, err)
	}), "collection")
}

// counted is the JSON form of a count.
type counted struct {
	Count         uint64 `json:"count"`
	MissingShards []int  `json:"missing_shards,omitempty"`
	Stale         bool   `json:"stale,omitempty"`
}

func (a *app) vectorCount() *cobra.Command {
	var collection string
	var read readFlags
	var request flow.CountRequest
	var partial bool
	cmd := &cobra.Command{
		Use:   "count",
		Short: "Count a collection's vectors exactly",
		Example: `  ruvector-flow vector count --collection photos --format json
  ruvector-flow vector count --collection photos --filter '{"must":[{"key":"shop","match":{"value":"A"}}]}'`,
		Args: args(0, 0, ""),
	}
	collectionFlag(cmd, &collection)
	cmd.Flags().BoolVar(&partial, "partial", false, "accept an answer that lacks shards, and name them")
	filterFlag(cmd, &request.Filter)
	read.add(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		request.Read, err = read.options(cmd)
		request.Read.Partial, request.Collection = partial, collection
		return err
	}
	return required(a.call(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		r, err := c.Count(ctx, request)
		if err != nil {
			return err
		}
		return a.print(counted{r.Count, userIDs(r.Missing), r.Stale}, func(t *table) {
			t.row(r.Count)
			noteReadInfo(t, r.ReadInfo)
		})
	}), "collection")
}

// filterFlag gives a command --filter.
func filterFlag(cmd *cobra.Command, to *flow.Filter) {
	cmd.Flags().Var((*filterValue)(to), "filter", "only vectors whose metadata passes, a JSON object of must, should and must_not")
}

// filterValue is a filter as a flag. The node reads it; here it must only be JSON.
type filterValue flow.Filter

func (v *filterValue) String() string { return string(*v) }
func (v *filterValue) Type() string   { return "JSON" }
func (v *filterValue) Set(text string) error {
	if !json.Valid([]byte(text)) {
		return fmt.Errorf("it is not JSON: %.60q", text)
	}
	*v = filterValue(text)
	return nil
}

func parseID(cmd *cobra.Command, text string) (flow.PointID, error) {
	id, err := flow.ParsePointID(text)
	if err != nil {
		return "", usagef(cmd, "--id: %v", errors.Unwrap(err))
	}
	return id, nil
}

func parseMetadata(cmd *cobra.Command, text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return nil, usagef(cmd, "--metadata is not a JSON object: %.60q", text)
	}
	return []byte(text), nil
}

// parseVector reads 0.1,0.2 or [0.1,0.2] or @FILE; "@-" is standard input.
func (a *app) parseVector(cmd *cobra.Command, text string) (flow.Vector, error) {
	from := "--vector"
	if name, ok := strings.CutPrefix(text, "@"); ok {
		data, err := a.readFile(name)
		if err != nil {
			return nil, err
		}
		text, from = string(data), name
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		var object struct{ Vector json.RawMessage }
		if err := json.Unmarshal([]byte(text), &object); err != nil || object.Vector == nil {
			return nil, usagef(cmd, "%s: the object has no \"vector\"", from)
		}
		text = string(object.Vector)
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if strings.TrimSpace(text) == "" {
		return nil, usagef(cmd, "%s: the vector is empty", from)
	}
	var v flow.Vector
	for i, part := range strings.Split(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
		if err != nil {
			return nil, usagef(cmd, "%s: component %d is %.40q, not a number of 32 bits", from, i, part)
		}
		v = append(v, float32(x))
	}
	if err := v.Check(len(v), flow.Euclid); err != nil {
		return nil, usagef(cmd, "%s: %v", from, errors.Unwrap(err))
	}
	return v, nil
}

func (a *app) readFile(name string) ([]byte, error) {
	in := a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxVectorFileBytes+1))
	if err == nil && len(data) > maxVectorFileBytes {
		err = fmt.Errorf("%s is larger than the %d bytes a vector can take", name, maxVectorFileBytes)
	}
	return bytes.TrimSpace(data), err
}

// shortVector shows the first components of a vector.
func shortVector(v flow.Vector) string {
	s := fmt.Sprint([]float32(v[:min(len(v), shownComponents)]))
	if len(v) <= shownComponents {
		return s
	}
	return fmt.Sprintf("%s … of %d components (--format json shows all)", s[:len(s)-1], len(v))
}
