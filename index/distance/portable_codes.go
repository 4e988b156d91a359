package distance

import "math/bits"

// The definition of the kernels over codes. All are exact.

func squaredL2U8Portable(out []uint32, q, rows []uint8, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var sum uint32
		for i, a := range q {
			d := int32(a) - int32(row[i])
			sum += uint32(d * d)
		}
		out[r] = sum
	}
}

func dotU8Portable(out []uint32, q, rows []uint8, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var sum uint32
		for i, a := range q {
			sum += uint32(a) * uint32(row[i])
		}
		out[r] = sum
	}
}

func dotI8Portable(out []int32, q, rows []int8, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		var sum int32
		for i, a := range q {
			sum += int32(a) * int32(row[i])
		}
		out[r] = sum
	}
}

func hammingPortable(out []uint32, q, rows []uint64, stride int, at []uint32) {
	for r := range out {
		row := rows[place(r, at)*stride:][:len(q)]
		sum := 0
		for i, a := range q {
			sum += bits.OnesCount64(a ^ row[i])
		}
		out[r] = uint32(sum)
	}
}
