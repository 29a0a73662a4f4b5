package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/console"
	"github.com/voicectl/voicectl/internal/secret"
)

const testKey = "0123456789abcdef-key"

// talk takes a log while it is written.
type talk struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *talk) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *talk) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a server that takes connections until the end of the test, with the settings of production.
func running(t *testing.T, shape func(*Config)) (base string, logs *talk) {
	t.Helper()
	public, err := url.Parse("https://voice.example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", PublicURL: public,
		APIKeys: []secret.Secret{secret.New("another-key-0123456789"), secret.New(testKey)}, AllowedOrigins: []string{"https://app.example.com"},
		TwilioTokens: []secret.Secret{secret.New("token")},
	}
	if shape != nil {
		shape(&c)
	}
	logs = &talk{}
	s, err := New(Options{
		Config: c, Agents: map[string]agent.Definition{"a": {Name: "a"}}, Agent: "a", Log: slog.New(slog.NewJSONHandler(logs, nil)),
		Pages: console.Handler(console.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String(), logs
}

// ask makes one request and reads the whole answer.
func ask(t *testing.T, method, address, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// Every answer carries the headers that protect browsers, errors and refusals too; HSTS is said when the public
// address is https, for half a year at least. (tier: ci)
func TestHarden_EveryAnswerCarriesTheHeaders(t *testing.T) {
	base, _ := running(t, nil)
	plain, _ := running(t, func(c *Config) { c.PublicURL = nil })
	for name, c := range map[string]struct {
		method, path string
		status       int
	}{
		"health": {"GET", "/health", 200}, "ready": {"GET", "/readyz", 0}, "the page": {"GET", "/", 200}, "a file of the page": {"GET", "/console/app.js", 0},
		"nothing there": {"GET", "/nothing", 404}, "another method": {"DELETE", "/health", 405}, "no key": {"GET", "/api/calls", 401}, "start without a key": {"POST", "/start", 401},
		"unsigned": {"POST", "/twilio/voice", 403}, "no upgrade": {"GET", "/ws", 426}, "a preflight": {"OPTIONS", "/start", 204}, "a crooked path": {"GET", "/a/../../etc/passwd", 0},
	} {
		resp, _ := ask(t, c.method, base+c.path, "")
		if c.status != 0 && resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.status)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'", "Permissions-Policy": "camera=()",
		} {
			if got := resp.Header.Get(header); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		if cache := resp.Header.Get("Cache-Control"); cache == "" || strings.Contains(cache, "public") {
			t.Errorf("%s: Cache-Control is %q", name, cache)
		}
		age, _ := strconv.Atoi(strings.TrimPrefix(resp.Header.Get("Strict-Transport-Security"), "max-age="))
		if age < 180*24*3600 {
			t.Errorf("%s: HSTS is %q", name, resp.Header.Get("Strict-Transport-Security"))
		}
		if resp, _ = ask(t, c.method, plain+c.path, ""); resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS is said of a server in plain HTTP", name)
		}
	}
}

// IMP-04: listed origins are echoed exactly and others not at all, never by a wildcard, with Vary on every answer
// that depends on it, and a browser remembers a preflight for ten minutes at most. (tier: ci)
func TestCORS_IMP04_ExactOriginsAndAShortMemory(t *testing.T) {
	base, _ := running(t, nil)
	for name, c := range map[string]struct {
		origin string
		in     bool
	}{
		"listed": {"https://app.example.com", true}, "the server's own": {"https://voice.example.com", true},
		"a stranger": {"https://evil.example", false}, "the name goes on": {"https://app.example.com.evil.example", false}, "the name begins earlier": {"https://evil-app.example.com", false},
		"in the clear": {"http://app.example.com", false}, "another port": {"https://app.example.com:8443", false}, "null": {"null", false}, "nonsense": {"::", false},
		"this machine": {"http://localhost:3000", false},
	} {
		for _, path := range []string{"/start", "/connect", "/api/calls", "/api/calls/0/recording.wav"} {
			method := http.MethodGet
			if !strings.HasPrefix(path, "/api") {
				method = http.MethodPost
			}
			pre, _ := ask(t, http.MethodOptions, base+path, "", "Origin", c.origin, "Access-Control-Request-Method", method)
			resp, _ := ask(t, method, base+path, "", "Origin", c.origin, "Authorization", "Bearer "+testKey)
			for _, r := range []*http.Response{pre, resp} {
				got := r.Header.Get("Access-Control-Allow-Origin")
				if want := map[bool]string{true: c.origin}[c.in]; got != want || len(r.Header.Values("Access-Control-Allow-Origin")) > 1 {
					t.Errorf("%s, %s %s: allowed is %q, want %q", name, r.Request.Method, path, got, want)
				}
				if r.Header.Get("Access-Control-Allow-Credentials") != "" || r.Header.Get("Vary") != "Origin" {
					t.Errorf("%s, %s %s: credentials %q, Vary %q", name, r.Request.Method, path, r.Header.Get("Access-Control-Allow-Credentials"), r.Header.Get("Vary"))
				}
			}
			age, _ := strconv.Atoi(pre.Header.Get("Access-Control-Max-Age"))
			if c.in && (pre.StatusCode != http.StatusNoContent || age < 1 || age > 600 || !strings.Contains(pre.Header.Get("Access-Control-Allow-Methods"), method) || !strings.Contains(pre.Header.Get("Access-Control-Allow-Headers"), "Authorization")) {
				t.Errorf("%s: the preflight of %s is %d %v", name, path, pre.StatusCode, pre.Header)
			}
			if !c.in && (pre.StatusCode != http.StatusForbidden || method == http.MethodPost && resp.StatusCode != http.StatusForbidden) {
				t.Errorf("%s: %s is answered %d to the preflight and %d then", name, path, pre.StatusCode, resp.StatusCode)
			}
		}
	}
	if resp, _ := ask(t, http.MethodGet, base+"/health", ""); resp.Header.Get("Vary") != "Origin" {
		t.Error("an answer without an origin may be kept for one with")
	}
}

// IMP-01: each route of the API asks for a key before it reads anything, several keys are good at once, and the server
// keeps none of them. (tier: ci)
func TestAuth_IMP01_KeysBeforeAnythingElse(t *testing.T) {
	base, _ := running(t, nil)
	for _, r := range [][2]string{{"POST", "/start"}, {"POST", "/connect"}, {"GET", "/api/calls"}, {"GET", "/api/calls/x"}, {"GET", "/api/calls/x/events.jsonl"}, {"GET", "/api/calls/x/recording.wav"}} {
		for name, c := range map[string]struct {
			key string
			in  bool
		}{
			"none": {"", false}, "wrong": {"Bearer " + strings.Repeat("x", 20), false}, "another scheme": {"Basic " + testKey, false}, "half": {"Bearer " + testKey[:10], false},
			"empty": {"Bearer ", false}, "one": {"Bearer " + testKey, true}, "the other": {"Bearer another-key-0123456789", true},
		} {
			resp, body := ask(t, r[0], base+r[1], "no json", "Authorization", c.key, "Content-Type", "text/plain")
			if in := resp.StatusCode != http.StatusUnauthorized; in != c.in {
				t.Errorf("%s %s with %s key: %d %s", r[0], r[1], name, resp.StatusCode, body)
			}
			if !c.in && resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: a 401 without WWW-Authenticate", r[0], r[1])
			}
		}
	}
	s := newServer(t, Config{Addr: "127.0.0.1:0", APIKeys: []secret.Secret{secret.New(testKey)}}, nil)
	if len(s.o.Config.APIKeys) != 0 || len(s.keys) != 1 {
		t.Error("the keys themselves are kept")
	}
}

// IMP-03: who asks too often is told to wait, and for how long; another key, and another caller, is not touched.
// (tier: ci)
func TestBudget_IMP03_TooManyRequestsAreToldToWait(t *testing.T) {
	base, logs := running(t, func(c *Config) { c.APIPerMinute, c.HookPerMinute = 3, 2 })
	key := []string{"Authorization", "Bearer " + testKey}
	for i := range 4 {
		resp, body := ask(t, http.MethodGet, base+"/api/calls", "", key...)
		wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		switch limited := resp.StatusCode == http.StatusTooManyRequests; {
		case limited != (i == 3):
			t.Fatalf("request %d: %d %s", i+1, resp.StatusCode, body)
		case limited && (wait < 1 || wait > 60):
			t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
		}
	}
	if resp, _ := ask(t, http.MethodGet, base+"/api/calls", "", "Authorization", "Bearer another-key-0123456789"); resp.StatusCode == http.StatusTooManyRequests {
		t.Error("another key shares the budget")
	}
	statuses := map[int]int{}
	for i := range 6 { // who guesses keys is counted by address, whatever he guesses
		resp, _ := ask(t, http.MethodPost, base+"/start", "", "Authorization", "Bearer guess-"+strconv.Itoa(i))
		statuses[resp.StatusCode]++
	}
	if statuses[401] != 3 || statuses[429] != 3 {
		t.Errorf("guesses are answered %v", statuses)
	}
	if resp, _ := ask(t, http.MethodGet, base+"/health", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("health is limited: %d", resp.StatusCode)
	}
	statuses = map[int]int{}
	for range 4 {
		resp, _ := ask(t, http.MethodPost, base+"/twilio/voice", "CallSid=CA1", "Content-Type", "application/x-www-form-urlencoded", "X-Twilio-Signature", "d3Jvbmc=")
		statuses[resp.StatusCode]++
	}
	if statuses[403] != 2 || statuses[429] != 2 {
		t.Errorf("bad signatures are answered %v", statuses)
	}
	if strings.Contains(logs.String(), testKey) {
		t.Error("a key is in the log")
	}
}

// A budget holds as many keys as it may and no more, gives a token back with time, and a flood of keys does not walk
// the table every time. (tier: ci)
func TestBudget_TableIsBoundedAndTokensComeBack(t *testing.T) {
	c := &manual{now: time.Unix(1000, 0)}
	b := newBudget(60, c.Now)
	for i := range 61 {
		if wait, ok := b.take("k"); ok != (i < 60) || !ok && (wait <= 0 || wait > time.Second) {
			t.Fatalf("token %d: %v, wait %v", i+1, ok, wait)
		}
	}
	c.now = c.now.Add(time.Second)
	if _, ok := b.take("k"); !ok {
		t.Error("no token after a second")
	}
	if _, ok := b.take("k"); ok {
		t.Error("two tokens after a second")
	}
	for i := range 3 * maxVisitors {
		b.take("v" + strconv.Itoa(i))
		if len(b.visitors) > maxVisitors {
			t.Fatalf("%d keys are kept", len(b.visitors))
		}
	}
	c.now = c.now.Add(2 * time.Minute)
	for len(b.visitors) < maxVisitors {
		b.take("w" + strconv.Itoa(len(b.visitors)))
	}
	b.take("one more")
	if len(b.visitors) > maxVisitors*3/4+1 {
		t.Errorf("%d keys are kept after all of them were idle", len(b.visitors))
	}
	if _, ok := newBudget(0, c.Now).take("k"); !ok {
		t.Error("no limit limits")
	}
	for range 100 {
		if _, ok := b.take(""); !ok {
			t.Fatal("who is not counted is limited")
		}
	}
}

// IMP-19: who comes is told by the connection; a forwarded header is read only from a listed proxy, and only as far
// as listed proxies wrote it. (tier: ci)
func TestProxy_IMP19_ForwardedForIsReadFromListedProxiesOnly(t *testing.T) {
	front := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for name, c := range map[string]struct {
		proxies   []netip.Prefix
		remote    string
		forwarded []string
		want      string
	}{
		"no proxy is listed":           {nil, "10.0.0.1:9", []string{"203.0.113.7"}, "10.0.0.1"},
		"the peer is no proxy":         {front, "198.51.100.4:9", []string{"203.0.113.7"}, "198.51.100.4"},
		"one proxy":                    {front, "10.0.0.1:9", []string{"203.0.113.7"}, "203.0.113.7"},
		"what the client made up":      {front, "10.0.0.1:9", []string{"1.2.3.4, 203.0.113.7"}, "203.0.113.7"},
		"two proxies":                  {front, "10.0.0.1:9", []string{"1.2.3.4, 203.0.113.7, 10.9.9.9"}, "203.0.113.7"},
		"two headers":                  {front, "10.0.0.1:9", []string{"1.2.3.4", "203.0.113.7"}, "203.0.113.7"},
		"with a port":                  {front, "10.0.0.1:9", []string{"203.0.113.7:1234"}, "203.0.113.7"},
		"IPv6":                         {front, "[2001:db8:1::1]:9", []string{"[2001:db8:2::7]:55"}, "2001:db8:2::7"},
		"IPv4 inside IPv6":             {front, "[::ffff:10.0.0.1]:9", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"nothing but proxies":          {front, "10.0.0.1:9", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no header":                    {front, "10.0.0.1:9", nil, "10.0.0.1"},
		"rubbish":                      {front, "10.0.0.1:9", []string{"1.2.3.4, <script>"}, "10.0.0.1"},
		"rubbish behind a proxy":       {front, "10.0.0.1:9", []string{"unknown, 10.0.0.2"}, "10.0.0.2"},
		"more hops than anybody needs": {front, "10.0.0.1:9", []string{"203.0.113.7" + strings.Repeat(", 10.0.0.2", 2000)}, "10.0.0.2"},
	} {
		s := newServer(t, Config{Addr: "127.0.0.1:0", TrustedProxies: c.proxies}, nil)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := s.clientIP(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if a, b := household(netip.MustParseAddr("2001:db8::1")), household(netip.MustParseAddr("2001:db8::ffff:1")); a != b || a == household(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Errorf("one subscriber is %s and %s", a, b)
	}
}

// What stands before the last listed proxy is a stranger's: no header makes a budget anew. (tier: ci)
func TestBudget_ForwardedForDoesNotMakeABudgetAnew(t *testing.T) {
	base, _ := running(t, func(c *Config) { c.APIPerMinute = 2 })
	statuses := map[int]int{}
	for i := range 5 {
		resp, _ := ask(t, http.MethodPost, base+"/start", "", "X-Forwarded-For", "203.0.113."+strconv.Itoa(i))
		statuses[resp.StatusCode]++
	}
	if statuses[429] != 3 {
		t.Errorf("answered %v", statuses)
	}
}

// A request is one line at info, by its route: no query, no path, no key; a refusal has a second one under the same
// id, which is that of the answer. (tier: ci)
func TestWrap_EveryRequestIsALineAndARefusalTwo(t *testing.T) {
	base, logs := running(t, nil)
	for _, c := range []struct {
		method, path, route string
		status, lines       int
	}{
		{"GET", "/health?zanzibar=1", "GET /health", 200, 1},
		{"GET", "/api/calls/zanzibar?zanzibar=1", "GET /api/calls/{id}", 401, 2},
		{"GET", "/zanzibar/" + testKey, "GET none", 404, 2},
		{"ZANZIBAR", "/health", "other none", 405, 2},
		{"POST", "/twilio/voice?zanzibar=1", "POST /twilio/voice", 403, 2},
	} {
		resp, _ := ask(t, c.method, base+c.path, "")
		id := resp.Header.Get("X-Request-Id")
		var found []map[string]any
		for deadline := time.Now().Add(5 * time.Second); len(found) < c.lines && time.Now().Before(deadline); { // the line is written after the answer
			found = nil
			for line := range strings.Lines(logs.String()) {
				var m map[string]any
				if json.Unmarshal([]byte(line), &m) == nil && m["request_id"] == id {
					found = append(found, m)
				}
			}
		}
		if len(found) != c.lines || id == "" {
			t.Errorf("%s %s: %d lines of %q, want %d", c.method, c.path, len(found), id, c.lines)
			continue
		}
		last := found[len(found)-1]
		if last["msg"] != "request" || last["level"] != "INFO" || last["route"] != c.route || last["status"] != float64(c.status) || last["ms"] == nil {
			t.Errorf("%s %s: %v", c.method, c.path, last)
		}
		if c.lines == 2 && (found[0]["err"] == nil || found[0]["err"] == "") {
			t.Errorf("%s %s: why it was refused is not told: %v", c.method, c.path, found[0])
		}
	}
	if got := logs.String(); strings.Contains(strings.ToLower(got), "zanzibar") || strings.Contains(got, testKey) {
		t.Errorf("what a stranger wrote is in the log: %s", got)
	}
}

// Whatever a header says, the address is one that the peer, or a listed proxy, stands for.
func FuzzClientIP(f *testing.F) {
	for _, s := range []string{"", "203.0.113.7", "1.2.3.4, 10.0.0.2", "[2001:db8::1]:80, unknown", ",,,", "fe80::1%eth0", "::ffff:10.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s := &Server{o: Options{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}}
		r := &http.Request{RemoteAddr: "10.0.0.1:9", Header: http.Header{"X-Forwarded-For": {header}}}
		ip := s.clientIP(r)
		if !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() || household(ip) == "" {
			t.Errorf("%q gives %v", header, ip)
		}
		r.RemoteAddr = "198.51.100.1:9"
		if got := s.clientIP(r).String(); got != "198.51.100.1" {
			t.Errorf("%q from no proxy gives %s", header, got)
		}
	})
}
