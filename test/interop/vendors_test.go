//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/conformance"
)

// casesOf writes the cases of a vendor, of which the emulator's own tests are made as well, where a script finds them.
func casesOf(t *testing.T, vendor string) (doc *conformance.Document, env string) {
	t.Helper()
	doc, err := conformance.Load(vendor)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), vendor+".json")
	write(t, path, data)
	return doc, "CASES=" + path
}

// start serves a sandbox until the test ends and returns its base URL and the variables that point at it.
func start(t *testing.T, o sandbox.Options) (base string, env []string) {
	t.Helper()
	base, stop, err := sandbox.New(o).Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, v := range sandbox.Env(base) {
		env = append(env, v.Name+"="+v.Value)
	}
	return base, env
}

// Tier: ci.
func TestOpenAI_ItsLibraryTakesTheSandboxForTheVendor(t *testing.T) {
	base, env := start(t, sandbox.Options{})
	_, cases := casesOf(t, "openai")
	judge(t, "openai.mjs", append(env, cases, "SANDBOX_URL="+base)...)
}

// Tier: ci.
func TestSupabase_ItsLibraryTakesTheSandboxForTheVendor(t *testing.T) {
	_, env := start(t, sandbox.Options{})
	_, cases := casesOf(t, "supabase")
	judge(t, "supabase.mjs", append(env, cases)...)
}

// Tier: ci.
func TestSpeechmatics_ItsLibraryHearsWhatWasSaid(t *testing.T) {
	_, env := start(t, sandbox.Options{})
	doc, cases := casesOf(t, "speechmatics")
	dir, sounds := t.TempDir(), 0
	for _, c := range doc.Cases {
		if c.Steps[0].Socket == nil {
			continue
		}
		for _, m := range c.Steps[0].Socket.Script {
			if m.Sound != nil && m.Sound.Words != "" {
				write(t, filepath.Join(dir, c.Name+".raw"), m.Sound.Bytes())
				sounds++
			}
		}
	}
	if sounds != 2 {
		t.Fatalf("%d cases have words, want 2", sounds)
	}
	judge(t, "speechmatics.mjs", append(env, cases, "SOUND_DIR="+dir)...)
}

// Its library knows only wss for the socket, so all of it goes over TLS. Tier: ci.
func TestCartesia_WhatItsLibraryReceivesAreTheWords(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	_, env := start(t, sandbox.Options{TLS: true, CAFile: ca})
	doc, cases := casesOf(t, "cartesia")
	answer := doc.Vars["first"] + doc.Vars["second"]
	judge(t, "cartesia.mjs", append(env, cases, "NODE_EXTRA_CA_CERTS="+ca, "OUT_DIR="+dir)...)
	for _, sound := range []struct {
		file string
		rate int
	}{{"bytes.wav", 44100}, {"sse.raw", 16000}, {"socket.raw", 24000}} {
		data, err := os.ReadFile(filepath.Join(dir, sound.file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(sound.file, ".wav") {
			at := bytes.Index(data, []byte("data"))
			if at < 0 || len(data) < at+8 {
				t.Fatalf("%s has no data chunk", sound.file)
			}
			data = data[at+8:]
		}
		if got := spoken(t, data, sound.rate); got != answer {
			t.Errorf("%s says %q, want %q", sound.file, got, answer)
		}
	}
}

// spoken reads the words out of 16-bit samples.
func spoken(t *testing.T, data []byte, rate int) string {
	t.Helper()
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	samples = append(samples, make([]int16, rate/10)...) // for the last symbol to leave the decoder's filters
	d := tonecode.NewDecoder(rate)
	var words []string
	take := func(events []tonecode.Event) {
		for _, e := range events {
			if e.Kind == tonecode.Message {
				if !e.Clean() {
					t.Errorf("a damaged message: %+v", e)
				}
				words = append(words, strings.Fields(e.Text)...)
			}
		}
	}
	take(d.Write(samples))
	take(d.Flush())
	return strings.Join(words, " ")
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
