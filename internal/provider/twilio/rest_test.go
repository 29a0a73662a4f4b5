package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newREST(t *testing.T, h http.Handler) *REST {
	t.Helper()
	srv := httptest.NewServer(h)
	r, err := NewREST(RESTOptions{AccountSID: testAcct, Token: secret.New("sometoken"), BaseURL: srv.URL + "/twilio"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); srv.Close() })
	return r
}

func TestREST_Account(t *testing.T) {
	r := newREST(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, pass, _ := req.BasicAuth()
		if req.URL.Path != "/twilio/2010-04-01/Accounts/"+testAcct+".json" || user != testAcct || pass != "sometoken" {
			t.Errorf("asked %s as %s", req.URL.Path, user)
		}
		_, _ = fmt.Fprintf(w, `{"sid":%q,"friendly_name":"Julia","status":"active","type":"Full","auth_token":"x"}`, testAcct)
	}))
	got, err := r.Account(t.Context())
	if want := (Account{testAcct, "Julia", "active", "Full"}); err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestREST_EndCall(t *testing.T) {
	fail := func(status, code int) string {
		return fmt.Sprintf(`{"code":%d,"message":"m","status":%d}`, code, status)
	}
	for name, tc := range map[string]struct {
		status int
		body   string
		want   guard.Class
	}{
		"hung up":            {200, `{"sid":"` + testCall + `","status":"completed"}`, ""},
		"gone":               {404, fail(404, 20404), ""},
		"gone, no json":      {404, "not here", ""},
		"not in progress":    {400, fail(400, 21220), ""},
		"another 400":        {400, fail(400, 21205), guard.BadRequest},
		"wrong token":        {401, fail(401, 20003), guard.Unauthorized},
		"limited":            {429, fail(429, 20429), guard.RateLimited},
		"down, html":         {503, "<html>", guard.VendorFault},
		"a page, not json":   {200, "<html>", guard.Protocol},
		"redirect elsewhere": {302, "", guard.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			r := newREST(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/Calls/"+testCall+".json") || string(body) != "Status=completed" {
					t.Errorf("asked %s %s %q", req.Method, req.URL.Path, body)
				}
				w.Header().Set("Location", "https://evil.example/")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			err := r.EndCall(t.Context(), testCall)
			if got := guard.ClassOf(err); got != tc.want {
				t.Fatalf("got %v (%v), want %v", got, err, tc.want)
			}
		})
	}
}

func TestREST_EndCallRefusesWhatIsNoCall(t *testing.T) {
	r := newREST(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	if err := r.EndCall(t.Context(), "../Accounts"); err == nil {
		t.Fatal("taken")
	}
}

func TestREST_RetriesOnceAndKeepsTheVendorsCode(t *testing.T) {
	var asked atomic.Int32
	r := newREST(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Twilio-Request-Id", "RQ1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":20503,"message":"busy","status":503}`)
	}))
	_, err := r.Account(t.Context())
	var ge *guard.Error
	if !errors.As(err, &ge) || ge.Status != 503 || ge.Code != "20503" || ge.RequestID != "RQ1" || ge.Vendor != "twilio" {
		t.Fatalf("got %v", err)
	}
	if asked.Load() != 2 {
		t.Fatalf("asked %d times, want 2", asked.Load())
	}
}

func TestREST_ContextEndsTheRequest(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	r := newREST(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	begun := time.Now()
	_, err := r.Account(ctx)
	if guard.ClassOf(err) != guard.Cancelled || time.Since(begun) > 5*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(begun))
	}
}

func TestREST_Unreachable(t *testing.T) {
	r := newREST(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	if _, err := r.Account(t.Context()); guard.ClassOf(err) != guard.Unreachable {
		t.Fatalf("got %v, want unreachable", err)
	}
}

func TestNewREST_Refuses(t *testing.T) {
	good := RESTOptions{AccountSID: testAcct, Token: secret.New("t")}
	for name, change := range map[string]func(*RESTOptions){
		"sid":   func(o *RESTOptions) { o.AccountSID = "AC1" },
		"token": func(o *RESTOptions) { o.Token = secret.Secret{} },
		"base":  func(o *RESTOptions) { o.BaseURL = "localhost:9" },
	} {
		o := good
		change(&o)
		if _, err := NewREST(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
