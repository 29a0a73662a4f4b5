// Package env holds the kinds that look at environment variables: whether they are set, whether they look
// like what they should be, whether environments share secrets, and whether the sources document them.
// No value of a variable ever leaves a kind: a length and a salted fingerprint stand for it.
package env

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/envcat"
)

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{present(), pattern(), distinct(), documented()}
}

// sets are groups of variables that checklists ask for by name. The first is what the documents of the data
// assistant ask for, the second those of the phone host.
var sets = map[string][]string{ //nolint:gochecknoglobals // a table
	"pipecat.required": {"OPENAI_API_KEY", "SPEECHMATICS_API_KEY", "CARTESIA_API_KEY", "SUPABASE_URL", "SUPABASE_ANON_KEY"},
	"phone.required":   {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "HF_TOKEN", "CARTESIA_API_KEY", "CEREBRIUM_PROJECT_ID"},
}

// Required returns the variables without which a backend of a profile (julia, phone, audio, any) cannot work.
func Required(profile string) []string {
	switch profile {
	case "julia":
		return slices.Clone(sets["pipecat.required"])
	case "phone":
		return slices.Clone(sets["phone.required"])
	case "audio":
		return nil
	}
	all := slices.Concat(sets["pipecat.required"], sets["phone.required"])
	slices.Sort(all)
	return slices.Compact(all)
}

// setNames are the names of the sets; "secrets" are all given variables whose name says that they are secret.
func setNames() []string { return []string{"pipecat.required", "phone.required", "secrets"} }

// wantedNames are the variables that the parameters name.
func wantedNames(scope *checks.Scope, with checks.Values) []string {
	names := slices.Clone(with.List("names"))
	if n := with.Text("name"); n != "" {
		names = append(names, n)
	}
	switch set := with.Text("set"); set {
	case "":
	case "secrets":
		for _, n := range scope.Env.Names() {
			if envcat.LooksSecret(n) {
				names = append(names, n)
			}
		}
	default:
		names = append(names, sets[set]...)
	}
	return names
}

func present() *checks.Kind {
	return &checks.Kind{
		Name: "env.present", Title: "Required variables are set and not empty",
		Passes: "every variable has a value",
		Why:    "A backend with a missing key starts, answers the health check, and fails on the first caller.",
		Fix:    "set the missing variables in the env file or in the platform's settings",
		Source: "The twelve-factor app, III. Config", Saves: "names, sources, lengths and salted fingerprints; never values",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedEnv},
		Params: []checks.Param{
			{Name: "names", Type: checks.List, Doc: "variables"},
			{Name: "set", Type: checks.Text, OneOf: setNames(), Doc: "a group of variables"},
			{Name: "allow_empty", Type: checks.Switch, Default: false, Doc: "set to nothing is enough"},
		},
		Look: func(_ context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
			names := wantedNames(scope, with)
			if len(names) == 0 {
				return checks.Unclear(nil, "there is no variable to look for", checks.Fix{}), nil
			}
			saw := map[string]any{}
			var missing []string
			var problems []checks.Problem
			for _, name := range names {
				v, set := scope.Env[name]
				switch {
				case !set, strings.TrimSpace(v.Value) == "" && !with.Switch("allow_empty"):
					missing = append(missing, name)
					saw[name] = "not set"
					if set {
						saw[name] = "empty"
					}
					problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s is %s", name, saw[name]), File: fileOf(v.Source), Line: lineOf(v.Source)})
				default:
					saw[name] = describe(scope, name, v)
				}
			}
			if len(missing) > 0 {
				return checks.Failed(saw, strings.Join(names, ", ")+" set", fixFor(missing), problems...), nil
			}
			return checks.Passed(saw), nil
		},
	}
}

// describe is what may be told of a value.
func describe(scope *checks.Scope, name string, v checks.Variable) map[string]any {
	d := scope.Mask.Describe(v.Value)
	if !envcat.LooksSecret(name) {
		d = map[string]any{"length": len(v.Value)}
	}
	d["source"] = v.Source
	return d
}

// fixFor says where the values come from, for variables that the catalogue knows.
func fixFor(names []string) checks.Fix {
	fix := checks.Fix{Text: "set " + strings.Join(names, ", ")}
	catalogue, err := envcat.Load()
	if err != nil {
		return fix
	}
	for _, n := range names {
		if v, known := catalogue.Find(n); known && v.Where != "" {
			fix.Text += fmt.Sprintf("; %s comes from %s", n, v.Where)
		}
	}
	return fix
}

func fileOf(source string) string {
	file, _, has := strings.Cut(source, ":")
	if !has {
		return ""
	}
	return file
}

func lineOf(source string) int {
	_, text, _ := strings.Cut(source, ":")
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' {
			return n
		}
		n = n*10 + int(r-'0')
	}
	return n
}
