package flow_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFunctionLines = 70
	maxFileLines     = 800
	maxCaseLines     = 2 // of a dispatch switch, with its case line one more
)

// functionLength finds functions, and function literals outside of functions,
// that are too long. A dispatch switch does not count.
func functionLength(f *file) []finding {
	var found []finding
	if f.generated {
		return nil
	}
	lines := func(n ast.Node) int {
		return f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			length := lines(n.Type) // without the doc comment
			if n.Body != nil {
				length = f.fset.Position(n.End()).Line - f.fset.Position(n.Type.Pos()).Line + 1
			}
			if length > maxFunctionLines && !isDispatch(n.Body, lines) {
				found = append(found, f.at(n.Name, "%s has %d lines", n.Name.Name, length))
			}
			return false
		case *ast.FuncLit:
			if length := lines(n); length > maxFunctionLines && !isDispatch(n.Body, lines) {
				found = append(found, f.at(n, "function literal has %d lines", length))
			}
			return false
		}
		return true
	})
	return found
}

// isDispatch says whether a body is one switch with short cases and no more than
// a screen's tenth around it.
func isDispatch(body *ast.BlockStmt, lines func(ast.Node) int) bool {
	for _, s := range body.List {
		var cases *ast.BlockStmt
		switch s := s.(type) {
		case *ast.SwitchStmt:
			cases = s.Body
		case *ast.TypeSwitchStmt:
			cases = s.Body
		case *ast.SelectStmt:
			cases = s.Body
		default:
			continue
		}
		short := lines(body)-lines(s) <= maxFunctionLines/10
		for _, c := range cases.List {
			short = short && lines(c) <= maxCaseLines+1
		}
		return short
	}
	return false
}

// fileLength finds files that are too long, tests included.
func fileLength(f *file) []finding {
	if n := strings.Count(f.text, "\n"); n > maxFileLines && !f.generated {
		return []finding{f.at(f.ast, "%d lines", n)}
	}
	return nil
}

// exportedDocs finds exported names without a doc comment. The comment of a group
// of constants or variables stands for its members, and that of an interface for
// its only method. Methods of unexported types are not seen from outside.
func exportedDocs(f *file) []finding {
	var found []finding
	if f.test || f.generated {
		return nil
	}
	missing := func(n *ast.Ident, docs ...*ast.CommentGroup) {
		for _, d := range docs {
			if d != nil && strings.TrimSpace(d.Text()) != "" {
				return
			}
		}
		if n.IsExported() {
			found = append(found, f.at(n, "%s has no doc comment", n.Name))
		}
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d)) {
				missing(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						missing(n, d.Doc, s.Doc, s.Comment)
					}
				case *ast.TypeSpec:
					missing(s.Name, d.Doc, s.Doc)
					interfaceDocs(s, missing)
				}
			}
		}
	}
	return found
}

// interfaceDocs reports the methods of an exported interface that has several.
func interfaceDocs(s *ast.TypeSpec, missing func(*ast.Ident, ...*ast.CommentGroup)) {
	i, ok := s.Type.(*ast.InterfaceType)
	if !ok || !s.Name.IsExported() {
		return
	}
	methods := slices.DeleteFunc(slices.Clone(i.Methods.List), func(m *ast.Field) bool { return len(m.Names) == 0 })
	if len(methods) == 1 {
		return
	}
	for _, m := range methods {
		for _, n := range m.Names {
			missing(n, m.Doc, m.Comment)
		}
	}
}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// exportedNames finds names that stutter or say nothing.
func exportedNames(f *file) []finding {
	var found []finding
	empty := regexp.MustCompile(`(Manager|Impl|Helper|Helpers|Util|Utils|[a-z]2)$`)
	getter := regexp.MustCompile(`^Get[A-Z]`)
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if getter.MatchString(d.Name.Name) && d.Type.Params.NumFields() == 0 {
				found = append(found, f.at(d.Name, "%s: a getter is named after what it returns", d.Name.Name))
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				t, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				name, pkg := t.Name.Name, strings.TrimSuffix(f.ast.Name.Name, "_test")
				if empty.MatchString(name) {
					found = append(found, f.at(t, "type %s: its ending says nothing", name))
				}
				rest := name[min(len(pkg), len(name)):]
				if t.Name.IsExported() && strings.EqualFold(name[:len(name)-len(rest)], pkg) && ast.IsExported(rest) {
					found = append(found, f.at(t, "%s.%s stutters: call it %s", pkg, name, rest))
				}
			}
		}
	}
	return found
}

// unfinished finds marks of unfinished work in code that is not a test.
func unfinished(f *file) []finding {
	var found []finding
	if f.test || f.generated {
		return nil
	}
	mark := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	line := 0
	for text := range strings.Lines(f.text) {
		line++
		if m := mark.FindString(text); m != "" {
			found = append(found, finding{token.Position{Filename: f.name, Line: line}, m})
		}
	}
	return found
}
