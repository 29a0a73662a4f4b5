package repo

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

// documents is the set "docs": what somebody who takes over needs, each under the names that are usual.
var documents = [][]string{ //nolint:gochecknoglobals // a table
	{"README.md", "README.rst", "README"},
	{"DEPLOYMENT.md", "docs/deploy*", "docs/DEPLOY*", "DEPLOY.md"},
	{"TROUBLESHOOTING.md", "docs/troubleshooting*"},
	{"docs/api*", "API.md", "docs/API*", "openapi.json", "openapi.yaml"},
}

func filePresent() *checks.Kind {
	return &checks.Kind{
		Name: "file.present", Title: "A file is there, with the sections and the facts that it must tell",
		Passes: "the file is there, is not empty, has its sections and names what it must cover",
		Why:    "What is written down can be done by whoever is on duty. What is not can be done by one person.",
		Fix:    "write the file, or the section that is missing", Source: "The checklists", Saves: "path, size, sha256; what is missing",
		Severity: checks.Warns, Needs: []checks.Need{checks.NeedRepo},
		Params: []checks.Param{
			{Name: "path", Type: checks.List, Doc: "files that must all be there"},
			{Name: "glob", Type: checks.List, Doc: "patterns, one of which must be there"},
			{Name: "per", Type: checks.List, Doc: "names that stand for {env} in glob, each must be there"},
			{Name: "set", Type: checks.Text, OneOf: []string{"docs"}, Doc: "the documents that a backend needs: readme, deployment, troubleshooting, interface"},
			{Name: "sections", Type: checks.List, Doc: "subjects that must have a heading; usual other words count"},
			{Name: "else_section", Type: checks.Text, Doc: "a heading of the readme that may stand for the file"},
			{Name: "re", Type: checks.Text, Doc: "a regular expression (RE2) that the text must hold"},
			{Name: "covers", Type: checks.List, OneOf: []string{"routes", "env", "commands", "codes"}, Doc: "what of the sources the documents must name"},
			{Name: "codes", Type: checks.List, Doc: "status codes for covers: codes"},
			{Name: "optional", Type: checks.Text, OneOf: []string{"no-db"}, Doc: "no-db: does not apply where the sources use no database"},
		},
		Look: lookFile,
	}
}

func lookFile(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	if with.Text("optional") == "no-db" {
		uses, err := usesDatabase(ctx, t)
		if err != nil {
			return checks.Observation{}, err
		}
		if !uses {
			return checks.DoesNotApply("the sources use no database"), nil
		}
	}
	l := &fileLook{tree: t, with: with, saw: map[string]any{}}
	if err := l.find(ctx); err != nil {
		return checks.Observation{}, err
	}
	if err := l.read(ctx); err != nil {
		return checks.Observation{}, err
	}
	switch {
	case len(l.problems) > 0:
		return checks.Failed(l.saw, strings.Join(l.wanted, "; "), checks.Fix{Text: "write what is missing"}, l.problems...), nil
	case len(l.files) == 0:
		return checks.Unclear(l.saw, "there was no file to look for", checks.Fix{}), nil
	}
	return checks.Passed(l.saw), nil
}

// fileLook collects what one look finds.
type fileLook struct {
	tree     *tree.Tree
	with     checks.Values
	files    []string
	text     string // of all files that were found
	saw      map[string]any
	wanted   []string
	problems []checks.Problem
}

func (l *fileLook) missing(file, format string, args ...any) {
	l.problems = append(l.problems, checks.Problem{Text: fmt.Sprintf(format, args...), File: file})
}

// find looks for the files themselves.
func (l *fileLook) find(ctx context.Context) error {
	one := func(patterns []string, or string) error {
		found, err := l.tree.Glob(ctx, patterns...)
		switch {
		case err != nil:
			return err
		case len(found) > 0:
			l.files = append(l.files, found...)
		case or != "" && l.headingOfReadme(or):
		default:
			l.missing("", "there is no %s", strings.Join(patterns, " or "))
		}
		l.wanted = append(l.wanted, strings.Join(patterns, " or "))
		return nil
	}
	for _, p := range l.with.List("path") {
		if err := one([]string{p}, ""); err != nil {
			return err
		}
	}
	if l.with.Text("set") == "docs" {
		for _, patterns := range documents {
			or := ""
			if strings.HasPrefix(patterns[0], "TROUBLE") {
				or = "troubleshooting"
			}
			if err := one(patterns, or); err != nil {
				return err
			}
		}
	}
	globs := l.with.List("glob")
	if len(globs) == 0 {
		if len(l.with.List("covers")) > 0 && len(l.wanted) == 0 {
			globs = []string{"*.md", "docs/*"} // all documents together
			return one(globs, "")
		}
		return nil
	}
	per := l.with.List("per")
	if len(per) == 0 {
		return one(globs, l.with.Text("else_section"))
	}
	for _, name := range per {
		var patterns []string
		for _, g := range globs {
			patterns = append(patterns, strings.ReplaceAll(g, "{env}", name))
		}
		if err := one(patterns, ""); err != nil {
			return err
		}
	}
	return nil
}

func (l *fileLook) headingOfReadme(subject string) bool {
	for _, name := range documents[0] {
		text, err := l.tree.Read(name)
		if err == nil && hasSection(string(text), subject) {
			l.files = append(l.files, name)
			return true
		}
	}
	return false
}

// read looks into the files that were found.
func (l *fileLook) read(ctx context.Context) error {
	slices.Sort(l.files)
	l.files = slices.Compact(l.files)
	sizes := map[string]any{}
	var all strings.Builder
	for _, name := range l.files {
		text, err := l.tree.Bytes(name)
		if err != nil {
			return err
		}
		sizes[name] = len(text)
		if len(strings.TrimSpace(string(text))) == 0 && path.Base(name) != "__init__.py" {
			l.missing(name, "%s is empty", name)
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	l.saw["files"] = sizes
	l.text = all.String()
	if len(l.files) == 0 {
		return nil // the missing file says it all
	}
	for _, s := range l.with.List("sections") {
		l.wanted = append(l.wanted, "a section about "+s)
		if !hasSection(l.text, s) {
			l.missing(l.files[0], "no section about %s (%s)", s, strings.Join(words(s), ", "))
		}
	}
	if pattern := l.with.Text("re"); pattern != "" {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return fmt.Errorf("the pattern %q: %w", pattern, err)
		}
		if !re.MatchString(l.text) {
			l.missing(l.files[0], "nothing in it fits %s", pattern)
		}
	}
	return l.covers(ctx)
}

// other are usual words for a subject, in headings.
var other = map[string][]string{ //nolint:gochecknoglobals // a table
	"features":        {"feature", "what it does", "capabilities", "overview", "what you get"},
	"usage":           {"use", "using", "quick start", "quickstart", "getting started", "how to run", "run"},
	"install":         {"installation", "set up", "setup", "getting started", "quick start", "build", "prerequisites", "requirements"},
	"run":             {"running", "usage", "start", "quick start", "quickstart", "getting started", "development", "serve"},
	"configure":       {"configuration", "config", "environment", "settings", "variables"},
	"test":            {"testing", "tests", "develop", "development", "contributing"},
	"licence":         {"license", "licensing", "copyright"},
	"components":      {"component", "modules", "structure", "layout", "rooms", "packages", "services", "parts"},
	"dataflow":        {"data flow", "flow", "pipeline", "request path", "sequence", "path", "follow one call", "life of"},
	"targets":         {"target", "platform", "platforms", "docker", "kubernetes", "render", "railway", "cloud", "environments"},
	"rollback":        {"roll back", "undo", "revert", "come back", "going back"},
	"troubleshooting": {"trouble", "problems", "faq", "common errors", "known issues", "if something"},
}

func words(subject string) []string {
	return append([]string{subject}, other[strings.ToLower(subject)]...)
}

var heading = regexp.MustCompile(`(?m)^(?:#{1,6}\s+(.+)|(.+)\n(?:={3,}|-{3,}|~{3,})\s*)$`)

// hasSection tells whether a heading is about a subject. A section counts only when something stands in it.
func hasSection(text, subject string) bool {
	found := heading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range found {
		title := text[m[0]:m[1]]
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		sub := i+1 < len(found) && level(text[found[i+1][0]:]) > level(title)
		if strings.TrimSpace(text[m[1]:end]) == "" && !sub {
			continue
		}
		for _, w := range words(subject) {
			if strings.Contains(strings.ToLower(title), strings.ToLower(w)) {
				return true
			}
		}
	}
	return false
}

func level(heading string) int { return len(heading) - len(strings.TrimLeft(heading, "#")) }

var database = regexp.MustCompile(`(?m)^\s*(?:import|from)\s+(?:sqlalchemy|psycopg2?|asyncpg|sqlite3|pymongo|motor|peewee|tortoise|django\.db|databases)\b|"(?:database/sql|github\.com/jackc/pgx/[^"]*|modernc\.org/sqlite|gorm\.io/[^"]*)"|require\(["'](?:pg|mysql2?|mongoose|sequelize|knex|better-sqlite3)["']\)|from ["'](?:pg|@prisma/client|drizzle-orm|typeorm|mongoose)["']`)

// usesDatabase tells whether sources talk to a database of their own.
func usesDatabase(ctx context.Context, t *tree.Tree) (bool, error) {
	uses := false
	err := t.Files(ctx, func(f tree.File) error {
		switch path.Ext(f.Path) {
		case ".py", ".go", ".js", ".ts", ".mjs":
		default:
			return nil
		}
		if uses {
			return nil
		}
		text, err := t.Read(f.Path)
		uses = database.Match(text)
		return err
	})
	return uses, err
}
