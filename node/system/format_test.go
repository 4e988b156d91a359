package system_test

import (
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

// What a program of a former version would not understand is an error that names both
// versions: no field is dropped.
func TestFormerVersion(t *testing.T) {
	const want = "the command is of format version 2, this node understands up to 1"
	for _, body := range [][]byte{system.EncodeRaise(2, 1), system.EncodeJoin(2, &flow.JoinRequest{Name: "a", FormatVersion: 2})} {
		m, c := system.New().Reads(1), replica.Command{Request: flow.RequestID{1}, Body: body}
		if err := m.Admit(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Admit of %q: %v, want %q", body, err, want)
		}
		func() {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Apply of %q ends with %v, want a panic with %q", body, err, want)
				}
			}()
			m.Apply(7, c, nil)
		}()
	}
	rows, _ := system.Bootstrap(2, system.Settings{}, system.Node{NodeInfo: flow.NodeInfo{ID: 1}}, []uint64{0})
	last := rows[len(rows)-1]
	if err := system.New().Reads(1).Restore(last.Key, last.Value); err == nil || !strings.Contains(err.Error(), "format version is 2, this node understands up to 1") {
		t.Errorf("the row %q is restored with error %v", last.Key, err)
	}
	if m := system.New(); m.Restore(last.Key, last.Value) != nil || m.Format != 2 {
		t.Errorf("restored, the cluster's version is %d, want 2", m.Format)
	}
}
