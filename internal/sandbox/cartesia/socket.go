package cartesia

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	messageLimit = 256 << 10
	maxPieces    = 256 // texts that wait in one context
)

// socket is one WebSocket with its contexts.
type socket struct {
	e       *Emulator
	conn    *ws.Conn
	version version
	route   string

	mu       sync.Mutex
	contexts map[string]*speech
	live     sync.WaitGroup
}

// speech is one context: settings that stay, and texts that come.
type speech struct {
	*speaker
	settings map[string]any
	delay    time.Duration
	pieces   chan piece
	cancel   context.CancelFunc
}

type piece struct {
	text  string
	flush bool
	last  bool
}

func (e *Emulator) socket(w http.ResponseWriter, r *http.Request) {
	v, p := admit(r, true)
	switch {
	case p != nil:
	case !ws.IsUpgrade(r):
		p = bad("Invalid request", "a WebSocket is wanted here")
	}
	refuse := func(p *problem) {
		rec := e.stage.Begin(stage.Cartesia, r.URL.Path, "WS")
		p.write(w, v)
		rec.End(p.status)
	}
	if p != nil {
		refuse(p)
		return
	}
	if e.sockets.Len() >= 10*e.MaxContexts {
		refuse(crowded())
		return
	}
	conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: messageLimit, CheckOrigin: func(*http.Request) bool { return true }})
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // the request's own does not see the socket end
	defer cancel()
	if _, ok := e.sockets.Enter(conn, cancel); !ok {
		_ = conn.Close(ws.CloseGoingAway, "")
		return
	}
	defer e.sockets.Leave(conn)
	s := &socket{e: e, conn: conn, version: v, route: r.URL.Path, contexts: map[string]*speech{}}
	idle := e.Idle
	if d, ok := e.stage.Idle(stage.Cartesia, r.URL.Path); ok {
		idle = d
	}
	s.read(ctx, idle)
	cancel()
	s.live.Wait()
	_ = conn.Close(ws.CloseNormal, "")
}

// read handles messages until the socket ends, or is idle for too long.
func (s *socket) read(ctx context.Context, idle time.Duration) {
	var buf []byte
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(idle))
		kind, data, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		buf = data
		if kind != ws.Text {
			s.fail("", bad("Invalid request", "binary messages are not understood"))
			continue
		}
		s.message(ctx, data)
	}
}

func (s *socket) fail(contextID string, p *problem) {
	_ = s.conn.Write(ws.Text, p.event(s.version, contextID))
}

// message acts on one message of the client.
func (s *socket) message(ctx context.Context, data []byte) {
	q, p := parse(data, s.version)
	id := ""
	if q != nil {
		id = q.ContextID
	}
	if p == nil && q.Cancel {
		s.cancel(id)
		return
	}
	if p == nil {
		p = s.text(ctx, q, data)
	}
	if p != nil {
		s.cancel(id)
		s.fail(id, p)
	}
}

func (s *socket) cancel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sp := s.contexts[id]; sp != nil {
		delete(s.contexts, id) // the id may be used anew
		sp.cancelled.Store(true)
		sp.rec.Set("cancelled", true)
		sp.cancel()
	}
}

// text gives text to its context, which it makes when there is none.
func (s *socket) text(ctx context.Context, q *request, data []byte) *problem {
	if q.OutputFormat.Container != "raw" {
		return bad("Invalid request", "output_format.container must be raw on a WebSocket")
	}
	if q.ContextID == "" {
		if q.Continue || q.Flush {
			return bad("Invalid request", "context_id is required to continue or flush")
		}
		q.ContextID = uuid.NewString()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sp, set := s.contexts[q.ContextID], settings(data)
	if sp == nil {
		if !q.Continue && len(split(*q.Transcript)) == 0 {
			return bad("Invalid request", "transcript is empty")
		}
		if !s.e.take() {
			return crowded()
		}
		sp = s.open(ctx, q, set)
	} else if field := changed(sp.settings, set); field != "" {
		return bad("Invalid request", "the field "+clip(field)+" must not change within a context")
	}
	select {
	case sp.pieces <- piece{text: *q.Transcript, flush: q.Flush, last: !q.Continue}:
		return nil
	default:
		return &problem{status: http.StatusTooManyRequests, title: "Too many requests", message: "too much text waits in this context"}
	}
}

// open makes a context. s.mu is held.
func (s *socket) open(ctx context.Context, q *request, set map[string]any) *speech {
	rec := s.e.stage.Begin(stage.Cartesia, s.route, "WS")
	rec.Set("context_id", q.ContextID)
	rec.Set("model", q.ModelID)
	rec.Set("voice", q.voice)
	rec.Set("output_format", *q.OutputFormat)
	ctx, cancel := context.WithCancel(ctx)
	sp := &speech{settings: set, delay: defaultDelay, pieces: make(chan piece, maxPieces), cancel: cancel}
	if q.MaxBufferDelayMS != nil {
		sp.delay = time.Duration(*q.MaxBufferDelayMS) * time.Millisecond
	}
	sp.speaker = &speaker{
		e: s.e, version: s.version, route: s.route, id: q.ContextID, timestamps: q.AddTimestamps, rec: rec,
		pacer: s.e.stage.Pacer(stage.Cartesia), box: voicebox{format: *q.OutputFormat},
		write: func(_ string, payload []byte) error { return s.conn.Write(ws.Text, payload) },
		abort: func(code int, reason string) {
			if code == 0 {
				_ = s.conn.Drop()
				return
			}
			_ = s.conn.Close(code, reason)
		},
	}
	s.contexts[q.ContextID] = sp
	s.live.Add(1)
	go func() {
		defer s.live.Done()
		defer s.e.give()
		defer cancel()
		s.run(ctx, sp)
	}()
	return sp
}
