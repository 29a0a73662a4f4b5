package toolchain

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// language is what a project is written in.
type language string

const (
	python language = "python"
	golang language = "go"
	node   language = "node"
)

// project is one folder of a repository that a language's tools work in.
type project struct {
	lang  language
	dir   string // inside the repository, "." = its root
	root  string // absolute
	files []string
}

// path is the absolute folder.
func (p project) path() string { return filepath.Join(p.root, filepath.FromSlash(p.dir)) }

// has tells whether a file is there, by its path inside the project.
func (p project) has(name string) bool { return slices.Contains(p.files, name) }

// ending returns the files with one of the endings.
func (p project) ending(exts ...string) []string {
	var out []string
	for _, f := range p.files {
		if slices.Contains(exts, path.Ext(f)) {
			out = append(out, f)
		}
	}
	return out
}

// marks are the files that say that a folder is a project of a language.
var marks = []struct { //nolint:gochecknoglobals // a table
	lang  language
	names []string
}{
	{golang, []string{"go.mod"}},
	{python, []string{"pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", "environment.yml"}},
	{node, []string{"package.json"}},
}

// projects finds what the repository is made of: by declarations in its root, else in the folders right below,
// else by sources.
func projects(ctx context.Context, t *tree.Tree, root string) ([]project, error) {
	var all []string
	if err := t.Files(ctx, func(f tree.File) error { all = append(all, f.Path); return nil }); err != nil {
		return nil, err
	}
	var found []project
	for _, deep := range []int{0, 1} {
		for _, m := range marks {
			for _, f := range all {
				if strings.Count(f, "/") != deep || !declares(m.names, path.Base(f)) {
					continue
				}
				p := project{lang: m.lang, dir: path.Dir(f), root: root}
				if !slices.ContainsFunc(found, func(o project) bool { return o.lang == p.lang && o.dir == p.dir }) {
					found = append(found, p)
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	if len(found) == 0 {
		for _, byExt := range []struct {
			lang language
			ext  string
		}{{python, ".py"}, {golang, ".go"}, {node, ".js"}, {node, ".ts"}} {
			if slices.ContainsFunc(all, func(f string) bool { return path.Ext(f) == byExt.ext }) {
				found = append(found, project{lang: byExt.lang, dir: ".", root: root})
				break
			}
		}
	}
	for i := range found {
		for _, f := range all {
			if rel, below := strings.CutPrefix(f, found[i].dir+"/"); below || found[i].dir == "." {
				if found[i].dir == "." {
					rel = f
				}
				found[i].files = append(found[i].files, rel)
			}
		}
	}
	return found, nil
}

// declares tells whether a file name is one of the names; any file that ends in requirements.txt declares.
func declares(names []string, base string) bool {
	return slices.Contains(names, base) || slices.Contains(names, "requirements.txt") && strings.HasSuffix(base, "requirements.txt")
}
