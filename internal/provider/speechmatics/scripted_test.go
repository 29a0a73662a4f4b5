package speechmatics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

const patience = 10 * time.Second

// far is the vendor's side of one socket, driven by a test.
type far struct {
	t    *testing.T
	conn *ws.Conn
}

func (f far) say(format string, args ...any) {
	_ = f.conn.Write(ws.Text, fmt.Appendf(nil, format, args...)) // the client may be gone
}

// hear reads one message: its size when it is sound, else what it says.
func (f far) hear() (sound int, m map[string]any, ok bool) {
	kind, data, err := f.conn.Read(nil)
	if err != nil {
		return 0, nil, false
	}
	if kind == ws.Binary {
		return len(data), nil, true
	}
	if err = json.Unmarshal(data, &m); err != nil {
		f.t.Errorf("client sent %q: %v", data, err)
	}
	return 0, m, true
}

// begin answers the StartRecognition.
func (f far) begin() {
	if _, m, ok := f.hear(); ok && m["message"] != MsgStartRecognition {
		f.t.Errorf("first message is %v", m)
	}
	f.say(`{"message":"RecognitionStarted","id":"1"}`)
}

// drain reads until the client is gone.
func (f far) drain() {
	for {
		if _, _, ok := f.hear(); !ok {
			return
		}
	}
}

func (f far) final(text string, start, end float64) {
	f.say(`{"message":"AddTranscript","metadata":{"transcript":%q,"start_time":%g,"end_time":%g}}`, text, start, end)
}

// scripted is a client of a server that plays script on each socket.
func scripted(t *testing.T, change func(*Options), script func(far)) *Client {
	t.Helper()
	var live sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		live.Add(1)
		defer live.Done()
		if got := r.Header.Get("Authorization"); got != "Bearer k" {
			t.Errorf("authorization %q", got)
		}
		conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Drop() }()
		script(far{t, conn})
	}))
	t.Cleanup(func() {
		srv.Close()
		live.Wait()
	})
	o := Options{URL: "ws" + strings.TrimPrefix(srv.URL, "http") + "/v2", Key: secret.New("k")}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func open(t *testing.T, c *Client, f media.Format) (*Stream, <-chan Event) {
	t.Helper()
	events := make(chan Event, 1000)
	s, err := c.Open(t.Context(), f, func(e Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s, events
}

func next(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		t.Fatal("no event")
		return Event{}
	}
}

func failure(t *testing.T, events <-chan Event) *guard.Error {
	t.Helper()
	for {
		if e := next(t, events); e.Kind == Failed {
			if e.Err.Vendor != vendor || e.Err.Op == "" {
				t.Errorf("error %+v does not say whose it is", e.Err)
			}
			return e.Err
		}
	}
}
