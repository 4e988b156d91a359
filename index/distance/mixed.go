package distance

// Kernels between a query of float32 and rows of bytes, each of which stands for the
// float32 of its value: the same bits as the kernels over float32, from a quarter of
// the memory.

// SquaredL2Mixed sets out[i] to the squared Euclidean distance between q and row i.
func SquaredL2Mixed(out, q []float32, rows []uint8, stride int) {
	check(len(out), len(q), len(rows), stride)
	squaredL2Mixed(*active, out, q, rows, stride, nil)
}

// SquaredL2MixedAt does so for row at[i]; see SquaredL2At.
func SquaredL2MixedAt(out, q []float32, rows []uint8, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	squaredL2Mixed(*active, out[:len(at)], q, rows, stride, at)
}

// DotMixed sets out[i] to the dot product of q and row i.
func DotMixed(out, q []float32, rows []uint8, stride int) {
	check(len(out), len(q), len(rows), stride)
	dotMixed(*active, out, q, rows, stride, nil)
}

// DotMixedAt does so for row at[i]; see SquaredL2At.
func DotMixedAt(out, q []float32, rows []uint8, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	dotMixed(*active, out[:len(at)], q, rows, stride, at)
}
