package flow

// EstimateRequest asks what a collection would take, before it is created. Nothing is
// created.
type EstimateRequest struct {
	// Collection is what would be created.
	Collection CreateCollectionRequest
	// Points is how many points it would hold; IDBytes and PayloadBytes are the mean
	// length of an id, 0 for that of a number, and of a payload.
	Points                uint64
	IDBytes, PayloadBytes int
}

// EstimateResponse tells it. The figures are of points that are indexed; while graphs are
// built, memory and disk take more, and so do points that are overwritten. Beside it a
// node keeps logs of up to 8 MiB a shard.
type EstimateResponse struct {
	Outcome
	// MemoryBytes and DiskBytes are of one copy of all points, and there would be so many.
	MemoryBytes, DiskBytes uint64
	Copies                 int
	// NodeMemoryBytes and NodeDiskBytes are the mean share of a node.
	NodeMemoryBytes, NodeDiskBytes uint64
	// Problems says, a sentence each, which node has no room for its share.
	Problems []string
}

// MaxEstimatePoints is the most points that an estimate may be asked of.
const MaxEstimatePoints = 1 << 40

func (*EstimateRequest) request() {}
