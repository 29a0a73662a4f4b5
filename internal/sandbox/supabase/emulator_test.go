package supabase

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	anon    = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiIsInJlZiI6ImFiYyJ9.c2ln"
	service = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln"
)

func project(t *testing.T) (*stage.Stage, string) {
	t.Helper()
	s := stage.New(stage.Options{})
	srv := httptest.NewServer(s.Wrap(stage.Supabase, New(s), Refuse))
	t.Cleanup(srv.Close)
	return s, srv.URL
}

func ask(t *testing.T, method, url, body string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return res, string(b)
}

func TestGateway_JudgesBothKeyGenerations(t *testing.T) {
	_, url := project(t)
	const noKey = "{\"hint\":\"No `apikey` request header or url param was found.\",\"message\":\"No API key found in request\"}"
	const badKey = "{\"hint\":\"Double check your Supabase `anon` or `service_role` API key.\",\"message\":\"Invalid API key\"}"
	for _, tc := range []struct {
		name           string
		apikey, bearer string
		agent          string
		status         int
		body           string
		code           string
	}{
		{"no key at all", "", "", "", 401, noKey, ""},
		{"legacy key in both headers", anon, "Bearer " + anon, "", 200, "", ""},
		{"legacy key as bearer only", "", "Bearer " + anon, "", 200, "", ""},
		{"legacy key as apikey only, as the function verifies JWTs", anon, "", "", 401, `{"code":401,"message":"Missing authorization header"}`, "UNAUTHORIZED_NO_AUTH_HEADER"},
		{"publishable key alone", "sb_publishable_x", "", "", 200, "", ""},
		{"publishable key in both", "sb_publishable_x", "Bearer sb_publishable_x", "", 200, "", ""},
		{"publishable key as bearer of another apikey", "sb_publishable_x", "Bearer sb_publishable_y", "", 401, `{"code":401,"message":"Invalid JWT"}`, "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		{"publishable key as bearer only", "", "Bearer sb_publishable_x", "", 401, `{"code":401,"message":"Invalid JWT"}`, "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		{"publishable key with a user's JWT", "sb_publishable_x", "Bearer " + anon, "", 200, "", ""},
		{"secret key", "sb_secret_x", "", "", 200, "", ""},
		{"secret key from a browser", "sb_secret_x", "", "Mozilla/5.0", 401, "", ""},
		{"service key", service, "Bearer " + service, "", 200, "", ""},
		{"any other key", "sandbox-supabase", "Bearer sandbox-supabase", "", 200, "", ""},
		{"a key that begins with bad", "bad-key", "Bearer bad-key", "", 401, badKey, ""},
		{"a broken JWT as apikey", "eyJxx", "Bearer eyJxx", "", 401, badKey, ""},
		{"a broken JWT as bearer", "sb_publishable_x", "Bearer eyJxx", "", 401, `{"code":401,"message":"Invalid JWT"}`, "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		{"a management token", "sbp_abc", "", "", 401, badKey, ""},
		{"not a bearer", "sb_publishable_x", "Basic abc", "", 401, `{"code":401,"message":"Invalid Token or Protected Header formatting"}`, "UNAUTHORIZED_INVALID_JWT_FORMAT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := map[string]string{"User-Agent": tc.agent}
			if tc.apikey != "" {
				h["apikey"] = tc.apikey
			}
			if tc.bearer != "" {
				h["Authorization"] = tc.bearer
			}
			res, body := ask(t, http.MethodPost, url+"/functions/v1/transaction-query", `{"clientId":"5001"}`, h)
			if res.StatusCode != tc.status || (tc.body != "" && body != tc.body) || res.Header.Get("Sb-Error-Code") != tc.code {
				t.Errorf("got %d %s (code %q); want %d %s (%q)", res.StatusCode, body, res.Header.Get("Sb-Error-Code"), tc.status, tc.body, tc.code)
			}
			if relay := res.Header.Get("X-Relay-Error") == "true"; relay != (tc.code != "") {
				t.Errorf("relay header: got %v; want it exactly with a platform error", relay)
			}
		})
	}
}

func TestGateway_RoutesAsTheVendor(t *testing.T) {
	_, url := project(t)
	key := map[string]string{"apikey": "sb_publishable_x"}
	for _, tc := range []struct {
		name, method, path string
		headers            map[string]string
		status             int
		contains           string
	}{
		{"unknown function", "POST", "/functions/v1/nope", key, 404, `{"code":"NOT_FOUND","message":"Requested function was not found"}`},
		{"preflight without key", "OPTIONS", "/functions/v1/rag-retrieval", nil, 200, "ok"},
		{"preflight of an unknown function", "OPTIONS", "/functions/v1/nope", nil, 404, "NOT_FOUND"},
		{"health of auth", "GET", "/auth/v1/health", key, 200, `"name":"GoTrue"`},
		{"health of auth without key", "GET", "/auth/v1/health", nil, 401, "No API key found"},
		{"key in the query", "POST", "/functions/v1/rag-retrieval?apikey=sb_publishable_x", nil, 400, "not a valid JSON"},
		{"GET of a function", "GET", "/functions/v1/rag-retrieval", key, 405, "method not allowed"},
		{"another path", "GET", "/nothing", key, 404, "no Route matched"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, body := ask(t, tc.method, url+tc.path, "", tc.headers)
			if res.StatusCode != tc.status || !strings.Contains(body, tc.contains) {
				t.Errorf("got %d %s; want %d with %s", res.StatusCode, body, tc.status, tc.contains)
			}
			if res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no CORS header")
			}
		})
	}
}

func TestFunctions_AnswerFromTheSeeds(t *testing.T) {
	s, url := project(t)
	key := map[string]string{"apikey": "sb_publishable_x", "X-Request-Id": "req-1"}
	for _, tc := range []struct {
		name, fn, body string
		status         int
		contains       []string
	}{
		{"transactions", "transaction-query", `{"clientId":"5001"}`, 200, []string{`"success":true`, `"count":3`, `"total":1250.75`, `"currency":"USD"`, `"amount":480.25`, `"id":"tx-5001-01"`}},
		{"numeric client", "transaction-query", `{"clientId":5001}`, 200, []string{`"count":3`}},
		{"filtered", "transaction-query", `{"clientId":"5002","type":"refund"}`, 200, []string{`"count":1`, `"total":-89.90`}},
		{"unknown client", "transaction-query", `{"clientId":"9999"}`, 200, []string{`"count":0`, `"total":0.00`, `"transactions":[]`}},
		{"client without rows", "transaction-query", `{"clientId":"5006"}`, 200, []string{`"count":0`, `"currency":"EUR"`}},
		{"no client", "transaction-query", `{}`, 400, []string{`"success":false`, "clientId is required"}},
		{"documents", "rag-retrieval", `{"query":"What is your refund policy?"}`, 200, []string{`"id":"refund-policy"`, `"similarity":0.`, "within 30 days"}},
		{"no documents", "rag-retrieval", `{"query":"weather in Oslo"}`, 200, []string{`{"documents":[]}`}},
		{"web", "web-search-tool", `{"query":"weather in Oslo"}`, 200, []string{`"results":[{"title":"Weather in Oslo"`, `"snippet":`, `"url":"https://`}},
		{"chart", "transaction-chart", `{"clientId":"5002"}`, 200, []string{`"labels":["2026-01","2026-02","2026-03"]`, `{"name":"refund","data":[0.00,-89.90,0.00]}`}},
		{"chart of nobody", "transaction-chart", `{"clientId":"9999"}`, 200, []string{`"labels":[],"series":[]`}},
		{"mail", "transaction-email", `{"to":"john@example.com","clientId":"5001","summary":"Three transactions."}`, 200, []string{`"success":true`, `"messageId":"msg_000001"`, `"to":"john@example.com"`}},
		{"mail without a recipient", "transaction-email", `{"clientId":"5001"}`, 400, []string{"to is required"}},
		{"mail to a name trick", "transaction-email", `{"to":"\"a@b.c\" <x@evil.example>","clientId":"5001"}`, 400, []string{"not a valid"}},
		{"mail with a header in the subject", "transaction-email", `{"to":"a@b.example","clientId":"5001","subject":"x\r\nBcc: y@z.example"}`, 400, []string{"one line"}},
		{"mail about nobody", "transaction-email", `{"to":"a@b.example","clientId":"9999"}`, 404, []string{"not found"}},
		{"not JSON", "transaction-query", `clientId=5001`, 400, []string{"not a valid JSON"}},
		{"too large", "transaction-query", `{"clientId":"` + strings.Repeat("1", maxBody) + `"}`, 413, []string{"too large"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, body := ask(t, http.MethodPost, url+"/functions/v1/"+tc.fn, tc.body, key)
			if res.StatusCode != tc.status {
				t.Errorf("got %d; want %d", res.StatusCode, tc.status)
			}
			for _, want := range tc.contains {
				if !strings.Contains(body, want) {
					t.Errorf("got %s; want it to hold %s", body, want)
				}
			}
		})
	}
	mails := s.Outbox()
	if len(mails) != 1 || mails[0].To != "john@example.com" || mails[0].ClientID != "5001" {
		t.Fatalf("outbox %+v; want one mail", mails)
	}
	for _, want := range []string{"Harbor Books", "Three transactions.", "480.25 USD", "3 transactions, total 1250.75 USD"} {
		if !strings.Contains(mails[0].Body, want) {
			t.Errorf("mail lacks %q:\n%s", want, mails[0].Body)
		}
	}
}

func TestRecord_HoldsArgumentsAndNoKey(t *testing.T) {
	s, url := project(t)
	const key = "sb_publishable_verysecretvalue"
	ask(t, http.MethodPost, url+"/functions/v1/transaction-query", `{"clientId":"5001","type":"refund","other":"sb_publishable_verysecretvalue"}`,
		map[string]string{"apikey": key, "Authorization": "Bearer " + key, "X-Request-Id": "req-1"})
	calls, last := s.Calls(stage.Supabase, 0)
	if len(calls) != 1 || last != 1 {
		t.Fatalf("got %d calls; want 1", len(calls))
	}
	c := calls[0]
	args, _ := c.Detail["args"].(map[string]any)
	if c.Route != "/functions/v1/transaction-query" || c.Status != 200 || c.Done.IsZero() || c.First.IsZero() ||
		!maps.Equal(args, map[string]any{"clientId": "5001", "type": "refund"}) ||
		c.Detail["apikey"] != "publishable" || c.Detail["same_key"] != true || c.Detail["request_id"] != "req-1" {
		t.Errorf("got %+v", c)
	}
	if b, err := json.Marshal(calls); err != nil || strings.Contains(string(b), "verysecret") {
		t.Errorf("the record holds the key (or %v): %s", err, b)
	}
}

func TestFaults_SpoilTheAnswer(t *testing.T) {
	const path = "/functions/v1/transaction-query"
	for _, tc := range []struct {
		fault stage.Fault
		want  string // in "STATUS BODY" or in the error
	}{
		{stage.Fault{Mode: "status", Status: 503}, `503 {"code":"BOOT_ERROR"`},
		{stage.Fault{Mode: "status", Status: 401}, `401 {"code":401,"message":"Invalid JWT"}`},
		{stage.Fault{Mode: "status", Status: 546}, `546 {"code":"WORKER_LIMIT"`},
		{stage.Fault{Mode: "status"}, `500 {"code":"WORKER_ERROR"`},
		{stage.Fault{Mode: "status", Status: 418, Code: "OWN"}, `418 {"code":"OWN"`},
		{stage.Fault{Mode: "reset"}, "reset"},
		{stage.Fault{Mode: "close"}, "unexpected EOF"},
		{stage.Fault{Mode: "malformed"}, `200 {"success":true`},
		{stage.Fault{Mode: "drip", MS: 1}, `200 {"success":true,"clientId":"5001","count":3`},
		{stage.Fault{Mode: "stall"}, "deadline exceeded"},
		{stage.Fault{Mode: "stall", MS: 1}, `200 {"success":true`},
		{stage.Fault{Mode: "latency", MS: 1}, `200 {"success":true`},
	} {
		t.Run(tc.fault.Mode+"/"+tc.want, func(t *testing.T) {
			s, url := project(t)
			tc.fault.Vendor, tc.fault.Route, tc.fault.Count = stage.Supabase, path, 1
			if _, err := s.AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			if strings.Contains(tc.want, "deadline") {
				client.Timeout = 50 * time.Millisecond
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader(`{"clientId":"5001"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("apikey", "sb_publishable_x")
			got := ""
			res, err := client.Do(req)
			if err == nil {
				var b []byte
				b, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
				got = res.Status[:3] + " " + string(b)
			}
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(strings.ToLower(got), strings.ToLower(tc.want)) {
				t.Errorf("got %s; want %s", got, tc.want)
			}
			if strings.HasPrefix(tc.fault.Mode, "malformed") && json.Valid([]byte(got[4:])) {
				t.Errorf("got valid JSON %s", got)
			}
			if left := s.Faults(); len(left) != 0 {
				t.Errorf("fault is still armed: %+v", left)
			}
		})
	}
}
