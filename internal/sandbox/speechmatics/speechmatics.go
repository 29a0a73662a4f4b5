// Package speechmatics emulates the Speechmatics real-time API, version 2, and the making of its
// temporary keys. It checks what it is sent in the vendor's order and answers with the vendor's errors.
// What it hears is text carried as tones (package tonecode), unless another Listener is put in; all its
// timing runs on the sound received, not on the clock.
//
// Goroutines: a session has two: its HTTP handler, which reads, and send, which writes transcripts at
// the vendor's pace. The handler waits for send; Close waits for all handlers.
package speechmatics

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	messageLimit = 1 << 20
	denied       = "Permission Denied"
)

// Emulator is the vendor. Change Listen before it serves.
type Emulator struct {
	// Listen makes the ears of one session, for sound of a rate in samples a second.
	Listen func(rate int) Listener

	stage   *stage.Stage
	sockets stage.Sockets
}

var _ http.Handler = (*Emulator)(nil)

// New makes an emulator that hears tonecode.
func New(s *stage.Stage) *Emulator {
	return &Emulator{Listen: Tones, stage: s}
}

// Name is where the emulator is mounted.
func (e *Emulator) Name() string { return stage.Speechmatics }

// Close drops the sessions that run and waits for their end.
func (e *Emulator) Close() error { return e.sockets.Close() }

// ServeHTTP implements http.Handler.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "/v1/api_keys":
		e.makeKey(w, r)
	case path == "/v2/jobs":
		e.jobs(w, r)
	case path == "/v2", path == agentRoute, strings.HasPrefix(path, "/v2/") && validLanguage(path[len("/v2/"):]):
		e.realtime(w, r)
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

// Refuse answers a request with an injected fault, as the vendor would; it is meant for stage.Wrap.
func Refuse(w http.ResponseWriter, _ *http.Request, f stage.Fault) {
	status := f.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	text := f.Code
	switch {
	case text != "":
	case status == http.StatusUnauthorized:
		text = denied
	default:
		text = http.StatusText(status)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
	}
	refuse(w, status, text)
}

func (e *Emulator) realtime(w http.ResponseWriter, r *http.Request) {
	route := r.URL.Path
	rec := e.stage.Begin(stage.Speechmatics, route, "WS")
	key := r.URL.Query().Get("jwt")
	if bearer := bearer(r); bearer != "" {
		key = bearer
	}
	switch {
	case !goodKey(key):
		refuse(w, http.StatusUnauthorized, denied)
		rec.End(http.StatusUnauthorized)
		return
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		rec.End(http.StatusMethodNotAllowed)
		return
	case !ws.IsUpgrade(r):
		refuse(w, http.StatusBadRequest, "Bad Request: a WebSocket is wanted")
		rec.End(http.StatusBadRequest)
		return
	}
	conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: messageLimit, CheckOrigin: func(*http.Request) bool { return true }})
	if err != nil {
		rec.End(http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // the request's own does not see the socket end
	defer cancel()
	usage, ok := e.sockets.Enter(conn, cancel)
	if !ok {
		_ = conn.Close(ws.CloseGoingAway, "")
		rec.End(http.StatusServiceUnavailable)
		return
	}
	defer e.sockets.Leave(conn)
	if d, ok := e.stage.Idle(stage.Speechmatics, route); ok {
		rec.Set("fault", stage.ModeIdle)
		defer time.AfterFunc(d, func() { _ = conn.Close(ws.CloseGoingAway, "") }).Stop()
	}
	newSession(e, conn, rec, route, usage).run(ctx, cancel)
}

func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// goodKey: any key will do, but one that begins with "bad".
func goodKey(key string) bool { return key != "" && !strings.HasPrefix(key, "bad") }
