// Package console is the browser's side of the agent: one hand-written page that talks, types and shows
// what happens behind the words. The files are embedded and served as they are; there is no build step
// and no outside script, and the page's policy allows none.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// policy lets in this origin's own files and WebSockets and nothing else: no inline script, no inline
// style, no frame around the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; " +
	"img-src 'self' data:; media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options shape the handler.
type Options struct {
	// Config gives what the page is told at /console/config.json, encoded as JSON; see Config. It is
	// called for each request.
	Config func(*http.Request) any
}

// Config is what the page understands.
type Config struct {
	Agent   string   `json:"agent"`   // name of the agent
	Profile string   `json:"profile"` // of the server
	Speech  Speech   `json:"speech"`
	Auth    bool     `json:"auth"`    // POST start wants an access key
	Sandbox bool     `json:"sandbox"` // phrase.wav and outbox.json are served beside the page's files
	Phrases []string `json:"phrases"` // to try; at most 12 are shown
}

// Speech says whether words travel as a human voice.
type Speech string

// The two kinds of speech.
const (
	SpeechVendor  Speech = "vendor"
	SpeechSandbox Speech = "sandbox"
)

type file struct {
	body []byte
	kind string
	tag  string
}

// Handler serves the page at "/" and its files under "/console/", all GET and HEAD. Everything in the
// page is relative, so it works under any prefix that was stripped before; a request for the prefix
// without its last slash is sent there.
func Handler(o Options) http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if r.URL.Path == "" {
			// Relative to the address that the browser sees, whatever prefix it has.
			whole, _, _ := strings.Cut(r.RequestURI, "?")
			w.Header().Set("Location", "./"+strings.TrimPrefix(path.Base("/"+whole)+"/", "/"))
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		if r.URL.Path == "/console/config.json" {
			serveConfig(w, r, o)
			return
		}
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("ETag", f.tag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
	})
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
}

func serveConfig(w http.ResponseWriter, r *http.Request, o Options) {
	var value any = Config{}
	if o.Config != nil {
		value = o.Config(r)
	}
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "configuration of the page cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a browser that left is no error of ours
}

// load reads the embedded files by the path they are served at.
func load() map[string]file {
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	}
	files := map[string]file{}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		panic(err) // embedded: cannot be absent
	}
	for _, e := range entries {
		body, err := static.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			panic(err)
		}
		kind, ok := kinds[path.Ext(e.Name())]
		if !ok {
			panic(fmt.Sprintf("console: no content type for %s", e.Name()))
		}
		sum := sha256.Sum256(body)
		at := "/console/" + e.Name()
		if e.Name() == "index.html" {
			at = "/"
		}
		files[at] = file{body: body, kind: kind, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	}
	return files
}
