package supabase

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
)

const restPrefix = "/rest/v1/"

// relation is a table as the interface over it serves it: who may read it, and how many rows each sees.
type relation struct {
	granted bool // anon may select
	open    bool // no row-level security, or a policy that lets everybody read
	rows    int
}

// relations are tables of every kind that a look at the protection of rows must tell apart.
func (e *emulator) relations() map[string]relation {
	rows := 0
	for _, c := range e.seeds.clients {
		rows += len(c.Transactions)
	}
	return map[string]relation{
		"clients":      {granted: true, rows: len(e.seeds.clients)},
		"transactions": {granted: true, rows: rows},
		"audit":        {rows: 12},                            // no grant
		"announcement": {granted: true, open: true, rows: 3},  // meant for everybody
		"leak":         {granted: true, open: true, rows: 41}, // the mistake
		"drafts":       {granted: true},                       // empty
	}
}

// rest is GET and HEAD of /rest/v1/TABLE: how many rows the key sees. Rows themselves are never served: limit=0 is
// the only page there is.
func (e *emulator) rest(w *response, r *http.Request, name string) {
	c, bad := authorize(r, false)
	if bad != nil {
		bad.write(w)
		return
	}
	w.rec.Set("apikey", string(c.apikey))
	t, known := e.relations()[name]
	schema := r.Header.Get("Accept-Profile")
	service := slices.Contains([]wire.KeyKind{wire.KeyLegacyService, wire.KeySecret}, c.apikey)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		restError(w, r, http.StatusMethodNotAllowed, "PGRST117", "Unsupported HTTP method: "+r.Method)
	case schema != "" && schema != "public":
		restError(w, r, http.StatusNotAcceptable, "PGRST106", "Invalid schema")
	case name == "" || strings.Contains(name, "/"):
		restError(w, r, http.StatusNotFound, "PGRST125", "Invalid path specified in request URL")
	case !known:
		restError(w, r, http.StatusNotFound, "PGRST205", "Could not find the table in the schema cache")
	case !t.granted && !service:
		restError(w, r, http.StatusUnauthorized, "42501", "permission denied for table "+name)
	case r.Method == http.MethodGet && r.URL.Query().Get("limit") != "0":
		restError(w, r, http.StatusBadRequest, "PGRST100", "the sandbox serves no rows: ask with HEAD, or with limit=0")
	default:
		seen := 0
		if t.open || service {
			seen = t.rows
		}
		serveCount(w, r, seen)
	}
}

func serveCount(w *response, r *http.Request, seen int) {
	total := "*"
	if strings.Contains(r.Header.Get("Prefer"), "count=exact") {
		total = strconv.Itoa(seen)
	}
	span := "*"
	if seen > 0 && r.Method == http.MethodHead {
		span = "0-" + strconv.Itoa(seen-1)
	}
	w.Header().Set("Content-Range", span+"/"+total)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte("[]"))
	}
}

func restError(w *response, r *http.Request, status int, code, message string) {
	w.Header().Set("Proxy-Status", "PostgREST; error="+code)
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, map[string]any{"code": code, "message": message, "details": nil, "hint": nil})
}

// advice is GET /v1/projects/REF/advisors/security of the management interface: the linter's findings. A project
// whose name begins with "clean" has none.
func advice(w *response, r *http.Request, ref string) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(token, "sbp_"):
		writeJSON(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
		return
	case r.Method != http.MethodGet:
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"message": "Method Not Allowed"})
		return
	case strings.HasPrefix(ref, "missing"):
		writeJSON(w, http.StatusNotFound, map[string]any{"message": "Project not found"})
		return
	}
	lints := []map[string]any{}
	if !strings.HasPrefix(ref, "clean") {
		lints = append(lints, map[string]any{
			"name": "rls_disabled_in_public", "title": "RLS Disabled in Public", "level": "ERROR", "facing": "EXTERNAL", "categories": []string{"SECURITY"},
			"description": "A table in a schema of the interface has no row level security.", "detail": "Table `public.leak` is public, but RLS has not been enabled.",
			"metadata": map[string]string{"schema": "public", "name": "leak", "type": "table"}, "cache_key": "rls_disabled_in_public_public_leak",
		})
	}
	lints = append(lints, map[string]any{
		"name": "auth_otp_long_expiry", "title": "Auth OTP long expiry", "level": "WARN", "facing": "EXTERNAL", "categories": []string{"SECURITY"},
		"description": "A one-time password lives long.", "detail": "", "metadata": map[string]string{"entity": "Auth", "type": "auth"}, "cache_key": "auth_otp_long_expiry",
	})
	writeJSON(w, http.StatusOK, map[string]any{"lints": lints})
}
