//go:build e2e

package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/voicectl/voicectl/internal/agent/console"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/ws"
)

// scripted is an agent that answers by a script: it shows the page everything an agent can show, and
// keeps what the page sent. Its frames are made and read with protowire, not with code of ours.
type scripted struct {
	t      *testing.T
	server *httptest.Server
	base   string // path prefix
	config console.Config
	start  http.HandlerFunc // replaces POST start when set

	mu       sync.Mutex
	conn     *ws.Conn
	messages []rtviMessage
	audio    audioSeen
	mails    []map[string]any
	closed   chan struct{} // of the last socket
}

type rtviMessage struct {
	Type string          `json:"type"`
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

type audioSeen struct {
	frames, rate, channels, size int
	first, last                  time.Time
	heard                        []tonecode.Event
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{t: t, base: "/v4/p-1/app", config: console.Config{
		Agent: "Julia", Profile: "julia", Speech: console.SpeechSandbox, Sandbox: true,
		Phrases: []string{"What transactions does client 5001 have?", "What is the refund policy?", "Draw a chart for client 5001"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, r *http.Request) {
		if s.start != nil {
			s.start(w, r)
			return
		}
		s.giveAddress(w)
	})
	mux.HandleFunc("GET /ws", s.accept)
	mux.HandleFunc("GET /console/outbox.json", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(s.mails)
	})
	mux.HandleFunc("GET /console/phrase.wav", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write(media.AppendWAV(nil, 16000, 1, tonecode.Encode(r.URL.Query().Get("text"), 16000)))
	})
	mux.Handle("/", console.Handler(console.Options{Config: func(*http.Request) any { return s.config }}))
	s.server = httptest.NewServer(http.StripPrefix(s.base, mux))
	t.Cleanup(func() {
		s.drop()
		s.server.Close()
	})
	return s
}

func (s *scripted) url() string { return s.server.URL + s.base + "/" }

func (s *scripted) giveAddress(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"wsUrl": "ws" + strings.TrimPrefix(s.server.URL, "http") + s.base + "/ws", "token": "one-use"})
}

func (s *scripted) accept(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("token") != "one-use" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
	if err != nil {
		return
	}
	closed := make(chan struct{})
	s.mu.Lock()
	s.conn, s.closed = conn, closed
	s.mu.Unlock()
	go func() {
		defer close(closed)
		dec := tonecode.NewDecoder(16000)
		for {
			kind, data, err := conn.Read(nil)
			if err != nil {
				return
			}
			if kind == ws.Binary {
				s.receive(data, dec)
			}
		}
	}()
}

// fields reads one protobuf message: numbers as uint64, the rest as []byte.
func fields(b []byte) map[protowire.Number]any {
	out := map[protowire.Number]any{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return nil
			}
			out[num], b = v, b[n:]
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return nil
			}
			out[num], b = v, b[n:]
		default:
			return nil
		}
	}
	return out
}

func (s *scripted) receive(data []byte, dec *tonecode.Decoder) {
	frame := fields(data)
	if body, ok := frame[4].([]byte); ok {
		text, _ := fields(body)[1].([]byte)
		var m rtviMessage
		if err := json.Unmarshal(text, &m); err != nil {
			s.t.Errorf("the page sent %q: %v", text, err)
			return
		}
		s.mu.Lock()
		s.messages = append(s.messages, m)
		s.mu.Unlock()
		if m.Type == "client-ready" {
			s.sendID("bot-ready", m.ID, map[string]any{"version": "2.1.0"})
			s.send("server-message", map[string]any{"type": "session", "session_id": "2f6c1a9e-54f1-4d0c-9e5b-b1c9b1b6a001"})
		}
		return
	}
	body, ok := frame[2].([]byte)
	if !ok {
		s.t.Errorf("the page sent a frame that holds neither sound nor a message: %x", data)
		return
	}
	f := fields(body)
	pcm, _ := f[3].([]byte)
	rate, _ := f[4].(uint64)
	channels, _ := f[5].(uint64)
	samples := make([]int16, len(pcm)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.audio.frames == 0 {
		s.audio.first = now
	}
	s.audio.frames++
	s.audio.last, s.audio.rate, s.audio.channels, s.audio.size = now, int(rate), int(channels), len(pcm)
	for _, e := range dec.Write(samples) {
		if e.Kind == tonecode.Message {
			s.audio.heard = append(s.audio.heard, e)
		}
	}
}

func (s *scripted) send(kind string, data any) { s.sendID(kind, "", data) }

func (s *scripted) sendID(kind, id string, data any) {
	m := map[string]any{"label": "rtvi-ai", "type": kind, "data": data}
	if id != "" {
		m["id"] = id
	}
	text, err := json.Marshal(m)
	if err != nil {
		s.t.Error(err)
		return
	}
	inner := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), text)
	s.write(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), inner))
}

func (s *scripted) write(frame []byte) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Write(ws.Binary, frame) // a page that left is seen by the test that waits for it
	}
}

// speak sends a tone of 24 kHz sound in 40 ms pieces, in real time.
func (s *scripted) speak(ctx context.Context, d time.Duration) {
	const piece = 40 * time.Millisecond
	tick := time.NewTicker(piece)
	defer tick.Stop()
	for n := 0; time.Duration(n)*piece < d; n++ {
		pcm := make([]byte, 2*960)
		for i := range 960 {
			v := 6000 * math.Sin(2*math.Pi*330*float64(n*960+i)/24000)
			binary.LittleEndian.PutUint16(pcm[2*i:], uint16(int16(v)))
		}
		body := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(n))
		body = protowire.AppendBytes(protowire.AppendTag(body, 2, protowire.BytesType), []byte("bot"))
		body = protowire.AppendBytes(protowire.AppendTag(body, 3, protowire.BytesType), pcm)
		body = protowire.AppendVarint(protowire.AppendTag(body, 4, protowire.VarintType), 24000)
		body = protowire.AppendVarint(protowire.AppendTag(body, 5, protowire.VarintType), 1)
		s.write(protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), body))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// closeWith ends the socket with a code; drop ends it without a word.
func (s *scripted) closeWith(code int, reason string) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	_ = conn.Close(code, reason)
}

func (s *scripted) drop() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Drop()
	}
}

// got waits until the page has sent a message of this type, the n-th of its kind from 1.
func (s *scripted) got(kind string, n int) rtviMessage {
	s.t.Helper()
	var found rtviMessage
	s.until("a message "+kind, func() bool {
		seen := 0
		for _, m := range s.messages {
			if m.Type == kind {
				seen++
				found = m
			}
		}
		return seen >= n
	})
	return found
}

// until polls a condition under the lock.
func (s *scripted) until(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		ok := condition()
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// deadAddress is where nothing listens.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
