package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

const (
	defaultImportBatch       = 256
	defaultImportConcurrency = 4
	defaultImportTimeout     = time.Minute
	maxImportConcurrency     = 1024
)

const importHelp = `Store the rows of files of vectors. Each file may be gzipped. Formats:

  idx    bytes as in MNIST (magic 0x0803); each byte is one component
  fbin   uint32 rows, uint32 dim, float32 components, little-endian
  fvecs  int32 dim and float32 components for each row, little-endian
  npy    a C-order array (rows, dim) of float32, float64 or uint8
  jsonl  one object a line: {"id":7,"vector":[0.1,0.2],"payload":{"shop":"A"}}

The id of a row is its number, counted from --id-start over all files; for jsonl it is the id
field (--id-field '' numbers the rows instead). Every row is sent until a majority of its
shard's replicas acknowledged it, through failovers, with one request id; a row is never left
out: what cannot be stored ends the import with the row's number and exit code 1.

Give the URLs of several nodes with --endpoint, so that the import outlives any one of them.

To go on after an interruption run the same command again: rows that are there already are
stored over themselves, harmlessly. With --state FILE it notes how far it was acknowledged
without a gap and goes on from there; --skip N does so by hand.`

// importFlags are the flags of vector import.
type importFlags struct {
	collection, inputFormat, metric, state string
	create                                 bool
	fields                                 dataset.Fields
	idStart                                uint64
	skip, limit                            int64
	batch, concurrency                     int
}

func (a *app) vectorImport() *cobra.Command {
	f := &importFlags{}
	im := &importer{}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Store the vectors of idx, fbin, fvecs, npy and jsonl files",
		Long:  importHelp,
		Example: `  ruvector-flow vector import --collection photos --create train-images-idx3-ubyte.gz
  ruvector-flow vector import --collection docs --state docs.state --endpoint http://127.0.0.1:8080,http://127.0.0.1:8081 docs.jsonl.gz`,
		Args: args(1, -1, "FILE"),
	}
	collectionFlag(cmd, &f.collection)
	flags := cmd.Flags()
	d := dataset.DefaultFields()
	flags.StringVar(&f.inputFormat, "input-format", "", "format of the files (default: told from each name): "+dataset.Formats)
	flags.BoolVar(&f.create, "create", false, "create the collection if it is not there")
	flags.StringVar(&f.metric, "metric", "euclid", "metric of the collection that --create creates")
	flags.Uint64Var(&f.idStart, "id-start", 0, "id of the first row, for rows that are numbered")
	flags.StringVar(&f.fields.ID, "id-field", d.ID, "jsonl: field of the id; '' numbers the rows")
	flags.StringVar(&f.fields.Vector, "vector-field", d.Vector, "jsonl: field of the vector")
	flags.StringVar(&f.fields.Payload, "payload-field", d.Payload, "jsonl: field of the metadata; '' for none")
	flags.IntVar(&f.batch, "batch", defaultImportBatch, "rows a request")
	flags.IntVar(&f.concurrency, "concurrency", defaultImportConcurrency, "requests under way at once")
	flags.Int64Var(&f.skip, "skip", 0, "leave out the first so many rows")
	flags.Int64Var(&f.limit, "limit", 0, "stop after so many rows; 0 is all")
	flags.StringVar(&f.state, "state", "", "file in which to keep the progress; an interrupted import goes on from it")
	timeoutFlag(cmd, defaultImportTimeout, "how long to try each request, failovers included")
	cmd.PreRunE = func(cmd *cobra.Command, files []string) error { return f.check(cmd, files, im) }
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		im.client, im.timeout = a.client(), a.timeout
		defer im.client.Close()
		return a.runImport(cmd.Context(), im, f)
	}
	return required(cmd, "collection")
}

// check turns the flags into an importer.
func (f *importFlags) check(cmd *cobra.Command, files []string, im *importer) error {
	switch {
	case f.batch < 1 || f.batch > flow.MaxBatchPoints:
		return usagef(cmd, "--batch is %d; it must be 1 to %d", f.batch, flow.MaxBatchPoints)
	case f.concurrency < 1 || f.concurrency > maxImportConcurrency:
		return usagef(cmd, "--concurrency is %d; it must be 1 to %d", f.concurrency, maxImportConcurrency)
	case f.skip < 0 || f.limit < 0:
		return usagef(cmd, "--skip and --limit must not be negative")
	case f.skip > 0 && f.state != "":
		return usagef(cmd, "--skip and --state both say where to begin; give one")
	case f.state != "" && slices.Contains(files, "-"):
		return usagef(cmd, "--state needs files; standard input cannot be read again")
	}
	if f.inputFormat != "" {
		format, err := dataset.ParseFormat(f.inputFormat)
		if err != nil {
			return usagef(cmd, "--input-format: %v", errors.Unwrap(err))
		}
		im.format = format
	}
	metric, err := parseMetric(cmd, f.metric)
	if err != nil {
		return err
	}
	im.collection, im.metric, im.fields, im.idStart = f.collection, metric, f.fields, f.idStart
	im.skip, im.limit, im.batch, im.concurrency, im.files = f.skip, f.limit, f.batch, f.concurrency, files
	return nil
}

// importReport is what an import did.
type importReport struct {
	Collection string `json:"collection"`
	// Points is the number of rows stored, Skipped that of rows left out at the start.
	Points  int64 `json:"points"`
	Skipped int64 `json:"skipped"`
	// Rows is how many rows of the files are acknowledged without a gap.
	Rows             int64   `json:"rows"`
	Seconds          float64 `json:"seconds"`
	VectorsPerSecond float64 `json:"vectorsPerSecond"`
	// Retries counts requests sent again; SlowestMs is the longest a batch took.
	Retries   int64   `json:"retries"`
	SlowestMs float64 `json:"slowestBatchMs"`
}

func (a *app) runImport(ctx context.Context, im *importer, f *importFlags) error {
	state, err := openImportState(f.state, im)
	if err != nil {
		return err
	}
	im.skip = max(im.skip, state.Rows)
	if err := im.prepare(ctx, f.create); err != nil {
		return err
	}
	p := newProgress(a.err, "import")
	im.tick = func(at importProgress) {
		p.show(at)
		state.saveSometimes(at.rows)
	}
	report, err := im.run(ctx)
	p.end()
	if err = errors.Join(err, state.save(report.Rows), state.err); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		return fmt.Errorf("%w; the first %s rows are stored; %s", err, thousands(report.Rows), f.resumeHint(report.Rows))
	}
	return a.print(report, func(t *table) {
		t.row(fmt.Sprintf("imported %s points in %.1f s: %s vectors/s, %s, slowest batch %.0f ms", thousands(report.Points), report.Seconds,
			thousands(int64(math.Round(report.VectorsPerSecond))), retries(report.Retries), report.SlowestMs))
		if report.Skipped > 0 {
			t.row(fmt.Sprintf("left out the first %s rows", thousands(report.Skipped)))
		}
	})
}

func (f *importFlags) resumeHint(rows int64) string {
	if f.state != "" {
		return "run the same command to go on"
	}
	return fmt.Sprintf("go on with --skip %d", rows)
}

func retries(n int64) string {
	if n == 1 {
		return "1 retry"
	}
	return thousands(n) + " retries"
}

// prepare checks every file and the collection before anything is sent.
func (im *importer) prepare(ctx context.Context, create bool) error {
	dim := 0
	for _, name := range im.files {
		if name == "-" {
			continue
		}
		r, err := dataset.Open(name, im.format, im.fields)
		if err != nil {
			return err
		}
		d, total := r.Dim(), r.Total()
		if err := r.Close(); err != nil {
			return err
		}
		if dim != 0 && d != 0 && d != dim {
			return fmt.Errorf("%s holds vectors of dimension %d, the files before it of %d", name, d, dim)
		}
		dim = max(dim, d)
		if total < 0 || im.total < 0 {
			im.total = -1
		} else {
			im.total += total
		}
	}
	ctx, cancel := context.WithTimeout(ctx, im.timeout)
	defer cancel()
	if create && dim > 0 {
		err := im.client.CreateCollection(ctx, flow.CreateCollectionRequest{Name: im.collection, Dim: dim, Metric: im.metric})
		if err != nil && flow.KindOf(err) != flow.AlreadyExists {
			return err
		}
	}
	info, err := im.client.Collection(ctx, im.collection)
	if err != nil {
		return err
	}
	return im.checkShape(info.Config.Params.Vectors, dim)
}

func (im *importer) checkShape(v client.VectorParams, dim int) error {
	if dim != 0 && v.Size != dim {
		return fmt.Errorf("the files hold vectors of dimension %d, collection %q has dimension %d; nothing was sent", dim, im.collection, v.Size)
	}
	metric, err := flow.ParseMetric(v.Distance)
	if err != nil {
		return err
	}
	im.dim, im.metric = v.Size, metric
	return nil
}
