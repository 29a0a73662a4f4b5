package console

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, method, target string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// sources are the page's files by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := static.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

func TestHandler_ServesEveryFileWithItsTypeTagAndPolicy(t *testing.T) {
	h := Handler(Options{})
	for name, text := range sources(t) {
		target := "/console/" + name
		if name == "index.html" {
			target = "/"
		}
		resp := get(t, h, http.MethodGet, target, nil)
		if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(text)) {
			t.Errorf("%s: %d, %d bytes, want 200, %d", target, resp.StatusCode, resp.ContentLength, len(text))
		}
		tag := resp.Header.Get("ETag")
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache", "Content-Security-Policy": policy,
		} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%s: %s %q, want %q", target, header, got, want)
			}
		}
		if kind := resp.Header.Get("Content-Type"); strings.HasSuffix(name, ".js") && kind != "text/javascript; charset=utf-8" {
			t.Errorf("%s: type %q", target, kind)
		}
		if again := get(t, h, http.MethodGet, target, http.Header{"If-None-Match": {tag}}); tag == "" || again.StatusCode != http.StatusNotModified {
			t.Errorf("%s with its tag %q: %d, want 304", target, tag, again.StatusCode)
		}
	}
}

func TestHandler_RefusesWhatIsNotThere(t *testing.T) {
	h := Handler(Options{})
	for target, want := range map[string]int{
		"/console/": 404, "/console/index.html": 404, "/console/../console.go": 404, "/index.html": 404, "/console/nope.js": 404,
	} {
		if got := get(t, h, http.MethodGet, target, nil).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
	resp := get(t, h, http.MethodPost, "/", nil)
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

func TestHandler_SendsABarePrefixToItsSlash(t *testing.T) {
	h := http.StripPrefix("/v4/p-1/app", Handler(Options{}))
	for target, want := range map[string]string{"/v4/p-1/app": "./app/", "/v4/p-1/app?x=1": "./app/"} {
		resp := get(t, h, http.MethodGet, target, nil)
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || got != want {
			t.Errorf("%s: %d to %q, want 308 to %q", target, resp.StatusCode, got, want)
		}
	}
	if resp := get(t, h, http.MethodGet, "/v4/p-1/app/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("with the slash: %d", resp.StatusCode)
	}
}

func TestHandler_TellsThePageWhatTheServerSays(t *testing.T) {
	want := Config{Agent: "Julia", Profile: "julia", Speech: SpeechSandbox, Sandbox: true, Phrases: []string{"What transactions does client 5001 have?"}}
	h := Handler(Options{Config: func(*http.Request) any { return want }})
	resp := get(t, h, http.MethodGet, "/console/config.json", nil)
	var got Config
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Agent != want.Agent || got.Speech != want.Speech || got.Phrases[0] != want.Phrases[0] {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", resp.Header.Get("Cache-Control"))
	}
	bad := Handler(Options{Config: func(*http.Request) any { return func() {} }})
	if got := get(t, bad, http.MethodGet, "/console/config.json", nil).StatusCode; got != http.StatusInternalServerError {
		t.Errorf("a configuration that is no JSON: %d, want 500", got)
	}
}

// What the policy forbids would fail silently in the browser, so the sources are held to it here.
func TestPage_HoldsToItsPolicy(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"inline script":      regexp.MustCompile(`<script(?:[^>]*)>[^<]`),
		"inline style":       regexp.MustCompile(`<style|\sstyle=|setAttribute\('style`),
		"inline handler":     regexp.MustCompile(`\son[a-z]+="`),
		"markup from text":   regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`),
		"absolute address":   regexp.MustCompile(`(?:src|href)="/|fetch\('/|["'(]https?://`),
		"a listener by name": regexp.MustCompile(`javascript:`),
	}
	for name, text := range sources(t) {
		if name == "icon.svg" {
			continue
		}
		checked := strings.ReplaceAll(text, `'http://www.w3.org/2000/svg'`, `''`) // a name, not an address
		for what, re := range forbidden {
			if found := re.FindString(checked); found != "" {
				t.Errorf("%s: %s: %q", name, what, found)
			}
		}
	}
}

func TestPage_ModulesAreSmallAndImportsExist(t *testing.T) {
	all := sources(t)
	imported := regexp.MustCompile(`(?:from|URL\()\s*'\./([a-z-]+\.js)'`)
	referenced := regexp.MustCompile(`(?:src|href)="console/([^"]+)"`)
	for name, text := range all {
		if lines := strings.Count(text, "\n"); strings.HasSuffix(name, ".js") && lines >= 200 {
			t.Errorf("%s has %d lines, want under 200", name, lines)
		}
		for _, re := range []*regexp.Regexp{imported, referenced} {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				if _, ok := all[m[1]]; !ok {
					t.Errorf("%s asks for %s, which is not there", name, m[1])
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`byId\('([^']+)'\)`).FindAllStringSubmatch(strings.Join(values(all), "\n"), -1) {
		if !strings.Contains(all["index.html"], `id="`+m[1]+`"`) {
			t.Errorf("a module asks for #%s, which the page has not", m[1])
		}
	}
}

func values(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}
