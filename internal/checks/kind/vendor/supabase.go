package vendor

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/supabase"
)

const supabaseKeys = "supabase.com/dashboard, Project Settings, API keys"

func supabaseFunction() *checks.Kind {
	return &checks.Kind{
		Name: "supabase.function", Title: "The data functions are deployed and take the key",
		Passes: "no function is answered with 404, and none with 401",
		Why:    "A function that nobody deployed is found out when the agent says that it cannot look that up.",
		Fix:    "deploy the missing functions", Source: "Supabase documentation, Edge Functions, Status codes",
		Saves: "function, status, milliseconds, the platform's code; never the key", Severity: checks.Block, Timeout: patience,
		Needs: []checks.Need{checks.NeedVar("SUPABASE_URL"), checks.NeedVar("SUPABASE_ANON_KEY")},
		Params: []checks.Param{
			{Name: "names", Type: checks.List, Default: supabase.Functions(), Doc: "functions, by the names of the documents; the project's own names are mapped by the checklist"},
			{Name: "dry_run", Type: checks.Switch, Default: true, Doc: "always so: a function is reached without a body, so that it can do nothing. What it answers is proved by voicectl smoke tools"},
		},
		Look: lookFunctions,
	}
}

var functionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// openSupabase opens the project with the public key in both headers, as its clients do.
func openSupabase(scope *checks.Scope, key string) (*account, error) {
	a, err := open(scope, "Supabase", "", "SUPABASE_URL")
	if err != nil {
		return nil, err
	}
	a.header.Set("Apikey", key)
	a.bearer(key)
	return a, nil
}

// standing is how one function answered.
type standing struct {
	text string // what is wrong, "" = nothing
	fix  string
	open bool // cannot be told
}

func lookFunctions(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := openSupabase(scope, strings.TrimSpace(scope.Env.Value("SUPABASE_ANON_KEY")))
	if err != nil {
		return checks.Observation{}, err
	}
	names := with.List("names")
	if len(names) == 0 || !with.Switch("dry_run") {
		return checks.Unclear(nil, "no function is named that could be looked at without making it act", checks.Fix{Commands: []string{"voicectl smoke tools"}}), nil
	}
	saw := map[string]any{}
	var problems, doubts []checks.Problem
	fix := checks.Fix{}
	var commands []string
	for _, name := range names {
		own := name
		if mapped := scope.Names[name]; mapped != "" {
			own = mapped
		}
		if !functionName.MatchString(own) {
			return checks.Observation{}, fmt.Errorf("%q is no name of a function", clip(own, 80))
		}
		facts := map[string]any{}
		st, err := functionStands(ctx, a, own, facts)
		if err != nil {
			return checks.Observation{}, err
		}
		saw[own] = facts
		switch {
		case st.open:
			doubts = append(doubts, checks.Problem{Text: own + ": " + st.text})
		case st.text != "":
			problems = append(problems, checks.Problem{Text: own + ": " + st.text})
			fix.Text = st.fix
			if st.fix == deployIt {
				commands = append(commands, "supabase functions deploy "+own)
			}
		}
	}
	fix.Commands = commands
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, "every function deployed, and the key taken", fix, problems...), nil
	case len(doubts) > 0:
		obs := checks.Unclear(saw, "every function deployed, and the key taken", checks.Fix{Text: "look into the functions' logs, and try again"})
		obs.Problems = doubts
		return obs, nil
	}
	return checks.Passed(saw), nil
}

const deployIt = "deploy the missing functions"

// functionStands asks for the options of a function, which pass the check of keys and tell whether it is there,
// and then for the function itself by a GET without a body: nothing that it could act on.
func functionStands(ctx context.Context, a *account, name string, facts map[string]any) (standing, error) {
	url := a.base + "/functions/v1/" + name
	pre, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, probe.Request{Method: http.MethodOptions, URL: url, Header: http.Header{
		"Origin": {"https://voicectl.invalid"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,apikey,content-type"},
	}})
	if err != nil {
		return standing{}, fmt.Errorf("Supabase: %s: %w", name, err) //nolint:staticcheck // a name
	}
	facts["options"] = pre.Status
	if pre.Status == http.StatusTooManyRequests {
		return standing{}, &OutageError{Vendor: "Supabase", Status: pre.Status, After: after(pre.Header)}
	}
	if missing(pre) {
		return standing{text: "not deployed (HTTP 404)", fix: deployIt}, nil
	}
	resp, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, probe.Request{URL: url, Header: a.header})
	if err != nil {
		return standing{}, fmt.Errorf("Supabase: %s: %w", name, err) //nolint:staticcheck // a name
	}
	code := clip(resp.Header.Get("Sb-Error-Code"), 64)
	facts["status"], facts["code"], facts["ms"] = resp.Status, code, float64(resp.Total.Microseconds())/1000
	switch {
	case resp.Status == http.StatusTooManyRequests, code == "RATE_LIMIT_EXCEEDED":
		return standing{}, &OutageError{Vendor: "Supabase", Status: resp.Status, After: after(resp.Header)}
	case missing(resp):
		return standing{text: "not deployed (HTTP 404)", fix: deployIt}, nil
	case resp.Status == http.StatusUnauthorized && (code != "" || !ran(resp) || gatekept(resp)):
		return standing{text: "the platform refuses the key (HTTP 401)", fix: "copy SUPABASE_ANON_KEY again from " + supabaseKeys +
			"; a function that checks JWTs takes no sb_publishable_ key: deploy it with --no-verify-jwt and check the key in it"}, nil
	case resp.Status >= 500 && (code != "" || !ran(resp)):
		return standing{text: fmt.Sprintf("HTTP %d %s: the platform could not run it", resp.Status, code), open: true}, nil
	}
	return standing{}, nil // it ran, and refused a question without a body: it is there
}

// missing tells the platform's "there is no such function" from a function's own 404.
func missing(resp *probe.Response) bool {
	if resp.Status != http.StatusNotFound {
		return false
	}
	code := resp.Header.Get("Sb-Error-Code")
	return code == "NOT_FOUND" || code == "NOT_FOUND_FUNCTION_BLOB" || strings.Contains(string(resp.Body), "Requested function was not found") || code == "" && !ran(resp)
}

// ran tells whether an answer comes from a function and not from what stands before it.
func ran(resp *probe.Response) bool {
	return resp.Header.Get("X-Served-By") == "supabase-edge-runtime" || resp.Header.Get("X-Deno-Execution-Id") != ""
}

// gatekept tells the refusals of the gateway and of the check of keys by their words, which come without a code on
// older projects and on one's own machine.
func gatekept(resp *probe.Response) bool {
	return slices.ContainsFunc([]string{"Missing authorization header", "Invalid JWT", "Invalid Token or Protected Header", "No API key found", "Invalid API key"}, func(words string) bool {
		return strings.Contains(string(resp.Body), words)
	})
}
