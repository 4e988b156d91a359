package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

const filterRoom = "index/filter"

// filters are bugs in what reads with a filter let pass.
var filters = []Mutant{
	{Name: "filter-open-rows-pass", What: "a point that an index does not decide passes the filter unread",
		Edits:     []Edit{{filterRoom, "if m(row, payload) {", "if m(row, payload) || row%2 == 0 {"}},
		Oracles:   []sim.Oracle{sim.OracleHistory},
		Precedent: "qdrant/qdrant issue 1086: a search with a filter finds points that do not pass it"},
	{Name: "filter-missing-rows", What: "payloads written after an index was declared and before it was built are not in it",
		Edits:     []Edit{{filterRoom, "\tc.runs = append(runs, c.runs...)\n", "\tc.runs = append(runs, c.runs...)\n\tc.tail = nil\n"}},
		Oracles:   []sim.Oracle{sim.OracleHistory},
		Precedent: "qdrant/qdrant issue 2374: filtered searches miss points; issue 9365: after an index is created"},
	{Name: "filter-update-keeps-values", What: "the values of a point's former payload stay in the index after it was overwritten",
		Edits:     []Edit{{shardRoom, "\tc.payloads.Remove(ordinal)\n", "\t_ = ordinal\n"}},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OracleError},
		Precedent: "qdrant/qdrant pull request 849: values of a payload that was overwritten"},
	{Name: "filter-scroll-stops", What: "a scroll with a filter stops after as many points as it may have looked at, not found",
		Edits: []Edit{{nodeRoom, "\t\t\tif bad = err; !pass || err != nil {\n\t\t\t\treturn err == nil\n\t\t\t}",
			"\t\t\tif bad = err; !pass || err != nil {\n\t\t\t\tcount++\n\t\t\t\treturn err == nil && count < q.Limit\n\t\t\t}"}},
		Oracles:   []sim.Oracle{sim.OracleHistory},
		Precedent: "none known by number: a limit that counts what was looked at"},
}
