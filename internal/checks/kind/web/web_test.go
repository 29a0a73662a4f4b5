package web_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

func m(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

func list(items ...any) []any { return items }

func TestHealth_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	phone := list("status", "active_connections:int>=0", "service")
	for name, c := range map[string]struct {
		profile, fault string
		with           map[string]any
		want           checks.State
		says           string
	}{
		"julia speaks pipecat":             {"julia", "", m("dialect", "pipecat"), checks.Pass, "dialect:julia"},
		"auto says what it saw":            {"phone", "", nil, checks.Pass, "dialect:phone"},
		"phone holds its fields":           {"phone", "", m("dialect", "phone", "fields", phone), checks.Pass, "twilio-ultravox-agent"},
		"audio speaks audio":               {"audio", "", m("dialect", "audio"), checks.Pass, "dialect:audio"},
		"all speaks each":                  {"all", "", m("dialect", "phone", "fields", phone), checks.Pass, "dialect:all"},
		"audio is no pipecat":              {"audio", "", m("dialect", "pipecat"), checks.Fail, "active_sessions is missing"},
		"a wrong status":                   {"julia", "health_wrong_status", m("dialect", "pipecat"), checks.Fail, `status is "starting"`},
		"auto reads a wrong status":        {"julia", "health_wrong_status", nil, checks.Fail, `status is "starting"`},
		"a missing field":                  {"phone", "health_missing_field", m("dialect", "phone", "fields", phone), checks.Fail, "active_connections is missing"},
		"a counter that is a text":         {"julia", "health_wrong_type", m("dialect", "pipecat"), checks.Fail, "no int"},
		"slow":                             {"julia", "health_slow", m("dialect", "pipecat"), checks.Fail, "more than 2000"},
		"an error of the server":           {"julia", "health_500", nil, checks.Fail, "answers 500"},
		"text is bare":                     {"julia", "health_not_json", nil, checks.Pass, "dialect:bare"},
		"text is no dialect":               {"julia", "health_not_json", m("dialect", "pipecat"), checks.Fail, "no JSON object"},
		"a circle of redirects":            {"julia", "redirect_loop", nil, checks.Error, "circle"},
		"two gigabytes are not read":       {"julia", "huge_body", nil, checks.Fail, "more than 65536 bytes"},
		"a body without end":               {"julia", "endless_body", nil, checks.Fail, "more than 65536 bytes"},
		"a field of a form that is no one": {"julia", "", m("fields", list("a:b:c")), checks.Error, "not of the form"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--profile", c.profile}
			if c.fault != "" {
				args = append(args, "--fault", c.fault)
			}
			judge(t, look(t, scopeOf(t, fixture(t, nil, args...)[0]), "health.probe", c.with), c.want, c.says)
		})
	}
	judge(t, look(t, scopeOf(t, gone(t)), "health.probe", nil), checks.Error, "nothing listens", "start the backend")
	judge(t, look(t, &checks.Scope{}, "health.probe", nil), checks.Elsewhere, "needs a URL")
}

func TestHealth_UnderABasePathAndAnOwnName(t *testing.T) {
	t.Parallel()
	target := stub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/p/app/health" && r.URL.Path != "/status" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"status":"ok","active_sessions":0}`)
	})
	judge(t, look(t, scopeOf(t, target+"/v4/p/app/"), "health.probe", m("dialect", "pipecat")), checks.Pass, "julia")
	judge(t, look(t, scopeOf(t, target), "health.probe", m("base_path", "/v4/p/app")), checks.Pass, "julia")
	judge(t, look(t, scopeOf(t, target), "health.probe", nil), checks.Fail, "404")
	s := scopeOf(t, target)
	s.Names = map[string]string{"health": "/status"}
	judge(t, look(t, s, "health.probe", nil), checks.Pass, "/status")
}

func TestHealth_WaitsUntilItIsWell(t *testing.T) {
	t.Parallel()
	n := make(chan struct{}, 1)
	n <- struct{}{}
	target := stub(t, func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-n:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `{"status":"ok"}`)
		}
	})
	judge(t, look(t, scopeOf(t, target), "health.probe", m("within", "20s")), checks.Pass)
}

func TestExpect_RedGreenAndNotApplied(t *testing.T) {
	t.Parallel()
	target := stub(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			w.Header().Set("X-Kind", "Good")
			fmt.Fprint(w, `{"name":"a","n":3}`)
		case "/auth/v1/health":
			w.WriteHeader(http.StatusUnauthorized)
		case "/dial":
			fmt.Fprint(w, `<Response><Dial>+12025550142</Dial></Response>`)
		default:
			http.NotFound(w, r)
		}
	})
	for name, c := range map[string]struct {
		with map[string]any
		want checks.State
		says string
	}{
		"as expected":                {m("path", list("/ok"), "json", m("name", "text", "n", "int"), "header", m("X-Kind", "good"), "max_ms", 5000), checks.Pass, "sha256"},
		"the shape is JSON":          {m("path", list("/ok"), "json", "shape"), checks.Pass, ""},
		"another status":             {m("path", list("/ok"), "status", list(201)), checks.Fail, "answers 200"},
		"a key is missing":           {m("path", list("/ok"), "json", m("other", "text")), checks.Fail, "other is missing"},
		"a key of another type":      {m("path", list("/ok"), "json", m("name", "int")), checks.Fail, "no int"},
		"a header is missing":        {m("path", list("/ok"), "header", m("X-Other", "x")), checks.Fail, "X-Other"},
		"a text that may not be":     {m("path", list("/ok"), "absent", list(`"n"`)), checks.Fail, "the body holds"},
		"too slow":                   {m("path", list("/ok"), "max_ms", 0.0001), checks.Fail, "more than 0.0001"},
		"not there and optional":     {m("path", list("/openapi.json"), "optional", true), checks.NotApplied, "does not serve"},
		"not there":                  {m("path", list("/openapi.json")), checks.Fail, "answers 404"},
		"another base":               {m("base", "SUPABASE_URL", "path", list("/auth/v1/health"), "status", list(200, 401), "max_ms", 5000), checks.Pass, "401"},
		"another base, not set":      {m("base", "OTHER_URL", "path", list("/")), checks.Skip, "set OTHER_URL"},
		"TwiML that dials":           {m("path", list("/dial"), "expect", "TwiML Dial"), checks.Pass, ""},
		"TwiML that does not":        {m("path", list("/dial"), "expect", "TwiML Stream"), checks.Fail, "no <Stream>"},
		"no TwiML at all":            {m("path", list("/ok"), "expect", "TwiML"), checks.Fail, "/ok"},
		"plain HTTP on this machine": {m("scheme", "http", "status", list(308)), checks.Skip, "public URL"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scopeOf(t, target)
			s.Env = vars("SUPABASE_URL", target)
			judge(t, look(t, s, "http.expect", c.with), c.want, c.says)
		})
	}
	judge(t, look(t, &checks.Scope{}, "http.expect", m("path", list("/openapi.json"), "optional", true)), checks.NotApplied)
	judge(t, look(t, &checks.Scope{}, "http.expect", nil), checks.Skip)
	judge(t, look(t, scopeOf(t, gone(t)), "http.expect", nil), checks.Error, "refused")
	public := scopeOf(t, "http://agent.example.com")
	judge(t, look(t, public, "http.expect", m("scheme", "http", "status", list(308))), checks.Fail, "plain HTTP")
}

// secure starts the fixture with TLS and a plain listener beside it.
func secure(t *testing.T, a *authority, good time.Duration, name string, args ...string) *checks.Scope {
	t.Helper()
	cert, key := a.issue(t, good, name)
	urls := fixture(t, nil, append([]string{"--profile", "all", "--cert", cert, "--key", key, "--plain-port", "0"}, args...)...)
	s := scopeOf(t, urls[0])
	client(t, s, a.Roots)
	plain, err := url.Parse(urls[1])
	if err != nil {
		t.Fatal(err)
	}
	s.Names = map[string]string{"http-port": plain.Port()}
	return s
}

func TestTLS_AgainstALocalAuthority(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	const day = 24 * time.Hour
	rows := m("min_days", 21, "block_days", 7, "chain", true)
	redirect := m("scheme", "http", "status", list(301, 308), "refused", true)
	t.Run("a good one", func(t *testing.T) {
		s := secure(t, a, 90*day, "localhost")
		judge(t, look(t, s, "tls.cert", rows), checks.Pass, "TLS 1.3", "older:refused", "Test Authority")
		judge(t, look(t, s, "http.expect", redirect), checks.Pass, "308")
		judge(t, look(t, s, "http.expect", m("scheme", "http", "status", list(301))), checks.Fail, "redirects with 308")
		judge(t, look(t, s, "headers.security", m("hsts", "180d")), checks.Pass, "31536000")
		judge(t, look(t, s, "headers.security", m("profile", "api")), checks.Pass, "voicectl-no-such-route")
		judge(t, look(t, s, "health.probe", nil), checks.Pass, "tls:true")
		judge(t, look(t, s, "ws.connect", m("scheme", "wss")), checks.Pass, "101")
		judge(t, look(t, s, "cors.origins", m("allow", list("configured"))), checks.Pass, origin)
		s.Names = map[string]string{"http-port": s.Target.Port()}
		judge(t, look(t, s, "http.expect", redirect), checks.Pass)
		gonePort := strings.TrimPrefix(gone(t), "http://127.0.0.1:")
		s.Names = map[string]string{"http-port": gonePort}
		judge(t, look(t, s, "http.expect", redirect), checks.Pass, "refused")
		judge(t, look(t, s, "http.expect", m("scheme", "http", "status", list(308))), checks.NotApplied, "nothing to redirect")
		client(t, s, newAuthority(t).Roots)
		judge(t, look(t, s, "tls.cert", rows), checks.Fail, "unknown authority")
		judge(t, look(t, s, "health.probe", nil), checks.Error, "--ca-file")
	})
	t.Run("faults of the front", func(t *testing.T) {
		s := secure(t, a, 14*day, "localhost", "--fault", "plain_http_ok", "--fault", "weak_hsts")
		judge(t, look(t, s, "tls.cert", rows), checks.Warn, "13 days left")
		judge(t, look(t, s, "http.expect", redirect), checks.Fail, "answers 200 without TLS")
		judge(t, look(t, s, "headers.security", m("hsts", "180d")), checks.Fail, "3600 s, less than 180 days")
	})
	t.Run("three days left", func(t *testing.T) {
		judge(t, look(t, secure(t, a, 3*day+time.Hour, "localhost"), "tls.cert", rows), checks.Fail, "3 days left, fewer than 7")
	})
	t.Run("expired", func(t *testing.T) {
		judge(t, look(t, secure(t, a, -day, "localhost"), "tls.cert", rows), checks.Fail, "expired")
	})
	t.Run("another name", func(t *testing.T) {
		judge(t, look(t, secure(t, a, 90*day, "other.example"), "tls.cert", rows), checks.Fail, "IP SANs")
	})
	judge(t, look(t, scopeOf(t, gone(t)), "tls.cert", rows), checks.Skip, "public URL")
	s := scopeOf(t, strings.Replace(gone(t), "http:", "https:", 1))
	judge(t, look(t, s, "tls.cert", rows), checks.Error, "nothing listens")
	judge(t, look(t, scopeOf(t, strings.Replace(faulty(t), "http:", "https:", 1)), "tls.cert", rows), checks.Fail, "TLS 1.2 or newer")
}

func TestHeaders_WithoutThem(t *testing.T) {
	t.Parallel()
	judge(t, look(t, scopeOf(t, faulty(t)), "headers.security", m("profile", "api")), checks.Pass, "browsers take it by TLS only")
	judge(t, look(t, scopeOf(t, faulty(t, "no_headers")), "headers.security", m("profile", "api")), checks.Fail, "has no X-Content-Type-Options", "has no Cache-Control")
	judge(t, look(t, scopeOf(t, faulty(t)), "headers.security", m("hsts", "180d")), checks.Skip)
	loose := stub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src *; script-src 'unsafe-inline'")
		w.Header().Set("X-Frame-Options", "ALLOWALL")
		w.Header().Set("X-Content-Type-Options", "sniff")
		w.Header().Set("Referrer-Policy", "unsafe-url")
		w.Header().Set("Cache-Control", "public, max-age=60")
	})
	f := look(t, scopeOf(t, loose), "headers.security", m("profile", "api"))
	judge(t, f, checks.Fail, "is not nosniff", "inline scripts", "neither DENY", "the whole URL", "shared caches")
	judge(t, look(t, scopeOf(t, gone(t)), "headers.security", m("profile", "api")), checks.Error)
}

func TestCORS_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	all := m("allow", list("configured"), "deny", list("evil", "null", "subdomain"))
	for name, c := range map[string]struct {
		faults []string
		with   map[string]any
		want   checks.State
		says   string
	}{
		"a list is kept":          {nil, all, checks.Pass, "https://app.example.evil.example"},
		"no wildcard":             {nil, m("deny", list("*", "evil", "null")), checks.Pass, ""},
		"a wildcard":              {[]string{"cors_wildcard_credentials"}, m("deny", list("*", "evil", "null")), checks.Fail, "* with credentials"},
		"a wildcard, default row": {[]string{"cors_wildcard_credentials"}, m("allow", list("configured")), checks.Fail, "* with credentials"},
		"any origin is echoed":    {[]string{"cors_reflects"}, all, checks.Fail, "echoed with credentials"},
		"a page that is shut out": {[]string{"cors_ignores_list"}, all, checks.Fail, "no route allows it"},
		"an open socket":          {[]string{"ws_no_origin_check"}, all, checks.Fail, "the socket /ws opens for a page of"},
	} {
		t.Run(name, func(t *testing.T) {
			judge(t, look(t, scopeOf(t, faulty(t, c.faults...)), "cors.origins", c.with), c.want, c.says)
		})
	}
	s := scopeOf(t, faulty(t))
	s.Origins = nil
	judge(t, look(t, s, "cors.origins", m("allow", list("configured"))), checks.Pass, "no origin is configured")
	s.Env = vars("ALLOWED_ORIGINS", "https://other.example")
	judge(t, look(t, s, "cors.origins", m("allow", list("configured"))), checks.Fail, "is to be allowed, and no route allows it")
	judge(t, look(t, scopeOf(t, gone(t)), "cors.origins", nil), checks.Error)
}

func TestAuth_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	all := m("routes", list("all"), "except", list("health", "webhooks"))
	for name, c := range map[string]struct {
		faults []string
		with   map[string]any
		token  string
		want   checks.State
		says   string
	}{
		"a shut door":                  {nil, m("routes", list("api")), token, checks.Pass, "right:200"},
		"every route":                  {nil, all, token, checks.Pass, "/verify_voice"},
		"without a friend":             {nil, m("routes", list("api")), "", checks.Inconclusive, "set VOICECTL_TOKEN"},
		"without a friend, optional":   {nil, m("routes", list("all"), "except", list("health"), "friend", "optional"), "", checks.Pass, ""},
		"no door":                      {[]string{"no_auth"}, m("routes", list("api")), token, checks.Fail, "GET /api/calls answers 200 without a token"},
		"no door at any route":         {[]string{"no_auth"}, all, token, checks.Fail, "the socket /ws opens without a token"},
		"no door, the row of profile":  {[]string{"no_auth"}, m("routes", list("profile"), "waiver", "allowed"), token, checks.Fail, "voicectl.waivers.yaml"},
		"any key fits":                 {[]string{"weak_auth"}, m("routes", list("api")), token, checks.Fail, "with a wrong token"},
		"no key fits":                  {[]string{"auth_locks_all"}, m("routes", list("api")), token, checks.Fail, "with the right token"},
		"sockets":                      {nil, m("mode", "ws"), token, checks.Pass, "/ws"},
		"a form of another site":       {nil, m("mode", "csrf", "cross_site_form", "refused"), token, checks.Pass, "/start"},
		"a form that is taken":         {[]string{"csrf_open"}, m("mode", "csrf", "cross_site_form", "refused"), token, checks.Fail, "POST /start takes a form of another site"},
		"a route that is not there":    {nil, m("routes", list("/nothing")), token, checks.Inconclusive, "has none of these routes"},
		"webhooks want a signature":    {nil, m("mode", "signature"), token, checks.Pass, "signed:200"},
		"webhooks of anybody":          {[]string{"unsigned_webhook"}, m("mode", "signature"), token, checks.Fail, "answers 200 without a signature"},
		"webhooks that want no friend": {[]string{"webhook_503", "never_busy"}, m("mode", "signature"), "other", checks.Fail, "answers a signed webhook with 403"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scopeOf(t, faulty(t, c.faults...))
			s.Token, s.Env = c.token, vars("TWILIO_AUTH_TOKEN", twilioToken)
			if c.token == "other" {
				s.Env = vars("TWILIO_AUTH_TOKEN", "another-token-0000")
			}
			judge(t, look(t, s, "auth.required", c.with), c.want, c.says)
		})
	}
	s := scopeOf(t, faulty(t))
	judge(t, look(t, s, "auth.required", m("mode", "signature")), checks.Inconclusive, "set TWILIO_AUTH_TOKEN")
	judge(t, look(t, scopeOf(t, gone(t)), "auth.required", nil), checks.Error)
}

func TestRate_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	row := m("path", list("audio", "api"), "expect", list("429", "Retry-After"), "ceiling", 2)
	for name, c := range map[string]struct {
		faults []string
		with   map[string]any
		want   checks.State
		says   string
	}{
		"a limit":                      {nil, row, checks.Pass, "tripped at"},
		"a limit of the sockets":       {nil, m("path", list("/ws"), "window", "20s"), checks.Pass, "GET /ws"},
		"sockets without a limit":      {[]string{"no_rate_limit"}, m("path", list("/ws", "/api")), checks.Fail, "GET /ws took 20 requests"},
		"the row of the sockets":       {nil, m("path", list("/ws", "/api"), "expect", list("429", "Retry-After")), checks.Pass, ""},
		"the group without its path":   {nil, m("path", list("/api"), "burst", 80), checks.Pass, "GET /api/calls"},
		"none":                         {[]string{"no_rate_limit"}, row, checks.Fail, "GET /api/calls took 100 requests"},
		"none, and only looked at":     {[]string{"no_rate_limit"}, m("path", list("api"), "mode", "observe"), checks.Warn, "none was refused"},
		"without a word when":          {[]string{"no_retry_after"}, row, checks.Fail, `Retry-After ""`},
		"a route that is not there":    {nil, m("path", list("/nothing")), checks.Inconclusive, "no such route"},
		"broken requests do not count": {[]string{"no_rate_limit"}, m("path", list("/verify_voice"), "burst", 5), checks.Inconclusive, "before a limit could count it"},
	} {
		t.Run(name, func(t *testing.T) {
			target := fixture(t, nil, append([]string{"--profile", "all", "--rate", "40", "--window", "1.5"}, faultArgs(c.faults)...)...)[0]
			judge(t, look(t, scopeOf(t, target), "rate.limit", c.with), c.want, c.says)
		})
	}
	judge(t, look(t, scopeOf(t, gone(t)), "rate.limit", nil), checks.Error)
}

func faultArgs(faults []string) []string {
	var out []string
	for _, f := range faults {
		out = append(out, "--fault", f)
	}
	return out
}

func TestReject_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	every := m("route", "all", "corpus", list("malformed", "xss", "traversal", "nul"))
	for name, c := range map[string]struct {
		faults []string
		with   map[string]any
		want   checks.State
		says   string
	}{
		"all is refused":              {nil, every, checks.Pass, "attempts"},
		"the rest of the corpus":      {nil, m("corpus", list("sqli", "control", "empty", "fake-header", "audio-bad", "wrong-type")), checks.Pass, ""},
		"too large":                   {nil, m("corpus", list("oversize"), "status", list(413)), checks.Pass, "413:4"},
		"too large is read":           {[]string{"no_limit_upload"}, m("corpus", list("oversize"), "status", list(413)), checks.Fail, "all 10485761 bytes were read"},
		"broken bodies are taken":     {[]string{"accepts_malformed"}, every, checks.Fail, "is taken (200)"},
		"the status is another":       {nil, m("route", "audio", "corpus", list("malformed"), "status", list(422)), checks.Fail, "answers 400 in place of 422"},
		"errors are pages":            {[]string{"errors_not_json"}, m("route", "all", "corpus", list("malformed")), checks.Fail, "the error is no JSON"},
		"errors of the server":        {[]string{"stack_in_error"}, m("corpus", list("malformed")), checks.Fail, "answers 500"},
		"the connection is cut":       {[]string{"drops_connection"}, m("corpus", list("malformed")), checks.Fail, "is cut in place of an answer"},
		"a quote breaks the query":    {[]string{"sqli_500"}, m("corpus", list("sqli"), "max_delta", "2s"), checks.Fail, "an error of the database"},
		"the database sleeps":         {[]string{"sqli_slow"}, m("route", list("/api/calls"), "corpus", list("sqli"), "max_delta", "2s"), checks.Fail, "the database may have run it"},
		"markup comes back":           {[]string{"reflects_xss"}, m("corpus", list("xss", "control")), checks.Fail, "markup comes back"},
		"headers are injected":        {[]string{"header_injection"}, m("corpus", list("xss", "control")), checks.Fail, "makes a header"},
		"files outside are served":    {[]string{"traversal_open"}, every, checks.Fail, "a file of the server comes back"},
		"a route that is not there":   {nil, m("route", list("/nothing"), "corpus", list("malformed")), checks.Inconclusive, "no route"},
		"a class that does not exist": {nil, m("route", list("/api/calls"), "corpus", list("fake-header")), checks.Inconclusive, "no route"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scopeOf(t, fixture(t, nil, append([]string{"--profile", "all", "--rate", "1000"}, faultArgs(c.faults)...)...)[0])
			s.Dir = t.TempDir()
			f := look(t, s, "input.reject", c.with)
			judge(t, f, c.want, c.says)
			if f.State == checks.Pass && len(f.Evidence) != 1 {
				t.Errorf("no evidence: %+v", f.Evidence)
			}
		})
	}
	s := scopeOf(t, faulty(t))
	s.Token = ""
	judge(t, look(t, s, "input.reject", m("route", list("/api/calls"), "corpus", list("sqli"))), checks.Inconclusive, "at the door")
	judge(t, look(t, scopeOf(t, gone(t)), "input.reject", nil), checks.Error)
	hanging := scopeOf(t, faulty(t, "hangs"))
	hanging.HTTP.Transport.(*http.Transport).ResponseHeaderTimeout = 300 * time.Millisecond
	judge(t, look(t, hanging, "input.reject", nil), checks.Error, "no answer in time")
}

func TestReject_422IsTakenUnlessStrict(t *testing.T) {
	t.Parallel()
	target := stub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/start" {
			w.WriteHeader(http.StatusNotFound)
		} else {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		fmt.Fprint(w, `{"detail":"no"}`)
	})
	with := m("route", list("/start"), "corpus", list("malformed"), "status", list(400))
	s := scopeOf(t, target)
	judge(t, look(t, s, "input.reject", with), checks.Pass, "422")
	s.Strict = true
	judge(t, look(t, s, "input.reject", with), checks.Fail, "422 in place of 400")
}

func TestSocket_RedGreenAndInconclusive(t *testing.T) {
	t.Parallel()
	s := scopeOf(t, faulty(t))
	judge(t, look(t, s, "ws.connect", nil), checks.Pass, "status:101")
	judge(t, look(t, s, "ws.connect", m("origin", "frontend")), checks.Pass)
	judge(t, look(t, s, "ws.connect", m("origin", "https://evil.example")), checks.Fail, "answers 403")
	judge(t, look(t, s, "ws.connect", m("path", "/nothing")), checks.Fail, "answers 404")
	judge(t, look(t, s, "ws.connect", m("send", "client-ready", "expect", "message", "codec", "json")), checks.Pass, "messages:1")
	judge(t, look(t, s, "ws.connect", m("send", "client-ready", "expect", "message", "codec", "pipecat-protobuf")), checks.Fail, "0 of 1 messages are binary")
	judge(t, look(t, s, "ws.connect", m("expect", "message", "max_ms", 300)), checks.Fail, "nothing came")
	judge(t, look(t, s, "ws.connect", m("send", "no JSON", "hold_s", 1)), checks.Fail, "closed with 1007")
	judge(t, look(t, s, "ws.connect", m("hold_s", 0.2)), checks.Pass)
	judge(t, look(t, s, "ws.connect", m("scheme", "wss")), checks.Skip, "public URL")
	s.Origins = nil
	judge(t, look(t, s, "ws.connect", m("origin", "frontend")), checks.Skip, "--origin")
	s.Token = ""
	judge(t, look(t, s, "ws.connect", nil), checks.Inconclusive, "wants a token")
	judge(t, look(t, scopeOf(t, faulty(t, "ws_refuses")), "ws.connect", nil), checks.Fail, "answers 503")
	judge(t, look(t, scopeOf(t, gone(t)), "ws.connect", nil), checks.Error)
}

func TestReach_RedGreenAndInconclusive(t *testing.T) {
	t.Parallel()
	target, err := url.Parse(faulty(t))
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	extra := strconv.Itoa(other.Addr().(*net.TCPAddr).Port)
	free := strings.TrimPrefix(gone(t), "http://127.0.0.1:")
	s := scopeOf(t, target.String())
	judge(t, look(t, s, "net.reach", m("open", list(443), "closed", list(free, target.Port()))), checks.Pass, "127.0.0.1:"+target.Port())
	judge(t, look(t, s, "net.reach", m("open", list(443), "closed", list(extra))), checks.Fail, extra+" is open and should not be")
	judge(t, look(t, s, "net.reach", m("open", list(free))), checks.Fail, "is refused and should be open")
	judge(t, look(t, s, "net.reach", m("open", list(443), "closed", list(22, 5432), "from", list("outside"))), checks.Inconclusive, "not seen as the world sees it")
	judge(t, look(t, s, "net.reach", m("hosts", list("backend.invalid"), "open", list(443))), checks.Inconclusive, "does not resolve")
	judge(t, look(t, s, "net.reach", m("open", list("http"))), checks.Error, "no port")
	judge(t, look(t, &checks.Scope{}, "net.reach", m("open", list(443))), checks.Skip)
}
