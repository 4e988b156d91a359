package distance

// Kernels over codes: vectors of 8-bit numbers, and of bits packed into words. Their
// results are exact up to flow.MaxDim components: 255*255*65536 fits a uint32.

// SquaredL2U8 sets out[i] to the squared Euclidean distance between q and row i.
func SquaredL2U8(out []uint32, q, rows []uint8, stride int) {
	check(len(out), len(q), len(rows), stride)
	squaredL2U8(*active, out, q, rows, stride, nil)
}

// SquaredL2U8At does so for row at[i]; see SquaredL2At.
func SquaredL2U8At(out []uint32, q, rows []uint8, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	squaredL2U8(*active, out[:len(at)], q, rows, stride, at)
}

// DotU8 sets out[i] to the dot product of q and row i.
func DotU8(out []uint32, q, rows []uint8, stride int) {
	check(len(out), len(q), len(rows), stride)
	dotU8(*active, out, q, rows, stride, nil)
}

// DotU8At does so for row at[i]; see SquaredL2At.
func DotU8At(out []uint32, q, rows []uint8, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	dotU8(*active, out[:len(at)], q, rows, stride, at)
}

// DotI8 sets out[i] to the dot product of q and row i. The codes are from -127 to 127;
// for rows that hold -128 the result is not defined, since it has no negative.
func DotI8(out []int32, q, rows []int8, stride int) {
	check(len(out), len(q), len(rows), stride)
	dotI8(*active, out, q, rows, stride, nil)
}

// DotI8At does so for row at[i]; see SquaredL2At.
func DotI8At(out []int32, q, rows []int8, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	dotI8(*active, out[:len(at)], q, rows, stride, at)
}

// Hamming sets out[i] to the number of bits in which q and row i differ.
func Hamming(out []uint32, q, rows []uint64, stride int) {
	check(len(out), len(q), len(rows), stride)
	hamming(*active, out, q, rows, stride, nil)
}

// HammingAt does so for row at[i]; see SquaredL2At.
func HammingAt(out []uint32, q, rows []uint64, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	hamming(*active, out[:len(at)], q, rows, stride, at)
}
