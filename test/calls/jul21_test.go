package calls_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

// JUL-21: the exact bodies of the health answers, with the count of live sessions.
func TestJUL21_HealthDialects(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	for n := range 2 {
		live := map[int]string{0: "0", 1: "1"}[n]
		julia := `{"status":"ok","active_sessions":` + live + `}`
		phone := `{"status":"healthy","active_connections":` + live + `,"service":"twilio-ultravox-agent"}`
		audio := `{"status":"ok","message":"voicectl is running","version":"1.2.3"}`
		for path, want := range map[string]string{
			"/health": julia, "/julia/health": julia, "/phone/health": phone, "/audio/health": audio, "/health?dialect=phone": phone,
		} {
			resp, body := h.ask(http.MethodGet, path, "")
			if resp.StatusCode != http.StatusOK || strings.TrimSpace(body) != want || resp.Header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("GET %s: %d %s, want %s", path, resp.StatusCode, body, want)
			}
		}
		if n == 0 {
			h.page(visit{}).await(rtvi.ServerMessage)
		}
	}
	all := open(t, plan{config: server.Config{Profile: "all"}})
	if m := all.health("/health"); m["status"] != "ok" || m["active_sessions"] != 0.0 || m["active_connections"] != 0.0 || m["service"] == "" || m["version"] != "1.2.3" {
		t.Errorf("profile all: %v", m)
	}
	closed := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}}})
	if m := closed.health("/health?detail=1"); len(m) != 2 {
		t.Errorf("details for a stranger: %v", m)
	}
}

// JUL-21: when every vendor has failed the process stays alive and healthy, readiness turns false, and
// only the detailed view says degraded.
func TestJUL21_AllVendorsDown(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	if resp, body := h.ask(http.MethodGet, "/readyz", ""); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"ready"`) {
		t.Fatalf("readyz at first: %d %s", resp.StatusCode, body)
	}
	h.breakAll(t)
	resp, body := h.ask(http.MethodGet, "/readyz", "")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "vendor") || resp.Header.Get("Retry-After") == "" {
		t.Errorf("readyz: %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/health", "/livez"} {
		if resp, body = h.ask(http.MethodGet, path, ""); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"status":"ok"`) || strings.Contains(body, "degraded") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	detail := h.health("/health?detail=1")
	if detail["status"] != "degraded" || detail["ready"] != false || len(detail["vendors_down"].([]any)) != 4 {
		t.Errorf("detail: %v", detail)
	}
}

// breakAll makes every vendor fail until its circuit is open.
func (h *house) breakAll(t *testing.T) {
	t.Helper()
	p := h.page(visit{})
	h.fault(stage.Fault{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 503})
	for range 3 { // a read is tried twice
		p.ask(question)
	}
	for _, v := range []string{stage.OpenAI, stage.Speechmatics, stage.Cartesia} {
		h.fault(stage.Fault{Vendor: v, Mode: stage.ModeStatus, Status: 503})
	}
	for range 5 { // each page opens the recognizer anew, asks the model, and is to hear an apology
		p := h.page(visit{})
		p.say(question)
		p.close()
	}
}

// JUL-22: the five variables are required, by name and all at once; VOICE_ID is not.
func TestJUL22_RequiredVariables(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"OPENAI_API_KEY": "sk-0123456789abcdef0123456789abcdef", "SPEECHMATICS_API_KEY": "0123456789abcdef0123456789abcdef",
		"CARTESIA_API_KEY": "sk_car_0123456789abcdef", "SUPABASE_URL": "https://abcdefghijklmnopqrst.supabase.co",
		"SUPABASE_ANON_KEY": "sb_publishable_0123456789abcdefghij_01234567",
	}
	var all []string
	for k, v := range env {
		all = append(all, k+"="+v)
	}
	code, _, stderr := run(t, nil, "serve", "--check-config")
	if code != 2 {
		t.Errorf("with no variable: exit code %d, want 2", code)
	}
	for name := range env {
		if !strings.Contains(stderr, name+" is not set") {
			t.Errorf("%s is not named in %s", name, stderr)
		}
	}
	if strings.Contains(stderr, "VOICE_ID") {
		t.Errorf("VOICE_ID is asked for: %s", stderr)
	}
	if code, _, stderr = run(t, all, "serve", "--check-config"); code != 0 {
		t.Errorf("with all five: exit code %d: %s", code, stderr)
	}
	for name := range env {
		t.Run("without "+name, func(t *testing.T) {
			t.Parallel()
			some := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return strings.HasPrefix(s, name+"=") })
			code, _, stderr := run(t, some, "serve", "--check-config")
			if named := regexp.MustCompile(`(\w+) is not set`).FindAllStringSubmatch(stderr, -1); code != 2 || len(named) != 1 || named[0][1] != name {
				t.Errorf("exit code %d, named %v: %s", code, named, stderr)
			}
		})
	}
}
