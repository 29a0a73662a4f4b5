// Package cartesia emulates the Cartesia text-to-speech API: voices, speech over HTTP, server-sent events
// and the WebSocket with its contexts, short-lived tokens. Requests are checked as the vendor does, and
// errors have the shape of the version that was asked for. The sound is tonecode: text carried as tones,
// which a test can read back.
//
// Goroutines: a socket has its HTTP handler, which reads, and one a context, which speaks; the handler
// waits for those, Close for the handlers.
package cartesia

import (
	"net/http"
	"strings"
	"sync"
	"time"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const socketRoute = "/tts/websocket"

// Emulator is the vendor. Change its limits before it serves.
type Emulator struct {
	MaxContexts int           // active at once, over all sockets, as the plan allows; ten times as many sockets
	Idle        time.Duration // without a message of the client a socket is closed
	Expiry      time.Duration // after its last sound a context is forgotten

	stage   *stage.Stage
	sockets stage.Sockets

	mu       sync.Mutex
	contexts int
}

var _ http.Handler = (*Emulator)(nil)

// New makes an emulator with the vendor's times and more concurrency than a test wants.
func New(s *stage.Stage) *Emulator {
	return &Emulator{MaxContexts: 2000, Idle: 5 * time.Minute, Expiry: time.Second, stage: s}
}

// Name is where the emulator is mounted.
func (e *Emulator) Name() string { return stage.Cartesia }

// Close drops the sockets and waits for their end.
func (e *Emulator) Close() error { return e.sockets.Close() }

// ServeHTTP implements http.Handler.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path == socketRoute {
		e.socket(w, r)
		return
	}
	rec := e.stage.Begin(stage.Cartesia, r.URL.Path, r.Method)
	a := &answer{ResponseWriter: w, status: http.StatusOK}
	defer func() { rec.End(a.status) }()
	v, p := admit(r, false)
	if p != nil {
		p.write(a, v)
		return
	}
	want := http.MethodGet
	var serve func(*answer, *http.Request, version, *stage.Record) *problem
	switch {
	case path == "/voices":
		serve = e.voices
	case strings.HasPrefix(path, "/voices/"):
		serve = e.voice
	case path == "/tts/bytes":
		want, serve = http.MethodPost, e.bytes
	case path == "/tts/sse":
		want, serve = http.MethodPost, e.sse
	case path == "/access-token":
		want, serve = http.MethodPost, e.token
	default:
		p = &problem{status: http.StatusNotFound, title: "Not found", message: "there is no such endpoint"}
	}
	if p == nil && r.Method != want {
		p = &problem{status: http.StatusMethodNotAllowed, title: "Method not allowed", message: "use " + want}
	}
	if p == nil {
		p = serve(a, r, v, rec)
	}
	if p != nil {
		p.write(a, v)
	}
}

// answer remembers the status for the record.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// admit checks version and key. Only a socket may carry them in its query, where the version wins over
// the header's.
func admit(r *http.Request, socket bool) (version, *problem) {
	v := version(r.Header.Get("Cartesia-Version"))
	q := r.URL.Query()
	if socket && q.Get("cartesia_version") != "" {
		v = version(q.Get("cartesia_version"))
	}
	if v == "" {
		return "", bad("Missing version", "the header Cartesia-Version is required, for example "+wire.DefaultVersion)
	}
	if !v.valid() {
		return "", bad("Invalid version", "Cartesia-Version must be a date, "+string(oldest)+" or later")
	}
	key := r.Header.Get("X-API-Key")
	if scheme, k, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(k)
	}
	if socket && key == "" {
		if key = q.Get("api_key"); key == "" {
			key = q.Get("access_token")
		}
	}
	if key == "" || strings.HasPrefix(key, "bad") {
		return v, unauthorized()
	}
	return v, nil
}

// take counts a context in; false when the plan allows no more.
func (e *Emulator) take() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.contexts >= e.MaxContexts {
		return false
	}
	e.contexts++
	return true
}

func (e *Emulator) give() {
	e.mu.Lock()
	e.contexts--
	e.mu.Unlock()
}
