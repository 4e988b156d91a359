package flow

// FiguresRequest asks a node for what it keeps, for its operator. It is answered from
// memory, by what the node knows of itself alone.
type FiguresRequest struct {
	// MaxSlices is how many slices are told one by one.
	MaxSlices int
}

// FiguresResponse holds it.
type FiguresResponse struct {
	Outcome
	// Slices holds what each shard of the node has of each collection, the oldest
	// collections first, then by shard. Beyond MaxSlices they are added up in Others, which
	// stands for OtherSlices of them and has neither shard nor name.
	Slices      []SliceFigures
	Others      SliceFigures
	OtherSlices int
	// GraphBuilds, GraphTransfers and GraphStores count the graphs that are being built
	// (taking GraphBuildBytes of memory), fetched or loaded, and stored; GraphsWaiting those
	// that a segment should have and nobody works at.
	GraphBuilds, GraphTransfers, GraphStores, GraphsWaiting int
	GraphBuildBytes                                         uint64
	// GraphsJoined counts the graphs that bridges join with others of their collection.
	GraphsJoined int
	// Moves is how many moves of shards are under way in the cluster.
	Moves int
}

// SliceFigures describes a shard's part of a collection on one node.
type SliceFigures struct {
	Shard      ShardID
	Collection string
	Points     uint64
	// MemoryBytes is what its points, graphs and payload indexes take in memory, DiskBytes
	// what its rows and stored graphs take of the disk, measured some seconds ago.
	MemoryBytes, DiskBytes uint64
	// Segments is how many segments it has, Graphs how many of them are searched by their graph.
	Segments, Graphs int
}

func (*FiguresRequest) request() {}
