package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const liveKey = "sk-live-0123456789abcdef"

// Tier: ci.
func TestSandboxVerify_ExitCodes(t *testing.T) {
	good := sandbox.New(sandbox.Options{})
	bad := sandbox.New(sandbox.Options{})
	if _, err := bad.Stage().AddFault(stage.Fault{Vendor: stage.OpenAI, Route: "/v1/models", Mode: stage.ModeStatus, Status: 403}); err != nil {
		t.Fatal(err)
	}
	busy := sandbox.New(sandbox.Options{})
	if _, err := busy.Stage().AddFault(stage.Fault{Vendor: stage.OpenAI, Mode: stage.ModeStatus, Status: 503}); err != nil {
		t.Fatal(err)
	}
	serve := func(h http.Handler) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	env := func(base string) []string {
		return []string{"OPENAI_API_KEY=" + liveKey, "OPENAI_BASE_URL=" + base + "/openai/v1"}
	}
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want int
		out  string // on stdout
		talk string // on stderr
	}{
		"the emulators":           {nil, nil, 0, "✓ pass  speechmatics/words-pcm", "57 of 57 cases as expected"},
		"one emulator":            {[]string{"supabase"}, nil, 0, "supabase/health", "10 of 10"},
		"twice the same":          {[]string{"supabase", "supabase"}, nil, 0, "supabase/health", "10 of 10"},
		"unknown":                 {[]string{"opnai"}, nil, 2, "", "did you mean openai?"},
		"live without a name":     {[]string{"--live"}, nil, 2, "", "--live needs the names"},
		"paid without live":       {[]string{"--allow-paid"}, nil, 2, "", "goes with --live"},
		"live without a key":      {[]string{"--live", "openai"}, nil, 4, "", "openai: set OPENAI_API_KEY"},
		"live without an address": {[]string{"--live", "supabase"}, []string{"SUPABASE_ANON_KEY=sb_publishable_0123456789"}, 4, "", "SUPABASE_URL"},
		"one of two without":      {[]string{"--live", "openai", "cartesia"}, env("http://127.0.0.1:1"), 4, "", "cartesia: set CARTESIA_API_KEY"},
		"live":                    {[]string{"--live", "openai"}, env(serve(good)), 0, "openai/models-list", "4 left out (--allow-paid"},
		"live and paid":           {[]string{"--live", "openai", "--allow-paid"}, env(serve(good)), 0, "openai/chat-stream-call", "14 of 14"},
		"live and different":      {[]string{"--live", "openai"}, env(serve(bad)), 1, "status", "cases differ"},
		"live and busy":           {[]string{"--live", "openai"}, env(serve(busy)), 3, "the vendor answered 503", "could not be judged"},
		"live and gone":           {[]string{"--live", "openai"}, env("http://127.0.0.1:1"), 3, "connection refused", "could not be judged"},
		"live, the sandbox's own": {[]string{"--live", "supabase"}, []string{"SUPABASE_ANON_KEY=sb_publishable_0123456789", "SUPABASE_URL=" + serve(good) + "/supabase"}, 0, "· n/a", "3 for the sandbox alone"},
	} {
		t.Run(name, func(t *testing.T) {
			p, out, talk := testProc(t, append([]string{"sandbox", "verify"}, tc.args...)...)
			p.Env = append(tc.env, "ENVIRONMENT=production")
			got := run(t.Context(), p)
			if got != tc.want || !strings.Contains(out.String(), tc.out) || !strings.Contains(talk.String(), tc.talk) {
				t.Errorf("got exit code %d, want %d\n%s\n%s", got, tc.want, out, talk)
			}
			if strings.Contains(out.String()+talk.String(), liveKey) {
				t.Error("the key was printed")
			}
		})
	}
}

func TestSandboxVerify_JSONIsTheResultOfTheContract(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(`{"error":{"message":"no ` + r.Header.Get("Authorization") + `"}}`))
	}))
	defer far.Close()
	p, out, talk := testProc(t, "sandbox", "verify", "--live", "openai", "-o", "json")
	p.Env = []string{"OPENAI_API_KEY=" + liveKey, "OPENAI_BASE_URL=" + far.URL + "/v1"}
	if got := run(t.Context(), p); got != exitFailed {
		t.Fatalf("got exit code %d: %s", got, talk)
	}
	var r verifyReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.SchemaVersion != 1 || r.Verdict != "fail" || r.ExitCode != 1 || r.EndpointClass != "sandbox-fast" || r.Run.ID == "" || r.Counts["fail"] != 10 || r.Unselected != 4 {
		t.Errorf("got %+v", r)
	}
	f := r.Findings[0]
	if f.ID != "openai/models-list" || f.State != "fail" || f.Saw["status"] != "418" || len(f.Differences) < 3 || f.Differences[0].Wanted != "200" {
		t.Errorf("got %+v", f)
	}
	if strings.Contains(out.String(), liveKey) {
		t.Error("the key was printed")
	}
}

func TestManagementOf_IsTheVendorsOwnOrBesideTheEmulator(t *testing.T) {
	for rt, want := range map[string]string{
		"wss://eu.rt.speechmatics.com/v2":        "https://mp.speechmatics.com",
		"wss://us.rt.speechmatics.com/v2/":       "https://mp.speechmatics.com",
		"ws://127.0.0.1:9100/speechmatics/v2":    "http://127.0.0.1:9100/speechmatics",
		"wss://evil-speechmatics.com/v2":         "https://evil-speechmatics.com",
		"wss://speechmatics.com.evil.example/v2": "https://speechmatics.com.evil.example",
	} {
		if got := managementOf(rt); got != want {
			t.Errorf("%s: got %s, want %s", rt, got, want)
		}
	}
}
