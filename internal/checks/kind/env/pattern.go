package env

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// presets are shapes with a name.
var presets = map[string]struct { //nolint:gochecknoglobals // a table
	words string
	fits  func(string) bool
}{
	"uuid":            {"a UUID", regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString},
	"jwt":             {"a JSON web token", regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`).MatchString},
	"https-url":       {"an https URL without user, query and fragment", httpsURL},
	"not-placeholder": {"a real value and not that of a template", func(s string) bool { return !placeholder(s) }},
}

func httpsURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	// Plain http is what an emulator on this machine speaks.
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127."))
}

// templated are the values that templates, tutorials and examples hold in the place of a real one.
var templated = regexp.MustCompile(`(?i)^(<.*>|\[.*\]|\{.*\}|\$\{.*\}|x{3,}|\.{3,}|-+|\*{3,}|todo|tbd|fixme|none|null|undefined|change[-_ ]?me.*|replace[-_ ]?(me|this).*|insert[-_ ].*|put[-_ ]your.*|enter[-_ ]your.*|add[-_ ]your.*|(your|my)[-_ ].*|.*[-_ ](here|goes[-_ ]here|placeholder)|placeholder.*|example.*|dummy.*|sample.*|test|secret|password|key|token|api[-_ ]?key|value|(sk|hf|pk|ac|p)[-_](\.{2,}|x{2,}|\*{2,}|your.*|xxx.*|placeholder.*)|https?://(your|my|example|project)[^/]*|https?://[^/]*(xxx|your-?project|example\.com).*)$`)

func placeholder(s string) bool {
	s = strings.TrimSpace(s)
	if templated.MatchString(s) {
		return true
	}
	// One character over and over (AC0000…, xxxx-xxxx): a real key never is.
	letters := map[rune]bool{}
	for _, r := range strings.TrimLeft(strings.ToLower(s), "achfpskr_-") {
		if r != '-' && r != '_' {
			letters[r] = true
		}
	}
	return len(s) >= 12 && len(letters) <= 1
}

func pattern() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // words about keys, none itself
		Name: "env.pattern", Title: "A variable looks like what it should be",
		Passes: "the value has the shape and is not the text of a template",
		Why:    "A key of the wrong vendor, or the text of the example file, fails only when the first caller is on the line.",
		Fix:    "copy the value again from where it is issued", Source: "The vendors' descriptions of their keys",
		Saves: "the rule and the verdict; never the value", Severity: checks.Block, Needs: []checks.Need{checks.NeedEnv},
		Params: []checks.Param{
			{Name: "name", Type: checks.Text, Doc: "the variable"},
			{Name: "set", Type: checks.Text, OneOf: setNames(), Doc: "a group of variables instead of one"},
			{Name: "preset", Type: checks.Text, OneOf: []string{"uuid", "jwt", "https-url", "not-placeholder"}, Doc: "a shape with a name"},
			{Name: "re", Type: checks.Text, Doc: "a regular expression (RE2) for the whole value"},
			{Name: "prefix", Type: checks.Text, Doc: "what the value begins with"},
			{Name: "eq", Type: checks.Text, Doc: "the value itself, in any case"},
			{Name: "required", Type: checks.Switch, Default: true, Doc: "false: an unset variable is fine"},
		},
		Look: lookPattern,
	}
}

func lookPattern(_ context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	rules, err := rulesOf(with)
	if err != nil {
		return checks.Observation{}, err
	}
	names := wantedNames(scope, with)
	if len(names) == 0 || len(rules) == 0 {
		return checks.Unclear(nil, "there is no variable or no rule to look by", checks.Fix{}), nil
	}
	saw := map[string]any{}
	var wanted, broken []string
	var problems []checks.Problem
	for _, r := range rules {
		wanted = append(wanted, r.words)
	}
	set := 0
	for _, name := range names {
		v := scope.Env[name]
		if v.Value == "" {
			saw[name] = "not set"
			if with.Switch("required") {
				broken = append(broken, name)
				problems = append(problems, checks.Problem{Text: name + " is not set"})
			}
			continue
		}
		set++
		saw[name] = map[string]any{"source": v.Source, "length": len(v.Value)}
		for _, r := range rules {
			if !r.fits(v.Value) {
				broken = append(broken, name)
				problems = append(problems, checks.Problem{
					Text: fmt.Sprintf("%s (%d characters) is not %s", name, len(v.Value), r.words), File: fileOf(v.Source), Line: lineOf(v.Source),
				})
			}
		}
	}
	switch {
	case len(broken) > 0:
		return checks.Failed(saw, strings.Join(names, ", ")+": "+strings.Join(wanted, " and "), fixFor(broken), problems...), nil
	case set == 0:
		return checks.DoesNotApply(strings.Join(names, ", ") + " is optional and not set"), nil
	}
	return checks.Passed(saw), nil
}

// rule is one demand on a value.
type rule struct {
	words string
	fits  func(string) bool
}

func rulesOf(with checks.Values) ([]rule, error) {
	var out []rule
	if name := with.Text("preset"); name != "" {
		p := presets[name]
		out = append(out, rule{p.words, p.fits})
	}
	if prefix := with.Text("prefix"); prefix != "" {
		out = append(out, rule{fmt.Sprintf("a value that begins with %q and goes on", prefix), func(s string) bool {
			return strings.HasPrefix(s, prefix) && len(s) > len(prefix) && !placeholder(s)
		}})
	}
	if eq := with.Text("eq"); eq != "" {
		out = append(out, rule{fmt.Sprintf("%q", eq), func(s string) bool { return strings.EqualFold(s, eq) }})
	}
	if text := with.Text("re"); text != "" {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", text, err)
		}
		out = append(out, rule{"of the form " + text, func(s string) bool { return re.MatchString(s) && !placeholder(s) }})
	}
	return out, nil
}
