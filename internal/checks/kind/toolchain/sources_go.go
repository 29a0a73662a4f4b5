package toolchain

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// readGo parses the Go sources of a project here, without the go command.
func readGo(ctx context.Context, j job, tests bool, do func(r *reading, file string, fset *token.FileSet, f *ast.File)) (reading, error) {
	var r reading
	for _, file := range j.ending(".go") {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		if !tests && strings.HasSuffix(file, "_test.go") || strings.Contains("/"+file, "/testdata/") {
			continue
		}
		text, err := j.tree.Read(j.at(file))
		if err != nil {
			return r, err
		}
		r.files++
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, j.at(file), text, parser.ParseComments|parser.SkipObjectResolution)
		var faults scanner.ErrorList
		if errors.As(err, &faults) {
			for _, e := range faults {
				r.add(checks.Problem{Text: "syntax: " + e.Msg, File: j.at(file), Line: e.Pos.Line})
			}
			continue
		}
		do(&r, j.at(file), fset, f)
	}
	return r, nil
}

func (r *reading) add(p checks.Problem) {
	if r.amiss++; len(r.problems) < mostProblems {
		r.problems = append(r.problems, p)
	}
}

func goCompile(ctx context.Context, j job) (part, error) {
	r, err := readGo(ctx, j, true, func(r *reading, _ string, _ *token.FileSet, _ *ast.File) { r.looked++ })
	saw := r.saw("Go")
	switch {
	case err != nil:
		return part{}, err
	case r.files == 0:
		return unclear(saw, "there is no Go source", checks.Fix{}, nil), nil
	case r.amiss > 0:
		return failing(saw, "0 syntax errors", checks.Fix{Text: "mend the syntax", Commands: []string{"go vet ./..."}}, nil, r.problems...), nil
	}
	return passed(saw), nil
}

// goTypes counts exported functions: the language makes each declare its types, and with consent the compiler
// says whether they fit.
func goTypes(ctx context.Context, j job) (part, error) {
	r, err := readGo(ctx, j, false, func(r *reading, _ string, _ *token.FileSet, f *ast.File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.IsExported() {
				r.looked++
			}
		}
	})
	if err != nil {
		return part{}, err
	}
	saw := r.saw("Go")
	var log []byte
	if exe, lookErr := exec.LookPath("go"); lookErr == nil && j.scope.Consent.Exec && r.amiss == 0 {
		res, runErr := run(ctx, j.command(exe, "build", "./..."))
		if runErr != nil {
			return part{}, runErr
		}
		saw["build"], log = facts(res), res.log()
		if res.expired {
			return j.late(res), nil
		}
		if !res.ok() {
			for _, p := range placesIn(j, res.stderr) {
				r.add(p)
			}
			r.amiss = max(r.amiss, 1)
		}
	}
	switch {
	case r.amiss > 0:
		return failing(saw, "the compiler agrees", checks.Fix{Text: "mend what the compiler says", Commands: []string{"go build ./..."}}, log, r.problems...), nil
	case r.files == 0:
		return unclear(saw, "there is no Go source", checks.Fix{}, nil), nil
	}
	return passed(saw, log), nil
}

func goDocs(ctx context.Context, j job) (part, error) {
	documentedPkg, first := map[string]bool{}, map[string]string{}
	r, err := readGo(ctx, j, false, func(r *reading, file string, fset *token.FileSet, f *ast.File) {
		dir := path.Dir(file)
		if first[dir] == "" {
			first[dir] = file
		}
		documentedPkg[dir] = documentedPkg[dir] || f.Doc != nil
		if ast.IsGenerated(f) {
			return
		}
		for _, d := range f.Decls {
			undocumented(r, file, fset, d, f.Name.Name == "main")
		}
	})
	if err != nil {
		return part{}, err
	}
	for dir, file := range first {
		r.looked++
		if !documentedPkg[dir] {
			r.add(checks.Problem{Text: "the package has no comment", File: file, Line: 1})
		}
	}
	return documented(r, "Go", checks.Fix{Text: "write a comment above each", Commands: []string{"go doc -all ."}}), nil
}

// customary are methods whose name says what the standard library wants of them.
var customary = []string{ //nolint:gochecknoglobals // a table
	"Error", "String", "Unwrap", "Is", "As", "ServeHTTP", "Len", "Less", "Swap", "Read", "Write", "Close", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText",
	"MarshalYAML", "UnmarshalYAML", "LogValue", "Format", "GoString",
}

// undocumented looks at one declaration. What a command exports nobody can import.
func undocumented(r *reading, file string, fset *token.FileSet, d ast.Decl, command bool) {
	if command {
		return
	}
	miss := func(name *ast.Ident, what string, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		r.looked++
		for _, doc := range docs {
			if doc != nil {
				return
			}
		}
		r.add(checks.Problem{Text: fmt.Sprintf("%s %s has no comment", what, name.Name), File: file, Line: fset.Position(name.Pos()).Line})
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && (!exportedReceiver(d.Recv) || slices.Contains(customary, d.Name.Name)) {
			return
		}
		miss(d.Name, "function", d.Doc)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				miss(s.Name, "type", d.Doc, s.Doc, s.Comment)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					miss(n, "value", d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
}

func exportedReceiver(recv *ast.FieldList) bool {
	for _, f := range recv.List {
		t := f.Type
		for {
			switch x := t.(type) {
			case *ast.StarExpr:
				t = x.X
				continue
			case *ast.IndexExpr:
				t = x.X
				continue
			case *ast.IndexListExpr:
				t = x.X
				continue
			case *ast.Ident:
				return x.IsExported()
			}
			break
		}
	}
	return false
}
