package flow_test

import (
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// This file is policy: which room may import which, what the core may not do,
// and how code is laid out. When a law fails, change the code, not the table.
// tidy_check_test.go, tidy_style_test.go and tidy_types_test.go hold the checkers;
// tidy_snippet_test.go shows each of them failing.

// class says what a room's code may do.
type class int

const (
	// core rooms are pure or state machines: no goroutine, lock, clock, file, socket.
	core class = iota
	// world rooms are deterministic too, but hold state and read flags: the simulator.
	world
	// suite rooms are test suites for the implementations of a seam.
	suite
	// edge rooms touch the real world: they may start goroutines and read the clock.
	edge
)

// room is a package of ours: what it may do and which of our other packages its
// code may import. Imports run downward; a package may always leave some unused.
type room struct {
	dir     string
	class   class
	imports string
	why     string
}

const (
	coreRooms = ". ring index index/distance index/graph index/memory index/filter disk net net/wire"
	nodeRooms = coreRooms + " node node/replica node/shard node/system node/placement"
)

var rooms = []room{
	{".", core, "", "package flow is the words: everybody imports it, so it imports nobody"},
	{"ring", core, ".", "hashes to shards to nodes is arithmetic; it knows no disk, network or node"},
	{"index/distance", core, ".", "kernels compute on slices and know nothing above them"},
	{"index/memory", core, "", "a seam declares a contract; what needs memory imports it"},
	{"index/memory/offheap", edge, "index/memory", "memory of the operating system; whoever wires a node chooses it, the index sees the seam alone"},
	{"index/graph", core, ". index/distance index/memory", "a graph is a function of its rows; it knows no points, slots or hosts"},
	{"index", core, ". index/distance index/graph index/memory", "an index is derived and rebuildable: no disk, network or Raft in it"},
	{"index/filter", core, ". client/scan", "a filter is a function of JSON, and payload indexes are derived: no disk, network or Raft in it"},
	{"disk", core, ".", "a seam declares a contract; its implementations import it, never the other way"},
	{"net/wire", core, ".", "the primitive codec lies below everything that has a wire form"},
	{"net", core, ". net/wire", "the seam and the messages; who sends them and why is the node's business"},
	{"disk/disktest", suite, ". disk", "the suite judges every disk, so it knows only the seam"},
	{"disk/pebble", edge, ". disk", "the real disk is replaceable: it sees the seam, nobody but the wiring sees it"},
	{"disk/pebble/crashable", edge, ". disk disk/pebble", "the real store on a device that crashes: worlds and tests are given it, and it sees neither"},
	{"net/tcp", edge, ". net net/wire", "the real network carries frames and does not know what is in them beyond the codec"},
	{"node/placement", core, ". ring", "placement is a function of a view; it cannot act, so it imports nothing that can"},
	{"node/replica", core, coreRooms, "a member of one group; it must not see the node that hosts it, or other replicas"},
	{"node/shard", core, coreRooms + " node/replica", "what a data shard's log means: state, deduplication, digest; the node hosts it and is not seen"},
	{"node/system", core, coreRooms + " node/replica node/placement", "what the system group's log means: nodes, catalogue, placement table; the node hosts it and is not seen"},
	{"node", core, coreRooms + " node/replica node/shard node/system node/placement", "the core reaches the world through the four seams alone"},
	{"linearizability", core, ".", "checkers judge from outside: they never reach into the code they judge"},
	{"sim", world, nodeRooms + " disk/disktest linearizability", "the world drives the same node code as production, with simulated seams"},
	{"client/scan", core, ".", "reading JSON is a function of bytes, the same at both ends of the HTTP interface"},
	{"client", edge, ". client/scan", "a user's program links the client and must not link the server"},
	{"api", edge, ". ring client client/scan", "HTTP is a surface over any backend; it does not know how a node is built. The ring it shows is arithmetic on the node table"},
	{"api/metrics", edge, ".", "figures for Prometheus, from any source that adds them; it knows requests, and neither node nor store"},
	{"api/mcp", edge, ". api client", "MCP tools are another surface over the same operations"},
	{"embed", edge, nodeRooms + " api api/metrics client disk/pebble index/memory/offheap net/tcp", "the one place that joins the core to the real seams"},
	{"cmd/ruvector-flow/dataset", edge, ".", "readers of files of vectors: points come out, whatever is done with them"},
	{"cmd/ruvector-flow", edge, ". api api/mcp client embed index index/distance index/graph index/memory index/memory/offheap cmd/ruvector-flow/dataset", "the production binary: flags and output over embed and client, and never the simulator"},
	{"sim/mutants", edge, "sim", "bugs as data: they name texts of the product and oracles of the simulator, and build neither"},
	{"cmd/flow-sim", edge, ". disk/pebble/crashable sim sim/mutants linearizability", "the hunter of seeds: it links the simulator so that the production binary need not, and hands it real stores"},
}

// modules says which rooms may import a module of others, by path prefix.
var modules = []struct{ prefix, rooms, why string }{
	{"github.com/cockroachdb/pebble", "disk/pebble disk/pebble/crashable", "the seam lies above Pebble, which starts goroutines: only the real disk may know it"},
	{"github.com/prometheus/client_golang", "api/metrics", "one room exports figures; everybody else offers them without knowing to whom"},
	{"github.com/prometheus/client_model", "disk/pebble", "Pebble tells the durations of its syncs in no other form"},
	{"go.etcd.io/raft", "net node node/replica node/shard node/system sim", "Raft is an implementation detail of a replica, carried by the codec; the simulator's Raft oracles read the messages"},
	{"github.com/anishathalye/porcupine", "linearizability", "one room holds the models and turns verdicts into answers"},
	{"github.com/spf13/cobra", "cmd/ruvector-flow cmd/flow-sim", "only a binary has flags and commands"},
	{"github.com/RoaringBitmap/roaring", "index index/filter node node/shard", "sets of a shard's rows are a matter of the index, and of who asks it"},
	{"github.com/klauspost/cpuid", "index/distance", "one room chooses kernels by processor"},
	{"golang.org/x/sys", "disk/pebble embed cmd/ruvector-flow", "only the edge asks the operating system"},
	{"pgregory.net/rapid", "disk/disktest", "property tests belong to tests and suites"},
	{"github.com/cockroachdb/datadriven", "disk/disktest", "transcripts belong to tests and suites"},
	{"testing", "disk/disktest", "testing links its flags into every binary that imports it; only suites may"},
}

// laws are the checks of single files. A law that names classes holds for the
// code, not the tests, of their rooms; one that names none holds everywhere.
var laws = []law{
	{name: "clock and effects", classes: []class{core}, check: bannedCalls,
		why: "a node is a state machine: time, randomness, files and sockets come through the seams, or what the simulator proves is not what ships"},
	{name: "no goroutines", classes: []class{core, world}, check: concurrency,
		why: "the core has one owner, its driver; a goroutine or channel makes the order of events depend on the scheduler, so no seed repeats it"},
	{name: "world clock", classes: []class{world}, check: worldCalls,
		why: "a world is a function of its seed: real time and unseeded randomness change the trace"},
	{name: "package variables", classes: []class{core}, typed: packageVars,
		why: "two simulated nodes share package variables: one that changes leaks state between nodes and between runs"},
	{name: "map order", classes: []class{core, world}, typed: mapOrder,
		why: "map order differs between runs and replicas: sort the keys (slices.Sorted(maps.Keys(m))), or say why order cannot be seen in `// order-free: reason`"},
	{name: "environment", check: environment,
		why: "settings come in a Config; only cmd reads the environment, so that a node behaves the same wherever it is embedded"},
	{name: "function length", check: functionLength,
		why: "a function fits a screen (70 lines): branches in the parent, plain work in the helpers; only a dispatch switch with cases of two lines may run on"},
	{name: "file length", check: fileLength,
		why: "a file is one concept (800 lines at most, aim under 400)"},
	{name: "documentation", check: exportedDocs,
		why: "an exported name is a promise, and its doc comment says which: shapes, units, errors"},
	{name: "names", check: exportedNames,
		why: "ring.Ring reads well, ring.RingNode stutters; Get, Manager and Impl say nothing"},
	{name: "unfinished work", check: unfinished,
		why: "what is not done is an issue or a sentence in the documentation, where it is seen"},
}

// mustTree is the tree under test, read once for all tests of this file.
func mustTree(t *testing.T) *tree {
	t.Helper()
	tr, err := readTree(".")
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTidyFiles(t *testing.T) {
	tr := mustTree(t)
	typed, errs := typeCheck(tr, core, world)
	for _, err := range errs {
		t.Errorf("%v\n\tthe laws of the core need types, so its rooms must compile", err)
	}
	for _, l := range laws {
		t.Run(strings.ReplaceAll(l.name, " ", "-"), func(t *testing.T) {
			var found []finding
			for _, f := range tr.files {
				if l.check != nil && l.holdsFor(f) {
					found = append(found, l.check(f)...)
				}
			}
			for _, p := range typed {
				if l.typed != nil && slices.Contains(l.classes, roomOf(p.dir).class) {
					found = append(found, l.typed(p)...)
				}
			}
			for _, f := range found {
				t.Errorf("%v\n\tlaw: %s", f, l.why)
			}
		})
	}
}

func TestTidyImports(t *testing.T) {
	for _, f := range mustTree(t).files {
		for _, v := range importLaw(f, roomOf(f.dir)) {
			t.Error(v)
		}
	}
}

func TestTidyPackages(t *testing.T) {
	tr := mustTree(t)
	for _, dir := range tr.dirs() {
		for _, v := range packageLaw(dir, tr.in(dir)) {
			t.Error(v)
		}
		if roomOf(dir).dir == "" {
			t.Errorf("%s: no row in the table of rooms (tidy_test.go)\n\tlaw: a new room needs a place in the import law and a reason in ARCHITECTURE.md", dir)
		}
	}
}

// The table itself points downward: no room reaches itself through its imports.
func TestTidyTableHasNoCycle(t *testing.T) {
	var visit func(dir string, from []string)
	visit = func(dir string, from []string) {
		if slices.Contains(from, dir) {
			t.Fatalf("rooms import in a circle: %s", strings.Join(append(from, dir), " -> "))
		}
		for _, next := range strings.Fields(roomOf(dir).imports) {
			visit(next, append(slices.Clone(from), dir))
		}
	}
	for _, r := range rooms {
		visit(r.dir, nil)
		if r.why == "" {
			t.Errorf("room %s has no reason", r.dir)
		}
		for _, to := range strings.Fields(r.imports) {
			if roomOf(to).dir == "" {
				t.Errorf("room %s may import %s, which has no row", r.dir, to)
			}
		}
	}
}

// What ships links no test machinery, however many rooms lie between.
func TestTidyProductionBinary(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/ruvector-flow").CombinedOutput()
	if err != nil {
		t.Fatalf("go list -deps ./cmd/ruvector-flow: %v\n%s", err, out)
	}
	for _, v := range linkedLaw(strings.Fields(string(out))) {
		t.Error(v)
	}
}

// linkedLaw returns what a list of linked packages should not hold.
func linkedLaw(deps []string) []string {
	var found []string
	for _, dep := range deps {
		rel := strings.TrimPrefix(dep, modulePath+"/")
		if rel == "sim" || path.Dir(rel) == "sim" || rel == "linearizability" || rel == "disk/disktest" || dep == "testing" || dep == "pgregory.net/rapid" {
			found = append(found, fmt.Sprintf("cmd/ruvector-flow links %s\n\tlaw: the production binary holds no simulator, checker or test machinery: less to ship, nothing to switch on by mistake", dep))
		}
	}
	return found
}

// roomOf returns the row of a folder, or a zero row of the edge class.
func roomOf(dir string) room {
	for _, r := range rooms {
		if r.dir == dir {
			return r
		}
	}
	return room{class: edge}
}
