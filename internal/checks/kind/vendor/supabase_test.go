package vendor_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// legacy makes a key of the older generation.
func legacy(role, ref string, expires time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		part(fmt.Appendf(nil, `{"iss":"supabase","ref":%q,"role":%q,"iat":1700000000,"exp":%d}`, ref, role, expires.Unix())) + "." + part([]byte("no signature"))
}

func TestFunctions_AreReachedAndNeverMadeToAct(t *testing.T) {
	v := serve(t)
	all := []any{"transaction-query", "rag-retrieval", "web-search-tool", "transaction-email", "transaction-chart"}
	fault := func(status int, code string) *stage.Fault {
		return &stage.Fault{Vendor: stage.Supabase, Route: "/functions/v1/rag-retrieval", Mode: stage.ModeStatus, Status: status, Code: code}
	}
	try(t, v, "supabase.function", map[string]sample{
		"all five are deployed":       {with{"names": all}, nil, nil, checks.Pass, "transaction-chart:map"},
		"without a list of names":     {nil, nil, nil, checks.Pass, "web-search-tool:map"},
		"one is not deployed":         {with{"names": []any{"transaction-query", "no-such-function"}}, nil, nil, checks.Fail, "supabase functions deploy no-such-function"},
		"the key is wrong":            {nil, vars{"SUPABASE_ANON_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"the platform cannot run it":  {nil, nil, fault(503, "BOOT_ERROR"), checks.Inconclusive, "BOOT_ERROR"},
		"it ran out of memory":        {nil, nil, fault(546, ""), checks.Inconclusive, "WORKER_LIMIT"},
		"it asks for patience":        {nil, nil, fault(429, ""), checks.Error, "patience"},
		"it is down":                  {nil, vars{"SUPABASE_URL": gone(t)}, nil, checks.Error, "nothing listens"},
		"the project is not set":      {nil, vars{"SUPABASE_URL": ""}, nil, checks.Skip, "SUPABASE_URL"},
		"a name that leads elsewhere": {with{"names": []any{"../rest/v1/clients"}}, nil, nil, checks.Error, "no name of a function"},
		"a wish to make it act":       {with{"dry_run": false}, nil, nil, checks.Inconclusive, "voicectl smoke tools"},
	})
	scope := v.scope(nil)
	scope.Names = map[string]string{"transaction-query": "tx-query-v2"}
	if f := look(t, scope, "supabase.function", with{"names": []any{"transaction-query"}}); f.State != checks.Fail || !strings.Contains(fmt.Sprint(f.Problems), "tx-query-v2: not deployed") {
		t.Errorf("under the project's own name: %+v", f)
	}
}

// What a function itself answers, a 401 and a 404 and a 500 among them, shows that it is deployed.
func TestFunctions_TheirOwnRefusalsAreNotThePlatforms(t *testing.T) {
	var mu sync.Mutex
	var bodies []int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		bodies = append(bodies, max(r.ContentLength, 0))
		mu.Unlock()
		w.Header().Set("X-Served-By", "supabase-edge-runtime")
		if strings.HasSuffix(r.URL.Path, "gate") && r.Method == http.MethodGet {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"msg":"Invalid JWT"}`)
			return
		}
		status := map[string]int{"own-401": 401, "own-404": 404, "own-500": 500, "gate": 200}[strings.TrimPrefix(r.URL.Path, "/functions/v1/")]
		w.WriteHeader(status)
	}))
	defer srv.Close()
	scope := &checks.Scope{Env: env(nil, vars{"SUPABASE_URL": srv.URL, "SUPABASE_ANON_KEY": "a-key-of-the-project"})}
	if f := look(t, scope, "supabase.function", with{"names": []any{"own-401", "own-404", "own-500"}}); f.State != checks.Pass {
		t.Errorf("got %+v", f)
	}
	if f := look(t, scope, "supabase.function", with{"names": []any{"gate"}}); f.State != checks.Fail {
		t.Errorf("the platform's words without its code: %+v", f)
	}
	if len(bodies) != 8 || slices.Max(bodies) != 0 {
		t.Errorf("bodies were sent: %v", bodies)
	}
}

func TestJWT_BothGenerationsOfKeys(t *testing.T) {
	later, before := time.Now().AddDate(5, 0, 0), time.Now().AddDate(0, 0, -2)
	const project = "https://abcdefghij.supabase.co"
	anon, service := legacy("anon", "abcdefghij", later), legacy("service_role", "abcdefghij", later)
	strict := with{"env": "SUPABASE_ANON_KEY", "want": "anon", "deny": []any{"service_role"}}
	loose := with{"env": "SUPABASE_ANON_KEY", "deny": []any{"service_role", "sb_secret"}}
	for name, c := range map[string]struct {
		with     with
		key, url string
		want     checks.State
		says     string
	}{
		"the older public key":              {strict, anon, project, checks.Pass, "role:anon"},
		"the newer public key":              {strict, "sb_publishable_abcdefghijklmnop", project, checks.Pass, "form:sb_publishable"},
		"the older service key":             {strict, service, project, checks.Fail, "holds a service_role key"},
		"the newer secret key":              {loose, "sb_secret_abcdefghijklmnopqrst", project, checks.Fail, "holds a sb_secret key"},
		"the newer secret key, by its role": {strict, "sb_secret_abcdefghijklmnopqrst", project, checks.Fail, "holds a service_role key"},
		"a key of someone signed in":        {strict, legacy("authenticated", "abcdefghij", later), project, checks.Fail, "the role authenticated"},
		"an expired key":                    {strict, legacy("anon", "abcdefghij", before), project, checks.Fail, "expired on"},
		"a key of another project":          {with{"env": "SUPABASE_ANON_KEY"}, legacy("anon", "zzzzzzzzzz", later), project, checks.Fail, "belongs to project"},
		"a token of the management":         {with{"env": "SUPABASE_ANON_KEY"}, "sbp_0123456789abcdef0123456789", project, checks.Fail, "personal access token"},
		"no form that is known":             {loose, "just-a-password", project, checks.Fail, "no key that the project could have issued"},
		"a key of an emulator":              {loose, "just-a-password", "http://127.0.0.1:9100/supabase", checks.Inconclusive, "cannot be read"},
		"no key":                            {strict, "", project, checks.Skip, "SUPABASE_ANON_KEY is not set"},
		"a service key where one belongs":   {with{"env": "SUPABASE_ANON_KEY", "want": "service_role"}, service, project, checks.Pass, "role:service_role"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Env: env(nil, vars{"SUPABASE_URL": c.url, "SUPABASE_ANON_KEY": c.key})}, "jwt.role", c.with)
			if text := fmt.Sprintf("%+v", f); f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
		})
	}
}

func TestRLS_ByTheAdvisor(t *testing.T) {
	v := serve(t)
	ask := with{"tables": []any{"all"}, "source": []any{"advisor", "sql"}}
	token := "sbp_0123456789abcdef0123456789abcdef01234567"
	down := &stage.Fault{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 503}
	try(t, v, "supabase.rls", map[string]sample{
		"a table is open":           {ask, vars{"SUPABASE_ACCESS_TOKEN": token, "SUPABASE_PROJECT_REF": "abcdefghij"}, nil, checks.Fail, "public.leak: rls_disabled_in_public"},
		"no table is open":          {ask, vars{"SUPABASE_ACCESS_TOKEN": token, "SUPABASE_PROJECT_REF": "cleanproject"}, nil, checks.Pass, "findings:1"},
		"the token is wrong":        {ask, vars{"SUPABASE_ACCESS_TOKEN": "no-token-of-anybody", "SUPABASE_PROJECT_REF": "abcdefghij"}, nil, checks.Inconclusive, "refuses SUPABASE_ACCESS_TOKEN"},
		"the project is unknown":    {ask, vars{"SUPABASE_ACCESS_TOKEN": token, "SUPABASE_PROJECT_REF": "missing"}, nil, checks.Inconclusive, "no such project"},
		"it is down":                {ask, vars{"SUPABASE_ACCESS_TOKEN": token, "SUPABASE_PROJECT_REF": "abcdefghij"}, down, checks.Error, "cannot answer now"},
		"there is no way to look":   {ask, nil, nil, checks.Skip, "SUPABASE_DB_URL"},
		"it does not judge reading": {with{"op": []any{"read"}, "source": []any{"advisor"}}, vars{"SUPABASE_ACCESS_TOKEN": token, "SUPABASE_PROJECT_REF": "abcdefghij"}, nil, checks.Skip, "no way to look"},
	})
}

func TestRLS_ByTheProbeOfAStranger(t *testing.T) {
	v := serve(t)
	ask := func(tables ...any) with { return with{"tables": tables, "op": []any{"read"}, "source": []any{"probe"}} }
	service := vars{"SUPABASE_SERVICE_ROLE_KEY": "sb_secret_abcdefghijklmnopqrst"}
	menu := with{"tables": []any{"announcement"}, "op": []any{"read"}, "allow": map[string]any{"announcement": []any{"read"}}}
	hidden := with{"tables": []any{"clients"}, "op": []any{"read"}, "allow": map[string]any{"clients": []any{"read"}}}
	fault := func(status int) *stage.Fault {
		return &stage.Fault{Vendor: stage.Supabase, Route: "/rest", Mode: stage.ModeStatus, Status: status}
	}
	try(t, v, "supabase.rls", map[string]sample{
		"a stranger reads":                   {ask("leak"), nil, nil, checks.Fail, "leak: a stranger reads 41 rows"},
		"nothing is granted":                 {ask("audit"), nil, nil, checks.Pass, "code:42501"},
		"no row, and who knows why":          {ask("clients"), nil, nil, checks.Inconclusive, "an empty table and a protected one"},
		"no row of many":                     {ask("clients", "transactions"), service, nil, checks.Pass, "looked_at:2"},
		"an empty table":                     {ask("drafts"), service, nil, checks.Inconclusive, "an empty table and a protected one"},
		"a table that is there to be read":   {menu, nil, nil, checks.Pass, "read:3"},
		"a table that should be read":        {hidden, service, nil, checks.Fail, "should read it, and sees none of"},
		"a name that the interface has not":  {ask("customers"), nil, nil, checks.Inconclusive, "knows no such table"},
		"a failure outweighs a doubt":        {ask("drafts", "leak"), nil, nil, checks.Fail, "41 rows"},
		"writing is not tried":               {with{"tables": []any{"audit"}, "op": []any{"read", "write"}}, nil, nil, checks.Inconclusive, "cannot be told without writing"},
		"the key is wrong":                   {ask("clients"), vars{"SUPABASE_ANON_KEY": "bad-key-of-nobody"}, nil, checks.Error, "the gateway refuses the key"},
		"no table is named":                  {with{"tables": []any{"all"}, "op": []any{"read"}}, nil, nil, checks.Skip, "name the tables"},
		"it asks for patience":               {ask("clients"), nil, fault(429), checks.Error, "patience"},
		"it is overloaded":                   {ask("clients"), nil, fault(503), checks.Error, "cannot answer now"},
		"a name that leads elsewhere":        {ask("../../auth/v1/health"), nil, nil, checks.Error, "no name of a table"},
		"a list of what is allowed is wrong": {with{"tables": []any{"clients"}, "allow": map[string]any{"clients": "read"}}, nil, nil, checks.Error, "the parameter allow"},
	})
}
