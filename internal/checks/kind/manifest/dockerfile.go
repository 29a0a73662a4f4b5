package manifest

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/envcat"
)

// dockerJudge judges one Dockerfile.
type dockerJudge struct {
	*input
	file    string
	root    string // folder of the context inside the repository, "." = its root
	ignore  Ignore
	ignored bool // there is a .dockerignore
	d       dockerfile
	out     []checks.Problem
}

// check notes one look of a rule.
func (j *dockerJudge) check(id string, ok bool, line int, format string, a ...any) {
	j.out = append(j.out, j.found(id, ok, j.file, line, format, a...)...)
}

func judgeDockerfiles(in *input) ([]checks.Problem, error) {
	var all []checks.Problem
	for _, file := range in.files {
		if in.ctx.Err() != nil {
			return nil, in.ctx.Err()
		}
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		j := &dockerJudge{input: in, file: file, d: parseDockerfile(text)}
		j.check("dockerfile-syntax", len(j.d.faults) == 0, 1, "cannot be built")
		if len(j.d.faults) > 0 && in.on("dockerfile-syntax") {
			j.out = j.out[:0]
			for _, f := range j.d.faults {
				j.out = append(j.out, checks.Problem{Text: f.text, File: file, Line: f.line, Rule: "dockerfile-syntax"})
			}
		}
		if len(j.d.stages) > 0 {
			j.context()
			j.stages()
			j.image()
		}
		all = append(all, j.out...)
	}
	command, err := in.buildCommands()
	return append(all, command...), err
}

// context chooses the folder that the image is built from: the one in which more of what is copied lies, since
// the Dockerfile does not say.
func (j *dockerJudge) context() {
	best := -1
	for _, dir := range []string{path.Dir(j.file), "."} {
		hits := 0
		for _, s := range j.d.stages {
			for _, in := range s.steps {
				if in.name == "COPY" || in.name == "ADD" {
					for _, src := range in.args[:max(len(in.args)-1, 0)] {
						if j.tree.Has(path.Join(dir, src)) {
							hits++
						}
					}
				}
			}
		}
		if hits > best {
			best, j.root = hits, dir
		}
	}
	for _, name := range []string{j.file + ".dockerignore", path.Join(j.root, ".dockerignore")} {
		if text, err := j.tree.Read(name); err == nil {
			j.ignore, j.ignored = ParseIgnore(string(text)), true
			return
		}
	}
}

func (j *dockerJudge) stages() {
	named := func(base string) bool {
		return slices.ContainsFunc(j.d.stages, func(s stage) bool { return strings.EqualFold(s.name, base) && s.name != "" })
	}
	for _, s := range j.d.stages {
		vars := j.d.variables(s)
		if base, whole := expand(s.base, vars); whole && base != "scratch" && !named(base) {
			j.check("base-tag", tagged(base), s.line, "the base image %s has no fixed tag", base)
		}
		img := &layers{judge: j, vars: vars, workdir: "/", open: strings.Contains(strings.TrimPrefix(s.base, "docker.io/library/"), "/") || named(s.base)}
		for i := range s.steps {
			in := &s.steps[i]
			switch in.name {
			case "WORKDIR":
				img.chdir(strings.Join(in.args, " "))
			case "COPY", "ADD":
				j.copies(in, vars)
				img.add(in)
			case "RUN":
				j.step(in)
				img.uses(in)
				img.makes(in)
			case "CMD", "ENTRYPOINT":
				img.uses(in)
			case "ENV", "ARG":
				j.variable(in)
			}
		}
	}
}

// tagged tells whether an image name says which version.
func tagged(ref string) bool {
	if strings.Contains(ref, "@sha256:") {
		return true
	}
	_, tag, has := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], ":")
	return has && tag != "" && tag != "latest"
}

// products are folders that a build step outside of the Dockerfile makes, so that their absence tells nothing.
var products = []string{"dist", "build", "target", "bin", "out", "public", "node_modules"} //nolint:gochecknoglobals // a table

func (j *dockerJudge) copies(in *instruction, vars map[string]string) {
	if len(in.args) < 2 {
		return
	}
	for _, src := range in.args[:len(in.args)-1] {
		if strings.Contains(src, "://") || strings.HasPrefix(src, "git@") {
			j.check("add-remote", in.name != "ADD", in.line, "ADD fetches %s", src)
			continue
		}
		_, from := in.flags["from"]
		var whole bool
		src, whole = expand(src, vars)
		if from || !whole || strings.Contains(src, "<<") {
			continue
		}
		src = strings.TrimPrefix(path.Clean("/"+src), "/")
		if first, _, _ := strings.Cut(src, "/"); slices.Contains(products, first) && !j.tree.Has(path.Join(j.root, src)) {
			continue
		}
		if src == "" {
			j.check("dockerignore", j.ignored, in.line, "the whole context is copied, and there is no .dockerignore")
			for _, env := range []string{".env", ".env.local", ".env.production"} {
				if j.tree.Has(path.Join(j.root, env)) {
					j.check("secret-in-image", j.ignore.Match(env), in.line, "%s enters the image: it is in the context and not ignored", env)
				}
			}
			continue
		}
		base := path.Base(src)
		if base == ".env" || strings.HasPrefix(base, ".env.") && !strings.Contains(base, "example") && !strings.Contains(base, "sample") {
			j.check("secret-in-image", false, in.line, "%s is copied into the image", src)
		}
		there, why := j.source(src)
		j.check("copy-source", there, in.line, "%s is %s", src, why)
	}
}

// source tells whether a source of COPY is in the context.
func (j *dockerJudge) source(src string) (there bool, why string) {
	full := path.Join(j.root, src)
	if strings.ContainsAny(src, "*?[") {
		re, err := regexp.Compile("^" + globPattern(full) + "$")
		if err != nil {
			return true, ""
		}
		files, err := j.tree.Glob(j.ctx, "*")
		for _, f := range files {
			for p := f; p != "."; p = path.Dir(p) {
				if re.MatchString(p) {
					return true, ""
				}
			}
		}
		return err != nil || j.tree.Cut, "fitted by no file of the context"
	}
	switch {
	case !j.tree.Has(full):
		return false, "not in the build context"
	case j.ignore.Match(src):
		return false, "ignored by .dockerignore"
	}
	return true, ""
}

var (
	inlineSecret = regexp.MustCompile(`\b([A-Za-z_][A-Za-z0-9_]*)=["']?([^\s"'$&;|]+)`)
	aptInstall   = regexp.MustCompile(`\bapt(?:-get)?\s+(?:-\S+\s+)*install\b`)
	aptUpdate    = regexp.MustCompile(`\bapt(?:-get)?\s+(?:-\S+\s+)*update\b`)
	harmless     = regexp.MustCompile(`(?i)^(?:true|false|yes|no|on|off|none|null|\d+|/.*|<.*>|x+|\*+|\.\.\.|change-?me|your[-_].*|.*example.*|.*placeholder.*|dummy|test|""|)$`)
)

// secretValue tells whether name and value are a secret that stands there in full.
func secretValue(name, value string) bool {
	return envcat.LooksSecret(name) && !strings.Contains(value, "$") && !harmless.MatchString(strings.Trim(value, `"' `))
}

func (j *dockerJudge) step(in *instruction) {
	for _, m := range inlineSecret.FindAllStringSubmatch(in.text, 50) {
		if envcat.LooksSecret(m[1]) {
			j.check("secret-in-image", !secretValue(m[1], m[2]), in.line, "%s is set to a value in a build step", m[1])
		}
	}
	if aptInstall.MatchString(in.text) || aptUpdate.MatchString(in.text) {
		j.check("apt-update", aptUpdate.MatchString(in.text) == aptInstall.MatchString(in.text) || !aptUpdate.MatchString(in.text), in.line, "package lists are updated in a step of their own")
	}
}

func (j *dockerJudge) variable(in *instruction) {
	pairs := in.args
	if in.name == "ENV" && len(in.args) >= 2 && !strings.Contains(in.args[0], "=") {
		pairs = []string{in.args[0] + "=" + strings.Join(in.args[1:], " ")}
	}
	for _, p := range pairs {
		name, value, has := strings.Cut(p, "=")
		switch {
		case !envcat.LooksSecret(name):
		case in.name == "ARG" && !has:
			j.check("secret-in-image", false, in.line, "the build argument %s stays in the history of the image", name)
		default:
			j.check("secret-in-image", !secretValue(name, value), in.line, "%s is set to a value in the image", name)
		}
	}
}

// image looks at what the last stage becomes.
func (j *dockerJudge) image() {
	final := j.d.final()
	vars := j.d.variables(final)
	cmd, entry := final.last("CMD"), final.last("ENTRYPOINT")
	j.check("no-command", cmd != nil || entry != nil, final.line, "nothing says what the image runs")
	user := final.last("USER")
	name := ""
	if user != nil {
		name, _ = expand(strings.Join(user.args, ""), vars)
		name, _, _ = strings.Cut(name, ":")
	}
	line := final.line
	if user != nil {
		line = user.line
	}
	nonroot := strings.Contains(final.base, "nonroot")
	j.check("root-user", name != "" && name != "root" && name != "0" || user == nil && nonroot, line, "the image runs as root")
	health := final.last("HEALTHCHECK")
	j.check("no-healthcheck", health != nil && !strings.EqualFold(strings.Join(health.args, ""), "NONE"), final.line, "there is no HEALTHCHECK")
	for _, in := range []*instruction{entry, cmd} {
		if in == nil {
			continue
		}
		j.check("shell-command", in.list || strings.HasPrefix(in.text, "exec "), in.line, "%s runs in a shell, which keeps signals from the backend", in.name)
		reload := regexp.MustCompile(`--reload\b|--debug\b|\bnodemon\b|flask run.*--debug`).MatchString(strings.Join(in.args, " "))
		j.check("reload-in-image", !reload, in.line, "%s reloads on change", in.name)
	}
	j.ports(final, vars, entry, cmd, health)
}

func (j *dockerJudge) ports(final stage, vars map[string]string, entry, cmd, health *instruction) {
	var exposed []string
	line := final.line
	for _, in := range final.steps {
		if in.name == "EXPOSE" {
			line = in.line
			for _, a := range in.args {
				if p, whole := expand(a, vars); whole {
					p, _, _ = strings.Cut(p, "/")
					exposed = append(exposed, p)
				}
			}
		}
	}
	said := map[string]string{}
	for _, in := range []*instruction{entry, cmd} {
		if in != nil {
			if p := j.portOf(in, vars); p != "" {
				said[p] = "the start command listens on"
			}
		}
	}
	if p := vars["PORT"]; p != "" && len(said) == 0 {
		said[p] = "PORT is"
	}
	if health != nil {
		text, _ := expand(health.text, vars)
		if m := regexp.MustCompile(`(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d{2,5})`).FindStringSubmatch(text); m != nil && said[m[1]] == "" {
			said[m[1]] = "the health check asks"
		}
	}
	if n, has := j.number("port"); has && said[fmt.Sprint(n)] == "" {
		said[fmt.Sprint(n)] = "wanted is"
	}
	for _, p := range slices.Sorted(maps.Keys(said)) {
		j.check("expose-matches", slices.Contains(exposed, p), line, "%s %s, and EXPOSE names %s", said[p], p, orNone(exposed))
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

var (
	portFlag = regexp.MustCompile(`(?:--port|--http-port|-p|--bind|-b|--listen|--addr|--host-port)[ =]"?(?:[\w.\[\]-]*:)?(\d{2,5})\b`)
	portTail = regexp.MustCompile(`(?:^|\s)(?:0\.0\.0\.0|\[::\]|127\.0\.0\.1|localhost)?:(\d{2,5})(?:\s|$)`)
	portCode = regexp.MustCompile(`(?i)\bport\b["']?\s*(?:=|,|:)\s*(?:int\()?(?:os\.(?:environ\.get|getenv)\(\s*["']PORT["']\s*,\s*)?["']?(\d{4,5})\b`)
	pyFile   = regexp.MustCompile(`^[\w./-]+\.py$`)
)

// portOf is the port that a start command listens on: from its words, from what its server takes by itself, or
// from the script that it names. "" = it does not tell.
func (j *dockerJudge) portOf(in *instruction, vars map[string]string) string {
	text, _ := expand(strings.Join(in.args, " "), vars)
	if m := portFlag.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	if m := portTail.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	if vars["PORT"] != "" {
		return ""
	}
	for _, a := range in.args {
		switch {
		case path.Base(a) == "uvicorn", path.Base(a) == "gunicorn", path.Base(a) == "hypercorn":
			return "8000"
		case pyFile.MatchString(a):
			for _, dir := range []string{j.root, path.Dir(j.file)} {
				code, err := j.tree.Read(path.Join(dir, path.Base(a)))
				if err != nil {
					continue
				}
				if m := portCode.FindSubmatch(code); m != nil {
					return string(m[1])
				}
			}
		}
	}
	return ""
}
