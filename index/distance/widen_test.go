package distance

import "testing"

func TestWiden(t *testing.T) {
	for n := range 80 {
		bytes, floats := make([]uint8, n), make([]float32, n+1)
		for i := range bytes {
			bytes[i] = uint8(255 - 3*i)
		}
		floats[n] = -1
		Widen(floats[:n], bytes)
		for i, b := range bytes {
			if floats[i] != float32(b) {
				t.Fatalf("%d of %d bytes: %d became %v", i, n, b, floats[i])
			}
		}
		if floats[n] != -1 {
			t.Fatalf("%d bytes: one more float was written", n)
		}
	}
}
