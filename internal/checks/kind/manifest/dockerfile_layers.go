package manifest

import (
	"path"
	"regexp"
	"strings"
)

// layers is what is known of the files of a stage while it is built.
type layers struct {
	judge   *dockerJudge
	vars    map[string]string
	workdir string
	copied  []copied
	open    bool // files may have come from elsewhere: what is not found proves nothing
}

// copied is one source of a COPY and where it went.
type copied struct{ src, dest string }

func (l *layers) chdir(dir string) {
	if d, whole := expand(dir, l.vars); whole {
		l.workdir = l.abs(d)
		return
	}
	l.open = true
}

func (l *layers) abs(p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Join(l.workdir, p)
}

func (l *layers) add(in *instruction) {
	_, from := in.flags["from"]
	if len(in.args) < 2 || from || strings.Contains(in.text, "<<") || strings.Contains(in.text, "://") {
		l.open = l.open || from || strings.Contains(in.text, "<<") || strings.Contains(in.text, "://")
		return
	}
	dest, whole := expand(in.args[len(in.args)-1], l.vars)
	if !whole {
		l.open = true
		return
	}
	for _, src := range in.args[:len(in.args)-1] {
		s, known := expand(src, l.vars)
		if !known || strings.ContainsAny(s, "*?[") || in.name == "ADD" && strings.Contains(s, ".tar") {
			l.open = true
			continue
		}
		l.copied = append(l.copied, copied{strings.TrimPrefix(path.Clean("/"+s), "/"), l.abs(dest)})
	}
}

// writers are words of a build step that make files.
var writers = regexp.MustCompile(`\b(?:curl|wget|git|tar|unzip|cp|mv|touch|tee|ln|make|go|npm|yarn|pnpm|cargo|rsync|sed|envsubst|uv|poetry)\b|>`)

func (l *layers) makes(in *instruction) {
	l.open = l.open || writers.MatchString(in.text) || strings.Contains(in.text, "--mount")
}

// has tells whether a file is in the image by now.
func (l *layers) has(file string) bool {
	p := l.abs(file)
	for _, c := range l.copied {
		if p == c.dest && c.src != "" || p == path.Join(c.dest, path.Base(c.src)) {
			return true
		}
		rel, below := strings.CutPrefix(p, strings.TrimSuffix(c.dest, "/")+"/")
		if below && l.judge.tree.Has(path.Join(l.judge.root, c.src, rel)) && !l.judge.ignore.Match(path.Join(c.src, rel)) {
			return true
		}
	}
	return false
}

var (
	requirement = regexp.MustCompile(`(?:^|\s)(?:-r|--requirement)[ =]([^\s;&|]+)`)
	script      = regexp.MustCompile(`(?:^|[\s;&|])(?:python[0-9.]*|node|sh|bash)\s+((?:[\w./-]+)\.(?:py|js|mjs|cjs|sh))\b`)
	direct      = regexp.MustCompile(`(?:^|[\s;&|])(\.?/?[\w./-]+\.sh)\b`)
	application = regexp.MustCompile(`\b(?:uvicorn|gunicorn|hypercorn|daphne)\b.*?\s([A-Za-z_][\w.]*):[A-Za-z_]\w*`)
)

// uses looks for the files that a step names.
func (l *layers) uses(in *instruction) {
	if l.open || strings.Contains(in.text, "cd ") {
		return
	}
	text := strings.Join(in.args, " ")
	if !in.list {
		text = in.text
	}
	text, _ = expand(text, l.vars)
	seen := map[string]bool{}
	for _, re := range []*regexp.Regexp{requirement, script, direct} {
		for _, m := range re.FindAllStringSubmatch(text, 20) {
			if f := m[1]; !seen[f] && !strings.ContainsAny(f, "$*<") && f != "-" {
				seen[f] = true
				l.judge.check("build-file", l.has(f), in.line, "%s is named here, and no COPY brought it to %s", f, l.abs(f))
			}
		}
	}
	if m := application.FindStringSubmatch(text); m != nil && in.name != "RUN" {
		mod := strings.ReplaceAll(m[1], ".", "/")
		l.judge.check("build-file", l.has(mod+".py") || l.has(mod+"/__init__.py"), in.line, "%s is what starts, and no COPY brought %s.py to %s", m[1], mod, l.workdir)
	}
}
