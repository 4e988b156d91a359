// Package wire holds the byte-level encoding that messages, log commands and
// stored rows share: varints, length-prefixed bytes, little-endian floats. It
// knows nothing of what is encoded.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrShort is the error of a Reader whose input ended too early or held a length
// that cannot be.
var ErrShort = errors.New("encoded value is cut short or malformed")

// Writer appends values to Buf.
type Writer struct{ Buf []byte }

// Byte appends one byte.
func (w *Writer) Byte(b byte) { w.Buf = append(w.Buf, b) }

// Bool appends 0 or 1.
func (w *Writer) Bool(b bool) {
	if b {
		w.Byte(1)
	} else {
		w.Byte(0)
	}
}

// Uint appends an unsigned varint.
func (w *Writer) Uint(v uint64) { w.Buf = binary.AppendUvarint(w.Buf, v) }

// Int appends a signed varint.
func (w *Writer) Int(v int64) { w.Buf = binary.AppendVarint(w.Buf, v) }

// Fixed64 appends eight little-endian bytes.
func (w *Writer) Fixed64(v uint64) { w.Buf = binary.LittleEndian.AppendUint64(w.Buf, v) }

// Float64 appends the IEEE form.
func (w *Writer) Float64(v float64) { w.Fixed64(math.Float64bits(v)) }

// Float32 appends the IEEE form.
func (w *Writer) Float32(v float32) {
	w.Buf = binary.LittleEndian.AppendUint32(w.Buf, math.Float32bits(v))
}

// Bytes appends a length and the bytes.
func (w *Writer) Bytes(b []byte) {
	w.Uint(uint64(len(b)))
	w.Buf = append(w.Buf, b...)
}

// Text appends a length and the string.
func (w *Writer) Text(s string) {
	w.Uint(uint64(len(s)))
	w.Buf = append(w.Buf, s...)
}

// Raw appends bytes without a length.
func (w *Writer) Raw(b []byte) { w.Buf = append(w.Buf, b...) }

// Floats appends a length and the components, four bytes each.
func (w *Writer) Floats(v []float32) {
	w.Uint(uint64(len(v)))
	at := len(w.Buf)
	w.Buf = append(w.Buf, make([]byte, 4*len(v))...)
	for _, x := range v {
		binary.LittleEndian.PutUint32(w.Buf[at:], math.Float32bits(x))
		at += 4
	}
}

// Reader takes values off the front of its input. After the first failure every
// call returns zero values and Err is set.
type Reader struct {
	buf []byte
	err error
}

// NewReader reads from b, which must not change while values alias it.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns ErrShort if any value could not be read.
func (r *Reader) Err() error { return r.err }

// Done returns an error if a value could not be read or input is left over.
func (r *Reader) Done() error {
	if len(r.buf) > 0 {
		r.fail()
	}
	return r.err
}

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.buf) }

// Fail marks the input as malformed, for a caller that finds a value it cannot take.
func (r *Reader) Fail() { r.fail() }

func (r *Reader) fail() {
	r.err = ErrShort
	r.buf = nil
}

func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.buf) {
		r.fail()
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool reads a byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	b := r.Byte()
	if b > 1 {
		r.fail()
	}
	return b == 1
}

// Uint reads an unsigned varint.
func (r *Reader) Uint() uint64 {
	if len(r.buf) > 0 && r.buf[0] < 0x80 { // most are small
		v := uint64(r.buf[0])
		r.buf = r.buf[1:]
		return v
	}
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Int reads a signed varint.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Fixed64 reads eight little-endian bytes.
func (r *Reader) Fixed64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Float64 reads the IEEE form.
func (r *Reader) Float64() float64 { return math.Float64frombits(r.Fixed64()) }

// Float32 reads the IEEE form.
func (r *Reader) Float32() float32 {
	if b := r.take(4); b != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// Bytes reads length-prefixed bytes; the result aliases the input, and is nil
// when the length is 0.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n == 0 || n > uint64(len(r.buf)) {
		if n != 0 {
			r.fail()
		}
		return nil
	}
	return r.take(int(n))
}

// Text reads a length-prefixed string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Rest returns what is left; the result aliases the input.
func (r *Reader) Rest() []byte { return r.take(len(r.buf)) }

// Floats reads what Writer.Floats wrote, as a copy; nil when the length is 0.
func (r *Reader) Floats() []float32 {
	return r.AppendFloats(nil)
}

// AppendFloats reads what Writer.Floats wrote, appending it to dst.
func (r *Reader) AppendFloats(dst []float32) []float32 {
	b := r.floatBytes()
	for ; len(b) >= 4; b = b[4:] {
		dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return dst
}

// SkipFloats passes over what Writer.Floats wrote.
func (r *Reader) SkipFloats() { r.floatBytes() }

func (r *Reader) floatBytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.buf)/4) {
		r.fail()
		return nil
	}
	return r.take(4 * int(n))
}

// Count reads a number of items of at least minBytes (>= 1) each, refusing one
// that the rest of the input cannot hold, so that a malformed length never makes
// the caller allocate.
func (r *Reader) Count(minBytes int) int {
	n := r.Uint()
	if n > uint64(len(r.buf)/minBytes) {
		r.fail()
		return 0
	}
	return int(n)
}
