package envcat

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Problem is what is wrong with one variable. It never holds the value of a secret.
type Problem struct {
	Var     Var
	Missing bool
	Soft    bool   // looks wrong but may work: a warning
	What    string // "is not set", "has the shape of ..."
	Fix     string // what to do about it
}

func (p Problem) String() string {
	s := p.Var.Name + " " + p.What
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// Validate looks at all variables that an agent uses and reports everything that is wrong with them. get
// returns the value that counts ("" = not set). With sandbox, nothing is required and keys may have any
// form, because the sandbox fills what is not set and takes every key.
func (c *Catalogue) Validate(profile string, sandbox bool, get func(Var) string) []Problem {
	var out []Problem
	for _, v := range c.ForProfile(profile).All() {
		value := get(v)
		if value == "" {
			if v.RequiredBy(profile) && !sandbox {
				out = append(out, Problem{Var: v, Missing: true, What: "is not set", Fix: v.source()})
			}
			continue
		}
		if words := v.Shape.mismatch(value); words != "" {
			out = append(out, Problem{Var: v, What: v.show(value) + ", want " + words, Fix: v.source()})
			continue
		}
		if placeholder(value) && v.Secret {
			out = append(out, Problem{Var: v, What: "still holds the placeholder of a template", Fix: v.source()})
			continue
		}
		if words := c.liveMismatch(v, value, sandbox, get); words != "" {
			out = append(out, Problem{
				Var: v, Soft: !v.RequiredBy(profile), What: v.show(value) + ", want " + words, Fix: v.source(),
			})
		}
	}
	return out
}

// mismatch returns what was wanted, "" when the value has the shape.
func (s Shape) mismatch(value string) string {
	switch {
	case s.re != nil && !s.re.MatchString(value):
		return s.Words
	case len(s.URL) > 0 && !plainURL(value, s.URL):
		return "a URL that begins with " + strings.Join(s.URL, ":// or ") + "://, without user, query and fragment"
	case len(s.OneOf) > 0 && !slices.Contains(s.OneOf, strings.ToLower(value)):
		return "one of " + strings.Join(s.OneOf, ", ")
	}
	return ""
}

func (c *Catalogue) liveMismatch(v Var, value string, sandbox bool, get func(Var) string) string {
	if v.Live == nil || sandbox || v.Live.re.MatchString(value) {
		return ""
	}
	if at, ok := c.Find(v.Live.URL); ok {
		if u, err := url.Parse(get(at)); err == nil && u.Host != "" {
			host := u.Hostname()
			if host != v.Live.Host && !strings.HasSuffix(host, "."+v.Live.Host) {
				return ""
			}
		}
	}
	return v.Live.Words
}

// show describes a value without telling a secret.
func (v Var) show(value string) string {
	if v.Secret {
		return fmt.Sprintf("has a value of %d characters", len(value))
	}
	return "is " + Quote(value)
}

func (v Var) source() string {
	if v.Where == "" {
		return ""
	}
	return "get it at " + v.Where
}

// Quote shows a value in a message: control characters escaped, user and password of a URL hidden, cut
// after 80 characters.
func Quote(value string) string {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		u.User = url.User("[redacted]")
		value = u.String()
	}
	if r := []rune(value); len(r) > 80 {
		value = string(r[:80]) + "…"
	}
	return fmt.Sprintf("%q", value)
}

func plainURL(value string, schemes []string) bool {
	u, err := url.Parse(value)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && !strings.ContainsAny(value, " \t\r\n#")
}

// placeholder recognises what templates put where a key belongs.
func placeholder(value string) bool {
	v := strings.ToLower(value)
	return strings.HasSuffix(v, "...") || strings.HasPrefix(v, "your-") || strings.HasPrefix(v, "your_") ||
		strings.HasPrefix(v, "<") || v == "changeme" || v == "xxx" || v == "todo"
}
