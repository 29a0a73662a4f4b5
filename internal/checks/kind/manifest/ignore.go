package manifest

import (
	"regexp"
	"strings"
)

// Ignore is a .dockerignore: what does not enter the build context.
type Ignore struct{ rules []ignoreRule }

type ignoreRule struct {
	re   *regexp.Regexp
	keep bool
}

const mostIgnores = 1000

// ParseIgnore reads a .dockerignore. A line that is no pattern is passed over, as builders do with blank ones.
func ParseIgnore(text string) Ignore {
	var g Ignore
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' || len(line) > 500 || len(g.rules) == mostIgnores {
			continue
		}
		pattern, keep := strings.CutPrefix(line, "!")
		pattern = strings.Trim(strings.TrimSpace(pattern), "/")
		pattern = strings.TrimPrefix(pattern, "./")
		if re, err := regexp.Compile("^(?:" + globPattern(pattern) + ")(?:/.*)?$"); err == nil && pattern != "" {
			g.rules = append(g.rules, ignoreRule{re, keep})
		}
	}
	return g
}

// globPattern is a pattern of path names as a regular expression: * stays inside a folder, ** does not.
func globPattern(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' && strings.Contains(glob[i:], "]"):
			end := i + strings.IndexByte(glob[i:], ']')
			class := strings.ReplaceAll(glob[i+1:end], `\`, `\\`)
			if not, is := strings.CutPrefix(class, "!"); is {
				class = "^" + not
			}
			b.WriteString("[" + class + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

// Match tells whether a path of the context is left out. The last rule that fits decides.
func (g Ignore) Match(path string) bool {
	out := false
	for _, r := range g.rules {
		if r.re.MatchString(path) {
			out = !r.keep
		}
	}
	return out
}

// Keeps tells whether a later rule may bring something below an ignored folder back.
func (g Ignore) Keeps() bool {
	for _, r := range g.rules {
		if r.keep {
			return true
		}
	}
	return false
}
