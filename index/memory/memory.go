// Package memory is the seam between the index and the memory that holds its vectors
// and links: large arrays without pointers, that one wants neither scanned nor counted
// by the garbage collector. It knows nothing of what they hold.
package memory

import "unsafe"

// Align is what the first byte of a Block's address is a multiple of: a cache line.
const Align = 64

// Source gives out memory.
type Source interface {
	// Alloc returns a block of that many zero bytes, at an address that is a multiple of
	// Align. It panics when there is none, as the Go heap does. The memory is given back
	// some time after the block has become unreachable.
	Alloc(bytes int) *Block
}

// Block is a piece of memory. Its bytes may be used while the Block is reachable, and
// no longer: whoever keeps a slice of them keeps the Block too, and says so with
// runtime.KeepAlive at the end of what uses the slice alone.
type Block struct{ data []byte }

// NewBlock returns a block over a Source's memory. The block does not own it: the
// Source watches for the block to become unreachable.
func NewBlock(data []byte) *Block { return &Block{data: data} }

// Bytes returns the memory of the block; nil for a nil block.
func (b *Block) Bytes() []byte {
	if b == nil {
		return nil
	}
	return b.data
}

// Float32s returns the memory as floats in the order of this machine.
func (b *Block) Float32s() []float32 { return view[float32](b) }

// Uint32s returns the memory as numbers in the order of this machine.
func (b *Block) Uint32s() []uint32 { return view[uint32](b) }

// Uint64s returns the memory as numbers in the order of this machine.
func (b *Block) Uint64s() []uint64 { return view[uint64](b) }

// Int8s returns the memory as signed bytes.
func (b *Block) Int8s() []int8 { return view[int8](b) }

func view[T int8 | uint32 | uint64 | float32](b *Block) []T {
	var zero T
	data := b.Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/int(unsafe.Sizeof(zero)))
}

// Heap is the Source over the Go heap: for tests and simulations, and the default.
type Heap struct{}

// Alloc returns a block of the Go heap.
func (Heap) Alloc(bytes int) *Block {
	if bytes == 0 {
		return &Block{}
	}
	data := make([]byte, bytes+Align-1)
	skip := int(-uintptr(unsafe.Pointer(&data[0])) & (Align - 1))
	return &Block{data: data[skip : skip+bytes : skip+bytes]}
}
