package sim

import (
	"encoding/json"
	"fmt"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Case is a scenario that once failed, shrunk, with what it showed: an entry of the
// corpus, which every build replays. A schedule outlives changes of the code that
// draws schedules from seeds.
type Case struct {
	// Name is the file's name without its ending; Why says what was wrong.
	Name string `json:"name"`
	Why  string `json:"why"`
	// Oracle is the one that found it.
	Oracle Oracle `json:"oracle"`
	// Mutant names the planted bug with which the case fails; "" if it was a real one.
	Mutant string `json:"mutant,omitempty"`
	// Seed is the one whose world was shrunk.
	Seed     uint64   `json:"seed"`
	Scenario Scenario `json:"scenario"`
}

// ParseCase reads a case, or a scenario alone.
func ParseCase(data []byte) (Case, error) {
	var c Case
	var parts struct{ Scenario json.RawMessage }
	if err := json.Unmarshal(data, &parts); err != nil {
		return c, flow.Errorf(flow.InvalidArgument, "sim.ParseCase", "not a case in JSON: %v", err)
	}
	if parts.Scenario != nil {
		if err := json.Unmarshal(data, &c); err != nil {
			return c, flow.Errorf(flow.InvalidArgument, "sim.ParseCase", "not a case in JSON: %v", err)
		}
		data = parts.Scenario
	}
	var err error
	c.Scenario, err = ParseScenario(data)
	return c, err
}

// JSON returns the case as indented JSON, which ParseCase reads.
func (c Case) JSON() []byte {
	out, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("sim: case %s has no JSON: %v", c.Name, err))
	}
	return append(out, '\n')
}
