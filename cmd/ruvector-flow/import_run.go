package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

const (
	// maxImportBatchBytes cuts a batch of large rows before its number of rows does.
	maxImportBatchBytes = 8 << 20
	importTickEvery     = 200 * time.Millisecond
)

// importer sends the rows of files in batches, several at once.
type importer struct {
	client             *client.Client
	collection         string
	dim                int
	metric             flow.Metric
	files              []string
	format             dataset.Format
	fields             dataset.Fields
	idStart            uint64
	skip, limit        int64
	batch, concurrency int
	timeout            time.Duration
	// total is the number of rows in all files, or -1 when it is not known.
	total int64
	// tick is told the progress a few times a second, from one goroutine.
	tick func(importProgress)
}

// importProgress is how far an import is.
type importProgress struct {
	// points is the number of rows stored by this run; rows is how many rows of the
	// files are acknowledged without a gap, skipped ones included.
	points, rows int64
	// total is the number of points this run will store, -1 when it is not known;
	// fraction is then how much of the files has been read, -1 when that is not known.
	total    int64
	fraction float64
	retries  int64
	elapsed  time.Duration
}

// importBatch is consecutive rows, sent together.
type importBatch struct {
	seq int
	// end is the number of the row after the last, over all files.
	end     int64
	points  []flow.Point
	vectors []float32
	bytes   int
}

// importRun is the state of one run.
type importRun struct {
	*importer
	filled, free chan *importBatch
	sent         atomic.Int64
	retried      atomic.Int64
	slowest      atomic.Int64
	// read is the fraction of the files read, in millionths.
	read    atomic.Int64
	started time.Time

	// mu guards ends and rows.
	mu sync.Mutex
	// ends holds, by sequence number, the end of acknowledged batches beyond rows.
	ends map[int]int64
	next int
	rows int64
}

// run reads and sends everything. Its report is right with an error, too.
func (im *importer) run(ctx context.Context) (importReport, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &importRun{importer: im, started: time.Now(), ends: map[int]int64{}, rows: im.skip,
		filled: make(chan *importBatch), free: make(chan *importBatch, im.concurrency+2)}
	r.read.Store(-1)
	for range cap(r.free) {
		r.free <- &importBatch{}
	}
	var workers sync.WaitGroup
	workers.Go(func() {
		defer close(r.filled)
		if err := r.readFiles(ctx); err != nil {
			cancel(err)
		}
	})
	for range im.concurrency {
		workers.Go(func() {
			for b := range r.filled {
				if err := r.send(ctx, b); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	r.tickUntil(done)
	var err error
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return r.report(), err
}

// tickUntil reports the progress until the work is done.
func (r *importRun) tickUntil(done chan struct{}) {
	t := time.NewTicker(importTickEvery)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			if r.tick != nil {
				r.tick(r.progress())
			}
		}
	}
}

func (r *importRun) progress() importProgress {
	r.mu.Lock()
	rows := r.rows
	r.mu.Unlock()
	p := importProgress{points: r.sent.Load(), rows: rows, total: -1, fraction: float64(r.read.Load()) / 1e6,
		retries: r.retried.Load(), elapsed: time.Since(r.started)}
	if r.total >= 0 {
		p.total = max(0, r.total-r.skip)
	}
	if r.limit > 0 && (p.total < 0 || r.limit < p.total) {
		p.total = r.limit
	}
	return p
}

func (r *importRun) report() importReport {
	p := r.progress()
	return importReport{
		Collection: r.collection, Points: p.points, Skipped: r.skip, Rows: p.rows, Seconds: p.elapsed.Seconds(),
		VectorsPerSecond: float64(p.points) / p.elapsed.Seconds(), Retries: p.retries, SlowestMs: millis(time.Duration(r.slowest.Load())),
	}
}

// send stores one batch and gives it back.
func (r *importRun) send(ctx context.Context, b *importBatch) error {
	attempts := 0
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { attempts++ }})
	traced, cancel := context.WithTimeout(traced, r.timeout)
	defer cancel()
	begin := time.Now()
	_, err := r.client.Upsert(traced, r.collection, b.points, client.WriteOptions{})
	took := int64(time.Since(begin))
	r.retried.Add(int64(max(0, attempts-1)))
	if err != nil {
		return fmt.Errorf("rows %d to %d: %w", b.end-int64(len(b.points)), b.end-1, err)
	}
	for old := r.slowest.Load(); took > old && !r.slowest.CompareAndSwap(old, took); old = r.slowest.Load() {
	}
	r.sent.Add(int64(len(b.points)))
	r.mu.Lock()
	r.ends[b.seq] = b.end
	for end, ok := r.ends[r.next]; ok; end, ok = r.ends[r.next] {
		delete(r.ends, r.next)
		r.rows = end
		r.next++
	}
	r.mu.Unlock()
	r.free <- b
	return nil
}

// readFiles fills batches with the rows of all files until they end, the limit is
// reached or the context is done.
func (r *importRun) readFiles(ctx context.Context) error {
	at := &importCursor{importRun: r, stop: -1}
	if r.limit > 0 {
		at.stop = r.skip + r.limit
	}
	for _, name := range r.files {
		file, err := dataset.Open(name, r.format, r.fields)
		if err != nil {
			return err
		}
		err = at.readFile(ctx, name, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return at.flush(ctx)
}

// importCursor is the reader's place in the files.
type importCursor struct {
	*importRun
	// row is the number of the next row over all files; stop, unless it is -1, the
	// number of the first that is not wanted.
	row, stop int64
	seq       int
	batch     *importBatch
}

func (c *importCursor) readFile(ctx context.Context, name string, file *dataset.Reader) error {
	if d := file.Dim(); d != 0 && d != c.dim {
		return fmt.Errorf("%s holds vectors of dimension %d, collection %q has dimension %d", name, d, c.collection, c.dim)
	}
	var skipped dataset.Row
	for c.stop < 0 || c.row < c.stop {
		if c.row < c.skip {
			if err := file.Next(&skipped); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			c.row++
			continue
		}
		if err := c.take(ctx); err != nil {
			return err
		}
		row := dataset.Row{Vector: c.batch.slot(c.dim)}
		if err := file.Next(&row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := c.add(ctx, &row); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(c.files) == 1 {
			c.read.Store(int64(file.Fraction() * 1e6))
		}
	}
	return nil
}

// take makes sure that there is a batch to fill.
func (c *importCursor) take(ctx context.Context) error {
	if c.batch != nil {
		return nil
	}
	select {
	case b := <-c.free:
		b.points, b.bytes = b.points[:0], 0
		if b.vectors == nil {
			b.vectors = make([]float32, min(c.importer.batch, max(1, maxImportBatchBytes/(4*c.dim)))*c.dim)
		}
		c.batch = b
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// slot returns the memory of the batch's next vector.
func (b *importBatch) slot(dim int) flow.Vector {
	at := len(b.points) * dim
	return b.vectors[at : at+dim : at+dim]
}

// add puts a row into the batch, and sends the batch on when it is full.
func (c *importCursor) add(ctx context.Context, row *dataset.Row) error {
	id := row.ID
	if id == "" {
		id = flow.NumberID(c.idStart + uint64(c.row))
	}
	if err := row.Vector.Check(c.dim, c.metric); err != nil {
		return fmt.Errorf("row %d: %w", c.row, err)
	}
	if len(row.Payload) > flow.MaxPayloadBytes {
		return fmt.Errorf("row %d: its payload is %d bytes long, the limit is %d", c.row, len(row.Payload), flow.MaxPayloadBytes)
	}
	b := c.batch
	b.points = append(b.points, flow.Point{ID: id, Vector: row.Vector, Payload: row.Payload})
	b.bytes += 4*c.dim + len(row.Payload)
	c.row++
	if (len(b.points)+1)*c.dim > len(b.vectors) || b.bytes >= maxImportBatchBytes {
		return c.flush(ctx)
	}
	return nil
}

// flush hands the batch to a sender.
func (c *importCursor) flush(ctx context.Context) error {
	b := c.batch
	if b == nil || len(b.points) == 0 {
		return nil
	}
	c.batch, b.seq, b.end = nil, c.seq, c.row
	c.seq++
	select {
	case c.filled <- b:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
