// Package dataset reads vectors and ground truth from the file formats that
// benchmarks use, one row at a time and gzipped or not. It never holds a whole
// base file in memory, writes nothing and talks to no cluster.
package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Format names the layout of a file of vectors.
type Format string

// The formats. Each may be gzipped, which is seen from the first bytes.
const (
	// IDX is MNIST's layout: big-endian 00 00 08 rank, one int32 a dimension, then
	// bytes. The first dimension counts rows; a row is the bytes of all the others.
	IDX Format = "idx"
	// Fbin is little-endian uint32 rows, uint32 dim, then rows*dim float32.
	Fbin Format = "fbin"
	// Fvecs is, for each row, a little-endian int32 dim and dim float32.
	Fvecs Format = "fvecs"
	// Npy is NumPy's array file: a C-order rows x dim array of float32, float64 or uint8.
	Npy Format = "npy"
	// JSONL is one JSON object a line, with an id, a vector and perhaps a payload.
	JSONL Format = "jsonl"
)

// Formats lists the formats for messages.
const Formats = "idx, fbin, fvecs, npy, jsonl"

const (
	bufferBytes = 1 << 18
	// maxLineBytes bounds one line of JSONL: MaxDim numbers and the largest payload.
	maxLineBytes = 8 << 20
)

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case IDX, Fbin, Fvecs, Npy, JSONL:
		return f, nil
	}
	return "", flow.Errorf(flow.InvalidArgument, "dataset.ParseFormat", "input format %q is not one of %s", s, Formats)
}

// FormatOf tells a file's format from its name: x.fvecs, x.npy.gz, x-idx3-ubyte.gz.
func FormatOf(name string) (Format, error) {
	base := strings.TrimSuffix(strings.ToLower(path.Base(name)), ".gz")
	switch ext := path.Ext(base); {
	case ext == ".idx" || strings.HasSuffix(base, "-ubyte") || strings.HasSuffix(base, ".ubyte"):
		return IDX, nil
	case ext == ".fbin":
		return Fbin, nil
	case ext == ".fvecs":
		return Fvecs, nil
	case ext == ".npy":
		return Npy, nil
	case ext == ".jsonl" || ext == ".ndjson":
		return JSONL, nil
	}
	return "", flow.Errorf(flow.InvalidArgument, "dataset.FormatOf", "%s: the name does not tell the format; give one of %s", name, Formats)
}

// Fields names the members of a JSONL object. An empty name is not read.
type Fields struct {
	// ID holds an unsigned integer or a string; every row must have it unless it is "".
	ID string
	// Vector holds an array of numbers.
	Vector string
	// Payload holds an object, or null or nothing for none.
	Payload string
}

// DefaultFields are the names that the HTTP interface uses.
func DefaultFields() Fields { return Fields{ID: "id", Vector: "vector", Payload: "payload"} }

// Row is one row of a file.
type Row struct {
	// ID is zero unless the format carries ids and they were asked for.
	ID flow.PointID
	// Vector is reused by the next call of Next.
	Vector flow.Vector
	// Payload is a JSON object or nil; it belongs to the caller.
	Payload []byte
}

// Reader reads the rows of one file in order.
type Reader struct {
	name   string
	rows   rowReader
	dim    int
	total  int64
	next   int64
	in     *bufio.Reader
	raw    *countingReader
	size   int64
	closer io.Closer
}

// rowReader decodes one row of a format into row, whose Vector has the right
// length already for the formats that state it. io.EOF means that the data ended
// before the row began.
type rowReader interface{ read(row *Row) error }

// Open opens a file, or standard input for "-". An empty format is taken from the name.
func Open(name string, format Format, fields Fields) (*Reader, error) {
	if format == "" {
		var err error
		if format, err = FormatOf(name); err != nil {
			return nil, err
		}
	}
	if name == "-" {
		return NewReader(os.Stdin, name, format, fields)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, name, format, fields)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.closer = f
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return r, nil
}

// NewReader reads a stream; name is used in errors. A header that is wrong is
// InvalidArgument.
func NewReader(in io.Reader, name string, format Format, fields Fields) (*Reader, error) {
	r := &Reader{name: name, total: -1, raw: &countingReader{in: in}}
	var err error
	if r.in, err = plain(r.raw); err != nil {
		return nil, r.bad("%v", err)
	}
	switch format {
	case IDX:
		err = r.openIDX()
	case Fbin:
		err = r.openFbin()
	case Fvecs:
		err = r.openFvecs()
	case Npy:
		err = r.openNpy()
	case JSONL:
		err = r.openJSONL(fields)
	default:
		err = fmt.Errorf("input format %q is not one of %s", format, Formats)
	}
	if err != nil {
		return nil, r.bad("%v", err)
	}
	return r, nil
}

// Dim is the number of components of every row; 0 when the file has no rows to tell.
func (r *Reader) Dim() int { return r.dim }

// Total is the number of rows that the header states, or -1 when the format states none.
func (r *Reader) Total() int64 { return r.total }

// Fraction is how much of the file has been read, 0 to 1, and -1 when its size is not known.
func (r *Reader) Fraction() float64 {
	if r.size <= 0 {
		return -1
	}
	return min(1, float64(r.raw.n)/float64(r.size))
}

// Next reads the next row. It returns io.EOF after the last one, and
// InvalidArgument naming the file and the row (the first is row 0) for data that is cut
// short, too long, not finite or of another dimension.
func (r *Reader) Next(row *Row) error {
	if r.total >= 0 && r.next == r.total {
		if _, err := r.in.ReadByte(); err != io.EOF {
			if err == nil {
				err = errors.New("more data follows")
			}
			return r.bad("after all %d rows that the header states: %v", r.total, err)
		}
		return io.EOF
	}
	row.ID, row.Payload = "", nil
	if r.dim > 0 && cap(row.Vector) < r.dim {
		row.Vector = make(flow.Vector, r.dim)
	}
	row.Vector = row.Vector[:r.dim]
	err := r.rows.read(row)
	switch {
	case err == io.EOF && r.total < 0:
		return io.EOF
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return r.bad("row %d: the file ends inside it or before it", r.next)
	case err != nil:
		return r.bad("row %d: %v", r.next, err)
	}
	if err := row.Vector.Check(r.dim, flow.Euclid); err != nil {
		return r.bad("row %d: %v", r.next, errors.Unwrap(err))
	}
	r.next++
	return nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

func (r *Reader) bad(format string, args ...any) error {
	return flow.Errorf(flow.InvalidArgument, "dataset.Reader", "%s: "+format, append([]any{r.name}, args...)...)
}

func (r *Reader) setShape(rows, dim int64) error {
	if dim < 1 || dim > flow.MaxDim {
		return fmt.Errorf("rows have %d components; 1 to %d are possible", dim, flow.MaxDim)
	}
	r.total, r.dim = rows, int(dim)
	return nil
}

// plain returns the stream unzipped if it is gzip (RFC 1952).
func plain(in io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(in, bufferBytes)
	head, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("gzip header: %w", err)
	}
	return bufio.NewReaderSize(z, bufferBytes), nil
}

type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
