// Package voicectl_test holds the rules of the house that the compiler does not know: who may import whom,
// where an outside library lives, and what no file may contain. ARCHITECTURE.md says why.
package voicectl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/voicectl/voicectl/"

// pkg is what `go list -json` says about a package. Test files are left out: a test may stand anywhere.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
}

// room says what of ours a package may import. The first room whose path fits counts; a path that ends in
// /... fits everything below as well, and one that ends in /* only what is below.
type room struct {
	path string
	may  []string
	why  string
}

func rooms() []room {
	leaves := []string{"internal/secret", "internal/envcat", "internal/clock"}
	ground := append([]string{"internal/provider/...", "internal/peer/...", "internal/media/...", "internal/ws", "internal/trace/...", "internal/chain"}, leaves...)
	return []room{
		{"internal/secret", nil, "a leaf: everything may hold a secret"},
		{"internal/envcat", nil, "a leaf: data that everything may read"},
		{"internal/clock", nil, "a leaf: everything may ask for the time"},
		{"internal/ws", nil, "ground floor, knows nothing of ours"},
		{"internal/trace/...", nil, "ground floor: one format for serve, call, replay and smoke"},
		{"internal/chain", nil, "ground floor, knows nothing of ours"},
		{"internal/media/...", []string{"internal/media/..."}, "ground floor: sound knows no vendor and no wing"},
		{"internal/provider/guard", leaves, "stands under every vendor, so it knows none"},
		{
			"internal/provider/*",
			append([]string{"internal/media/...", "internal/ws", "internal/provider/guard"}, leaves...),
			"a vendor's client knows no wing and no other vendor",
		},
		{
			"internal/peer/...",
			append([]string{"internal/peer/...", "internal/provider/twilio", "internal/provider/rtvi", "internal/ws", "internal/media/...", "internal/trace/..."}, leaves...),
			"the far end of a line is used by all wings, so it knows none",
		},
		{
			"internal/sandbox/...",
			append([]string{"internal/sandbox/...", "internal/provider/...", "internal/peer/...", "internal/ws", "internal/media/...", "internal/trace/..."}, leaves...),
			"an emulator that knew the agent would prove the agent against itself",
		},
		{"internal/agent", nil, "the root of a wing is its leaf: the packages below import it"},
		{"internal/agent/turn", nil, "the engine is pure: events in, commands out"},
		{"internal/agent/session", append([]string{"internal/agent", "internal/agent/turn"}, ground...), "declares Line and the engines; line and chain satisfy them, never the reverse"},
		{"internal/agent/*", append([]string{"internal/agent/..."}, ground...), "a wing stands on the ground floor and never on another wing"},
		{"internal/checks", leaves, "the root of a wing is its leaf: it judges, and knows no kind"},
		{"internal/checks/*", append([]string{"internal/checks/..."}, ground...), "a wing stands on the ground floor and never on another wing"},
		{"internal/deploy", nil, "the root of a wing is its leaf"},
		{"internal/deploy/*", append([]string{"internal/deploy/..."}, ground...), "a wing stands on the ground floor and never on another wing"},
		{"internal/config", []string{"internal/envcat", "internal/secret"}, "sections are plain structs; the command line hands them on, so nobody imports config and config imports nobody"},
		{"internal/ui", []string{"internal/agent", "internal/checks", "internal/deploy", "internal/trace/...", "internal/clock"}, "shows values of the wings and never does their work"},
		{"templates", nil, "files travel as fs.FS"},
		{"checklists", nil, "files travel as fs.FS"},
		{"cmd/voicectl", []string{"internal/...", "templates", "checklists"}, "the only place where wings meet"},
		{"test/...", []string{"internal/...", "templates", "checklists", "test/..."}, "tests of the whole may look everywhere"},
	}
}

// home says where an outside library may be imported.
type home struct {
	library string
	in      []string
	why     string
}

func homes() []home {
	return []home{
		{"github.com/spf13/viper", []string{"internal/config"}, "its maps of any stay behind a typed Config"},
		{"github.com/joho/godotenv", []string{"internal/config"}, "one reading of .env"},
		{"github.com/spf13/cobra", []string{"cmd/voicectl"}, "work is tested without a command line"},
		{"github.com/charmbracelet", []string{"internal/ui"}, "one look, and one place that knows about terminals"},
		{"github.com/fatih/color", []string{"internal/ui"}, "one decision about colour"},
		{"golang.org/x/term", []string{"internal/ui"}, "one place that knows about terminals"},
		{"github.com/gorilla/websocket", []string{"internal/ws"}, "limits, deadlines and no compression, set once"},
		{"github.com/twilio/twilio-go", []string{"internal/provider/twilio"}, "one home a vendor"},
		{"github.com/sashabaranov/go-openai", []string{"internal/provider/openai"}, "one home a vendor"},
		{"github.com/failsafe-go/failsafe-go", []string{"internal/provider/guard"}, "one policy for all vendors"},
		{"modernc.org/sqlite", []string{"internal/agent/archive"}, "SQL stays behind the archive"},
		{"github.com/jackc", []string{"internal/agent/archive", "internal/checks/kind/vendor"}, "SQL stays behind the archive; row-level security is judged where it holds"},
		{"github.com/prometheus/client_golang", []string{"internal/agent/server", "cmd/voicectl"}, "packages report by callback, the server counts"},
		{"github.com/prometheus/common", []string{"internal/checks/kind/telemetry"}, "metrics of any backend are read in one place"},
		{"github.com/moby/moby", []string{"internal/checks/kind/container"}, "one way to a container engine"},
		{"github.com/pelletier/go-toml", []string{"internal/checks/kind/toolchain", "internal/checks/kind/manifest", "internal/checks/kind/vendor"}, "files of others that are TOML"},
		{"github.com/zricethezav/gitleaks", []string{"internal/checks/kind/repo"}, "its rules are one detector among ours"},
		{"github.com/rogpeppe/go-internal", nil, "for tests only"},
		{"go.uber.org/goleak", nil, "for tests only"},
		{"github.com/chromedp", []string{"test/..."}, "for tests only"},
		{"pgregory.net/rapid", nil, "for tests only"},
		{"testing", []string{"test/..."}, "test code does not ship"},
	}
}

// impure is what the turn engine may not even import: it has no goroutine, no clock and no I/O.
func impure() []string {
	return []string{"context", "io", "log", "math/rand", "math/rand/v2", "net", "os", "os/signal", "sync", "sync/atomic", "log/slog", "net/http"}
}

// fits tells whether a path of ours is in a room.
func fits(path, pattern string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func fitsAny(path string, patterns []string) bool {
	for _, p := range patterns {
		if fits(path, p) {
			return true
		}
	}
	return false
}

// violations holds packages against the tables.
func violations(pkgs []pkg) []string {
	var out []string
	for _, p := range pkgs {
		path := strings.TrimPrefix(p.ImportPath, module)
		r, known := roomOf(path)
		if !known {
			out = append(out, fmt.Sprintf("%s: is in no room of the house; add it to rooms() with what it may import", path))
			continue
		}
		if p.Doc == "" && path != "cmd/voicectl" && !strings.HasPrefix(path, "test/") {
			out = append(out, path+": has no package comment; a stranger starts there")
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if !fitsAny(ours, r.may) {
					out = append(out, fmt.Sprintf("%s imports %s: %s", path, ours, r.why))
				}
				continue
			}
			for _, h := range homes() {
				if (imp == h.library || strings.HasPrefix(imp, h.library+"/")) && !fitsAny(path, h.in) {
					out = append(out, fmt.Sprintf("%s imports %s, whose home is %v: %s", path, imp, h.in, h.why))
				}
			}
			if path == "internal/agent/turn" && fitsAny(imp, impure()) {
				out = append(out, fmt.Sprintf("%s imports %s: the engine is pure, so that a call can be replayed", path, imp))
			}
		}
	}
	return out
}

func roomOf(path string) (room, bool) {
	for _, r := range rooms() {
		if fits(path, r.path) {
			return r, true
		}
	}
	return room{}, false
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Doc,Imports,GoFiles", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	data, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var out []pkg
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var p struct {
			pkg
			GoFiles []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 { // a folder of tests alone, such as this one, ships nothing
			out = append(out, p.pkg)
		}
	}
}

func TestImports_HoldTheRules(t *testing.T) {
	pkgs := list(t)
	if len(pkgs) < 5 {
		t.Fatalf("only %d packages were found", len(pkgs))
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

// TestImports_ViolationsAreCaught trips every rule once: a guard that cannot fire guards nothing.
func TestImports_ViolationsAreCaught(t *testing.T) {
	one := func(path string, imports ...string) []pkg {
		return []pkg{{ImportPath: module + path, Doc: "d", Imports: imports}}
	}
	ours := func(path string) string { return module + path }
	cases := map[string][]pkg{
		"leaf imports ours":           one("internal/secret", ours("internal/clock")),
		"vendor imports a wing":       one("internal/provider/openai", ours("internal/agent/turn")),
		"vendor imports a vendor":     one("internal/provider/openai", ours("internal/provider/cartesia")),
		"wing imports the sandbox":    one("internal/agent/server", ours("internal/sandbox")),
		"wing imports a wing":         one("internal/agent/server", ours("internal/checks")),
		"wing imports config":         one("internal/agent/server", ours("internal/config")),
		"sandbox imports the agent":   one("internal/sandbox/planner", ours("internal/agent/tools")),
		"peer imports a wing":         one("internal/peer", ours("internal/agent/session")),
		"session imports line":        one("internal/agent/session", ours("internal/agent/line")),
		"root of a wing imports it":   one("internal/agent", ours("internal/agent/turn")),
		"engine imports the media":    one("internal/agent/turn", ours("internal/media")),
		"engine looks at the network": one("internal/agent/turn", "net"),
		"engine starts goroutines":    one("internal/agent/turn", "sync"),
		"ui does the work of a wing":  one("internal/ui", ours("internal/agent/server")),
		"anything imports a command":  one("internal/agent/server", ours("cmd/voicectl")),
		"room that nobody planned":    one("internal/util"),
		"no package comment":          {{ImportPath: module + "internal/ws"}},
		"test code ships":             one("internal/ws", "testing"),
	}
	for _, h := range homes() {
		cases["home of "+h.library] = one("internal/peer", h.library+"/sub")
	}
	for name, pkgs := range cases {
		if got := violations(pkgs); len(got) == 0 {
			t.Errorf("%s: not caught", name)
		}
	}
	fine := []pkg{
		{ImportPath: module + "internal/provider/openai", Doc: "d", Imports: []string{"net/http", "github.com/sashabaranov/go-openai", module + "internal/provider/guard"}},
		{ImportPath: module + "internal/agent/line", Doc: "d", Imports: []string{module + "internal/agent/session", module + "internal/ws"}},
	}
	if got := violations(fine); len(got) > 0 {
		t.Errorf("good imports are refused: %v", got)
	}
}

// The limits of a file. Median is near 120 lines; a longer file wants to be two.
const maxLines = 500

// fileFaults looks at one Go file.
func fileFaults(name string, src []byte) []string {
	var out []string
	if n := bytes.Count(src, []byte("\n")); n > maxLines {
		out = append(out, fmt.Sprintf("%s: %d lines, at most %d", name, n, maxLines))
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return append(out, fmt.Sprintf("%s: %v", name, err))
	}
	switch f.Name.Name {
	case "util", "utils", "common", "helpers", "types", "manager", "structs":
		out = append(out, fmt.Sprintf("%s: package %s says nothing about what is in it", name, f.Name.Name))
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			out = append(out, name+": has an init function; closed sets are tables, and start-up has an order")
		}
	}
	return out
}

func TestFiles_HoldTheRules(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || (strings.HasPrefix(d.Name(), ".") && path != ".")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		for _, fault := range fileFaults(path, src) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Errorf("walked %d files: %v", seen, err)
	}
}

func TestFiles_ViolationsAreCaught(t *testing.T) {
	for name, src := range map[string]string{
		"init":      "package a\nfunc init() {}\n",
		"long":      "package a\n" + strings.Repeat("// line\n", maxLines),
		"vague":     "package util\n",
		"not Go":    "package\n",
		"init twin": "package a\nfunc init() {}\nfunc init() {}\n",
	} {
		if len(fileFaults("a.go", []byte(src))) == 0 {
			t.Errorf("%s: not caught", name)
		}
	}
	if got := fileFaults("a.go", []byte("package a\ntype t struct{}\nfunc (t) init() {}\n")); len(got) > 0 {
		t.Errorf("a method is taken for an init function: %v", got)
	}
}
