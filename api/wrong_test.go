package api

import (
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	upsertAt = "PUT /collections/c/points"
	deleteAt = "POST /collections/c/points/delete"
	searchAt = "POST /collections/c/points/search"
	queryAt  = "POST /collections/c/points/query"
	getAt    = "POST /collections/c/points"
	scrollAt = "POST /collections/c/points/scroll"
	countAt  = "POST /collections/c/points/count"
	createAt = "PUT /collections/new"
)

// wrongBodies are requests that are wrong in one way each, with the status and a
// part of the error they get. The collection c has 2 dimensions.
var wrongBodies = []struct {
	request, body string
	status        int
	says          string
}{
	{upsertAt, ``, 400, "malformed JSON"},
	{upsertAt, `{`, 400, "malformed JSON"},
	{upsertAt, `[]`, 400, "expected an object, found an array"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2]}]} x`, 400, "something follows"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],}]}`, 400, "malformed JSON"},
	{upsertAt, `{"points":[{"id":1,"vector":[NaN,2]}]}`, 400, "points[0].vector[0]: malformed JSON"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,Infinity]}]}`, 400, "malformed JSON"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,1e39]}]}`, 400, "points[0].vector[1]: 1e39 does not fit a 32-bit float"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,01]}]}`, 400, "must not begin with 0"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,"2"]}]}`, 400, "points[0].vector[1]: expected a number, found a string"},
	{upsertAt, `{"points":[{"id":1,"vector":[[1,2]]}]}`, 400, "points[0].vector[0]: expected a number, found an array"},
	{upsertAt, `{"points":[{"id":1,"vector":{"image":[1,2]}}]}`, 400, "points[0].vector: named, sparse and inferred vectors are not supported"},
	{upsertAt, `{"points":[{"id":1,"vector":[]}]}`, 400, "points[0].vector: is empty"},
	{upsertAt, `{"points":[{"id":1}]}`, 400, "points[0].vector: is missing"},
	{upsertAt, `{"points":[{"vector":[1,2]}]}`, 400, "points[0].id: is missing"},
	{upsertAt, `{"points":[{"id":-1,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer"},
	{upsertAt, `{"points":[{"id":1.5,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer"},
	{upsertAt, `{"points":[{"id":18446744073709551616,"vector":[1,2]}]}`, 400, "below 2^64"},
	{upsertAt, `{"points":[{"id":"","vector":[1,2]}]}`, 400, "points[0].id: id is empty"},
	{upsertAt, `{"points":[{"id":"` + strings.Repeat("x", 513) + `","vector":[1,2]}]}`, 400, "id is 513 bytes long"},
	{upsertAt, `{"points":[{"id":"\ud800","vector":[1,2]}]}`, 400, "surrogate"},
	{upsertAt, "{\"points\":[{\"id\":\"\xff\",\"vector\":[1,2]}]}", 400, "not UTF-8"},
	{upsertAt, `{"points":[{"id":true,"vector":[1,2]}]}`, 400, "points[0].id: expected an unsigned integer or a string, found a boolean"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],"payload":[1]}]}`, 400, "points[0].payload: expected an object, found an array"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],"payload":{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}]}`, 400, "deep"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],"if_version":-1}]}`, 400, "points[0].if_version"},
	{upsertAt, `{"points":[{"id":1,"id":2,"vector":[1,2]}]}`, 400, "points[0].id: is there twice"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],"score":1}]}`, 400, "points[0].score: is not a field of this request"},
	{upsertAt, `{"points":[]}`, 422, "at least one point"},
	{upsertAt, `{}`, 400, "either points or batch"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2]}],"batch":{"ids":[1],"vectors":[[1,2]]}}`, 400, "either points or batch"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2]}],"shard_key":"a"}`, 400, "shard_key: is not supported"},
	{upsertAt, `{"batch":{"ids":[1,2],"vectors":[[1,2]]}}`, 400, "batch: has 2 ids, 1 vectors"},
	{upsertAt, `{"batch":{"ids":[1],"vectors":{"image":[[1,2]]}}}`, 400, "batch.vectors: expected an array, found an object"},
	{upsertAt, `{"batch":{"ids":[],"vectors":[]}}`, 422, "batch.ids"},
	{upsertAt, `{"points":[` + strings.Repeat(`{"id":1,"vector":[1]},`, flow.MaxBatchPoints) + `{"id":1,"vector":[1]}]}`, 400, "more than 10000"},
	{upsertAt, `{"points":[{"id":1,"vector":[` + strings.Repeat("1,", flow.MaxDim) + `1]}]}`, 400, "more than 65536 components"},
	{upsertAt, `{"points":[{"id":1,"vector":[1,2],"payload":{"a":"` + strings.Repeat("x", flow.MaxPayloadBytes) + `"}}]}`, 400, "the limit is 1048576"},
	{upsertAt, `{"points":[` + strings.Repeat(`{"id":1,"vector":[1`+strings.Repeat(",1", flow.MaxDim-1)+`]},`, 257) + `{"id":1,"vector":[1]}]}`, 400, "points[256].vector: vectors and payloads take more than 67108864 bytes"},
	{upsertAt + "?wiat=true", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "wiat: is not a query parameter"},
	{upsertAt + "?wait=maybe", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "wait: "},
	{upsertAt + "?ordering=chaotic", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "ordering: "},
	{upsertAt + "?timeout=-1", `{"points":[{"id":1,"vector":[1,2]}]}`, 400, "timeout: "},
	{deleteAt, `{"points":[]}`, 422, "at least one point"},
	{deleteAt, `{"filter":{"must":[]},"points":[1]}`, 400, "filter: is there beside points"},
	{deleteAt, `{"filter":null}`, 400, "points: is missing"},
	{deleteAt, `{"points":[{"if_version":3}]}`, 400, "points[0].id: is missing"},
	{deleteAt, `{}`, 400, "points: is missing"},
	{deleteAt, `{"points":[` + strings.Repeat("1,", flow.MaxBatchPoints) + `1]}`, 400, "more than 10000"},
	{getAt, `{"ids":[]}`, 422, "ids: there must be at least one"},
	{getAt, `{}`, 400, "ids: is missing"},
	{getAt, `{"ids":[1],"with_payload":["a"]}`, 400, "with_payload: choosing parts is not supported"},
	{getAt, `{"ids":[1],"with_vectors":true}`, 400, "with_vectors: is not a field"},
	{getAt + "?level=strong", `{"ids":[1]}`, 400, "level: "},
	{getAt + "?level=session", `{"ids":[1]}`, 400, "session: is missing"},
	{getAt + "?session=%21", `{"ids":[1]}`, 400, "session: "},
	{getAt + "?level=bounded", `{"ids":[1]}`, 400, "max_staleness_ms: is missing"},
	{getAt + "?max_staleness_ms=x", `{"ids":[1]}`, 400, "max_staleness_ms: "},
	{getAt + "?consistency=0", `{"ids":[1]}`, 400, "consistency: "},
	{getAt + "?partial=true&partial=false", `{"ids":[1]}`, 400, "partial: is there twice"},
	{searchAt, `{"vector":[1,2],"limit":0}`, 422, "limit: 0 is not from 1 to 10000"},
	{searchAt, `{"vector":[1,2],"limit":10001}`, 422, "limit: "},
	{searchAt, `{"vector":[1,2],"limit":9000,"offset":9000}`, 422, "limit: with offset"},
	{searchAt, `{"vector":[1,2]}`, 400, "limit: is missing"},
	{searchAt, `{"limit":3}`, 400, "vector: is missing"},
	{searchAt, `{"vector":{"name":"image","vector":[1,2]},"limit":3}`, 400, "vector: named and sparse vectors are not supported"},
	{searchAt, `{"vector":[1,2],"limit":3,"filter":{"must":[}}`, 400, "filter: malformed JSON"},
	{searchAt, `{"vector":[1,2],"limit":3,"params":{"hnsw_ef":10,"exact":1}}`, 400, "params.exact: expected true or false"},
	{"PUT /collections/d", `{"vectors":{"size":2,"distance":"Dot"},"hnsw_config":{"m":0}}`, 422, "hnsw_config.m: 0 is not from 2 to 128"},
	{"PUT /collections/d", `{"vectors":{"size":2,"distance":"Dot"},"quantization_config":{"scalar":{"type":"int4"}}}`, 400, "quantization_config.scalar.type: \"int4\" is not supported"},
	{"PUT /collections/d", `{"vectors":{"size":2,"distance":"Dot"},"quantization_config":{"product":{}}}`, 400, "quantization_config.product: is not supported"},
	{"PUT /collections/d", `{"vectors":{"size":2,"distance":"Dot"},"quantization_config":{"scalar":{"type":"int8"},"binary":{}}}`, 400, "beside another"},
	{searchAt, `{"vector":[1,2],"limit":3,"params":{"hnsw_ef":0}}`, 422, "params.hnsw_ef: 0 is not from 1 to 10000"},
	{searchAt, `{"vector":[1,2],"limit":3,"params":{"quantization":{"oversampling":0.5}}}`, 422, "params.quantization.oversampling: 0.5 is not from 1 to 64"},
	{searchAt, `{"vector":[1,2],"limit":3,"params":{"efsearch":10}}`, 400, "params.efsearch: is not a field"},
	{searchAt, `{"vector":[1,2,3],"limit":3}`, 400, "vector has 3 components, the collection has dimension 2"},
	{queryAt, `{"query":[1,2],"prefetch":[{}]}`, 400, "prefetch: is not supported"},
	{queryAt, `{"query":[1,2],"using":"image"}`, 400, "using: named vectors are not supported"},
	{queryAt, `{"query":{"recommend":{"positive":[1]}}}`, 400, "query.recommend: is not supported"},
	{queryAt, `{"query":{"fusion":"rrf"}}`, 400, "query.fusion: is not supported"},
	{queryAt, `{"limit":3}`, 400, "query: is missing"},
	{queryAt, `{"query":99}`, 404, "no point 99"},
	{scrollAt, `{"limit":0}`, 422, "limit: 0"},
	{scrollAt, `{"order_by":"a"}`, 400, "order_by: is not supported"},
	{scrollAt, `{"offset":-3}`, 400, "offset: "},
	{countAt, `{"exact":"yes"}`, 400, "exact: expected true or false"},
	{"POST /collections/d/estimate", `{"vectors":{"size":2,"distance":"Dot"}}`, 400, "points: is missing"},
	{"POST /collections/d/estimate?points=-1", `{"vectors":{"size":2,"distance":"Dot"}}`, 400, "points: \"-1\" is not a whole number"},
	{"POST /collections/d/estimate?points=1", `{}`, 400, "vectors: is missing"},
	{"PUT /collections/c/index", `{"field_schema":"keyword"}`, 400, "field_name: is missing"},
	{"PUT /collections/c/index", `{"field_name":"a"}`, 400, "field_schema: is missing"},
	{"PUT /collections/c/index", `{"field_name":"a","field_schema":"word"}`, 400, "field_schema: \"word\" is not one of keyword, integer,"},
	{"PUT /collections/c/index", `{"field_name":"a","field_schema":{"type":"text","tokenizer":"prefix"}}`, 400, "field_schema.tokenizer: \"prefix\" is not supported"},
	{"PUT /collections/c/index", `{"field_name":"a","field_schema":{"type":"text","stopwords":"english"}}`, 400, "field_schema.stopwords: is not supported"},
	{countAt, `{"filter":{"must":1}`, 400, "malformed JSON"},
	{createAt, `{}`, 400, "vectors: is missing"},
	{createAt, `{"vectors":{"size":3}}`, 400, "vectors.distance: is missing"},
	{createAt, `{"vectors":{"distance":"Dot"}}`, 400, "vectors.size: is missing"},
	{createAt, `{"vectors":{"size":0,"distance":"Dot"}}`, 422, "vectors.size: 0"},
	{createAt, `{"vectors":{"size":65537,"distance":"Dot"}}`, 422, "vectors.size: 65537"},
	{createAt, `{"vectors":{"size":3,"distance":"Hamming"}}`, 400, "Hamming"},
	{createAt, `{"vectors":{"image":{"size":3,"distance":"Dot"}}}`, 400, "vectors.image: is not a field"},
	{createAt, `{"vectors":{"size":3,"distance":"Dot","multivector_config":{"comparator":"max_sim"}}}`, 400, "vectors.multivector_config: is not supported"},
	{createAt, `{"vectors":{"size":3,"distance":"Dot","datatype":"uint8"}}`, 400, "vectors.datatype: "},
	{createAt, `{"vectors":{"size":3,"distance":"Dot"},"sparse_vectors":{"text":{}}}`, 400, "sparse_vectors: sparse vectors are not supported"},
	{createAt, `{"vectors":{"size":3,"distance":"Dot"},"sharding_method":"custom"}`, 400, "sharding_method: "},
	{createAt, `{"vectors":{"size":3,"distance":"Dot"},"shards":3}`, 400, "shards: is not a field"},
	{"PUT /collections/" + strings.Repeat("x", 256), `{"vectors":{"size":3,"distance":"Dot"}}`, 400, "collection name: is 256 bytes long"},
	{"POST /cluster/join", `{"name":"n","addr":"a:1","nonce":"00"}`, 400, "nonce: is not 32 hexadecimal digits"},
	{"POST /cluster/join", `{"addr":"a:1","nonce":"00"}`, 400, "nonce"},
	{"POST /cluster/verify", `{"all":true}`, 400, "all: is not a field"},
	{"GET /nowhere", ``, 404, "there is no /nowhere"},
	{"PATCH /collections/c", ``, 405, "PATCH is not possible here, only GET and PUT and DELETE"},
}

// TestWrongBodies: the answer names the field, and nothing changes.
func TestWrongBodies(t *testing.T) {
	for _, c := range wrongBodies {
		f, h := withCollection(t, flow.Euclid)
		method, target, _ := strings.Cut(c.request, " ")
		w := request(h, method, target, c.body)
		e := errorOf(t, w)
		if w.Code != c.status || !strings.Contains(e.Error, c.says) {
			t.Errorf("%s %.120s: got %d %q, want %d and %q", c.request, c.body, w.Code, e.Error, c.status, c.says)
		}
		if f.writes != 0 || len(f.collections) != 1 {
			t.Errorf("%s %.120s: something changed", c.request, c.body)
		}
	}
}
