package env

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// reads are how languages ask for a variable; the first group is the name.
var reads = map[string][]*regexp.Regexp{ //nolint:gochecknoglobals // a table
	".py": {
		regexp.MustCompile(`os\.(?:environ\.get|getenv|environ\.pop|environ\.setdefault)\(\s*["']([A-Za-z_][A-Za-z0-9_]*)["']`),
		regexp.MustCompile(`os\.environ\[\s*["']([A-Za-z_][A-Za-z0-9_]*)["']\s*\]`),
		regexp.MustCompile(`\b(?:getenv|environ\.get|env|config)\(\s*["']([A-Z][A-Z0-9_]{2,})["']`),
		regexp.MustCompile(`\benviron\[\s*["']([A-Za-z_][A-Za-z0-9_]*)["']\s*\]`),
	},
	".js": {regexp.MustCompile(`process\.env\.([A-Za-z_][A-Za-z0-9_]*)`), regexp.MustCompile(`process\.env\[\s*["']([A-Za-z_][A-Za-z0-9_]*)["']\s*\]`), regexp.MustCompile(`import\.meta\.env\.([A-Z_][A-Z0-9_]*)`)},
	".go": {regexp.MustCompile(`(?i)\b(?:os\.)?(?:getenv|lookupenv)\(\s*"([A-Za-z_][A-Za-z0-9_]*)"`)},
	".rb": {regexp.MustCompile(`ENV(?:\.fetch\(|\[)\s*["']([A-Za-z_][A-Za-z0-9_]*)["']`)},
	".rs": {regexp.MustCompile(`env::var(?:_os)?\(\s*"([A-Za-z_][A-Za-z0-9_]*)"`)},
	".sh": {regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]{2,})(?::?[-=?+][^}]*)?\}`)},
}

// aliases are endings that are read like another.
var aliases = map[string]string{".ts": ".js", ".mjs": ".js", ".cjs": ".js", ".tsx": ".js", ".jsx": ".js", ".vue": ".js", ".svelte": ".js"} //nolint:gochecknoglobals // a table

// ordinary are variables of the system or the shell: nobody documents them.
var ordinary = []string{ //nolint:gochecknoglobals // a table
	"PATH", "HOME", "USER", "SHELL", "PWD", "LANG", "TERM", "TMPDIR", "TZ", "HOSTNAME", "CI", "NO_COLOR", "NODE_ENV", "PYTHONPATH", "VIRTUAL_ENV", "DISPLAY", "EDITOR", "GITHUB_STEP_SUMMARY",
}

var assigned = regexp.MustCompile(`(?m)^\s*(#\s*)?(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$`)

func documented() *checks.Kind {
	return &checks.Kind{
		Name: "env.documented", Title: "The environment that the sources read is documented",
		Passes: "every variable that the sources read stands in the example file or the documentation, and no listed one is dead",
		Why:    "Whoever deploys next sets what the example lists. A variable that is missing there is found out at night.",
		Fix:    "list each variable in .env.example with a line that says what it is for", Source: "The twelve-factor app, III. Config",
		Saves: "undocumented and dead names with file and line", Severity: checks.Warns, Needs: []checks.Need{checks.NeedRepo},
		Params: []checks.Param{
			{Name: "root", Type: checks.Text, Default: ".", Doc: "folder inside the repository"},
			{Name: "example", Type: checks.Text, Default: ".env.example", Doc: "the example file"},
			{Name: "descriptions", Type: checks.Switch, Default: false, Doc: "each variable needs words beside its name"},
			{Name: "ignore", Type: checks.List, Doc: "names that need no documentation"},
		},
		Look: lookDocumented,
	}
}

// Place is where something was found first.
type Place struct {
	File string
	Line int
}

func lookDocumented(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(path.Join(scope.Repo, with.Text("root")))
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	used, docs, err := Sources(ctx, t)
	if err != nil {
		return checks.Observation{}, err
	}
	listed, described, found := exampleOf(t, with.Text("example"))
	var undocumented, dead, bare []string
	var problems []checks.Problem
	ignore := append(slices.Clone(with.List("ignore")), ordinary...)
	for _, name := range sorted(used) {
		if slices.Contains(ignore, name) {
			continue
		}
		if _, in := listed[name]; !in && !docs[name] {
			undocumented = append(undocumented, name)
			problems = append(problems, checks.Problem{Text: name + " is read and documented nowhere", File: used[name].File, Line: used[name].Line})
		}
	}
	unread := slices.DeleteFunc(sorted(listed), func(n string) bool { _, in := used[n]; return in || slices.Contains(ignore, n) })
	elsewhere, err := mentioned(ctx, t, unread)
	if err != nil {
		return checks.Observation{}, err
	}
	for _, name := range sorted(listed) {
		if slices.Contains(unread, name) && len(used) > 0 && !elsewhere[name] {
			dead = append(dead, name)
			problems = append(problems, checks.Problem{Text: name + " is listed and nothing reads it", File: with.Text("example"), Line: listed[name].Line})
		}
		if with.Switch("descriptions") && !described[name] && !docs[name] {
			bare = append(bare, name)
			problems = append(problems, checks.Problem{Text: name + " has no word about what it is for", File: with.Text("example"), Line: listed[name].Line})
		}
	}
	saw := map[string]any{"read": len(used), "listed": len(listed), "undocumented": undocumented, "dead": dead, "without_words": bare, "example": found}
	switch {
	case len(used) == 0:
		return checks.Unclear(saw, "the sources read no variable that could be recognised", checks.Fix{}), nil
	case t.Cut:
		return checks.Unclear(saw, "the repository is too large to read whole", checks.Fix{}), nil
	case len(problems) > 0:
		return checks.Failed(saw, "each variable documented, none dead", checks.Fix{Text: fmt.Sprintf("bring %s up to date", with.Text("example"))}, problems...), nil
	}
	return checks.Passed(saw), nil
}

// Sources finds the variables that the sources of a tree read, and all names that stand in its documentation.
func Sources(ctx context.Context, t *tree.Tree) (map[string]Place, map[string]bool, error) {
	used, docs := map[string]Place{}, map[string]bool{}
	err := t.Files(ctx, func(f tree.File) error {
		ext := strings.ToLower(path.Ext(f.Path))
		if ext == ".md" || ext == ".rst" || ext == ".adoc" {
			text, err := t.Read(f.Path)
			for _, m := range upper.FindAllString(string(text), -1) {
				docs[m] = true
			}
			return err
		}
		if a := aliases[ext]; a != "" {
			ext = a
		}
		patterns := reads[ext]
		if patterns == nil || strings.Contains(path.Base(f.Path), "test") || strings.Contains("/"+f.Path, "/tests/") || strings.Contains("/"+f.Path, "/test/") {
			return nil
		}
		text, err := t.Read(f.Path)
		if err != nil {
			return err
		}
		for _, re := range patterns {
			for _, m := range re.FindAllSubmatchIndex(text, -1) {
				name := string(text[m[2]:m[3]])
				if _, has := used[name]; !has {
					used[name] = Place{f.Path, 1 + strings.Count(string(text[:m[0]]), "\n")}
				}
			}
		}
		return nil
	})
	return used, docs, err
}

var upper = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`)

// exampleOf reads the example file: the names with their lines, and which of them have words.
func exampleOf(t *tree.Tree, name string) (map[string]Place, map[string]bool, bool) {
	listed, described := map[string]Place{}, map[string]bool{}
	text, err := t.Read(name)
	if err != nil {
		return listed, described, false
	}
	words := false
	for i, line := range strings.Split(string(text), "\n") {
		m := assigned.FindStringSubmatch(line)
		switch {
		case m != nil && (m[1] == "" || strings.ToUpper(m[2]) == m[2]):
			listed[m[2]] = Place{name, i + 1}
			described[m[2]] = words || strings.Contains(m[3], " #")
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			words = true
		case strings.TrimSpace(line) == "":
			words = false
		}
	}
	return listed, described, true
}

// mentioned returns which of the names stand anywhere in files that configure or make up a program: a variable
// may be read by a framework, by a compose file or by a table of names.
func mentioned(ctx context.Context, t *tree.Tree, names []string) (map[string]bool, error) {
	found := map[string]bool{}
	if len(names) == 0 {
		return found, nil
	}
	return found, t.Files(ctx, func(f tree.File) error {
		switch strings.ToLower(path.Ext(f.Path)) {
		case ".py", ".go", ".js", ".ts", ".rb", ".rs", ".yaml", ".yml", ".toml", ".json", ".sh", "":
		default:
			return nil
		}
		if strings.HasPrefix(path.Base(f.Path), ".env") || f.Size > 256<<10 {
			return nil
		}
		text, err := t.Read(f.Path)
		for _, n := range names {
			found[n] = found[n] || strings.Contains(string(text), n)
		}
		return err
	})
}

func sorted(m map[string]Place) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
