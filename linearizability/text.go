package linearizability

import (
	"fmt"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// resultText writes an Op's result, for example "applied v7".
func resultText(r flow.OpResult) string {
	switch r.Status {
	case flow.Applied, flow.Conflicted:
		return fmt.Sprintf("%v v%d", r.Status, r.Version)
	}
	return r.Status.String()
}
