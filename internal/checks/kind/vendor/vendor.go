// Package vendor holds the kinds that look at the accounts a backend stands on: the vendors of speech and
// language, the phone network, the database, the hosting platform. They ask the vendor and never the backend.
//
// A vendor that is down, asks for patience or answers nonsense is an error or inconclusive, and never a
// failure: nothing was learned about the key. No kind changes anything; what costs money needs leave for it.
package vendor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{
		openaiModels(), speechmaticsKey(), cartesiaVoices(), hfModelAccess(), twilioAccount(), twilioWebhook(),
		supabaseFunction(), supabaseRLS(), jwtRole(), ultravoxModels(), ultravoxMetrics(), platformState(),
	}
}

// Variables lists the environment variables that the kinds read, those of checklists' own parameters aside. They
// are taken from the process as well as from the env file.
func Variables() []string {
	return []string{
		"CARTESIA_API_KEY", "CARTESIA_BASE_URL", "CARTESIA_VOICE_ID", "CEREBRIUM_API_KEY", "CEREBRIUM_API_URL", "CEREBRIUM_APP", "CEREBRIUM_PROJECT_ID",
		"CEREBRIUM_SERVICE_ACCOUNT_TOKEN", "DATABASE_URL", "HF_ENDPOINT", "HF_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "PUBLIC_URL",
		"RAILWAY_API_TOKEN", "RAILWAY_API_URL", "RAILWAY_ENVIRONMENT_ID", "RAILWAY_PROJECT_ID", "RAILWAY_SERVICE", "RAILWAY_SERVICE_ID", "RAILWAY_TOKEN",
		"RENDER_API_KEY", "RENDER_API_URL", "RENDER_SERVICE", "RENDER_SERVICE_ID", "SPEECHMATICS_API_KEY", "SPEECHMATICS_API_URL", "SPEECHMATICS_MANAGEMENT_URL",
		"SPEECHMATICS_RT_URL", "SUPABASE_ACCESS_TOKEN", "SUPABASE_ANON_KEY", "SUPABASE_API_URL", "SUPABASE_DB_URL", "SUPABASE_PROJECT_REF", "SUPABASE_SECRET_KEY",
		"SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_API_BASE_URL", "TWILIO_AUTH_TOKEN", "TWILIO_NUMBER", "ULTRAVOX_API_KEY",
		"ULTRAVOX_BASE_URL", "ULTRAVOX_MODEL", "VOICE_ID",
	}
}

// patience is how long one look at a vendor takes at most.
const patience = 30 * time.Second

// configured stands in checklists for "what the environment says".
const configured = "configured"

// account is a vendor's interface as the environment names it.
type account struct {
	scope  *checks.Scope
	vendor string // for people
	base   string // without a slash at its end
	from   string // the variable that base comes from, "" = the vendor's own
	header http.Header
}

// open reads the address of a vendor from the first of the variables that is set. A key goes only where the
// environment that holds it says, so that no checklist can send it elsewhere.
func open(scope *checks.Scope, vendor, otherwise string, variables ...string) (*account, error) {
	a := &account{scope: scope, vendor: vendor, base: strings.TrimRight(otherwise, "/"), header: http.Header{"Accept": {"application/json"}}}
	value, name := first(scope, variables...)
	if value == "" {
		return a, nil
	}
	u, err := url.Parse(strings.TrimRight(value, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: %s is no http or https URL without user and query", vendor, name)
	}
	a.base, a.from = u.String(), name
	return a, nil
}

// first returns the first variable that has a value, and its name.
func first(scope *checks.Scope, names ...string) (value, name string) {
	for _, n := range names {
		if v := strings.TrimSpace(scope.Env.Value(n)); v != "" {
			return v, n
		}
	}
	return "", ""
}

// bearer sets the key.
func (a *account) bearer(key string) { a.header.Set("Authorization", "Bearer "+strings.TrimSpace(key)) }

// get asks for a path below the base.
func (a *account) get(ctx context.Context, path string) (*probe.Response, error) {
	return a.do(ctx, probe.Request{URL: a.base + path})
}

// do makes one exchange. What says nothing about the account (no answer, 408, 429, 5xx, a redirect) is an error.
func (a *account) do(ctx context.Context, r probe.Request) (*probe.Response, error) {
	header := a.header.Clone()
	for k, v := range r.Header {
		header[k] = v
	}
	r.Header = header
	resp, err := probe.Do(ctx, a.scope.HTTP, a.scope.Clock, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.vendor, err)
	}
	if outage(resp.Status) {
		return nil, &OutageError{Vendor: a.vendor, Status: resp.Status, After: after(resp.Header)}
	}
	if resp.Status >= 300 && resp.Status < 400 {
		return nil, fmt.Errorf("%s: HTTP %d, a redirect, where there is none; %s", a.vendor, resp.Status, a.check())
	}
	return resp, nil
}

// check tells where an address that does not fit may come from.
func (a *account) check() string {
	if a.from == "" {
		return "look for a proxy that stands between"
	}
	return "check " + a.from
}

// read is get for JSON; a status that is not 200 is left to the caller, with into untouched.
func (a *account) read(ctx context.Context, path string, into any) (*probe.Response, error) {
	resp, err := a.get(ctx, path)
	if err != nil || resp.Status != http.StatusOK {
		return resp, err
	}
	return resp, a.decode(resp, into)
}

func (a *account) decode(resp *probe.Response, into any) error {
	if err := resp.JSON(into); err != nil {
		return fmt.Errorf("%s: HTTP %d: %w; %s", a.vendor, resp.Status, err, a.check())
	}
	return nil
}

// odd is an answer that the vendor's documents do not know.
func (a *account) odd(resp *probe.Response, what string) error {
	return fmt.Errorf("%s: HTTP %d to %s, which its documents do not know; %s", a.vendor, resp.Status, what, a.check())
}

func outage(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

func after(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 || s > 86_400 {
		return 0
	}
	return time.Duration(s) * time.Second
}

// OutageError is a vendor that cannot answer now: nothing was learned.
type OutageError struct {
	Vendor string
	Status int
	After  time.Duration // 0 = not said
}

// Error implements error.
func (e *OutageError) Error() string {
	if e.Status == http.StatusTooManyRequests {
		return fmt.Sprintf("%s: HTTP 429, it asks for patience", e.Vendor)
	}
	return fmt.Sprintf("%s: HTTP %d, it cannot answer now", e.Vendor, e.Status)
}

// Temporary tells that another attempt makes sense.
func (e *OutageError) Temporary() bool { return true }

// Hint is the next step.
func (e *OutageError) Hint() string {
	if e.After > 0 {
		return fmt.Sprintf("try again in %v", e.After)
	}
	return "try again later, and look at the vendor's status page"
}

// seen are the facts of an answer that may be told: no part of its body, which may hold anybody's data.
func seen(resp *probe.Response) map[string]any {
	out := map[string]any{"status": resp.Status, "ms": float64(resp.Total.Microseconds()) / 1000}
	for fact, name := range map[string]string{ //nolint:gosec // names of headers
		"request_id": "X-Request-Id", "requests_left": "X-Ratelimit-Remaining-Requests", "tokens_left": "X-Ratelimit-Remaining-Tokens",
	} {
		if v := resp.Header.Get(name); v != "" && len(v) <= 128 {
			out[fact] = v
		}
	}
	return out
}

// refused tells whether the vendor does not take the key.
func refused(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// renew is the fix for a key that is not taken.
func renew(variable, where string) checks.Fix {
	return checks.Fix{Text: fmt.Sprintf("issue a key at %s and set it as %s; look for spaces, quotes and a key of another account", where, variable)}
}

// set is the fix for a variable that is missing.
func set(names ...string) checks.Fix {
	return checks.Fix{Text: "set " + strings.Join(names, " and ") + " in the environment or in the env file"}
}

// clip bounds a word of a vendor's for a report.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
