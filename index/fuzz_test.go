package index

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// FuzzDecodeBuilt gives a Builder's decoder damaged bytes: it refuses them as Corrupt, or
// they say a graph that can be searched and encodes to the same bytes.
func FuzzDecodeBuilt(f *testing.F) {
	all, _ := clustered(24, 6, 3)
	open := func() *Index {
		x, err := New(Config{Dim: 6, Metric: flow.Euclid, M: 4, EfConstruct: 16})
		if err != nil {
			f.Fatal(err)
		}
		for i, v := range all {
			x.Insert(uint64(i), flow.NumberID(uint64(i)), v)
		}
		x.Cut(1)
		return x
	}
	good := finish(open().Builder(1)).Append(nil)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	for i := 0; i < len(good); i += 29 {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1 << (i % 8)
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x := open()
		built, err := DecodeBuilt(x.Builder(1), data)
		if err != nil {
			if flow.KindOf(err) != flow.Corrupt {
				t.Fatalf("%v", err)
			}
			return
		}
		if !x.Attach(built) || string(built.Append(nil)) != string(data) {
			t.Fatalf("%d bytes became a graph of %d", len(data), len(built.Append(nil)))
		}
		if got := x.View().Search(Query{Vector: all[0], K: 10}); len(got) != 10 {
			t.Fatalf("%d candidates", len(got))
		}
	})
}
