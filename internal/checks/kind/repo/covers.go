package repo

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/env"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// covers looks whether the documents name what is in the sources. The documents are the files of the look, or,
// when none was named, all that lie at the root and below docs.
func (l *fileLook) covers(ctx context.Context) error {
	text := l.text
	for _, what := range l.with.List("covers") {
		var wanted []string
		var err error
		switch what {
		case "routes":
			wanted, err = routes(ctx, l.tree)
		case "codes":
			wanted = l.with.List("codes")
		case "env":
			var used map[string]env.Place
			if used, _, err = env.Sources(ctx, l.tree); err == nil {
				for name := range used {
					wanted = append(wanted, name)
				}
				slices.Sort(wanted)
			}
		case "commands":
			wanted, err = commands(l.tree)
		}
		if err != nil {
			return err
		}
		var lacks []string
		for _, w := range wanted {
			if !names(text, w) {
				lacks = append(lacks, w)
			}
		}
		l.saw[what] = map[string]any{"in_sources": len(wanted), "not_documented": lacks}
		l.wanted = append(l.wanted, "all "+what+" documented")
		for _, w := range lacks {
			l.missing(l.files[0], "%s is documented nowhere (%s)", w, what)
		}
	}
	return nil
}

// names tells whether a text holds a word as a whole: /call is not named by /calls.
func names(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if !(i > 0 && wordByte(text[i-1]) && wordByte(word[0])) && !(end < len(text) && wordByte(text[end])) {
			return true
		}
		from = i + 1
	}
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_'
}

// routers are how web frameworks declare a route; the last group is the path.
var routers = map[string][]*regexp.Regexp{ //nolint:gochecknoglobals // a table
	".py": {
		regexp.MustCompile(`@\w+\.(?:get|post|put|patch|delete|websocket|head|options|route|api_route)\(\s*["'](/[^"']*)["']`),
		regexp.MustCompile(`\b(?:add_route|add_api_route|add_websocket_route|add_get|add_post)\(\s*["'](/[^"']*)["']`),
	},
	".go": {regexp.MustCompile("\\b(?:HandleFunc|Handle|Get|Post|Put|Delete|Patch)\\(\\s*[\"`](?:(?:GET|POST|PUT|PATCH|DELETE|HEAD) )?(/[^\"`]*)[\"`]")},
	".js": {regexp.MustCompile(`\b\w+\.(?:get|post|put|patch|delete|ws|all)\(\s*["'](/[^"']*)["']`)},
}

// routes are the paths that the sources declare, without those of tests.
func routes(ctx context.Context, t *tree.Tree) ([]string, error) {
	var out []string
	err := t.Files(ctx, func(f tree.File) error {
		ext := path.Ext(f.Path)
		if ext == ".ts" || ext == ".mjs" {
			ext = ".js"
		}
		patterns := routers[ext]
		base := path.Base(f.Path)
		if patterns == nil || strings.HasPrefix(base, "test_") || strings.Contains(base, "_test.") || strings.Contains(base, ".test.") || strings.Contains("/"+f.Path, "/test") {
			return nil
		}
		text, err := t.Read(f.Path)
		for _, re := range patterns {
			for _, m := range re.FindAllSubmatch(text, -1) {
				if route := strings.TrimSuffix(string(m[1]), "{$}"); route != "/" && !slices.Contains(out, route) {
					out = append(out, route)
				}
			}
		}
		return err
	})
	slices.Sort(out)
	return out, err
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):[^=\n]*##`)

// commands are the make targets that say what they do, and the scripts of a package.json.
func commands(t *tree.Tree) ([]string, error) {
	var out []string
	if text, err := t.Read("Makefile"); err == nil {
		for _, m := range makeTarget.FindAllSubmatch(text, -1) {
			if string(m[1]) != "help" {
				out = append(out, "make "+string(m[1]))
			}
		}
	}
	return out, nil
}
