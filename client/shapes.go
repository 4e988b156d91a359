package client

import (
	"bytes"
	"encoding/json"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Names of the headers beyond HTTP's own.
const (
	// HeaderRequestID carries a write's flow.RequestID, both ways.
	HeaderRequestID = "X-Request-Id"
	// HeaderSession carries the flow.SessionToken of the answer.
	HeaderSession = "X-Session-Token"
	// HeaderOutcome is "unknown" when a write may or may not have happened.
	HeaderOutcome = "X-Outcome"
)

// ID is a point id in JSON: an unsigned integer or a string, as it was given.
type ID flow.PointID

// MarshalJSON writes a number for a number and a string for a string.
func (id ID) MarshalJSON() ([]byte, error) { return AppendID(nil, flow.PointID(id)), nil }

// UnmarshalJSON reads an unsigned integer below 2^64 or a string.
func (id *ID) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		p, err := flow.StringID(s)
		*id = ID(p)
		return err
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return flow.Errorf(flow.InvalidArgument, "client.ID", "id %s is neither an unsigned integer nor a string", b)
	}
	*id = ID(flow.NumberID(n))
	return nil
}

// Envelope is around every answer. Status is "ok", or an object with the error.
type Envelope struct {
	Result json.RawMessage `json:"result,omitempty"`
	Status json.RawMessage `json:"status"`
	// Time is how long the server took, in seconds.
	Time float64 `json:"time"`
	// MissingShards names the shards (0-based) a partial read lacks.
	MissingShards []int `json:"missing_shards,omitempty"`
	// Stale says that nothing bounds the answer's age (level any).
	Stale bool `json:"stale,omitempty"`
	// Session is the session token of a read.
	Session string `json:"session,omitempty"`
}

// ErrorStatus is the Status of a refused or failed request.
type ErrorStatus struct {
	Error string `json:"error"`
	// Kind is the flow.Kind in words; Shard the 0-based shard it concerns.
	Kind  string `json:"kind,omitempty"`
	Shard *int   `json:"shard,omitempty"`
}

// VectorParams is the shape of a collection's vectors.
type VectorParams struct {
	Size     int    `json:"size"`
	Distance string `json:"distance"`
}

// CreateCollection is the body of PUT /collections/{c}.
type CreateCollection struct {
	Vectors            VectorParams        `json:"vectors"`
	HnswConfig         *HnswParams         `json:"hnsw_config,omitempty"`
	QuantizationConfig *QuantizationConfig `json:"quantization_config,omitempty"`
}

// HnswParams asks for the shape of a collection's graphs; a zero is left out.
type HnswParams struct {
	M           int `json:"m,omitempty"`
	EfConstruct int `json:"ef_construct,omitempty"`
}

// QuantizationConfig holds one of its fields.
type QuantizationConfig struct {
	Scalar *ScalarQuantization `json:"scalar,omitempty"`
	Binary *struct{}           `json:"binary,omitempty"`
}

// ScalarQuantization says what a component becomes; Type is "int8".
type ScalarQuantization struct {
	Type string `json:"type"`
}

// QuantizationOf returns a quantization's shape, nil for none.
func QuantizationOf(q flow.Quantization) *QuantizationConfig {
	switch q {
	case flow.Int8:
		return &QuantizationConfig{Scalar: &ScalarQuantization{Type: "int8"}}
	case flow.Binary:
		return &QuantizationConfig{Binary: &struct{}{}}
	}
	return nil
}

// Quantization is the inverse of QuantizationOf.
func (c *QuantizationConfig) Quantization() flow.Quantization {
	switch {
	case c != nil && c.Scalar != nil:
		return flow.Int8
	case c != nil && c.Binary != nil:
		return flow.Binary
	}
	return flow.NoQuantization
}

// CollectionDescription is one row of GET /collections; Size and Distance are
// additions to Qdrant's shape.
type CollectionDescription struct {
	Name     string `json:"name"`
	Size     int    `json:"size"`
	Distance string `json:"distance"`
}

// CollectionList is the result of GET /collections.
type CollectionList struct {
	Collections []CollectionDescription `json:"collections"`
}

// CollectionInfo is the result of GET /collections/{c}.
type CollectionInfo struct {
	// Status is "green", "yellow" (some replicas are missing) or "red" (some
	// shards are missing, seen only with partial=true).
	Status          string `json:"status"`
	OptimizerStatus string `json:"optimizer_status"`
	PointsCount     uint64 `json:"points_count"`
	// SegmentsCount is how many segments of the index one copy has, over all shards; the
	// latest points of each shard are in none.
	SegmentsCount int              `json:"segments_count"`
	Config        CollectionConfig `json:"config"`
	// MemoryBytes is what one copy of the collection takes in memory, DiskBytes what its
	// rows and graphs take of the disk, measured some seconds ago.
	MemoryBytes uint64 `json:"memory_bytes"`
	DiskBytes   uint64 `json:"disk_bytes"`
	// PayloadSchema holds the indexed fields of payloads by their paths.
	PayloadSchema map[string]PayloadSchema `json:"payload_schema"`
}

// PayloadSchema describes an indexed field: the kind of its index, and how many points
// have the field.
type PayloadSchema struct {
	DataType string `json:"data_type"`
	Points   uint64 `json:"points"`
}

// Estimate is the result of POST /collections/{c}/estimate.
type Estimate struct {
	Points uint64 `json:"points"`
	// MemoryBytes and DiskBytes are of one copy of all points, of which there would be Copies.
	MemoryBytes uint64 `json:"memory_bytes"`
	DiskBytes   uint64 `json:"disk_bytes"`
	Copies      int    `json:"copies"`
	// NodeMemoryBytes and NodeDiskBytes are the mean share of a node.
	NodeMemoryBytes uint64 `json:"node_memory_bytes"`
	NodeDiskBytes   uint64 `json:"node_disk_bytes"`
	// Fits says that every node has room for it; Problems says which has not.
	Fits     bool     `json:"fits"`
	Problems []string `json:"problems,omitempty"`
}

// FieldIndex is the body of PUT /collections/{c}/index.
type FieldIndex struct {
	FieldName   string `json:"field_name"`
	FieldSchema string `json:"field_schema"`
}

// CollectionConfig is the config part of CollectionInfo. The parts that describe
// machinery absent here (optimizer) hold zeros: Qdrant's client models require them.
type CollectionConfig struct {
	Params             CollectionParams    `json:"params"`
	HnswConfig         HnswConfig          `json:"hnsw_config"`
	OptimizerConfig    OptimizerConfig     `json:"optimizer_config"`
	QuantizationConfig *QuantizationConfig `json:"quantization_config,omitempty"`
}

// CollectionParams is the params part of CollectionConfig.
type CollectionParams struct {
	Vectors           VectorParams `json:"vectors"`
	ShardNumber       int          `json:"shard_number"`
	ReplicationFactor int          `json:"replication_factor"`
}

// HnswConfig describes the graphs. FullScanThreshold is zero: it exists for the models
// of Qdrant's clients.
type HnswConfig struct {
	M                 int `json:"m"`
	EfConstruct       int `json:"ef_construct"`
	FullScanThreshold int `json:"full_scan_threshold"`
}

// OptimizerConfig exists for the models of Qdrant's clients; all zero here.
type OptimizerConfig struct {
	DeletedThreshold      float64 `json:"deleted_threshold"`
	VacuumMinVectorNumber int     `json:"vacuum_min_vector_number"`
	DefaultSegmentNumber  int     `json:"default_segment_number"`
	FlushIntervalSec      int     `json:"flush_interval_sec"`
}

// PointResult is what became of one operation of a write.
type PointResult struct {
	ID ID `json:"id"`
	// Status is "applied", "absent", "conflict", "failed" or "unknown".
	Status string `json:"status"`
	// Version is the point's version after the write; 0 when there is no point.
	Version uint64 `json:"version"`
	Error   string `json:"error,omitempty"`
}

// UpdateResult is the result of an upsert or delete.
type UpdateResult struct {
	// OperationID is the largest log index the write got in any of its shards.
	OperationID uint64 `json:"operation_id"`
	// Status is "completed" with wait=true and "acknowledged" otherwise; either
	// way the write is committed by a majority. Beside an error it is
	// "incomplete", and Points tells each operation's fate.
	Status string `json:"status"`
	// Points is there when it was asked for, when an operation was conditional,
	// and when the write failed.
	Points  []PointResult `json:"points,omitempty"`
	Session string        `json:"session,omitempty"`
}

// PointRecord is a point in an answer: of a retrieve or scroll, or, with Score,
// of a search.
type PointRecord struct {
	ID      ID              `json:"id"`
	Version uint64          `json:"version"`
	Score   *float32        `json:"score,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Vector  []float32       `json:"vector,omitempty"`
}

// QueryResult is the result of POST /collections/{c}/points/query.
type QueryResult struct {
	Points []PointRecord `json:"points"`
}

// ScrollResult is the result of POST /collections/{c}/points/scroll.
type ScrollResult struct {
	Points         []PointRecord `json:"points"`
	NextPageOffset *ID           `json:"next_page_offset"`
}

// CountResult is the result of POST /collections/{c}/points/count.
type CountResult struct {
	Count uint64 `json:"count"`
}
