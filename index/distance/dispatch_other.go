//go:build !amd64

package distance

// kernels returns what this processor can run, slowest first.
func kernels() []kernel { return []kernel{portable} }

func squaredL2(_ kernel, out, q, rows []float32, stride int) { squaredL2Portable(out, q, rows, stride) }

func dot(_ kernel, out, q, rows []float32, stride int) { dotPortable(out, q, rows, stride) }

func manhattan(_ kernel, out, q, rows []float32, stride int) { manhattanPortable(out, q, rows, stride) }
