package api

import (
	"errors"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// The shapes of the declaration of a payload index. What only tunes one is ignored.
var (
	fieldShape  = shape{known: []string{"field_name", "field_schema"}}
	schemaShape = shape{
		known:   []string{"type", "tokenizer", "lowercase"},
		ignored: []string{"is_tenant", "is_principal", "on_disk", "lookup", "range", "enable_hnsw"},
		refused: []string{"min_token_len", "max_token_len", "stopwords", "stemmer", "ascii_folding", "prefix"},
	}
)

// declareField serves PUT /collections/{c}/index.
func (x *exchange) declareField() error {
	f, err := decodeField(x.body)
	if err != nil {
		return err
	}
	return x.declare(&flow.DeclareFieldRequest{Field: f})
}

// forgetField serves DELETE /collections/{c}/index/{field}.
func (x *exchange) forgetField() error {
	return x.declare(&flow.DeclareFieldRequest{Field: flow.Field{Path: x.r.PathValue("field")}, Remove: true})
}

func (x *exchange) declare(req *flow.DeclareFieldRequest) error {
	p := x.params(fieldParams)
	req.Collection, req.Timeout = x.name(), p.timeout()
	if err := p.done(); err != nil {
		return err
	}
	if _, err := do[*flow.DeclareFieldResponse](x, req); err != nil {
		return err
	}
	return x.replyJSON(nil, client.UpdateResult{Status: "completed"})
}

// decodeField reads {"field_name","field_schema"}; the schema is the name of a kind, or
// an object with it as "type".
func decodeField(body []byte) (f flow.Field, err error) {
	named := false
	err = decode(body, func(s *scanner) *scan.Error {
		if err := s.fields(&fieldShape, func(key string) (err *scan.Error) {
			if key == "field_name" {
				named = true
				f.Path, err = s.Text()
				return err
			}
			if s.Peek() != '{' {
				f.Kind, err = s.fieldKind()
				return err
			}
			return s.fields(&schemaShape, func(key string) (err *scan.Error) {
				switch {
				case s.Null():
				case key == "type":
					f.Kind, err = s.fieldKind()
				case key == "tokenizer":
					err = s.mustBe("word")
				default:
					var lower bool
					if lower, err = s.Bool(); err == nil && !lower {
						err = scan.Wrong("", "false is not supported: words are compared in lower case")
					}
				}
				return err
			})
		}); err != nil {
			return err
		}
		switch {
		case !named:
			return scan.Wrong("field_name", "is missing")
		case f.Kind == 0:
			return scan.Wrong("field_schema", "is missing, or its type")
		}
		return nil
	})
	return f, err
}

func (s *scanner) fieldKind() (flow.FieldKind, *scan.Error) {
	name, bad := s.Text()
	if bad != nil {
		return 0, bad
	}
	k, err := flow.ParseFieldKind(name)
	if err != nil {
		return 0, scan.Wrong("", "%v", errors.Unwrap(err))
	}
	return k, nil
}

// payloadSchema describes the indexed fields, with how many points have one.
func (x *exchange) payloadSchema(row *flow.Collection, o flow.ReadOptions) (map[string]client.PayloadSchema, error) {
	schema := map[string]client.PayloadSchema{}
	for _, f := range row.Fields {
		filter := client.AppendString([]byte(`{"must_not":{"is_empty":{"key":`), f.Path)
		n, err := x.countOf(&flow.CountRequest{Collection: row.Name, Filter: append(filter, "}}}"...), Read: o})
		if err != nil {
			return nil, err
		}
		schema[f.Path] = client.PayloadSchema{DataType: f.Kind.String(), Points: n.Count}
	}
	return schema, nil
}
