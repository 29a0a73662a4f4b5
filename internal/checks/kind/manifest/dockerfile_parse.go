package manifest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// instruction is one of a Dockerfile.
type instruction struct {
	line  int
	name  string            // in capitals
	flags map[string]string // --from=x
	args  []string          // words, or the elements of a JSON list
	list  bool              // the JSON form
	text  string            // what follows the name, joined over its lines, with heredocs
}

// stage is what a FROM begins.
type stage struct {
	base  string
	name  string
	line  int
	steps []instruction
}

// dockerfile is a parsed one.
type dockerfile struct {
	before []instruction // ARG before the first FROM
	stages []stage
	faults []fault
}

type fault struct {
	line int
	text string
}

const mostInstructions = 2000

var instructions = []string{ //nolint:gochecknoglobals // a table
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

var (
	heredoc    = regexp.MustCompile(`<<-?["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
	escapeLine = regexp.MustCompile("(?i)^#\\s*escape\\s*=\\s*([\\\\`])\\s*$")
)

// parseDockerfile reads a Dockerfile: continuations, comments between them, the escape directive, JSON lists
// and heredocs. What it cannot read is a fault; it never stops.
func parseDockerfile(text string) dockerfile {
	var d dockerfile
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	escape := `\`
	if m := escapeLine.FindStringSubmatch(lines[0]); m != nil {
		escape = m[1]
	}
	count := 0
	for i := 0; i < len(lines) && count < mostInstructions; i++ {
		line := strings.TrimSpace(lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		start := i
		whole, more := strings.CutSuffix(line, escape)
		for more && i+1 < len(lines) {
			i++
			next := strings.TrimSpace(lines[i])
			if next == "" || next[0] == '#' {
				continue
			}
			next, more = strings.CutSuffix(next, escape)
			whole += " " + next
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(whole), " ")
		in := instruction{line: start + 1, name: strings.ToUpper(name), text: strings.TrimSpace(rest)}
		if in.name == "RUN" || in.name == "COPY" || in.name == "ADD" {
			for _, m := range heredoc.FindAllStringSubmatch(in.text, 10) {
				for i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != m[1] {
					i++
					in.text += "\n" + lines[i]
				}
				i++
			}
		}
		count++
		d.take(in)
	}
	if len(d.stages) == 0 {
		d.faults = append(d.faults, fault{1, "there is no FROM"})
	}
	return d
}

func (d *dockerfile) take(in instruction) {
	if !slices.Contains(instructions, in.name) {
		d.faults = append(d.faults, fault{in.line, fmt.Sprintf("%.40q is no instruction", in.name)})
		return
	}
	in.split()
	switch {
	case in.name == "FROM":
		s := stage{line: in.line}
		if len(in.args) == 0 {
			d.faults = append(d.faults, fault{in.line, "FROM names no image"})
		} else {
			s.base = in.args[0]
		}
		if len(in.args) == 3 && strings.EqualFold(in.args[1], "AS") {
			s.name = in.args[2]
		}
		d.stages = append(d.stages, s)
	case len(d.stages) == 0 && in.name == "ARG":
		d.before = append(d.before, in)
	case len(d.stages) == 0:
		d.faults = append(d.faults, fault{in.line, in.name + " stands before the first FROM"})
	default:
		if in.text == "" && in.name != "CMD" {
			d.faults = append(d.faults, fault{in.line, in.name + " says nothing"})
		}
		last := &d.stages[len(d.stages)-1]
		last.steps = append(last.steps, in)
	}
}

// split takes the flags off, and makes words of the rest.
func (in *instruction) split() {
	in.flags = map[string]string{}
	rest := in.text
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		key, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		in.flags[key], rest = value, strings.TrimSpace(after)
	}
	if strings.HasPrefix(rest, "[") && json.Unmarshal([]byte(rest), &in.args) == nil {
		in.list = true
		return
	}
	first, _, _ := strings.Cut(rest, "\n")
	in.args = words(first)
}

// words splits a line as a shell would, as far as quotes go.
func words(s string) []string {
	var out []string
	var b strings.Builder
	quote, in := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t':
			if in {
				out, in = append(out, b.String()), false
				b.Reset()
			}
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}

// last returns the last step of a name in a stage, nil when there is none.
func (s *stage) last(name string) *instruction {
	for _, in := range slices.Backward(s.steps) {
		if in.name == name {
			return &in
		}
	}
	return nil
}

// final is the stage that becomes the image, with the steps that it has from stages it is built on.
func (d *dockerfile) final() stage {
	s := d.stages[len(d.stages)-1]
	for range d.stages {
		i := slices.IndexFunc(d.stages, func(o stage) bool { return o.name != "" && strings.EqualFold(o.name, s.base) })
		if i < 0 || d.stages[i].line >= s.line {
			break
		}
		s = stage{base: d.stages[i].base, name: s.name, line: d.stages[i].line, steps: slices.Concat(d.stages[i].steps, s.steps)}
	}
	return s
}

// variables are the ARG and ENV values of a stage with a default, for what a line says.
func (d *dockerfile) variables(s stage) map[string]string {
	vars := map[string]string{}
	for _, in := range slices.Concat(d.before, s.steps) {
		if in.name != "ARG" && in.name != "ENV" {
			continue
		}
		if in.name == "ENV" && len(in.args) >= 2 && !strings.Contains(in.args[0], "=") {
			vars[in.args[0]] = strings.Join(in.args[1:], " ")
			continue
		}
		for _, a := range in.args {
			if key, value, has := strings.Cut(a, "="); has {
				vars[key] = value
			}
		}
	}
	return vars
}

var variable = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)(?::-([^}]*))?\}|([A-Za-z_]\w*))`)

// expand puts values in place of variables; whole is false when one is not known.
func expand(s string, vars map[string]string) (out string, whole bool) {
	whole = true
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		m := variable.FindStringSubmatch(v)
		if value, has := vars[m[1]+m[3]]; has {
			return value
		}
		if m[2] != "" {
			return m[2]
		}
		whole = false
		return v
	}), whole
}
