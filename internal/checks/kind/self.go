package kind

import (
	"context"
	"fmt"
	"slices"

	"github.com/voicectl/voicectl/internal/checks"
)

// helpLinks is act.init as `check` judges it: that every kind says why, how to mend, and where the rule is
// from, so that `voicectl explain` never leaves anybody alone. The files themselves are written by init.
func helpLinks(all checks.Kinds) *checks.Kind {
	return &checks.Kind{ //nolint:gosec // words, no credentials
		Name: "act.init", Title: "Every check explains itself",
		Passes: "each kind says why it matters, how to mend what it finds, and where the rule comes from",
		Why:    "A red line without a reason is switched off. A red line with a reason is mended.",
		Fix:    "report it: the texts are part of voicectl", Source: "The checklists", Saves: "the kinds that lack a text", Severity: checks.Block,
		Params: []checks.Param{{Name: "template", Type: checks.List, OneOf: []string{"help-links"}, Required: true, Doc: "help-links: the texts of `voicectl explain`"}},
		Look: func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
			var problems []checks.Problem
			for name, k := range all {
				for _, t := range [][2]string{{"why", k.Why}, {"fix", k.Fix}, {"source", k.Source}, {"when it passes", k.Passes}} {
					if t[1] == "" {
						problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s does not say %s", name, t[0])})
					}
				}
			}
			slices.SortFunc(problems, func(a, b checks.Problem) int {
				if a.Text < b.Text {
					return -1
				}
				return 1
			})
			saw := map[string]any{"kinds": len(all)}
			switch {
			case len(problems) > 0:
				return checks.Failed(saw, "all texts", checks.Fix{}, problems...), nil
			case len(all) == 0:
				return checks.Unclear(saw, "there is no kind", checks.Fix{}), nil
			}
			return checks.Passed(saw), nil
		},
	}
}
