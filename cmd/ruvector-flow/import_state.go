package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const stateSaveEvery = time.Second

// importState is how far an import is, kept in a file: the rows before Rows are
// acknowledged. It holds what must be the same for the number to mean anything.
type importState struct {
	Collection string      `json:"collection"`
	IDStart    uint64      `json:"idStart"`
	IDField    string      `json:"idField"`
	Files      []stateFile `json:"files"`
	Rows       int64       `json:"rows"`

	path  string
	saved time.Time
	// err is the first failure to save.
	err error
}

type stateFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// openImportState reads the file if there is one, and refuses that of another import.
// An empty path keeps no state.
func openImportState(path string, im *importer) (*importState, error) {
	s := &importState{Collection: im.collection, IDStart: im.idStart, IDField: im.fields.ID, path: path}
	if path == "" {
		return s, nil
	}
	for _, name := range im.files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, stateFile{abs, info.Size()})
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	var old importState
	if err := json.Unmarshal(data, &old); err != nil || old.Rows < 0 {
		return nil, fmt.Errorf("--state %s is not the progress of an import", path)
	}
	if old.Collection != s.Collection || old.IDStart != s.IDStart || old.IDField != s.IDField || !slices.Equal(old.Files, s.Files) {
		return nil, fmt.Errorf("--state %s is of another import (collection %q, files %v); give another file or remove it", path, old.Collection, old.Files)
	}
	s.Rows = old.Rows
	return s, nil
}

// save notes that the rows before this number are acknowledged. The file is replaced whole, so that a crash leaves the old or the new one.
func (s *importState) save(rows int64) error {
	if s.path == "" || rows == s.Rows && !s.saved.IsZero() {
		return nil
	}
	s.Rows = rows
	data, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(s.path+".new", data, 0o644)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	s.saved = time.Now()
	return err
}

// saveSometimes is save for a running import: not too often, keeping the first failure.
func (s *importState) saveSometimes(rows int64) {
	if time.Since(s.saved) < stateSaveEvery {
		return
	}
	if err := s.save(rows); err != nil && s.err == nil {
		s.err = err
	}
}
