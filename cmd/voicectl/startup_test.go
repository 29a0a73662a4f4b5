package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
)

// Every required variable that is missing is named before anything starts, and one that is set is not.
func TestStartupConfig_NamesEachMissingVariable(t *testing.T) {
	catalogue, err := envcat.Load()
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	good := map[string]string{
		"OPENAI_API_KEY": "sk-0123456789abcdefghij", "SPEECHMATICS_API_KEY": "0123456789abcdef0123", "CARTESIA_API_KEY": "sk_car_0123456789abcdef",
		"SUPABASE_URL": "https://abcdefghijklmnop.supabase.co", "SUPABASE_ANON_KEY": "sb_publishable_0123456789abcdef",
	}
	for _, v := range catalogue.ForProfile("julia").All() {
		for _, p := range v.Required {
			if p == "julia" {
				required = append(required, v.Name)
			}
		}
	}
	if len(required) < 5 {
		t.Fatalf("only %d variables are required: %v", len(required), required)
	}
	for _, missing := range required {
		p, _, talk := testProc(t, "serve", "--check-config")
		for name, value := range good {
			if name != missing {
				p.Env = append(p.Env, name+"="+value)
			}
		}
		if code := run(t.Context(), p); code != exitUsage || !strings.Contains(talk.String(), missing) {
			t.Errorf("without %s: exit code %d\n%s", missing, code, talk)
		}
		for _, name := range required {
			if name != missing && strings.Contains(talk.String(), name+" is not set") {
				t.Errorf("without %s, %s is named too", missing, name)
			}
		}
	}
	p, _, talk := testProc(t, "serve", "--check-config")
	for name, value := range good {
		p.Env = append(p.Env, name+"="+value)
	}
	if code := run(t.Context(), p); code != exitOK {
		t.Errorf("with all: exit code %d\n%s", code, talk)
	}
}

// LOG_LEVEL decides what is written, and every line is JSON with time, level and message.
func TestLogLevels_DecideWhatIsWritten(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		p, _, talk := testProc(t)
		log := p.logger(&config.Config{Log: config.Log{Level: level, Format: "json"}})
		log.Debug("one")
		log.Info("two")
		log.Warn("three")
		log.Error("four")
		lines := bytes.Split(bytes.TrimSpace(talk.Bytes()), []byte("\n"))
		if len(lines) != want {
			t.Errorf("%s: %d lines, want %d:\n%s", level, len(lines), want, talk)
		}
		for _, l := range lines {
			var m map[string]any
			if err := json.Unmarshal(l, &m); err != nil || m["ts"] == nil || m["level"] == nil || m["msg"] == nil {
				t.Errorf("%s: %v in %s", level, err, l)
			}
		}
	}
}
