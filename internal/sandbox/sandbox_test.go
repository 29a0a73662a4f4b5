package sandbox_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o sandbox.Options) (*sandbox.Sandbox, string) {
	t.Helper()
	s := sandbox.New(o)
	base, stop, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, base
}

type asked struct {
	status int
	body   string
	header http.Header
}

func ask(t *testing.T, method, url, body string, change func(*http.Request)) asked {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return asked{res.StatusCode, string(b), res.Header}
}

func env(base, name string) string {
	for _, v := range sandbox.Env(base) {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

func TestSandbox_ServesWhatItsEnvironmentPointsAt(t *testing.T) {
	var journal bytes.Buffer
	s, base := start(t, sandbox.Options{Record: &journal})
	c, err := supabase.New(supabase.Options{
		URL: env(base, "SUPABASE_URL"), Key: secret.New(env(base, "SUPABASE_ANON_KEY")), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var found supabase.Transactions
	if err := c.Call(t.Context(), supabase.FnTransactions, supabase.TransactionQuery{ClientID: "5001"}, &found); err != nil || *found.Count != 3 {
		t.Fatalf("got %+v, %v", found, err)
	}
	var sent supabase.MailResult
	if err := c.Call(t.Context(), supabase.FnEmail, supabase.MailRequest{To: "john@example.com", ClientID: "5001"}, &sent); err != nil {
		t.Fatal(err)
	}
	got := ask(t, "GET", base+"/_sandbox/calls?vendor=supabase", "", nil)
	var calls struct {
		Calls []struct {
			Seq    int
			Route  string
			Status int
			Detail map[string]any
		}
		Last int
	}
	if err := json.Unmarshal([]byte(got.body), &calls); err != nil || len(calls.Calls) != 2 || calls.Last != 2 ||
		calls.Calls[0].Route != "/functions/v1/transaction-query" || calls.Calls[0].Detail["function"] != "transaction-query" {
		t.Errorf("calls: %v %s", err, got.body)
	}
	if got := ask(t, "GET", base+"/_sandbox/calls?since=1", "", nil); !strings.Contains(got.body, `"seq":2`) || strings.Contains(got.body, `"seq":1,`) {
		t.Errorf("since 1: %s", got.body)
	}
	if got := ask(t, "GET", base+"/_sandbox/outbox", "", nil); !strings.Contains(got.body, `"to":"john@example.com","client_id":"5001"`) {
		t.Errorf("outbox: %s", got.body)
	}
	if got := ask(t, "POST", base+"/_sandbox/reset", "", nil); got.status != 200 || len(s.Stage().Outbox()) != 0 {
		t.Errorf("reset: %+v", got)
	}
	if got := ask(t, "GET", base+"/_sandbox/health", "", nil); !strings.Contains(got.body, `"endpoint_class":"sandbox-fast"`) || !strings.Contains(got.body, `"status":"ok"`) {
		t.Errorf("health: %s", got.body)
	}
	lines := strings.Split(strings.TrimSpace(journal.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], "transaction-email") || !json.Valid([]byte(lines[0])) || strings.Contains(journal.String(), env(base, "SUPABASE_ANON_KEY")) {
		t.Errorf("journal:\n%s", journal.String())
	}
}

func TestSandbox_MountsEveryVendorWithItsOwnRefusal(t *testing.T) {
	s, base := start(t, sandbox.Options{})
	for vendor, path := range map[string]string{
		"openai": "/v1/models", "speechmatics": "/v1/api_keys", "cartesia": "/voices", "supabase": "/auth/v1/health",
	} {
		if got := ask(t, http.MethodGet, base+"/"+vendor+path, "", nil); got.status < 400 || got.status == http.StatusNotFound || got.status >= 500 {
			t.Errorf("%s without a key: got %d %s; want the vendor's refusal", vendor, got.status, got.body)
		}
		ask(t, http.MethodPost, base+"/_sandbox/faults", `{"vendor":"`+vendor+`","mode":"status","status":503,"count":1}`, nil)
		if got := ask(t, http.MethodGet, base+"/"+vendor+path, "", nil); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s with a fault: got %d %s; want 503", vendor, got.status, got.body)
		}
		if calls, _ := s.Stage().Calls(vendor, 0); len(calls) == 0 || calls[len(calls)-1].Status != http.StatusServiceUnavailable || calls[len(calls)-1].Route != path {
			t.Errorf("%s: recorded %+v; want the refused request at %s", vendor, calls, path)
		}
	}
}

func TestControl_ValidatesWhatItIsTold(t *testing.T) {
	s, base := start(t, sandbox.Options{})
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		contains                 string
	}{
		{"good fault", "POST", "faults", `{"vendor":"openai","route":"/v1/chat","mode":"status","status":429,"code":"rate_limit_exceeded","count":2}`, 201, `"status":429`},
		{"unknown key", "POST", "faults", `{"vendor":"openai","mode":"status","statuz":429}`, 400, `unknown field \"statuz\"`},
		{"unknown vendor", "POST", "faults", `{"vendor":"acme","mode":"status"}`, 400, "one of speechmatics, openai, supabase, cartesia"},
		{"unknown mode", "POST", "faults", `{"vendor":"openai","mode":"explode"}`, 400, "one of status, latency"},
		{"probability", "POST", "faults", `{"vendor":"openai","mode":"stall","probability":2}`, 400, "probability must be 0 to 1"},
		{"negative count", "POST", "faults", `{"vendor":"openai","mode":"stall","count":-1}`, 400, "count must be"},
		{"two objects", "POST", "faults", `{"vendor":"openai","mode":"stall"}{}`, 400, "something follows"},
		{"not JSON", "POST", "faults", `x`, 400, "read body"},
		{"too large", "POST", "faults", `{"vendor":"` + strings.Repeat("x", 70000) + `"}`, 413, "too large"},
		{"faults left", "GET", "faults", "", 200, `"count":2`},
		{"clear of another vendor", "DELETE", "faults?vendor=cartesia", "", 200, `{"cleared":0}`},
		{"clear of an unknown vendor", "DELETE", "faults?vendor=acme", "", 400, "unknown vendor"},
		{"clear", "DELETE", "faults", "", 200, `{"cleared":1}`},
		{"pace", "POST", "pace", `{"vendor":"cartesia","first_ms":7}`, 200, `"first_ms":7`},
		{"pace out of bounds", "POST", "pace", `{"vendor":"cartesia","first_ms":-7}`, 400, "first_ms must be"},
		{"paces", "GET", "pace", "", 200, `{"vendor":"cartesia","first_ms":7`},
		{"since", "GET", "calls?since=x", "", 400, "sequence number"},
		{"vendor of calls", "GET", "calls?vendor=acme", "", 400, "unknown vendor"},
		{"no calls is a list", "GET", "calls", "", 200, `"calls":[]`},
		{"wrong method", "PUT", "faults", "", 405, "allowed: GET, POST, DELETE"},
		{"no such route", "GET", "nope", "", 404, "no such control route"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ask(t, tc.method, base+"/_sandbox/"+tc.path, tc.body, nil)
			if got.status != tc.status || !strings.Contains(got.body, tc.contains) {
				t.Errorf("got %d %s; want %d with %s", got.status, got.body, tc.status, tc.contains)
			}
			var e struct {
				Error      string `json:"error"`
				StatusCode int    `json:"status_code"`
				RequestID  string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(got.body), &e); tc.status >= 400 && (err != nil || e.Error == "" || e.StatusCode != tc.status || e.RequestID == "") {
				t.Errorf("error body %s", got.body)
			}
		})
	}
	if n := len(s.Stage().Faults()); n != 0 {
		t.Errorf("%d faults left", n)
	}
}

func TestControl_IsForThisMachineAndNotForPages(t *testing.T) {
	_, base := start(t, sandbox.Options{Hosts: []string{"sandbox"}})
	port := base[strings.LastIndex(base, ":"):]
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"loopback address", nil, 200},
		{"localhost", func(r *http.Request) { r.Host = "localhost" + port }, 200},
		{"IPv6 loopback", func(r *http.Request) { r.Host = "[::1]" + port }, 200},
		{"a name the operator listed", func(r *http.Request) { r.Host = "sandbox" + port }, 200},
		{"rebound name", func(r *http.Request) { r.Host = "evil.example" + port }, 403},
		{"name that looks like loopback", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403},
		{"another address", func(r *http.Request) { r.Host = "192.0.2.1" + port }, 403},
		{"foreign page", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"foreign page by fetch metadata", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ask(t, "POST", base+"/_sandbox/reset", "", tc.change); got.status != tc.status {
				t.Errorf("got %d %s; want %d", got.status, got.body, tc.status)
			}
		})
	}
	if got := ask(t, "GET", base+"/nothing", "", func(r *http.Request) { r.Host = "evil.example" }); got.status != 404 {
		t.Errorf("outside of vendors and control: %d", got.status)
	}
}

func TestSandbox_SpeaksTLSWithACertificateToTrust(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	s, base := start(t, sandbox.Options{TLS: true, CAFile: file, Realistic: true})
	pem, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(pem, s.CA()) {
		t.Fatalf("CA file: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(base, "127.0.0.1", host, 1)+"/_sandbox/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.Contains(string(b), "sandbox-realistic") {
			t.Errorf("%s: got %d %s", host, res.StatusCode, b)
		}
	}
	if got := env(base, "SPEECHMATICS_RT_URL"); !strings.HasPrefix(got, "wss://") || !strings.HasSuffix(got, "/speechmatics/v2") {
		t.Errorf("got %s", got)
	}
}

func TestStop_BreaksOffAStalledAnswerAndFreesThePort(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	base, stop, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ask(t, "POST", base+"/_sandbox/faults", `{"vendor":"supabase","mode":"stall"}`, nil)
	ended := make(chan error, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/supabase/functions/v1/transaction-query?apikey=k", strings.NewReader(`{"clientId":"5001"}`))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, broken := c.Do(req)
		if broken == nil {
			_ = res.Body.Close()
		}
		ended <- broken
	}()
	for deadline := time.Now().Add(5 * time.Second); len(s.Stage().Faults()) > 0; { // the stall does not consume the fault; the record tells
		if calls, _ := s.Stage().Calls("supabase", 0); len(calls) == 1 && calls[0].Detail["fault"] == "stall" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the request never stalled")
		}
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Error(err)
	}
	<-ended
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = l.Close()
	if _, _, err := s.Start(t.Context(), "not an address"); err == nil || !strings.Contains(err.Error(), "start sandbox") {
		t.Errorf("got %v", err)
	}
}

func TestExport_QuotesForTheShell(t *testing.T) {
	if got := sandbox.Export([]sandbox.Var{{Name: "A", Value: "it's"}, {Name: "B", Value: "c"}}); got != "export A='it'\\''s'\nexport B='c'\n" {
		t.Errorf("got %q", got)
	}
	if got := sandbox.Export(sandbox.Env("http://127.0.0.1:9100/")); !strings.Contains(got, "export OPENAI_BASE_URL='http://127.0.0.1:9100/openai/v1'\n") ||
		!strings.Contains(got, "export SUPABASE_URL='http://127.0.0.1:9100/supabase'\n") || !strings.Contains(got, "export CARTESIA_BASE_URL='http://127.0.0.1:9100/cartesia'\n") {
		t.Errorf("got %s", got)
	}
}

func FuzzControl_NeverPanics(f *testing.F) {
	f.Add("POST", "/_sandbox/faults", `{"vendor":"openai","mode":"stall"}`)
	f.Add("POST", "/_sandbox/pace", `{"vendor":"openai","first_ms":1e99}`)
	f.Add("GET", "/_sandbox/calls?since=-1", ``)
	s := sandbox.New(sandbox.Options{})
	f.Fuzz(func(t *testing.T, method, target, body string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+target, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(req.URL.Path, "/_sandbox/") {
			return
		}
		req.RemoteAddr = "127.0.0.1:1"
		w := &sink{header: http.Header{}}
		s.ServeHTTP(w, req)
		if w.status == 0 || !json.Valid(w.body.Bytes()) {
			t.Errorf("%s %s: %d %s", method, target, w.status, w.body.String())
		}
	})
}

type sink struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return s.body.Write(b) }
