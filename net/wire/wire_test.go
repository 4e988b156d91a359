package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"pgregory.net/rapid"
)

// field is a kind of value: how it is drawn, written and read back.
type field struct {
	name  string
	draw  func(t *rapid.T) any
	write func(w *wire.Writer, v any)
	read  func(r *wire.Reader) any
}

func drawn[T any](g *rapid.Generator[T]) func(t *rapid.T) any {
	return func(t *rapid.T) any { return g.Draw(t, "value") }
}

// orNil makes an empty slice nil, as the reader returns it.
func orNil[T any](v []T) []T {
	if len(v) == 0 {
		return nil
	}
	return v
}

var fields = []field{
	{"byte", drawn(rapid.Byte()), func(w *wire.Writer, v any) { w.Byte(v.(byte)) }, func(r *wire.Reader) any { return r.Byte() }},
	{"bool", drawn(rapid.Bool()), func(w *wire.Writer, v any) { w.Bool(v.(bool)) }, func(r *wire.Reader) any { return r.Bool() }},
	{"uint", drawn(rapid.Uint64()), func(w *wire.Writer, v any) { w.Uint(v.(uint64)) }, func(r *wire.Reader) any { return r.Uint() }},
	{"int", drawn(rapid.Int64()), func(w *wire.Writer, v any) { w.Int(v.(int64)) }, func(r *wire.Reader) any { return r.Int() }},
	{"fixed64", drawn(rapid.Uint64()), func(w *wire.Writer, v any) { w.Fixed64(v.(uint64)) }, func(r *wire.Reader) any { return r.Fixed64() }},
	{"float64", drawn(rapid.Float64()), func(w *wire.Writer, v any) { w.Float64(v.(float64)) }, func(r *wire.Reader) any { return r.Float64() }},
	{"float32", drawn(rapid.Float32()), func(w *wire.Writer, v any) { w.Float32(v.(float32)) }, func(r *wire.Reader) any { return r.Float32() }},
	{"text", drawn(rapid.String()), func(w *wire.Writer, v any) { w.Text(v.(string)) }, func(r *wire.Reader) any { return r.Text() }},
	{"bytes", drawn(rapid.Map(rapid.SliceOf(rapid.Byte()), orNil[byte])), func(w *wire.Writer, v any) { w.Bytes(v.([]byte)) }, func(r *wire.Reader) any { return r.Bytes() }},
	{"floats", drawn(rapid.Map(rapid.SliceOf(rapid.Float32()), orNil[float32])), func(w *wire.Writer, v any) { w.Floats(v.([]float32)) }, func(r *wire.Reader) any { return r.Floats() }},
}

// What is written is read back; cut short anywhere it is an error, never a panic,
// and everything before the cut is right.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, len(fields)-1), 1, 12).Draw(t, "kinds")
		var w wire.Writer
		var values []any
		for _, k := range kinds {
			v := fields[k].draw(t)
			values = append(values, v)
			fields[k].write(&w, v)
		}
		r := wire.NewReader(w.Buf)
		for i, k := range kinds {
			if got := fields[k].read(r); !reflect.DeepEqual(got, values[i]) {
				t.Fatalf("%s %d: read %v, wrote %v", fields[k].name, i, got, values[i])
			}
		}
		if err := r.Done(); err != nil {
			t.Fatalf("Done after reading all: %v", err)
		}
		cut := rapid.IntRange(0, len(w.Buf)-1).Draw(t, "cut")
		r = wire.NewReader(w.Buf[:cut])
		for i, k := range kinds {
			got := fields[k].read(r)
			if r.Err() != nil {
				break
			}
			if !reflect.DeepEqual(got, values[i]) {
				t.Fatalf("cut at %d of %d: %s %d is %v, wrote %v", cut, len(w.Buf), fields[k].name, i, got, values[i])
			}
		}
		if !errors.Is(r.Err(), wire.ErrShort) {
			t.Fatalf("cut at %d of %d: no error", cut, len(w.Buf))
		}
	})
}

func TestMalformed(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 11) // a varint of more than 64 bits
	huge := new(wire.Writer)
	huge.Uint(math.MaxUint64)
	for _, c := range []struct {
		name string
		in   []byte
		read func(r *wire.Reader)
	}{
		{"bool of 2", []byte{2}, func(r *wire.Reader) { r.Bool() }},
		{"varint without end", []byte{0x80}, func(r *wire.Reader) { r.Uint() }},
		{"varint of more than 64 bits", long, func(r *wire.Reader) { r.Uint() }},
		{"signed varint of more than 64 bits", long, func(r *wire.Reader) { r.Int() }},
		{"bytes longer than the input", []byte{3, 1, 2}, func(r *wire.Reader) { r.Bytes() }},
		{"bytes of 2^64-1", huge.Buf, func(r *wire.Reader) { r.Bytes() }},
		{"text of 2^64-1", huge.Buf, func(r *wire.Reader) { r.Text() }},
		{"floats of 2^64-1", huge.Buf, func(r *wire.Reader) { r.Floats() }},
		{"floats that overflow when multiplied", append(varint(1<<62), 0, 0, 0, 0), func(r *wire.Reader) { r.Floats() }},
		{"one float in three bytes", []byte{1, 0, 0, 0}, func(r *wire.Reader) { r.SkipFloats() }},
		{"count of 2^64-1", huge.Buf, func(r *wire.Reader) { r.Count(1) }},
		{"count that the input cannot hold", []byte{2, 0, 0, 0}, func(r *wire.Reader) { r.Count(2) }},
		{"fixed of seven bytes", make([]byte, 7), func(r *wire.Reader) { r.Fixed64() }},
		{"float32 of three bytes", make([]byte, 3), func(r *wire.Reader) { r.Float32() }},
		{"told to fail", []byte{1}, func(r *wire.Reader) { r.Fail() }},
		{"input left over", []byte{1, 2}, func(r *wire.Reader) { r.Byte(); _ = r.Done() }},
	} {
		r := wire.NewReader(c.in)
		c.read(r)
		if !errors.Is(r.Err(), wire.ErrShort) {
			t.Errorf("%s: error is %v, want %v", c.name, r.Err(), wire.ErrShort)
		}
		if got := zeroes(r); got != "0 false 0 0 0 0 0 \"\" [] [] [] 0" {
			t.Errorf("%s: after the failure the reader returns %s", c.name, got)
		}
	}
}

func varint(v uint64) []byte {
	var w wire.Writer
	w.Uint(v)
	return w.Buf
}

// zeroes prints what a reader that has failed returns: nothing but zero values.
func zeroes(r *wire.Reader) string {
	if r.Len() != 0 || r.Done() == nil {
		return fmt.Sprintf("%d bytes left, error %v", r.Len(), r.Err())
	}
	return fmt.Sprintf("%v %v %v %v %v %v %v %q %v %v %v %v", r.Byte(), r.Bool(), r.Uint(), r.Int(), r.Fixed64(), r.Float64(),
		r.Float32(), r.Text(), r.Bytes(), r.Floats(), r.Rest(), r.Count(1))
}

// Bytes alias the input without its spare capacity; floats are copies.
func TestAliasing(t *testing.T) {
	var w wire.Writer
	w.Bytes([]byte("abc"))
	w.Floats([]float32{1, 2})
	w.Raw([]byte("rest"))
	r := wire.NewReader(w.Buf)
	b, f := r.Bytes(), r.Floats()
	if cap(b) != 3 {
		t.Errorf("bytes have capacity %d, so that appending to them writes over what follows", cap(b))
	}
	clear(w.Buf)
	if b[0] != 0 || f[0] != 1 || f[1] != 2 {
		t.Errorf("after the input changed: bytes %q, floats %v", b, f)
	}
	if rest := r.Rest(); len(rest) != 4 || r.Done() != nil {
		t.Errorf("rest is %d bytes, error %v", len(rest), r.Err())
	}
}

// AppendFloats keeps what was there, and reads the same as Floats and SkipFloats.
func TestAppendFloats(t *testing.T) {
	var w wire.Writer
	w.Floats([]float32{3, 4})
	got := wire.NewReader(w.Buf).AppendFloats([]float32{1, 2})
	if !reflect.DeepEqual(got, []float32{1, 2, 3, 4}) {
		t.Errorf("AppendFloats returned %v", got)
	}
	r := wire.NewReader(w.Buf)
	if r.SkipFloats(); r.Done() != nil {
		t.Errorf("SkipFloats left %d bytes, error %v", r.Len(), r.Err())
	}
}

// A program of reads on any input neither panics nor returns more than the input holds.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 7, 8, 9}, []byte{1, 1, 5, 3, 'a', 'b', 'c', 0xff, 0xff})
	f.Fuzz(func(t *testing.T, program, input []byte) {
		r := wire.NewReader(input)
		for _, k := range program {
			before := r.Len()
			var took int
			switch v := fields[int(k)%len(fields)].read(r).(type) {
			case []byte:
				took = len(v)
			case []float32:
				took = 4 * len(v)
			case string:
				took = len(v)
			}
			if took > before || r.Len() > before {
				t.Fatalf("read %d bytes of %d, %d left", took, before, r.Len())
			}
		}
		if n := r.Len(); (r.Done() == nil) != (n == 0 && r.Err() == nil) {
			t.Fatalf("Done is %v with %d bytes left", r.Err(), n)
		}
	})
}
