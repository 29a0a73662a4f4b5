package calls_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

// logKeys are the keys a log line may have: the fixed list, and what describes an end, a tool, or a fault
// of the program.
func logKeys() []string {
	return strings.Fields("ts level msg component session call_sid stream_sid turn request_id check probe release target step attempt ms err " +
		"kind reason outcome ok tool tools route status sessions code vendor op class type stack")
}

// COM-05: with the real logger at DEBUG every line is JSON with ts, level, msg, component, of known keys;
// and nothing that a caller said, pressed, typed or is, no argument and no key is in any of them.
func TestCOM05_LogsAreJSONAndHoldNoContent(t *testing.T) {
	t.Parallel()
	const (
		openaiKey = "sk-SENTINELopenai0123456789abcdef0123456789"
		carKey    = "sk_car_SENTINELcartesia0123456789"
	)
	env := append(phoneEnv(), "LOG_LEVEL=debug", "OPENAI_API_KEY="+openaiKey, "CARTESIA_API_KEY="+carKey,
		"SPEECHMATICS_API_KEY=SENTINELspeech0123456789abcdef0123", "VOICECTL_API_KEYS="+apiKey)
	p := start(t, env, "--sandbox", "--dev", "--admin-addr", "off")
	h := p.remote()

	c := h.call(func(o *peer.PhoneOptions) { o.From, o.To = "+15557654321", "+15559876543" })
	said := "My name is Zanzibar and client 774411 sends to walrus at example dot com"
	c.hears(t, "How can I help you")
	c.speak(said)
	c.hears(t, "774411")
	must(t, c.Digits("8675309#"))
	until(t, "the keys to be answered", func() bool { return len(h.logs.lines("turn done")) >= 2 })
	c.hangUp()

	auth := "Bearer " + apiKey
	_, body := h.ask(http.MethodPost, "/start", "{}", "Authorization", auth, "Content-Type", "application/json")
	var begun map[string]string
	must(t, json.Unmarshal([]byte(body), &begun))
	for _, text := range []bool{false, true} {
		v := visit{text: text, header: http.Header{"Authorization": {auth}}}
		if !text {
			v = visit{url: begun["wsUrl"] + "?token=" + begun["token"]}
		}
		g := h.page(v)
		for _, say := range []string{
			"What transactions does client 774411 have?", "Send that to walrus@example.com", "Zanzibar policy?", "Search the web for Zanzibar", "Show me a chart of client 5001", "Send that to walrus@example.com",
		} {
			g.ask(say)
		}
		g.send("zanzibar-type", "zanzibar-id", map[string]string{"zanzibar": "walrus"})
		g.send(rtvi.ClientMessage, "m", rtvi.Custom{Kind: "zanzibar"})
		g.raw([]byte(`{"label":"rtvi-ai","type":7,"id":"zanzibar"}`))
		g.await(rtvi.ErrorResponse)
		g.close()
	}
	evil := form(callA)
	evil.Set("From", "+15557654321")
	evil.Set("Zanzibar", "walrus@example.com")
	h.ask(http.MethodPost, "/twilio/voice?zanzibar=walrus", evil.Encode(), "Content-Type", formType, twilio.SignatureHeader, "SENTINELsignature")
	h.webhook("/twilio/voice?zanzibar=walrus", evil)
	h.webhook("/twilio/status", evil)
	h.webhook("/twilio/fallback", evil)
	h.ask(http.MethodGet, "/zanzibar/walrus@example.com?key="+apiKey, "", "Authorization", auth)
	h.ask(http.MethodGet, "/api/calls?limit=zanzibar", "", "Authorization", auth)
	h.ask(http.MethodPost, "/start", `{"agent":"zanzibar"}`, "Authorization", auth, "Content-Type", "application/json")
	s := h.opened(h.mediaURL())
	s.text(`{"event":"connected"}`)
	s.text(`{"event":"start","streamSid":"` + streamA + `","start":{"streamSid":"` + streamA + `","callSid":"` + callA + `","accountSid":"` + account + `","customParameters":{"token":"zanzibar","from":"+15557654321"}}}`)
	s.end()
	p.signal(syscall.SIGTERM)
	p.exit(patience)

	logs := p.logs.String()
	wantClean(t, logs, openaiKey, carKey, apiKey, authToken().Reveal(), begun["token"])
	var lines int
	for line := range strings.Lines(logs) {
		if strings.Contains(line, " is busy; ") { // said to a person
			continue
		}
		lines++
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("not JSON: %s", line)
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, asText(m["ts"])); err != nil || !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERROR"}, asText(m["level"])) || m["msg"] == "" || m["component"] == nil {
			t.Errorf("ts, level, msg or component is missing: %s", line)
		}
		for k := range m {
			if !slices.Contains(logKeys(), k) {
				t.Errorf("key %q is not on the list: %s", k, line)
			}
		}
		if m["msg"] == "session started" && m["session"] == "" || m["msg"] == "request" && (m["request_id"] == nil || m["ms"] == nil) {
			t.Errorf("incomplete: %s", line)
		}
	}
	if lines < 20 {
		t.Errorf("only %d lines at DEBUG", lines)
	}
}

func asText(v any) string { s, _ := v.(string); return s }

// wantClean looks for everything that must not be logged.
func wantClean(t *testing.T, logs string, more ...string) {
	t.Helper()
	low := strings.ToLower(logs)
	for _, s := range append(more, "zanzibar", "walrus", "example.com", "774411", "8675309", "5557654321", "5559876543", "sentinel", "client 5001", `"5001"`) {
		if i := strings.Index(low, strings.ToLower(s)); i >= 0 {
			t.Errorf("%q is in the log: …%s…", s, logs[max(0, i-200):min(len(logs), i+200)])
		}
	}
}

// COM-05 and H95: what a vendor says about a failure may echo the caller; it stays out of the log, while
// what helps (vendor, class, status, request id) is there.
func TestCOM05_VendorEchoIsNotLogged(t *testing.T) {
	t.Parallel()
	echo := `{"error":{"message":"bad thing: Zanzibar walrus@example.com client 774411","type":"invalid_request_error","code":"oops"},"message":"Zanzibar walrus@example.com"}`
	data := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Sb-Request-Id", "req-774")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(echo))
	}))
	t.Cleanup(data.Close)
	h := open(t, plan{supabase: func(o *supabase.Options) { o.URL = data.URL }})
	h.page(visit{}).ask("What transactions does client 774411 have?")
	wantClean(t, h.logs.String())
	failed := h.logs.lines("tool failed")
	if len(failed) != 1 || failed[0]["request_id"] != "req-774" || failed[0]["vendor"] != "supabase" || failed[0]["class"] != "bad_request" || failed[0]["status"] != 400.0 || failed[0]["session"] == nil {
		t.Errorf("the failure is logged as %v", failed)
	}
	model := scriptedModel(t, func(modelRequest) modelAnswer { return modelAnswer{status: 400, body: echo} })
	h = open(t, plan{openai: func(o *openai.Options) { o.BaseURL = model }})
	h.page(visit{}).ask("Zanzibar")
	if len(h.logs.lines("model failed")) != 1 {
		t.Errorf("no line about the model: %s", h.logs)
	}
	wantClean(t, h.logs.String())
}

// H12 with COM-05: nothing of a token's or a key's owner is in an error that leaves the server.
func TestCOM05_ErrorsTellNoSecrets(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}}})
	for _, r := range [][2]string{{http.MethodGet, "/api/calls"}, {http.MethodPost, "/start"}, {http.MethodPost, "/twilio/voice"}, {http.MethodGet, "/ws"}} {
		_, body := h.ask(r[0], r[1]+"?"+url.Values{"key": {apiKey}}.Encode(), "")
		if strings.Contains(body, apiKey) || strings.Contains(body, authToken().Reveal()) {
			t.Errorf("%v: %s", r, body)
		}
	}
}
