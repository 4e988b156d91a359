package dataset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
)

const maxNpyHeaderBytes = 1 << 16

// readFull fills p; any end of data is io.ErrUnexpectedEOF.
func readFull(in io.Reader, p []byte) error {
	_, err := io.ReadFull(in, p)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func header(in io.Reader, p []byte, format Format) error {
	if err := readFull(in, p); err != nil {
		return fmt.Errorf("not an %s file: its header is cut short (%v)", format, err)
	}
	return nil
}

func (r *Reader) openIDX() error {
	var head [4]byte
	if err := header(r.in, head[:], IDX); err != nil {
		return err
	}
	rank := int(head[3])
	if head[0] != 0 || head[1] != 0 || head[2] != 0x08 || rank < 2 || rank > 4 {
		return fmt.Errorf("not an idx file of bytes: it begins with % x, not 00 00 08 03", head)
	}
	sizes := make([]byte, 4*rank)
	if err := header(r.in, sizes, IDX); err != nil {
		return err
	}
	rows, dim := int64(binary.BigEndian.Uint32(sizes)), int64(1)
	for i := 1; i < rank; i++ {
		n := int64(binary.BigEndian.Uint32(sizes[4*i:]))
		if n == 0 || n > math.MaxInt32/dim {
			return fmt.Errorf("dimension %d of the idx header is %d", i, n)
		}
		dim *= n
	}
	if err := r.setShape(rows, dim); err != nil {
		return err
	}
	r.rows = &byteRows{r.in, make([]byte, dim)}
	return nil
}

func (r *Reader) openFbin() error {
	var head [8]byte
	if err := header(r.in, head[:], Fbin); err != nil {
		return err
	}
	rows, dim := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if err := r.setShape(int64(rows), int64(dim)); err != nil {
		return err
	}
	r.rows = &floatRows{r.in, make([]byte, 4*dim)}
	return nil
}

func (r *Reader) openFvecs() error {
	head, err := r.in.Peek(4)
	if err == io.EOF && len(head) == 0 {
		r.rows = &fvecsRows{in: r.in}
		return nil
	}
	if err != nil {
		return fmt.Errorf("not an fvecs file: its header is cut short (%v)", err)
	}
	if err := r.setShape(-1, int64(int32(binary.LittleEndian.Uint32(head)))); err != nil {
		return err
	}
	r.rows = &fvecsRows{r.in, floatRows{r.in, make([]byte, 4*r.dim)}}
	return nil
}

var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(\s*(\d+)\s*,\s*(\d+)\s*,?\s*\)`)
)

// npyMagic is how a file of NumPy's format begins.
const npyMagic = "\x93NUMPY"

// npyArray is what the header of an npy file states.
type npyArray struct {
	descr     string
	rows, dim int64
}

// readNpyHeader reads the header of NumPy's format, versions 1 to 3
// (numpy.lib.format: magic, version, header length, a Python dictionary).
func readNpyHeader(in io.Reader) (npyArray, error) {
	var head [8]byte
	if err := header(in, head[:], Npy); err != nil {
		return npyArray{}, err
	}
	if string(head[:6]) != npyMagic {
		return npyArray{}, fmt.Errorf("not an npy file: it begins with % x", head[:6])
	}
	length := make([]byte, 2)
	if head[6] >= 2 {
		length = make([]byte, 4)
	}
	if err := header(in, length, Npy); err != nil {
		return npyArray{}, err
	}
	size := uint32(binary.LittleEndian.Uint16(length))
	if len(length) == 4 {
		size = binary.LittleEndian.Uint32(length)
	}
	if size > maxNpyHeaderBytes {
		return npyArray{}, fmt.Errorf("the npy header is %d bytes long; the limit is %d", size, maxNpyHeaderBytes)
	}
	dict := make([]byte, size)
	if err := header(in, dict, Npy); err != nil {
		return npyArray{}, err
	}
	return parseNpyHeader(dict)
}

func parseNpyHeader(dict []byte) (a npyArray, err error) {
	descr, order, shape := npyDescr.FindSubmatch(dict), npyFortran.FindSubmatch(dict), npyShape.FindSubmatch(dict)
	if descr == nil || order == nil {
		return a, errors.New("the npy header lacks 'descr' or 'fortran_order'")
	}
	if shape == nil {
		return a, errors.New("the npy array does not have the shape (rows, dim)")
	}
	if string(order[1]) == "True" {
		return a, errors.New("the npy array is in Fortran order; save it with numpy.ascontiguousarray")
	}
	a.descr = string(descr[1])
	if a.rows, err = strconv.ParseInt(string(shape[1]), 10, 64); err != nil {
		return a, fmt.Errorf("the npy header states %s rows", shape[1])
	}
	if a.dim, err = strconv.ParseInt(string(shape[2]), 10, 64); err != nil {
		return a, fmt.Errorf("the npy header states dimension %s", shape[2])
	}
	return a, nil
}

func (r *Reader) openNpy() error {
	a, err := readNpyHeader(r.in)
	if err != nil {
		return err
	}
	if err := r.setShape(a.rows, a.dim); err != nil {
		return err
	}
	switch a.descr {
	case "<f4":
		r.rows = &floatRows{r.in, make([]byte, 4*a.dim)}
	case "<f8":
		r.rows = &doubleRows{r.in, make([]byte, 8*a.dim)}
	case "|u1", "<u1", "u1":
		r.rows = &byteRows{r.in, make([]byte, a.dim)}
	default:
		return fmt.Errorf("the npy array holds %q; <f4, <f8 and |u1 can be read", a.descr)
	}
	return nil
}

type byteRows struct {
	in  io.Reader
	buf []byte
}

func (b *byteRows) read(row *Row) error {
	if err := readFull(b.in, b.buf); err != nil {
		return err
	}
	for i, x := range b.buf {
		row.Vector[i] = float32(x)
	}
	return nil
}

type floatRows struct {
	in  io.Reader
	buf []byte
}

func (f *floatRows) read(row *Row) error {
	if err := readFull(f.in, f.buf); err != nil {
		return err
	}
	for i := range row.Vector {
		row.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(f.buf[4*i:]))
	}
	return nil
}

type doubleRows struct {
	in  io.Reader
	buf []byte
}

func (d *doubleRows) read(row *Row) error {
	if err := readFull(d.in, d.buf); err != nil {
		return err
	}
	for i := range row.Vector {
		row.Vector[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(d.buf[8*i:])))
	}
	return nil
}

type fvecsRows struct {
	in *bufio.Reader
	floatRows
}

func (f *fvecsRows) read(row *Row) error {
	var head [4]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return err
	}
	if dim := int32(binary.LittleEndian.Uint32(head[:])); int(dim) != len(row.Vector) {
		return fmt.Errorf("it has %d components, the first row has %d", dim, len(row.Vector))
	}
	return f.floatRows.read(row)
}
