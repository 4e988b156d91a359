package distance

import "math"

// The definition of the kernels. float32(a*b) is not decoration: the Go
// specification lets a compiler fuse a*b+c (it does on arm64) unless an explicit
// conversion stands between the two.

func squaredL2Portable(out, q, rows []float32, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var acc [lanes]float32
		i := 0
		for ; i+lanes <= len(q); i += lanes {
			a, b := (*[lanes]float32)(q[i:]), (*[lanes]float32)(row[i:])
			for l := range acc {
				d := a[l] - b[l]
				acc[l] += float32(d * d)
			}
		}
		for l := range len(q) - i {
			d := q[i+l] - row[i+l]
			acc[l] += float32(d * d)
		}
		out[r] = reduce(&acc)
	}
}

func dotPortable(out, q, rows []float32, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var acc [lanes]float32
		i := 0
		for ; i+lanes <= len(q); i += lanes {
			a, b := (*[lanes]float32)(q[i:]), (*[lanes]float32)(row[i:])
			for l := range acc {
				acc[l] += float32(a[l] * b[l])
			}
		}
		for l := range len(q) - i {
			acc[l] += float32(q[i+l] * row[i+l])
		}
		out[r] = reduce(&acc)
	}
}

func manhattanPortable(out, q, rows []float32, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var acc [lanes]float32
		i := 0
		for ; i+lanes <= len(q); i += lanes {
			a, b := (*[lanes]float32)(q[i:]), (*[lanes]float32)(row[i:])
			for l := range acc {
				acc[l] += abs(a[l] - b[l])
			}
		}
		for l := range len(q) - i {
			acc[l] += abs(q[i+l] - row[i+l])
		}
		out[r] = reduce(&acc)
	}
}

func squaredL2BatchPortable(out, q *[batchQueries][]float32, rows []float32, stride int) {
	for j := range out {
		squaredL2Portable(out[j], q[j], rows, stride, nil)
	}
}

func dotBatchPortable(out, q *[batchQueries][]float32, rows []float32, stride int) {
	for j := range out {
		dotPortable(out[j], q[j], rows, stride, nil)
	}
}

// place returns which row result r is of: at[r], or r where there is no list.
func place(r int, at []uint32) int {
	if at == nil {
		return r
	}
	return int(at[r])
}

// abs clears the sign bit, as the vector instructions do.
func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// reduce halves the lanes until one is left.
func reduce(acc *[lanes]float32) float32 {
	for w := lanes / 2; w > 0; w /= 2 {
		for l := range w {
			acc[l] += acc[l+w]
		}
	}
	return acc[0]
}
