package vendor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/openai"
)

const openaiKeys = "platform.openai.com/api-keys"

func openaiModels() *checks.Kind {
	return &checks.Kind{
		Name: "openai.models", Title: "OpenAI accepts the key and knows the model in use",
		Passes: "the list of models is answered with 200 and the wanted model exists",
		Why:    "A key that was revoked, or a model that the account may not use, is silence on the phone.",
		Fix:    "issue a key at " + openaiKeys + " and choose a model that the account may use",
		Source: "OpenAI API reference, Models", Saves: "status, model, request id, what is left of the rate limit; never the key",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedVar("OPENAI_API_KEY")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "want", Type: checks.Text, Doc: "model that must exist; configured: that of OPENAI_MODEL"},
			{Name: "chat", Type: checks.Switch, Default: false, Doc: "ask the model for one token as well, which costs a fraction of a cent"},
		},
		Costs: func(with checks.Values) checks.Cost {
			if with.Switch("chat") {
				return checks.Paid
			}
			return checks.Passive
		},
		Look: lookOpenAI,
	}
}

func lookOpenAI(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := open(scope, "OpenAI", openai.DefaultBaseURL, "OPENAI_BASE_URL")
	if err != nil {
		return checks.Observation{}, err
	}
	a.bearer(scope.Env.Value("OPENAI_API_KEY"))
	want := with.Text("want")
	if want == configured {
		want, _ = first(scope, "OPENAI_MODEL")
	}
	var list openai.ModelList
	resp, err := a.read(ctx, "/models", &list)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	saw["model"] = want
	names := make([]string, 0, len(list.Data))
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	saw["models"] = len(names)
	switch {
	case refused(resp.Status) && scopeMissing(resp) && !with.Switch("chat"):
		return checks.Unclear(saw, "the key is known, but may not list models: a chat would tell whether it works", checks.Fix{
			Text: "allow the key to list models, or let the check ask for one token: with: {chat: true} and --allow-paid",
		}), nil
	case refused(resp.Status) && !scopeMissing(resp):
		saw["code"] = openaiCode(resp)
		return checks.Failed(saw, "a key that OpenAI accepts", renew("OPENAI_API_KEY", openaiKeys), checks.Problem{Text: fmt.Sprintf("OpenAI refuses the key (HTTP %d)", resp.Status)}), nil
	case resp.Status == http.StatusNotFound:
		return checks.Observation{}, a.odd(resp, "the list of models")
	case resp.Status != http.StatusOK && !refused(resp.Status):
		return checks.Observation{}, a.odd(resp, "the list of models")
	case resp.Status == http.StatusOK && list.Data == nil:
		return checks.Observation{}, fmt.Errorf("OpenAI: HTTP 200 without a list of models; %s", a.check())
	case resp.Status == http.StatusOK && len(names) == 0:
		return checks.Unclear(saw, "the account lists no model at all", checks.Fix{Text: "look at the project's limits at platform.openai.com"}), nil
	}
	if want != "" && resp.Status == http.StatusOK && !slices.Contains(names, want) {
		if obs, err := openaiModel(ctx, a, saw, want, names); err != nil || obs != nil {
			return value(obs), err
		}
	}
	if with.Switch("chat") {
		return openaiChat(ctx, a, saw, want)
	}
	return checks.Passed(saw), nil
}

// openaiModel asks for one model: aliases and fine-tuned ones are not always listed. nil: it exists.
func openaiModel(ctx context.Context, a *account, saw map[string]any, want string, names []string) (*checks.Observation, error) {
	resp, err := a.get(ctx, "/models/"+url.PathEscape(want))
	if err != nil {
		return nil, err
	}
	switch resp.Status {
	case http.StatusOK:
		saw["listed"] = false
		return nil, nil
	case http.StatusNotFound, http.StatusForbidden:
		near := nearest(want, names)
		fix := checks.Fix{Text: "set OPENAI_MODEL to a model that the account may use" + near}
		obs := checks.Failed(saw, "the model "+want, fix, checks.Problem{Text: fmt.Sprintf("the account has no model %q%s", want, near)})
		return &obs, nil
	}
	return nil, a.odd(resp, "the question for a model")
}

func openaiChat(ctx context.Context, a *account, saw map[string]any, model string) (checks.Observation, error) {
	if model == "" {
		return checks.Skipped("there is no model to chat with", set("OPENAI_MODEL")), nil
	}
	body, err := json.Marshal(map[string]any{
		"model": model, "max_completion_tokens": 1, "messages": []map[string]string{{"role": "user", "content": "Say yes."}},
	})
	if err != nil {
		return checks.Observation{}, fmt.Errorf("OpenAI: chat: %w", err)
	}
	resp, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, probe.Request{
		Method: http.MethodPost, URL: a.base + "/chat/completions", Body: body,
		Header: http.Header{"Authorization": a.header["Authorization"], "Content-Type": {"application/json"}, "Accept": {"application/json"}},
	})
	if err != nil {
		return checks.Observation{}, fmt.Errorf("OpenAI: chat: %w", err)
	}
	chat := seen(resp)
	code := openaiCode(resp)
	chat["code"] = code
	saw["chat"] = chat
	switch {
	case resp.Status == http.StatusTooManyRequests && (code == "insufficient_quota" || code == "credit_balance_exhausted"):
		return checks.Unclear(saw, "the account has no credit left: callers get no answer until there is some", checks.Fix{Text: "add credit at platform.openai.com/settings/organization/billing"}), nil
	case outage(resp.Status):
		return checks.Observation{}, &OutageError{Vendor: "OpenAI", Status: resp.Status, After: after(resp.Header)}
	case refused(resp.Status):
		return checks.Failed(saw, "a key that may chat", renew("OPENAI_API_KEY", openaiKeys), checks.Problem{Text: fmt.Sprintf("OpenAI refuses a chat with this key (HTTP %d)", resp.Status)}), nil
	case resp.Status == http.StatusNotFound:
		return checks.Failed(saw, "the model "+model, checks.Fix{Text: "set OPENAI_MODEL to a model that the account may use"}, checks.Problem{Text: fmt.Sprintf("the account has no model %q", model)}), nil
	case resp.Status == http.StatusBadRequest && strings.Contains(string(resp.Body), "output limit was reached"):
		return checks.Passed(saw), nil // a model that thinks used up its one token: it was reached
	case resp.Status != http.StatusOK:
		return checks.Observation{}, a.odd(resp, "a chat of one token")
	}
	var got openai.Completion
	if err := a.decode(resp, &got); err != nil {
		return checks.Observation{}, err
	}
	if len(got.Choices) == 0 {
		return checks.Observation{}, fmt.Errorf("OpenAI: HTTP 200 to a chat without an answer; %s", a.check())
	}
	return checks.Passed(saw), nil
}

// scopeMissing tells a restricted key, which the vendor knows, from one that it does not.
func scopeMissing(resp *probe.Response) bool {
	said := string(resp.Body)
	return strings.Contains(said, "insufficient permissions") || strings.Contains(said, "Missing scopes") || strings.Contains(said, "missing_scope")
}

func openaiCode(resp *probe.Response) string {
	var said openai.ErrorBody
	if resp.JSON(&said) != nil || said.Error.Code == nil {
		return ""
	}
	return clip(*said.Error.Code, 64)
}

// value is an observation, empty when there is none.
func value(obs *checks.Observation) checks.Observation {
	if obs == nil {
		return checks.Observation{}
	}
	return *obs
}
