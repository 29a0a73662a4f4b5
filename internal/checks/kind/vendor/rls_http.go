package vendor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const supabaseManagement = "https://api.supabase.com"

// unprotected are the findings of the vendor's linter that say that a table is open.
var unprotected = []string{"rls_disabled_in_public", "policy_exists_rls_disabled", "materialized_view_in_api", "security_definer_view", "foreign_table_in_api"} //nolint:gochecknoglobals // a table

// rlsByAdvisor asks the vendor's own linter of databases.
func rlsByAdvisor(ctx context.Context, scope *checks.Scope, token string) (checks.Observation, error) {
	a, err := open(scope, "Supabase", supabaseManagement, "SUPABASE_API_URL")
	if err != nil {
		return checks.Observation{}, err
	}
	a.bearer(token)
	ref := projectRef(scope)
	var got struct {
		Lints []struct {
			Name     string `json:"name"`
			Level    string `json:"level"`
			Metadata struct {
				Schema string `json:"schema"`
				Name   string `json:"name"`
			} `json:"metadata"`
		} `json:"lints"`
	}
	resp, err := a.read(ctx, "/v1/projects/"+url.PathEscape(ref)+"/advisors/security", &got)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	saw["source"] = byAdvisor
	switch {
	case refused(resp.Status):
		return checks.Unclear(saw, fmt.Sprintf("the management interface refuses SUPABASE_ACCESS_TOKEN (HTTP %d)", resp.Status), checks.Fix{Text: "issue a personal access token at supabase.com/dashboard/account/tokens, or set SUPABASE_DB_URL"}), nil
	case resp.Status == http.StatusNotFound || resp.Status == http.StatusGone:
		return checks.Unclear(saw, "the management interface knows no such project, or no advisor any more", checks.Fix{Text: "check SUPABASE_URL, or set SUPABASE_DB_URL"}), nil
	case resp.Status != http.StatusOK:
		return checks.Observation{}, a.odd(resp, "the question for advice")
	case got.Lints == nil:
		return checks.Observation{}, fmt.Errorf("Supabase: HTTP 200 without advice; %s", a.check()) //nolint:staticcheck // a name
	}
	saw["findings"] = len(got.Lints)
	var problems []checks.Problem
	for _, lint := range got.Lints {
		if slices.Contains(unprotected, lint.Name) && len(problems) < 100 {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s.%s: %s", lint.Metadata.Schema, lint.Metadata.Name, lint.Name), Rule: lint.Name})
		}
	}
	if len(problems) > 0 {
		return checks.Failed(saw, "row-level security on for every exposed table", checks.Fix{
			Text: "switch row-level security on and write a policy for each role that should see rows", Commands: []string{"alter table SCHEMA.TABLE enable row level security;"},
		}, problems...), nil
	}
	return checks.Passed(saw), nil
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?$`)

// rlsByProbe asks for the number of rows that a stranger sees; no row is fetched, and nothing is written.
func rlsByProbe(ctx context.Context, scope *checks.Scope, w *wish) (checks.Observation, error) {
	anon, err := openSupabase(scope, strings.TrimSpace(scope.Env.Value("SUPABASE_ANON_KEY")))
	if err != nil {
		return checks.Observation{}, err
	}
	var service *account
	if key, _ := first(scope, "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"); key != "" {
		if service, err = openSupabase(scope, key); err != nil {
			return checks.Observation{}, err
		}
	}
	l := &ledger{rows: map[string]any{}}
	for _, name := range w.tables {
		if !tableName.MatchString(name) {
			return checks.Observation{}, fmt.Errorf("%q is no name of a table", clip(name, 80))
		}
		facts := map[string]any{}
		l.rows[name] = facts
		l.looked++
		if err := probeTable(ctx, anon, service, w, l, name, facts); err != nil {
			return checks.Observation{}, err
		}
		if w.write {
			l.doubt("%s: whether a stranger may write cannot be told without writing: set SUPABASE_DB_URL", name)
		}
	}
	return l.fold(byProbe, "a stranger reads of each table what is allowed, and no more"), nil
}

func probeTable(ctx context.Context, anon, service *account, w *wish, l *ledger, name string, facts map[string]any) error {
	allowed := w.may(name, "read")
	n, code, err := visible(ctx, anon, name)
	if err != nil {
		return err
	}
	facts["read"], facts["code"] = n, code
	switch {
	case code == "42501" && allowed:
		l.bad("%s: a stranger should read it, and is refused", name)
		return nil
	case code == "42501":
		return nil
	case code == "PGRST205" || code == "42P01":
		l.doubt("%s: the interface knows no such table", name)
		return nil
	case code != "":
		return fmt.Errorf("Supabase: %s: reading as a stranger ends with %s", name, code) //nolint:staticcheck // a name
	case n > 0 && !allowed:
		l.bad("%s: a stranger reads %s", name, rowsOf(n))
		return nil
	case n > 0:
		return nil
	}
	if service != nil {
		all, code, err := visible(ctx, service, name)
		if err != nil {
			return err
		}
		if code == "" && all > 0 {
			facts["all"] = all
			if allowed {
				l.bad("%s: a stranger should read it, and sees none of %s", name, rowsOf(all))
			}
			return nil
		}
	}
	l.doubt("%s: a stranger sees no row, which an empty table and a protected one have in common", name)
	return nil
}

// visible counts the rows that a key sees, and else tells the code of the refusal.
func visible(ctx context.Context, a *account, name string) (n int, code string, err error) {
	schema, bare, ok := strings.Cut(name, ".")
	if !ok {
		schema, bare = "public", name
	}
	ask := probe.Request{
		Method: http.MethodHead, URL: a.base + "/rest/v1/" + bare + "?select=*",
		Header: http.Header{"Prefer": {"count=exact"}, "Accept-Profile": {schema}},
	}
	resp, err := a.do(ctx, ask)
	if err != nil {
		return 0, "", err
	}
	if resp.Status < 300 {
		_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, err = strconv.Atoi(total); err != nil {
			return 0, "", fmt.Errorf("Supabase: HTTP %d without a count of rows; %s", resp.Status, a.check()) //nolint:staticcheck // a name
		}
		return n, "", nil
	}
	// A head has no body, and the code is in it.
	ask.Method, ask.URL = http.MethodGet, ask.URL+"&limit=0"
	if resp, err = a.do(ctx, ask); err != nil {
		return 0, "", err
	}
	var said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if resp.Status < 300 {
		return 0, "", fmt.Errorf("Supabase: a table is refused to one question and given to the other; %s", a.check()) //nolint:staticcheck // a name
	}
	if err := a.decode(resp, &said); err != nil {
		return 0, "", err
	}
	if said.Code == "" {
		return 0, "", fmt.Errorf("Supabase: the gateway refuses the key (HTTP %d)", resp.Status) //nolint:staticcheck // a name
	}
	return 0, clip(said.Code, 16), nil
}
