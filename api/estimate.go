package api

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// estimate serves POST /collections/{c}/estimate: the body is that of the collection's
// creation, which does not happen.
func (x *exchange) estimate() error {
	p := x.params(estimateParams)
	req := &flow.EstimateRequest{
		Collection: flow.CreateCollectionRequest{Name: x.name()}, Points: p.number("points", flow.MaxEstimatePoints),
		IDBytes: int(p.number("id_bytes", flow.MaxPointIDBytes)), PayloadBytes: int(p.number("payload_bytes", flow.MaxPayloadBytes)),
	}
	if !p.values.Has("points") {
		p.fail(scan.Wrong("points", "is missing"))
	}
	if err := p.done(); err != nil {
		return err
	}
	if err := decodeCreate(x.body, &req.Collection); err != nil {
		return err
	}
	r, err := do[*flow.EstimateResponse](x, req)
	if err != nil {
		return err
	}
	return x.replyJSON(nil, client.Estimate{
		Points: req.Points, MemoryBytes: r.MemoryBytes, DiskBytes: r.DiskBytes, Copies: r.Copies,
		NodeMemoryBytes: r.NodeMemoryBytes, NodeDiskBytes: r.NodeDiskBytes, Fits: len(r.Problems) == 0, Problems: r.Problems,
	})
}
