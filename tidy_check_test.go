package flow_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const modulePath = "github.com/ruvector-flow/ruvector-flow"

// finding is one place that breaks a law.
type finding struct {
	pos  token.Position
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.pos.Filename, f.pos.Line, f.text) }

// law is a check with its reason.
type law struct {
	name, why string
	classes   []class
	check     func(f *file) []finding
	typed     func(p *typedPackage) []finding
}

func (l law) holdsFor(f *file) bool {
	return len(l.classes) == 0 || !f.test && slices.Contains(l.classes, roomOf(f.dir).class)
}

// file is one parsed Go file of the module.
type file struct {
	name, dir string // slash-separated, relative to the root; the root's dir is "."
	test      bool
	generated bool
	text      string
	fset      *token.FileSet
	ast       *ast.File
}

func (f *file) at(n ast.Node, format string, args ...any) finding {
	return finding{f.fset.Position(n.Pos()), fmt.Sprintf(format, args...)}
}

// tree is all Go files of the module, by name.
type tree struct{ files []*file }

// readTree parses every Go file below root that belongs to this module, whatever
// its build constraints.
func readTree(root string) (*tree, error) {
	tr := &tree{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, noModule := os.Stat(filepath.Join(name, "go.mod"))
			skip := strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules" || noModule == nil
			if name != root && skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parse(fset, filepath.ToSlash(name), string(text))
		if err == nil {
			tr.files = append(tr.files, f)
		}
		return err
	})
	return tr, err
}

func parse(fset *token.FileSet, name, text string) (*file, error) {
	tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &file{
		name: name, dir: filepath.ToSlash(filepath.Dir(name)), text: text, fset: fset, ast: tree,
		test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(tree),
	}, nil
}

// dirs returns the folders that hold Go files, in order.
func (t *tree) dirs() []string {
	var dirs []string
	for _, f := range t.files {
		dirs = append(dirs, f.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// in returns the files of a folder.
func (t *tree) in(dir string) []*file {
	var files []*file
	for _, f := range t.files {
		if f.dir == dir {
			files = append(files, f)
		}
	}
	return files
}

// importPath returns the path of an import.
func importPath(s *ast.ImportSpec) string {
	p, _ := strconv.Unquote(s.Path.Value)
	return p
}

// under says whether an import path is the prefix or below it.
func under(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// importLaw checks a file's imports against its room's row and the table of
// modules. Tests may import more: the modules, and any room that is no command.
func importLaw(f *file, r room) []finding {
	var found []finding
	for _, spec := range f.ast.Imports {
		path := importPath(spec)
		if under(path, modulePath) {
			dir := strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
			if dir == "" {
				dir = "."
			}
			switch {
			case f.test && !under(dir, "cmd"), dir == f.dir:
			case !slices.Contains(strings.Fields(r.imports), dir):
				found = append(found, f.at(spec, "%s imports %s\n\tlaw: imports run downward; %s may import [%s]: %s", f.dir, dir, f.dir, r.imports, r.why))
			}
			continue
		}
		for _, m := range modules {
			if under(strings.TrimSuffix(path, "/v2"), m.prefix) && !f.test && !slices.Contains(strings.Fields(m.rooms), f.dir) {
				found = append(found, f.at(spec, "%s imports %s\n\tlaw: only [%s] may: %s", f.dir, path, m.rooms, m.why))
			}
		}
	}
	return found
}

// packageLaw checks a folder: its name and its package comment.
func packageLaw(dir string, files []*file) []finding {
	var found []finding
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "mock", "mocks", "pkg", "internal"}
	for part := range strings.SplitSeq(dir, "/") {
		if slices.Contains(empty, part) {
			found = append(found, files[0].at(files[0].ast.Name, "folder %s\n\tlaw: a room has one subject, and %q names none; a helper lives beside its only user", dir, part))
		}
	}
	documented, tests := false, true
	for _, f := range files {
		if name := strings.TrimSuffix(f.ast.Name.Name, "_test"); slices.Contains(empty, name) {
			found = append(found, f.at(f.ast.Name, "package %s\n\tlaw: a room has one subject, and this name names none", name))
		}
		tests = tests && f.test
		documented = documented || !f.test && f.ast.Doc != nil
	}
	if !documented && !tests {
		found = append(found, files[0].at(files[0].ast.Name, "package %s has no package comment\n\tlaw: it says in a sentence what the room holds and what it never does", files[0].ast.Name.Name))
	}
	return found
}

// selectors calls visit with every qualified name of an imported package.
func selectors(f *file, visit func(n *ast.SelectorExpr, path, name string)) {
	imports := map[string]string{}
	for _, spec := range f.ast.Imports {
		path := importPath(spec)
		name := regexp.MustCompile(`/v\d+$`).ReplaceAllString(path, "")
		name = name[strings.LastIndex(name, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = path
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
				visit(sel, imports[x.Name], sel.Sel.Name)
			}
		}
		return true
	})
}

// Names that read or wait for the real clock, and those that draw from a source
// nobody seeded; of math/rand everything else is methods, types and constructors.
var (
	clockNames  = strings.Fields("Now Sleep After AfterFunc NewTimer NewTicker Tick Since Until")
	randomNames = strings.Fields("New NewSource NewZipf NewPCG NewChaCha8 Rand Source Source64 Zipf PCG ChaCha8")
	bannedPaths = map[string]string{
		"os": "files and the environment", "net": "sockets", "sync": "locks", "io/ioutil": "files",
		"crypto/rand": "unseeded randomness", "log": "output", "syscall": "the operating system",
	}
)

// bannedCalls finds clocks, locks, files, sockets and unseeded randomness.
func bannedCalls(f *file) []finding {
	found := worldCalls(f)
	for _, spec := range f.ast.Imports {
		path := importPath(spec)
		for banned, what := range bannedPaths {
			if under(path, banned) {
				found = append(found, f.at(spec, "imports %s: %s", path, what))
			}
		}
	}
	selectors(f, func(n *ast.SelectorExpr, path, name string) {
		switch {
		case path == "context" && (strings.HasPrefix(name, "WithTimeout") || strings.HasPrefix(name, "WithDeadline")):
			found = append(found, f.at(n, "context.%s starts a timer", name))
		case path == "fmt" && slices.Contains([]string{"Print", "Println", "Printf"}, name):
			found = append(found, f.at(n, "fmt.%s writes to standard output", name))
		}
	})
	return found
}

// worldCalls finds the real clock and unseeded randomness.
func worldCalls(f *file) []finding {
	var found []finding
	selectors(f, func(n *ast.SelectorExpr, path, name string) {
		switch {
		case path == "time" && slices.Contains(clockNames, name):
			found = append(found, f.at(n, "time.%s reads the real clock", name))
		case strings.HasPrefix(path, "math/rand") && !slices.Contains(randomNames, name):
			found = append(found, f.at(n, "rand.%s draws from a source nobody seeded", name))
		}
	})
	return found
}

// concurrency finds go statements and every use of channels.
func concurrency(f *file) []finding {
	var found []finding
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, f.at(n, "go statement"))
		case *ast.ChanType:
			found = append(found, f.at(n, "channel type"))
		case *ast.SendStmt:
			found = append(found, f.at(n, "send on a channel"))
		case *ast.SelectStmt:
			found = append(found, f.at(n, "select statement"))
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				found = append(found, f.at(n, "receive from a channel"))
			}
		}
		return true
	})
	return found
}

// environment finds reads of the environment outside cmd and tests.
func environment(f *file) []finding {
	var found []finding
	if f.test || under(f.dir, "cmd") {
		return nil
	}
	selectors(f, func(n *ast.SelectorExpr, path, name string) {
		if path == "os" && slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, name) {
			found = append(found, f.at(n, "os.%s", name))
		}
	})
	return found
}
