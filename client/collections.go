package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// CreateCollection makes a collection; the request's Timeout is not used, ctx bounds
// the call. If an attempt went without an answer and a later one finds a collection of the same
// name and shape, that counts as success.
func (c *Client) CreateCollection(ctx context.Context, r flow.CreateCollectionRequest) error {
	const op = "client.CreateCollection"
	shape := shapeOf(&r)
	body, err := json.Marshal(shape)
	if err != nil {
		return flow.Errorf(flow.Internal, op, "encode the request: %w", err)
	}
	a, err := c.do(ctx, &call{op: op, method: http.MethodPut, path: collectionPath(r.Name, ""), body: body, write: true}, nil)
	if flow.KindOf(err) != flow.AlreadyExists || !a.unsure {
		return err
	}
	info, infoErr := c.Collection(ctx, r.Name)
	if infoErr == nil && info.Config.Params.Vectors == shape.Vectors && info.Config.IndexParams() == r.WithDefaults() {
		return nil
	}
	return err
}

// shapeOf returns the body that makes a collection.
func shapeOf(r *flow.CreateCollectionRequest) CreateCollection {
	shape := CreateCollection{Vectors: VectorParams{Size: r.Dim, Distance: r.Metric.String()}, QuantizationConfig: QuantizationOf(r.Quantization)}
	if r.M != 0 || r.EfConstruct != 0 {
		shape.HnswConfig = &HnswParams{M: r.M, EfConstruct: r.EfConstruct}
	}
	return shape
}

// EstimateCollection tells what a collection would take, and creates nothing.
func (c *Client) EstimateCollection(ctx context.Context, r flow.EstimateRequest) (Estimate, error) {
	const op = "client.EstimateCollection"
	var e Estimate
	body, err := json.Marshal(shapeOf(&r.Collection))
	if err != nil {
		return e, flow.Errorf(flow.Internal, op, "encode the request: %w", err)
	}
	query := url.Values{"points": {strconv.FormatUint(r.Points, 10)}, "id_bytes": {strconv.Itoa(r.IDBytes)}, "payload_bytes": {strconv.Itoa(r.PayloadBytes)}}
	_, err = c.do(ctx, &call{op: op, method: http.MethodPost, path: collectionPath(r.Collection.Name, "/estimate"), query: query, body: body}, &e)
	return e, err
}

// IndexParams returns the parameters of the collection's graphs.
func (c *CollectionConfig) IndexParams() flow.IndexParams {
	return flow.IndexParams{M: c.HnswConfig.M, EfConstruct: c.HnswConfig.EfConstruct, Quantization: c.QuantizationConfig.Quantization()}
}

// DropCollection removes a collection and its points, or answers NotFound. If an
// attempt went without an answer, NotFound on a later one counts as success.
func (c *Client) DropCollection(ctx context.Context, name string) error {
	a, err := c.do(ctx, &call{op: "client.DropCollection", method: http.MethodDelete, path: collectionPath(name, ""), write: true}, nil)
	if flow.KindOf(err) == flow.NotFound && a.unsure {
		return nil
	}
	return err
}

// ListCollections returns the catalogue by name.
func (c *Client) ListCollections(ctx context.Context) ([]CollectionDescription, error) {
	var list CollectionList
	_, err := c.do(ctx, &call{op: "client.ListCollections", method: http.MethodGet, path: "/collections"}, &list)
	return list.Collections, err
}

// Collection describes one collection, or answers NotFound.
func (c *Client) Collection(ctx context.Context, name string) (CollectionInfo, error) {
	var info CollectionInfo
	_, err := c.do(ctx, &call{op: "client.Collection", method: http.MethodGet, path: collectionPath(name, "")}, &info)
	return info, err
}

// DeclareField has a field of the payloads indexed, instead of what was declared for its
// path before. Filters on it become faster once every replica has made its index.
func (c *Client) DeclareField(ctx context.Context, collection string, f flow.Field) error {
	const op = "client.DeclareField"
	body, err := json.Marshal(FieldIndex{FieldName: f.Path, FieldSchema: f.Kind.String()})
	if err != nil {
		return flow.Errorf(flow.Internal, op, "encode the request: %w", err)
	}
	_, err = c.do(ctx, &call{op: op, method: http.MethodPut, path: collectionPath(collection, "/index"), body: body, write: true}, nil)
	return err
}

// ForgetField ends the index of a field; it is no error if there is none.
func (c *Client) ForgetField(ctx context.Context, collection, path string) error {
	_, err := c.do(ctx, &call{op: "client.ForgetField", method: http.MethodDelete, path: collectionPath(collection, "/index/"+url.PathEscape(path)), write: true}, nil)
	return err
}
