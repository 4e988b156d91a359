package distance

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// codeFunction is a kernel over codes: codes of type T, results of type R. term is
// what one component adds, written down a second time.
type codeFunction[T uint8 | int8 | uint64, R uint32 | int32] struct {
	name     string
	run      func(k kernel, out []R, q, rows []T, stride int, at []uint32)
	exported func(out []R, q, rows []T, stride int)
	gather   func(out []R, q, rows []T, stride int, at []uint32)
	term     func(a, b T) int
	extremes []T
}

var (
	codesSquaredL2U8 = codeFunction[uint8, uint32]{"SquaredL2U8", squaredL2U8, SquaredL2U8, SquaredL2U8At,
		func(a, b uint8) int { return (int(a) - int(b)) * (int(a) - int(b)) }, []uint8{0, 255}}
	codesDotU8 = codeFunction[uint8, uint32]{"DotU8", dotU8, DotU8, DotU8At,
		func(a, b uint8) int { return int(a) * int(b) }, []uint8{0, 255}}
	codesDotI8 = codeFunction[int8, int32]{"DotI8", dotI8, DotI8, DotI8At,
		func(a, b int8) int { return int(a) * int(b) }, []int8{-127, 127, 0}}
	codesHamming = codeFunction[uint64, uint32]{"Hamming", hamming, Hamming, HammingAt,
		func(a, b uint64) int { return bits.OnesCount64(a ^ b) }, []uint64{0, 1<<64 - 1}}
)

// TestCodesEqualDefinition compares every kernel over codes, the portable one too,
// with the sum of its terms: on every length, misaligned, on rows in order and on
// rows that a list names, on random codes and on the largest and smallest alone.
func TestCodesEqualDefinition(t *testing.T) {
	t.Run("SquaredL2U8", codesSquaredL2U8.test)
	t.Run("DotU8", codesDotU8.test)
	t.Run("DotI8", codesDotI8.test)
	t.Run("Hamming", codesHamming.test)
}

func (f codeFunction[T, R]) test(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	dims := []int{511, 512, 768, 784, 1536, 4096, 1 << 16}
	for dim := range testDims + 1 {
		dims = append(dims, dim)
	}
	for _, dim := range dims {
		n, stride := 1+r.IntN(6), dim+r.IntN(40)
		extreme := dim > testDims || r.IntN(2) == 0
		q, rows := f.fill(r, dim, extreme), f.fill(r, (n-1)*stride+dim, extreme)
		f.compare(t, q, rows, stride, n, nil)
		f.compare(t, q, rows, stride, n, places(r, n))
	}
}

// fill returns n codes that start anywhere in a cache line.
func (f codeFunction[T, R]) fill(r *rand.Rand, n int, extreme bool) []T {
	shift := r.IntN(64)
	codes := make([]T, shift+n)[shift:]
	for i := range codes {
		codes[i] = T(r.Uint64())
		if lowest := f.extremes[0]; extreme || codes[i] < lowest {
			codes[i] = f.extremes[r.IntN(len(f.extremes))]
		}
	}
	return codes
}

func (f codeFunction[T, R]) compare(t *testing.T, q, rows []T, stride, n int, at []uint32) {
	t.Helper()
	want := make([]R, max(n, len(at)))
	for i := range want {
		row, sum := rows[place(i, at)*stride:], 0
		for j, a := range q {
			sum += f.term(a, row[j])
		}
		want[i] = R(sum)
	}
	for _, k := range kernels() {
		got := make([]R, len(want))
		f.run(k, got, q, rows, stride, at)
		if !slices.Equal(got, want) {
			t.Fatalf("%s of %s, dim %d, stride %d, at %v: got %v, want %v", k, f.name, len(q), stride, at, got, want)
		}
	}
	got := make([]R, len(want))
	if at == nil {
		f.exported(got, q, rows, stride)
	} else {
		f.gather(got, q, rows, stride, at)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s, dim %d, stride %d, at %v: got %v, want %v", f.name, len(q), stride, at, got, want)
	}
}

// FuzzCodes compares the kernels over codes on arbitrary bytes.
func FuzzCodes(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), uint8(2))
	f.Add(slices.Repeat([]byte{0xff, 0x80, 0}, 100), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		rows := int(n%8) + 1
		dim := len(b) / (rows + 1)
		q, v := b[:dim], b[dim:]
		codesSquaredL2U8.compare(t, q, v, dim, rows, nil)
		codesDotU8.compare(t, q, v, dim, rows, nil)
		signed, words := make([]int8, len(b)), make([]uint64, len(b))
		for i, x := range b {
			signed[i], words[i] = max(int8(x), -127), uint64(x)*0x9e3779b97f4a7c15
		}
		codesDotI8.compare(t, signed[:dim], signed[dim:], dim, rows, nil)
		codesHamming.compare(t, words[:dim], words[dim:], dim, rows, nil)
	})
}
