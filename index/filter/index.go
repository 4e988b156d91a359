package filter

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Index holds what fields of the payloads of one collection in one shard are, by row:
// the ordinals of package index. One owner changes it; any number of goroutines may
// use its Views.
//
// A field declared late is not used until a Builder has read the rows before it; a
// filter is right all the while, only slower.
type Index struct {
	fields []*field
	live   *roaring.Bitmap
	// next is the first row not added yet.
	next    uint32
	doc     document
	scratch []uint32
}

// New returns an index without rows of some fields, which were checked.
func New(fields ...flow.Field) *Index {
	x := &Index{live: roaring.New()}
	x.live.SetCopyOnWrite(true)
	for _, f := range fields {
		x.Declare(f)
	}
	return x
}

// Declare adds a field, which was checked; one of the same path is replaced, the same
// one stays. Ready tells whether a Builder has to read the rows there are.
func (x *Index) Declare(f flow.Field) {
	if i := x.position(f.Path); i >= 0 {
		if x.fields[i].Field == f {
			return
		}
		x.Forget(f.Path)
	}
	fresh := newField(f, x.next)
	fresh.ready = x.live.IsEmpty()
	x.fields = append(slices.Clone(x.fields), fresh)
	x.doc.keys = nil
	for _, f := range x.fields {
		if !contains(x.doc.keys, f.path[0].key) {
			x.doc.keys = append(x.doc.keys, f.path[0].key)
		}
	}
}

// Forget removes a field.
func (x *Index) Forget(path string) {
	if i := x.position(path); i >= 0 {
		x.fields = slices.Delete(slices.Clone(x.fields), i, i+1)
	}
}

func (x *Index) position(path string) int {
	return slices.IndexFunc(x.fields, func(f *field) bool { return f.Path == path })
}

// Fields returns the declared fields in the order of their declaration.
func (x *Index) Fields() []flow.Field {
	list := make([]flow.Field, len(x.fields))
	for i, f := range x.fields {
		list[i] = f.Field
	}
	return list
}

// Unready returns the declared fields that need a Builder.
func (x *Index) Unready() []flow.Field {
	var list []flow.Field
	for _, f := range x.fields {
		if !f.ready {
			list = append(list, f.Field)
		}
	}
	return list
}

// Add adds a row with its payload. Rows come in ascending order.
func (x *Index) Add(row uint32, payload []byte) {
	if row < x.next {
		panic("filter: rows must ascend")
	}
	x.next = row + 1
	x.live.Add(row)
	if len(x.fields) == 0 {
		return
	}
	x.doc.read(payload)
	for _, f := range x.fields {
		x.scratch = f.add(row, &x.doc, x.scratch)
		f.tidy(x.live)
	}
	x.doc.b = nil
}

// Remove takes a row out. What fields hold of it is dropped later.
func (x *Index) Remove(row uint32) { x.live.Remove(row) }

// Bytes is an estimate of the memory of the index.
func (x *Index) Bytes() uint64 {
	n := x.live.GetSizeInBytes()
	for _, f := range x.fields {
		n += f.bytes()
	}
	return n
}

// View returns the index as it is. It costs little, whatever its size.
func (x *Index) View() *View {
	v := &View{live: x.live.Clone(), fields: make([]*field, len(x.fields))}
	for i, f := range x.fields {
		v.fields[i] = f.view()
	}
	return v
}

// Builder makes the index of a declared field for the rows that were there before.
// It is for one goroutine, any.
type Builder struct {
	field   *field
	doc     document
	scratch []uint32
}

// Builder returns a builder of a field that is not ready; nil if there is no such one.
// Its rows are those below Rows that are live at any time from now on.
func (x *Index) Builder(path string) *Builder {
	i := x.position(path)
	if i < 0 || x.fields[i].ready {
		return nil
	}
	b := &Builder{field: newField(x.fields[i].Field, x.fields[i].from)}
	b.doc.keys = []string{b.field.path[0].key}
	return b
}

// Rows is the first row that the index has without the builder.
func (b *Builder) Rows() uint32 { return b.field.from }

// Add adds a row with its payload. Rows come in ascending order.
func (b *Builder) Add(row uint32, payload []byte) {
	b.doc.read(payload)
	b.scratch = b.field.add(row, &b.doc, b.scratch)
	b.field.tidy(nil)
}

// Attach puts what a builder made into the index. It is false if the field has been
// removed or declared anew since.
func (x *Index) Attach(b *Builder) bool {
	i := x.position(b.field.Path)
	if i < 0 {
		return false
	}
	f := x.fields[i]
	if f.ready || f.Field != b.field.Field || f.from != b.field.from {
		return false
	}
	f.precede(b.field)
	return true
}
