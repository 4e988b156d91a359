//go:build !amd64 && !arm64

package distance

// compiled are the kernels that this architecture has.
func compiled() []kernel { return []kernel{portable} }

func (kernel) runs() bool { return true }

func squaredL2(_ kernel, out, q, rows []float32, stride int, at []uint32) {
	squaredL2Portable(out, q, rows, stride, at)
}

func dot(_ kernel, out, q, rows []float32, stride int, at []uint32) {
	dotPortable(out, q, rows, stride, at)
}

func manhattan(_ kernel, out, q, rows []float32, stride int, at []uint32) {
	manhattanPortable(out, q, rows, stride, at)
}

func squaredL2Batch(_ kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	squaredL2BatchPortable(out, q, rows, stride)
}

func dotBatch(_ kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	dotBatchPortable(out, q, rows, stride)
}

func squaredL2U8(_ kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	squaredL2U8Portable(out, q, rows, stride, at)
}

func dotU8(_ kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	dotU8Portable(out, q, rows, stride, at)
}

func dotI8(_ kernel, out []int32, q, rows []int8, stride int, at []uint32) {
	dotI8Portable(out, q, rows, stride, at)
}

func hamming(_ kernel, out []uint32, q, rows []uint64, stride int, at []uint32) {
	hammingPortable(out, q, rows, stride, at)
}
