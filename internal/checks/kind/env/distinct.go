package env

import (
	"context"
	"fmt"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/envcat"
)

func distinct() *checks.Kind {
	return &checks.Kind{
		Name: "env.distinct", Title: "Environments do not share secrets",
		Passes: "no secret has the same value in two of the environments",
		Why:    "A key that staging and production share lets a test send real mail, and a leak of one be a leak of both.",
		Fix:    "issue a key of its own for each environment", Source: "OWASP Secrets Management",
		Saves: "pairs of names and salted fingerprints; never values", Severity: checks.Block,
		Params: []checks.Param{
			{Name: "between", Type: checks.List, Required: true, Doc: "names of environments, given by --compare NAME=FILE or found as .env.NAME"},
			{Name: "names", Type: checks.List, Doc: "variables to compare (default: all that look like secrets)"},
		},
		Look: lookDistinct,
	}
}

func lookDistinct(_ context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	between := with.List("between")
	var missing, commands []string
	for _, name := range between {
		if scope.EnvFiles[name] == nil {
			missing = append(missing, name)
			commands = append(commands, fmt.Sprintf("--compare %s=.env.%s", name, name))
		}
	}
	if len(between)-len(missing) < 2 {
		return checks.Skipped("the environments "+strings.Join(missing, ", ")+" were not given", checks.Fix{
			Text: "give the environments to compare", Commands: []string{"voicectl check env " + strings.Join(commands, " ")},
		}), nil
	}
	owner := map[string][2]string{} // value -> environment and name
	compared := 0
	var problems []checks.Problem
	saw := map[string]any{}
	for _, name := range between {
		env := scope.EnvFiles[name]
		secrets := 0
		for _, v := range env.Names() {
			value := env.Value(v)
			if !compares(v, with.List("names")) || len(value) < 6 || placeholder(value) {
				continue
			}
			secrets++
			if o, shared := owner[value]; shared && o[0] != name {
				problems = append(problems, checks.Problem{
					Text: fmt.Sprintf("%s of %s is %s of %s (fingerprint %v)", v, name, o[1], o[0], scope.Mask.Describe(value)["fingerprint"]),
					File: fileOf(env[v].Source), Line: lineOf(env[v].Source),
				})
			}
			owner[value] = [2]string{name, v}
		}
		saw[name] = map[string]any{"secrets": secrets, "given": env != nil}
		compared += secrets
	}
	wanted := "no secret shared between " + strings.Join(between, ", ")
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, wanted, checks.Fix{Text: "issue a key of its own for each environment"}, problems...), nil
	case compared == 0:
		return checks.Unclear(saw, "there is no secret to compare in "+strings.Join(between, ", "), checks.Fix{}), nil
	case len(missing) > 0:
		return checks.Unclear(saw, "not compared with "+strings.Join(missing, ", "), checks.Fix{Commands: commands}), nil
	}
	return checks.Passed(saw), nil
}

func compares(name string, names []string) bool {
	if len(names) == 0 {
		return envcat.LooksSecret(name)
	}
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
