package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// jsonRows reads one object a line; empty lines are passed over.
type jsonRows struct {
	lines  *bufio.Scanner
	fields Fields
	// first is the row that openJSONL read to learn the dimension.
	first *Row
}

func (r *Reader) openJSONL(fields Fields) error {
	if fields.Vector == "" {
		return errors.New("the name of the vector's field is empty")
	}
	j := &jsonRows{lines: bufio.NewScanner(r.in), fields: fields}
	j.lines.Buffer(make([]byte, 1<<16), maxLineBytes)
	r.rows = j
	var row Row
	switch err := j.read(&row); {
	case err == io.EOF:
		return nil
	case err != nil:
		return fmt.Errorf("row 0: %w", err)
	}
	j.first = &row
	return r.setShape(-1, int64(len(row.Vector)))
}

func (j *jsonRows) read(row *Row) error {
	if j.first != nil {
		*row, j.first = *j.first, nil
		return nil
	}
	for j.lines.Scan() {
		if line := bytes.TrimSpace(j.lines.Bytes()); len(line) > 0 {
			return j.parse(line, row)
		}
	}
	if err := j.lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("the line is longer than %d bytes", maxLineBytes)
		}
		return err
	}
	return io.EOF
}

func (j *jsonRows) parse(line []byte, row *Row) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		if err == nil {
			err = errors.New("it is null")
		}
		return fmt.Errorf("not a JSON object: %w", err)
	}
	vector, ok := object[j.fields.Vector]
	if !ok {
		return fmt.Errorf("there is no field %q", j.fields.Vector)
	}
	row.Vector = row.Vector[:0]
	if err := json.Unmarshal(vector, &row.Vector); err != nil {
		return fmt.Errorf("field %q is not an array of numbers: %w", j.fields.Vector, err)
	}
	if bytes.Contains(vector, []byte("null")) {
		return fmt.Errorf("field %q holds a null", j.fields.Vector) // which Unmarshal would make a zero
	}
	if j.fields.ID != "" {
		id, err := parseID(object[j.fields.ID])
		if err != nil {
			return fmt.Errorf("field %q %w", j.fields.ID, err)
		}
		row.ID = id
	}
	payload := object[j.fields.Payload]
	if j.fields.Payload == "" || len(payload) == 0 || string(payload) == "null" {
		return nil
	}
	if payload[0] != '{' {
		return fmt.Errorf("field %q is not an object", j.fields.Payload)
	}
	row.Payload = bytes.Clone(payload)
	return nil
}

func parseID(raw json.RawMessage) (flow.PointID, error) {
	if len(raw) == 0 {
		return "", errors.New("is not there; number the rows instead by leaving the id field's name empty")
	}
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", err
		}
		id, err := flow.StringID(s)
		if err != nil {
			return "", errors.Unwrap(err)
		}
		return id, nil
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return "", fmt.Errorf("is %.40s, neither an unsigned integer nor a string", raw)
	}
	return flow.NumberID(n), nil
}
