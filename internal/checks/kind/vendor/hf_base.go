package vendor

import (
	"context"
	"fmt"
	"net/http"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// baseAccess finds the model below a speech model and asks for leave to download it: the speech model holds an
// adapter alone, and the weights of the language model come from a repository that is gated.
func baseAccess(ctx context.Context, a *account, saw map[string]any, model string, with checks.Values) (*checks.Observation, error) {
	base := with.Text("base")
	switch base {
	case "none":
		return nil, nil
	case "auto":
		var err error
		if base, err = baseOf(ctx, a, model, with.Text("revision")); err != nil {
			return nil, err
		}
		if base == "" {
			obs := checks.Unclear(saw, "neither the config.json of "+model+" nor its page names the model below it", checks.Fix{Text: "name it in the check: with: {base: owner/name}, or say base: none"})
			return &obs, nil
		}
	}
	if !modelName.MatchString(base) {
		return nil, fmt.Errorf("%q is no name of a model: it is owner/name", clip(base, 80))
	}
	saw["base"] = base
	if base == model {
		return nil, nil
	}
	return modelAccess(ctx, a, saw, base, "main", "config.json")
}

// baseOf reads the name of the language model from the config of a speech model, or from its page.
func baseOf(ctx context.Context, a *account, model, revision string) (string, error) {
	resp, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, probe.Request{URL: a.base + "/" + model + "/resolve/" + revision + "/config.json", Header: a.header, Follow: 3})
	if err != nil {
		return "", fmt.Errorf("%s: %w", a.vendor, err)
	}
	if outage(resp.Status) {
		return "", &OutageError{Vendor: a.vendor, Status: resp.Status, After: after(resp.Header)}
	}
	if resp.Status == http.StatusOK {
		var config struct {
			Text string `json:"text_model_id"`
		}
		if err := a.decode(resp, &config); err != nil {
			return "", err
		}
		if config.Text != "" {
			return config.Text, nil
		}
	}
	var page struct {
		Card struct {
			Base any `json:"base_model"` // a name, or a list of them
		} `json:"cardData"`
	}
	if _, err := a.read(ctx, "/api/models/"+model, &page); err != nil {
		return "", err
	}
	switch base := page.Card.Base.(type) {
	case string:
		return base, nil
	case []any:
		for _, b := range base {
			if s, ok := b.(string); ok {
				return s, nil
			}
		}
	}
	return "", nil
}

// explainHF asks what must be refused, and sees that each reason is told from the others: a hub that words its
// refusals anew must not be misread on the night when one of them is real.
func explainHF(ctx context.Context, a *account, saw map[string]any, model string) (checks.Observation, error) {
	stranger, anonymous := *a, *a
	stranger.header, anonymous.header = a.header.Clone(), a.header.Clone()
	stranger.bearer("badTokenOfNobody00000000000000000000")
	anonymous.header.Del("Authorization")
	base, _ := saw["base"].(string)
	controls := []struct {
		as    *account
		valid bool
		model string
		file  string
		want  reason
	}{
		{&stranger, false, model, "config.json", tokenInvalid},
		{a, true, "voicectl/no-such-model-exists-here", "config.json", notFound},
		{a, true, model, "no-such-file-exists-here.json", fileMissing},
		{&anonymous, true, base, "config.json", gated},
	}
	told := map[string]any{}
	var problems []checks.Problem
	for _, c := range controls {
		if c.model == "" || c.want == gated && !isGated(saw, c.model) {
			problems = append(problems, checks.Problem{Text: "no gated model is known to ask for"})
			continue
		}
		resp, err := c.as.head(ctx, c.model, "main", c.file)
		if err != nil {
			return checks.Observation{}, err
		}
		got := reasonOf(resp, c.valid)
		told[string(c.want)] = got == c.want
		if got != c.want {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("what should be %q reads as %q (HTTP %d)", c.want, got, resp.Status)})
		}
	}
	saw["told_apart"] = told
	if len(problems) > 0 {
		obs := checks.Unclear(saw, "four reasons that are told apart", checks.Fix{Text: "the model can be downloaded; only the reasons of a refusal could not all be shown"})
		obs.Problems = problems
		return obs, nil
	}
	return checks.Passed(saw), nil
}

func isGated(saw map[string]any, model string) bool {
	facts, _ := saw[model].(map[string]any)
	switch g := facts["gated"].(type) {
	case bool:
		return g
	case string:
		return g != ""
	}
	return false
}
