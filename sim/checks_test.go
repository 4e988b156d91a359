package sim

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// Oracles holds every oracle that judges the product.
func TestOracles(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "checks.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Oracle" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		o := Oracle(text)
		apart := slices.Contains([]Oracle{OracleStore, OracleCap, OracleStop}, o)
		if slices.Contains(Oracles, o) == apart {
			t.Errorf("%s is listed: %v", o, !apart)
		}
		return true
	})
	if n != len(Oracles)+3 {
		t.Errorf("%d oracles are named, %d are listed", n, len(Oracles))
	}
}
