package supabase_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen collects requests as a scripted project saw them.
type seen struct {
	mu   sync.Mutex
	reqs []*http.Request
	body []string
}

func (s *seen) add(r *http.Request) int {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reqs, s.body = append(s.reqs, r), append(s.body, string(b))
	return len(s.reqs)
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reqs)
}

func project(t *testing.T, o supabase.Options, answer func(w http.ResponseWriter, r *http.Request, n int)) (*supabase.Client, *seen) {
	t.Helper()
	s := &seen{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, s.add(r)) }))
	t.Cleanup(srv.Close)
	o.URL = srv.URL
	o.HTTP = srv.Client()
	c, err := supabase.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestJUL04_FunctionsAreCalledWithTheKeyInBothHeaders(t *testing.T) {
	for _, key := range []string{"sb_publishable_abc", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln", "sandbox-key"} {
		c, s := project(t, supabase.Options{Key: secret.New(key), Functions: map[string]string{supabase.FnDocuments: "my-docs"}},
			func(w http.ResponseWriter, _ *http.Request, _ int) {
				_, _ = io.WriteString(w, `{"documents":[{"id":7,"title":"T","similarity":0.9}]}`)
			})
		var out supabase.Documents
		if err := c.Call(t.Context(), supabase.FnDocuments, supabase.Search{Query: "x"}, &out); err != nil {
			t.Fatal(err)
		}
		r := s.reqs[0]
		if r.URL.Path != "/functions/v1/my-docs" || r.Method != http.MethodPost || s.body[0] != `{"query":"x"}` {
			t.Errorf("got %s %s %s; want the configured name", r.Method, r.URL.Path, s.body[0])
		}
		if r.Header.Get("apikey") != key || r.Header.Get("Authorization") != "Bearer "+key || len(r.Header.Get("X-Request-Id")) != 32 {
			t.Errorf("headers %v; want the key in both and a request id", r.Header)
		}
		if len(out.Documents) != 1 || out.Documents[0].ID != "7" {
			t.Errorf("got %+v", out)
		}
	}
}

func TestClient_SortsFailures(t *testing.T) {
	const key = "sb_publishable_abc"
	for _, tc := range []struct {
		name    string
		status  int
		headers map[string]string
		body    string
		class   guard.Class
		code    string
	}{
		{"gateway refuses the key", 401, nil, `{"message":"Invalid API key"}`, guard.Unauthorized, ""},
		{"no such function", 404, map[string]string{"sb-error-code": "NOT_FOUND", "x-relay-error": "true"}, `{"code":"NOT_FOUND"}`, guard.NotFound, "NOT_FOUND"},
		{"worker died", 500, map[string]string{"sb-error-code": "WORKER_ERROR"}, `{}`, guard.VendorFault, "WORKER_ERROR"},
		{"worker out of resources", 546, map[string]string{"sb-error-code": "WORKER_LIMIT"}, `{}`, guard.VendorFault, "WORKER_LIMIT"},
		{"idle timeout", 504, map[string]string{"sb-error-code": "IDLE_TIMEOUT"}, `{}`, guard.Timeout, "IDLE_TIMEOUT"},
		{"code in the body only", 429, nil, `{"code":"RATE_LIMIT_EXCEEDED"}`, guard.RateLimited, "RATE_LIMIT_EXCEEDED"},
		{"relay error with status 200", 200, map[string]string{"x-relay-error": "true"}, `{"success":true}`, guard.VendorFault, ""},
		{"function's own refusal", 400, nil, `{"success":false,"error":"clientId is required"}`, guard.BadRequest, ""},
		{"failure said with status 200", 200, nil, `{"success":false,"error":"smtp down"}`, guard.VendorFault, ""},
		{"not JSON", 200, nil, `<html>`, guard.Protocol, ""},
		{"another shape", 200, nil, `{"transactions":"none"}`, guard.Protocol, ""},
		{"cut off", 200, map[string]string{"Content-Length": "100"}, `{"succ`, guard.Unreachable, ""},
		{"redirect", 302, map[string]string{"Location": "http://127.0.0.1:1/"}, ``, guard.Protocol, ""},
		{"too large", 200, nil, `{"x":"` + strings.Repeat("y", 1<<20) + `"}`, guard.Protocol, ""},
		{"echoes our key", 400, nil, `{"message":"no ` + key + ` here"}`, guard.BadRequest, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := project(t, supabase.Options{Key: secret.New(key)}, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Sb-Request-Id", "their-id")
				for k, v := range tc.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})
			var out supabase.Transactions
			err := c.Call(t.Context(), supabase.FnEmail, supabase.MailRequest{}, &out)
			var ge *guard.Error
			if !errors.As(err, &ge) || ge.Class != tc.class || ge.Code != tc.code || ge.Vendor != "supabase" || ge.Op != supabase.FnEmail {
				t.Fatalf("got %#v; want class %s, code %q", err, tc.class, tc.code)
			}
			if ge.RequestID != "their-id" || strings.Contains(err.Error(), key) {
				t.Errorf("got %v (request id %q); want the vendor's id and no key", err, ge.RequestID)
			}
			if s.count() != 1 {
				t.Errorf("asked %d times; a mail is asked for once", s.count())
			}
		})
	}
}

func TestClient_TriesReadsTwiceAndMailOnce(t *testing.T) {
	for fn, want := range map[string]int{
		supabase.FnTransactions: 2, supabase.FnDocuments: 2, supabase.FnWeb: 2, supabase.FnChart: 2, supabase.FnEmail: 1,
	} {
		var observed []guard.Observation
		c, s := project(t, supabase.Options{Observe: func(o guard.Observation) { observed = append(observed, o) }},
			func(w http.ResponseWriter, _ *http.Request, n int) {
				if n == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				_, _ = io.WriteString(w, `{"success":true}`)
			})
		err := c.Call(t.Context(), fn, struct{}{}, nil)
		if s.count() != want || len(observed) != want || (err == nil) != (want == 2) {
			t.Errorf("%s: asked %d times (%d observed), error %v; want %d", fn, s.count(), len(observed), err, want)
		}
		if want == 2 && s.reqs[0].Header.Get("X-Request-Id") != s.reqs[1].Header.Get("X-Request-Id") {
			t.Errorf("%s: the second try has another request id", fn)
		}
	}
}

func TestClient_StopsAtItsTimeoutAndAtTheCallers(t *testing.T) {
	hold := func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }
	c, _ := project(t, supabase.Options{Timeout: 20 * time.Millisecond}, hold)
	if got := guard.ClassOf(c.Call(t.Context(), supabase.FnEmail, struct{}{}, nil)); got != guard.Timeout {
		t.Errorf("own timeout: got %q; want timeout", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, _ = project(t, supabase.Options{}, func(_ http.ResponseWriter, r *http.Request, _ int) { cancel(); <-r.Context().Done() })
	if got := guard.ClassOf(c.Call(ctx, supabase.FnTransactions, struct{}{}, nil)); got != guard.Cancelled {
		t.Errorf("caller's cancel: got %q; want cancelled", got)
	}
}

func TestClient_OpensTheCircuitAfterFiveFailures(t *testing.T) {
	c, s := project(t, supabase.Options{}, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) })
	for range 7 {
		_ = c.Call(t.Context(), supabase.FnEmail, struct{}{}, nil)
	}
	if s.count() != guard.BreakerFailures || !c.Open() {
		t.Errorf("asked %d times, open %v; want %d and open", s.count(), c.Open(), guard.BreakerFailures)
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	for _, o := range []supabase.Options{
		{URL: ""},
		{URL: "ftp://x"},
		{URL: "https://"},
		{URL: "https://u:p@x.example"},
		{URL: "https://x.example?a=b"},
		{URL: "::"},
		{URL: "https://x.example", Functions: map[string]string{supabase.FnWeb: "../admin"}},
		{URL: "https://x.example", Key: secret.New("a\r\nb")},
	} {
		if c, err := supabase.New(o); err == nil || c != nil {
			t.Errorf("New(%q) worked", o.URL)
		}
	}
	c, err := supabase.New(supabase.Options{URL: "https://x.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got := guard.ClassOf(c.Call(t.Context(), "../../auth", nil, nil)); got != guard.BadRequest {
		t.Errorf("path as function: got %q; want bad_request", got)
	}
}

func TestInspectKey_TellsTheGenerations(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, tc := range []struct {
		name, key string
		kind      supabase.KeyKind
		problem   string
	}{
		{"nothing", "", supabase.KeyNone, "no key"},
		{"publishable", "sb_publishable_x", supabase.KeyPublishable, ""},
		{"secret", "sb_secret_x", supabase.KeySecret, ""},
		{"management", "sbp_x", supabase.KeyManagement, "personal access token"},
		{"anon of the project", jwt("anon", "abc", 1_900_000_000), supabase.KeyLegacyAnon, ""},
		{"service of another project", jwt("service_role", "xyz", 0), supabase.KeyLegacyService, `project "xyz"`},
		{"expired", jwt("anon", "abc", 1_700_000_000), supabase.KeyLegacyAnon, "expired on 2023-11-14"},
		{"a user's", jwt("authenticated", "", 0), supabase.KeyJWT, ""},
		{"looks like a JWT", "eyJx.eyJy.z", supabase.KeyOpaque, ""},
		{"anything", "sandbox-key", supabase.KeyOpaque, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := supabase.InspectKey(secret.New(tc.key))
			p := k.Problem("https://abc.supabase.co", now)
			if k.Kind != tc.kind || (tc.problem == "") != (p == "") || !strings.Contains(p, tc.problem) {
				t.Errorf("got %s, %q; want %s, %q", k.Kind, p, tc.kind, tc.problem)
			}
		})
	}
}

func FuzzAnswer_NeverPanicsAndAlwaysSorts(f *testing.F) {
	f.Add(200, `{"success":true,"count":3,"total":"12.50","transactions":[{"id":1,"amount":12.5}]}`)
	f.Add(500, `{"code":500,"message":{"a":1}}`)
	f.Add(200, `{"success":"maybe"}`)
	f.Add(404, `[]`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c, err := supabase.New(supabase.Options{URL: "http://x.example", HTTP: &http.Client{Transport: canned{status, body}}})
		if err != nil {
			t.Fatal(err)
		}
		var out supabase.Transactions
		err = c.Call(t.Context(), supabase.FnEmail, struct{}{}, &out)
		if err != nil && guard.ClassOf(err) == "" {
			t.Errorf("no class for %v", err)
		}
		if err != nil {
			return
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
	})
}

// canned is a transport that always answers the same.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

func jwt(role, ref string, exp int) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256"}`)) + "." + part(fmt.Appendf(nil, `{"role":%q,"ref":%q,"exp":%d}`, role, ref, exp)) + ".c2ln"
}
