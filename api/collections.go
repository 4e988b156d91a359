package api

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// createCollection serves PUT /collections/{c}.
func (x *exchange) createCollection() error {
	p := x.params(waitParams)
	req := &flow.CreateCollectionRequest{Name: x.name(), Timeout: p.timeout()}
	if err := p.done(); err != nil {
		return err
	}
	if len(req.Name) > flow.MaxCollectionNameBytes {
		return scan.Wrong("collection name", "is %d bytes long, the limit is %d", len(req.Name), flow.MaxCollectionNameBytes)
	}
	if err := decodeCreate(x.body, req); err != nil {
		return err
	}
	if _, err := do[*flow.CreateCollectionResponse](x, req); err != nil {
		return err
	}
	return x.replyJSON(nil, true)
}

// dropCollection serves DELETE /collections/{c}.
func (x *exchange) dropCollection() error {
	p := x.params(waitParams)
	req := &flow.DropCollectionRequest{Name: x.name(), Timeout: p.timeout()}
	if err := p.done(); err != nil {
		return err
	}
	if _, err := do[*flow.DropCollectionResponse](x, req); err != nil {
		return err
	}
	return x.replyJSON(nil, true)
}

// catalogue reads the collections.
func (x *exchange) catalogue(o flow.ReadOptions) (*flow.ListCollectionsResponse, error) {
	resp, err := do[*flow.ListCollectionsResponse](x, &flow.ListCollectionsRequest{Read: o})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// listCollections serves GET /collections.
func (x *exchange) listCollections() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	resp, err := x.catalogue(o)
	if err != nil {
		return err
	}
	list := client.CollectionList{Collections: make([]client.CollectionDescription, len(resp.Collections))}
	for i, c := range resp.Collections {
		list.Collections[i] = client.CollectionDescription{Name: c.Name, Size: c.Dim, Distance: c.Metric.String()}
	}
	return x.replyJSON(nil, list)
}

// row finds the path's collection in the catalogue.
func (x *exchange) row(o flow.ReadOptions) (flow.Collection, error) {
	resp, err := x.catalogue(o)
	if err != nil {
		return flow.Collection{}, err
	}
	i := slices.IndexFunc(resp.Collections, func(c flow.Collection) bool { return c.Name == x.name() })
	if i < 0 {
		return flow.Collection{}, flow.Errorf(flow.NotFound, "api.collection", "there is no collection %q", x.name())
	}
	return resp.Collections[i], nil
}

// collectionExists serves GET /collections/{c}/exists.
func (x *exchange) collectionExists() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	_, err = x.row(o)
	if err != nil && flow.KindOf(err) != flow.NotFound {
		return err
	}
	return x.replyJSON(nil, map[string]bool{"exists": err == nil})
}

// collection serves GET /collections/{c}.
func (x *exchange) collection() error {
	o, err := x.params(readParams).read()
	if err != nil {
		return err
	}
	row, err := x.row(o)
	if err != nil {
		return err
	}
	n, err := x.countOf(&flow.CountRequest{Collection: row.Name, Read: o})
	if err != nil {
		return err
	}
	s, err := do[*flow.StatusResponse](x, &flow.StatusRequest{})
	if err != nil {
		return err
	}
	schema, err := x.payloadSchema(&row, o)
	if err != nil {
		return err
	}
	info := client.CollectionInfo{
		PayloadSchema:   schema,
		MemoryBytes:     n.MemoryBytes,
		DiskBytes:       n.DiskBytes,
		Status:          "green",
		OptimizerStatus: "ok",
		PointsCount:     n.Count,
		SegmentsCount:   n.Segments,
		Config: client.CollectionConfig{Params: client.CollectionParams{
			Vectors:           client.VectorParams{Size: row.Dim, Distance: row.Metric.String()},
			ShardNumber:       len(s.Shards),
			ReplicationFactor: s.ReplicationFactor,
		}, HnswConfig: client.HnswConfig{M: row.M, EfConstruct: row.EfConstruct}, QuantizationConfig: client.QuantizationOf(row.Quantization)},
	}
	switch {
	case len(n.Missing) > 0:
		info.Status = "red"
	case healthView(s).Status != client.Healthy:
		info.Status = "yellow"
	}
	return x.replyJSON(&n.ReadInfo, info)
}
