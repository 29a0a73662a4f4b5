//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The stock Pipecat client as npm gives it, unmodified: an outside judge of the browser line.

var (
	// npm installs what web/package-lock.json pins, unless that has been done.
	npm = sync.OnceValue(func() error {
		installed, err := os.ReadFile("web/node_modules/.package-lock.json")
		if pinned, perr := os.ReadFile("web/package-lock.json"); err == nil && perr == nil && samePackages(installed, pinned) {
			return nil
		}
		cmd := exec.Command("npm", "ci")
		cmd.Dir = "web"
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci in test/e2e/web (it needs Node and a registry): %w\n%s", err, out)
		}
		return nil
	})
	bundle = sync.OnceValues(func() ([]byte, error) {
		if err := npm(); err != nil {
			return nil, err
		}
		to := filepath.Join(buildDir, "page.js")
		out, err := exec.Command("web/node_modules/.bin/esbuild", "web/page.js", "--bundle", "--format=esm", "--outfile="+to, "--log-level=error").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("esbuild: %w\n%s", err, out)
		}
		return os.ReadFile(to)
	})
)

// samePackages compares the versions of two lock files. What is optional may be missing from the first.
func samePackages(installed, pinned []byte) bool {
	type lock struct {
		Packages map[string]struct {
			Version  string `json:"version"`
			Optional bool   `json:"optional"`
		} `json:"packages"`
	}
	var have, want lock
	if json.Unmarshal(installed, &have) != nil || json.Unmarshal(pinned, &want) != nil {
		return false
	}
	for name, p := range want.Packages {
		if got, ok := have.Packages[name]; name != "" && got.Version != p.Version && (ok || !p.Optional) {
			return false
		}
	}
	return true
}

// stockPage serves the client's page and passes /start and /ws on to the agent, as a site in front of an
// agent does.
func stockPage(t *testing.T, agent string) string {
	t.Helper()
	script, err := bundle()
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(agent)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	mux := http.NewServeMux()
	mux.Handle("POST /start", proxy)
	mux.Handle("GET /ws", proxy)
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>stock client</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script><p id="state">loading</p>`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// traffic counts what crosses the page's socket, as the browser itself sees it.
type traffic struct {
	mu              sync.Mutex
	heard, messages int // bytes of the agent's sound; messages of the agent
	spoken          int // bytes of the microphone
	strange         []string
}

func TestStockClient_ConnectsSendsTextAndSoundAndHearsTheAnswer(t *testing.T) {
	agent := serve(t)
	page := stockPage(t, agent)
	b := open(t, "about:blank", fakeVoice(t, question, 6*time.Second, 60*time.Second)...)
	seen := &b.traffic
	b.run(chromedp.Navigate(page))
	b.wait("the page's script", `window.stock`)

	ready := eval[string](b, `window.stock.start().then((r) => JSON.stringify(r))`)
	if !strings.Contains(ready, `"version":"2.`) {
		t.Errorf("bot-ready: %s, want version 2", ready)
	}
	eval[bool](b, `window.stock.client.sendText('What transactions does client 5002 have?').then(() => true)`)
	b.wait("an answer to the text", `window.stock.answer().includes('5002')`)
	b.wait("the agent's voice to begin", `window.stock.events.includes('bot-started-speaking')`)
	b.waitFor(40*time.Second, "the transcript of the microphone", `window.stock.transcripts.some((t) => t.final && t.text.includes('client 5001'))`)
	b.waitFor(40*time.Second, "an answer to the microphone", `window.stock.answer().includes('5001')`)
	if errs := eval[[]string](b, `window.stock.errors`); len(errs) > 0 {
		t.Errorf("the client reports errors: %v", errs)
	}
	eval[bool](b, `window.stock.client.disconnect().then(() => true)`)

	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.heard < 48000 || seen.messages == 0 || seen.spoken < 16000 {
		t.Errorf("sound of the agent %d bytes, its messages %d, sound of the microphone %d bytes; want a second and half a second at least", seen.heard, seen.messages, seen.spoken)
	}
	if len(seen.strange) > 0 {
		t.Errorf("frames that the client cannot use: %v", seen.strange)
	}
	t.Logf("agent's sound %d bytes, messages %d; microphone %d bytes; events %s", seen.heard, seen.messages, seen.spoken,
		strings.Join(eval[[]string](b, `window.stock.events`), " "))
}

// received judges one frame of the agent by what the client can use: binary, sound of whole samples at
// 24 kHz, or a message.
func (s *traffic) received(opcode int, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opcode != 2 {
		if opcode == 1 {
			s.strange = append(s.strange, "a text frame")
		}
		return
	}
	frame := fields(data)
	if body, ok := frame[2].([]byte); ok {
		f := fields(body)
		pcm, _ := f[3].([]byte)
		s.heard += len(pcm)
		if len(pcm)%2 != 0 || f[4] != uint64(24000) || f[5] != uint64(1) {
			s.strange = append(s.strange, "sound that is not 24 kHz mono of whole samples")
		}
		return
	}
	body, _ := frame[4].([]byte)
	text, _ := fields(body)[1].([]byte)
	if !json.Valid(text) {
		s.strange = append(s.strange, "neither sound nor a message")
		return
	}
	s.messages++
}

func (s *traffic) sent(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, ok := fields(data)[2].([]byte); ok {
		pcm, _ := fields(body)[3].([]byte)
		s.spoken += len(pcm)
	}
}

func TestConsole_ItsTypesHold(t *testing.T) {
	if err := npm(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "web/node_modules/.bin/tsc", "-p", "web").CombinedOutput()
	if err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}
