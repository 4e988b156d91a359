package distance

// The definition of the kernels between float32 and bytes: that of the kernels over
// float32, with every byte as a float32.

func squaredL2MixedPortable(out, q []float32, rows []uint8, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var acc [lanes]float32
		for i, x := range q {
			d := x - float32(row[i])
			acc[i%lanes] += float32(d * d)
		}
		out[r] = reduce(&acc)
	}
}

func dotMixedPortable(out, q []float32, rows []uint8, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var acc [lanes]float32
		for i, x := range q {
			acc[i%lanes] += float32(x * float32(row[i]))
		}
		out[r] = reduce(&acc)
	}
}
