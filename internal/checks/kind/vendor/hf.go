package vendor

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const (
	hub        = "https://huggingface.co"
	ultravox   = "fixie-ai/ultravox-v0_4_1-llama-3_1-8b"
	accessPage = "huggingface.co/settings/tokens"
)

func hfModelAccess() *checks.Kind {
	return &checks.Kind{
		Name: "hf.model_access", Title: "The token may download the speech model and the gated model below it",
		Passes: "the token is accepted, and the hub would hand out a file of the model and of its base model",
		Why:    "The page of a gated model is public: only a question for a file shows whether the weights can be loaded. A server that may not load them restarts for ever.",
		Fix:    "issue a token at " + accessPage + " and accept the licence on the page of the base model",
		Source: "Hugging Face documentation, Gated models", Saves: "user, gated or not, status of the file, class of the reason; never the token",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedVar("HF_TOKEN")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "op", Type: checks.Text, Default: "access", OneOf: []string{"access", "whoami"}, Doc: "whoami: the token alone"},
			{Name: "repo", Type: checks.Text, Doc: "the model, owner/name (default: ULTRAVOX_MODEL when it is one, else " + ultravox + ")"},
			{Name: "revision", Type: checks.Text, Default: "main", Doc: "branch, tag or commit of the model"},
			{Name: "file", Type: checks.Text, Default: "config.json", Doc: "file that must be there to download"},
			{Name: "base", Type: checks.Text, Default: "auto", Doc: "the model below it; auto: the one that its config.json names; none: do not look"},
			{Name: "explain", Type: checks.Switch, Default: false, Doc: "ask questions that must be refused as well, and see that the reasons are told apart"},
		},
		Look: lookHF,
	}
}

var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// reason is why the hub does not hand something out.
type reason string

const (
	granted      reason = ""
	tokenInvalid reason = "token not valid"
	notFound     reason = "model not found, or private to others"
	gated        reason = "gated, and its licence is not accepted for this token"
	fileMissing  reason = "file missing"
	noRevision   reason = "revision missing"
	disabled     reason = "access disabled by the hub"
	unknown      reason = "refused for a reason that is not known"
)

// fix says what each reason asks for.
func (r reason) fix(model string) checks.Fix {
	switch r {
	case tokenInvalid:
		return checks.Fix{Text: "issue a token at " + accessPage + " and set it as HF_TOKEN"}
	case notFound:
		return checks.Fix{Text: "check the name of the model, and that the token's account may see it", Commands: []string{"curl -sI https://huggingface.co/" + model}}
	case gated:
		return checks.Fix{Text: "log in, open https://huggingface.co/" + model + " and accept the licence; a fine-grained token also needs leave to read gated repositories"}
	case fileMissing:
		return checks.Fix{Text: "check the name of the file at https://huggingface.co/" + model + "/tree/main"}
	case noRevision:
		return checks.Fix{Text: "check the revision at https://huggingface.co/" + model + "/refs"}
	case granted, disabled, unknown:
	}
	return checks.Fix{Text: "look at https://huggingface.co/" + model}
}

// reasonOf reads an answer of the hub to a question for a model or a file. valid tells that the token is known
// to be good: the hub answers 401 to a question for a model that the asker may not see.
func reasonOf(resp *probe.Response, valid bool) reason {
	code, message := resp.Header.Get("X-Error-Code"), strings.ToLower(resp.Header.Get("X-Error-Message"))
	if message == "" {
		message = strings.ToLower(clip(string(resp.Body), 500))
	}
	switch {
	case resp.Status < 400:
		return granted
	case code == "GatedRepo":
		return gated
	case code == "EntryNotFound":
		return fileMissing
	case code == "RevisionNotFound":
		return noRevision
	case strings.Contains(message, "disabled"):
		return disabled
	case strings.Contains(message, "invalid credentials"), resp.Status == http.StatusUnauthorized && code == "" && !valid:
		return tokenInvalid
	case code == "RepoNotFound", resp.Status == http.StatusNotFound, resp.Status == http.StatusUnauthorized:
		return notFound
	case resp.Status == http.StatusForbidden:
		return gated
	}
	return unknown
}

func lookHF(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := open(scope, "Hugging Face", hub, "HF_ENDPOINT")
	if err != nil {
		return checks.Observation{}, err
	}
	a.bearer(scope.Env.Value("HF_TOKEN"))
	model := with.Text("repo")
	if model == "" {
		if model, _ = first(scope, "ULTRAVOX_MODEL"); !modelName.MatchString(model) {
			model = ultravox
		}
	}
	if !modelName.MatchString(model) {
		return checks.Observation{}, fmt.Errorf("%q is no name of a model: it is owner/name", clip(model, 80))
	}
	saw := map[string]any{}
	if obs, err := whoami(ctx, a, saw); err != nil || obs != nil || with.Text("op") == "whoami" {
		if obs == nil && err == nil {
			return checks.Passed(saw), nil
		}
		return value(obs), err
	}
	if obs, err := modelAccess(ctx, a, saw, model, with.Text("revision"), with.Text("file")); err != nil || obs != nil {
		return value(obs), err
	}
	if obs, err := baseAccess(ctx, a, saw, model, with); err != nil || obs != nil {
		return value(obs), err
	}
	if with.Switch("explain") {
		return explainHF(ctx, a, saw, model)
	}
	return checks.Passed(saw), nil
}

// whoami asks who the token belongs to. nil: it is accepted.
func whoami(ctx context.Context, a *account, saw map[string]any) (*checks.Observation, error) {
	var got struct {
		Name string `json:"name"`
		Type string `json:"type"`
		Auth struct {
			Token struct {
				Role string `json:"role"`
			} `json:"accessToken"`
		} `json:"auth"`
	}
	resp, err := a.read(ctx, "/api/whoami-v2", &got)
	if err != nil {
		return nil, err
	}
	saw["whoami"] = seen(resp)
	switch {
	case refused(resp.Status):
		saw["reason"] = string(tokenInvalid)
		obs := checks.Failed(saw, "a token that Hugging Face accepts", tokenInvalid.fix(""), checks.Problem{Text: fmt.Sprintf("the hub does not accept HF_TOKEN (HTTP %d)", resp.Status)})
		return &obs, nil
	case resp.Status != http.StatusOK:
		return nil, a.odd(resp, "the question whose token it is")
	case got.Name == "":
		return nil, fmt.Errorf("Hugging Face: HTTP 200 without a name; %s", a.check()) //nolint:staticcheck // a name
	}
	saw["user"], saw["token"] = clip(got.Name, 64), got.Auth.Token.Role
	return nil, nil
}

// modelAccess asks whether the token may download a model: by the hub's own word, and by the head of a file.
func modelAccess(ctx context.Context, a *account, saw map[string]any, model, revision, file string) (*checks.Observation, error) {
	facts := map[string]any{}
	saw[model] = facts
	refusedBy := func(resp *probe.Response, asked string) *checks.Observation {
		why := reasonOf(resp, true)
		if why == granted {
			return nil
		}
		facts["reason"] = string(why)
		obs := checks.Failed(saw, "leave to download "+model, why.fix(model), checks.Problem{Text: fmt.Sprintf("%s (%s): %s (HTTP %d)", model, asked, why, resp.Status)})
		return &obs
	}
	var info struct {
		Gated any `json:"gated"`
	}
	resp, err := a.read(ctx, "/api/models/"+model, &info)
	if err != nil {
		return nil, err
	}
	facts["page"], facts["gated"] = resp.Status, info.Gated
	if obs := refusedBy(resp, "page"); obs != nil {
		return obs, nil
	}
	if resp, err = a.get(ctx, "/api/models/"+model+"/auth-check"); err != nil {
		return nil, err
	}
	facts["auth_check"] = resp.Status
	if obs := refusedBy(resp, "leave"); obs != nil {
		return obs, nil
	}
	if resp, err = a.head(ctx, model, revision, file); err != nil {
		return nil, err
	}
	facts["file"] = resp.Status
	if obs := refusedBy(resp, file); obs != nil {
		return obs, nil
	}
	return nil, nil
}

// head asks for the head of a file. The hub answers with a redirect where the content lies elsewhere: that is
// leave enough, and it is not followed, since the token is not for the other place.
func (a *account) head(ctx context.Context, model, revision, file string) (*probe.Response, error) {
	header := a.header.Clone()
	header.Set("Accept-Encoding", "identity")
	resp, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, probe.Request{Method: http.MethodHead, URL: a.base + "/" + model + "/resolve/" + revision + "/" + file, Header: header})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.vendor, err)
	}
	if outage(resp.Status) {
		return nil, &OutageError{Vendor: a.vendor, Status: resp.Status, After: after(resp.Header)}
	}
	return resp, nil
}
