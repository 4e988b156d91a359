package flow_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// maxTypeErrors is how many errors of one package are shown.
const maxTypeErrors = 3

// typedPackage is the code, without tests, of one room for this platform.
type typedPackage struct {
	dir   string
	files []*file
	types *types.Package
	info  *types.Info
}

// exports finds compiled packages by import path.
type exports map[string]string

func (e exports) open(path string) (io.ReadCloser, error) {
	if e[path] == "" {
		return nil, fmt.Errorf("no export data of %s", path)
	}
	return os.Open(e[path])
}

// typeCheck checks the types of all rooms of the classes. It asks the go command
// for the compiled form of what they import, which a test run has built anyway.
func typeCheck(tr *tree, classes ...class) ([]*typedPackage, []error) {
	byImportPath := map[string]string{} // our packages, to their folder
	args := []string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export,GoFiles"}
	for _, dir := range tr.dirs() {
		hasCode := slices.ContainsFunc(tr.in(dir), func(f *file) bool { return !f.test })
		if hasCode && slices.Contains(classes, roomOf(dir).class) {
			byImportPath[strings.TrimSuffix(modulePath+"/"+dir, "/.")] = dir
			args = append(args, "./"+dir)
		}
	}
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, []error{fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())}
	}
	built := exports{}
	goFiles := map[string][]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export string
			GoFiles            []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, []error{fmt.Errorf("go list: %w", err)}
		}
		built[p.ImportPath] = p.Export
		if dir, ours := byImportPath[p.ImportPath]; ours {
			goFiles[dir] = p.GoFiles
		}
	}
	var packages []*typedPackage
	var errs []error
	for _, dir := range tr.dirs() {
		files := slices.DeleteFunc(tr.in(dir), func(f *file) bool {
			return !slices.Contains(goFiles[dir], f.name[strings.LastIndex(f.name, "/")+1:])
		})
		if len(files) > 0 {
			p, err := checkTypes(files, built.open)
			packages, errs = append(packages, p), append(errs, err...)
		}
	}
	return packages, errs
}

// checkTypes checks the types of one package's files, and goes on after errors.
func checkTypes(files []*file, open importer.Lookup) (*typedPackage, []error) {
	var errs []error
	p := &typedPackage{dir: files[0].dir, files: files, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}}
	var trees []*ast.File
	for _, f := range files {
		trees = append(trees, f.ast)
	}
	conf := types.Config{
		Importer: importer.ForCompiler(files[0].fset, "gc", open),
		Error: func(err error) {
			if len(errs) < maxTypeErrors {
				errs = append(errs, err)
			}
		},
	}
	p.types, _ = conf.Check(strings.TrimSuffix(modulePath+"/"+p.dir, "/."), files[0].fset, trees, p.info) // errors are in errs
	return p, errs
}

// mapOrder finds loops over maps, and over the iterators that package maps makes
// of them, without a comment on the line or ending on the line above that says
// why order cannot be seen. Sorting the iterator at once needs no comment.
func mapOrder(p *typedPackage) []finding {
	var found []finding
	for _, f := range p.files {
		excused := orderFreeLines(f)
		report := func(n ast.Node, text string) {
			if line := f.fset.Position(n.Pos()).Line; !excused[line] {
				found = append(found, f.at(n, "%s", text))
			}
		}
		sorted := map[ast.Node]bool{} // calls that are arguments of a call that hides their order
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				if t := p.info.TypeOf(n.X); t != nil && isMap(t) {
					report(n, "range over a map")
				}
			case *ast.CallExpr:
				switch fn := p.callee(n); fn {
				case "slices.Sorted", "slices.SortedFunc", "slices.SortedStableFunc", "maps.Collect", "maps.Insert":
					for _, arg := range n.Args {
						sorted[arg] = true
					}
				case "maps.Keys", "maps.Values", "maps.All":
					if !sorted[n] {
						report(n, fn+" yields in map order")
					}
				}
			}
			return true
		})
	}
	return found
}

// orderFreeLines returns the lines that an `order-free: reason` comment excuses:
// those it stands on and the one after it.
func orderFreeLines(f *file) map[int]bool {
	lines := map[int]bool{}
	for _, g := range f.ast.Comments {
		if _, reason, ok := strings.Cut(g.Text(), "order-free:"); ok && strings.TrimSpace(reason) != "" {
			for line := f.fset.Position(g.Pos()).Line; line <= f.fset.Position(g.End()).Line+1; line++ {
				lines[line] = true
			}
		}
	}
	return lines
}

// isMap says whether ranging over a value of the type ranges over a map, be it
// through a type parameter.
func isMap(t types.Type) bool {
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return strings.Contains(p.Constraint().Underlying().String(), "map[")
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// callee returns "package.Function" of a call of an imported function, or "".
func (p *typedPackage) callee(call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if fn, ok := p.info.Uses[sel.Sel].(*types.Func); ok && fn.Pkg() != nil && p.info.Selections[sel] == nil {
			return fn.Pkg().Path() + "." + fn.Name()
		}
	}
	return ""
}

// packageVars finds package variables that change or could: written anywhere in
// the package, without a value, or exported and no error sentinel.
func packageVars(p *typedPackage) []finding {
	var found []finding
	vars := map[types.Object]bool{}
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				s := s.(*ast.ValueSpec)
				for _, n := range s.Names {
					if n.Name == "_" {
						continue
					}
					obj := p.info.Defs[n]
					vars[obj] = true
					switch {
					case len(s.Values) == 0 && !embeds(g) && !embeds(s):
						found = append(found, f.at(n, "package variable %s has no value, so it is there to be changed", n.Name))
					case n.IsExported() && (obj == nil || !isError(obj.Type())):
						found = append(found, f.at(n, "package variable %s is exported: every importer could change it", n.Name))
					}
				}
			}
		}
	}
	for _, f := range p.files {
		for _, w := range p.writes(f) {
			if id := root(w); id != nil && vars[p.info.Uses[id]] {
				found = append(found, f.at(w, "package variable %s is changed, or its address taken", id.Name))
			}
		}
	}
	return found
}

// embeds says whether a declaration takes its value from a //go:embed directive.
func embeds(n ast.Node) bool {
	var doc *ast.CommentGroup
	switch n := n.(type) {
	case *ast.GenDecl:
		doc = n.Doc
	case *ast.ValueSpec:
		doc = n.Doc
	}
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func isError(t types.Type) bool {
	return types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
}

// writes returns every expression of the file that is assigned to, counted up or
// down, has its address taken, is cleared, or has a method called that may change it.
func (p *typedPackage) writes(f *file) []ast.Expr {
	var written []ast.Expr
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				written = append(written, n.Lhs...)
			}
		case *ast.IncDecStmt:
			written = append(written, n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				written = append(written, n.Key, n.Value)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				written = append(written, n.X)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) {
				written = append(written, n.Args[0])
			}
		case *ast.SelectorExpr:
			s := p.info.Selections[n]
			if s == nil || s.Kind() != types.MethodVal {
				break
			}
			_, onPointer := s.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
			if _, isPointer := s.Recv().Underlying().(*types.Pointer); onPointer && !isPointer {
				written = append(written, n.X)
			}
		}
		return true
	})
	return written
}

// root returns the variable that an expression is a part of: x of x, x[i], x.f, *x.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		default:
			return nil
		}
	}
}
