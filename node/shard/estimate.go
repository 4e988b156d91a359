package shard

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
)

const (
	// numberIDBytes is the length of a number's id.
	numberIDBytes = 9
	// rowBytes is what the rows of a point take on disk beside id, vector and payload: the
	// keys of its two or three rows, which share their beginnings, lengths and a slot.
	rowBytes = 40
	// payloadRowBytes is what a row for a payload adds to that.
	payloadRowBytes = 16
)

// Estimate returns about what a replica takes for so many points of a collection, once
// their graphs are made.
func Estimate(c flow.Collection, points uint64, idBytes, payloadBytes int) (memory, disk uint64, err error) {
	d := definitionOf(c)
	if idBytes == 0 {
		idBytes = numberIDBytes
	}
	memory, err = index.Estimate(index.Config{Dim: d.dim, Metric: d.metric, M: d.params.M, EfConstruct: d.params.EfConstruct, Quantization: d.params.Quantization}, points, idBytes)
	if err != nil {
		return 0, 0, err
	}
	memory += points * uint64(locationBytes+idBytes)
	row := 4*d.dim + 2*idBytes + rowBytes + 2*d.params.M*graphLinkBytes
	if payloadBytes > 0 {
		row += payloadBytes + payloadRowBytes
	}
	return memory, points * uint64(row), nil
}

// graphLinkBytes is what a neighbour takes in a stored graph.
const graphLinkBytes = 3
