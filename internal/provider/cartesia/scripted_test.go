package cartesia

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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
	nth  int // sockets before this one
}

func (f far) say(format string, args ...any) {
	_ = f.conn.Write(ws.Text, fmt.Appendf(nil, format, args...)) // the client may be gone
}

func (f far) chunk(id string, sound ...byte) {
	f.say(`{"type":"chunk","context_id":%q,"data":%q,"done":false,"status_code":206,"step_time":1}`, id, base64.StdEncoding.EncodeToString(sound))
}

func (f far) done(id string) {
	f.say(`{"type":"done","context_id":%q,"done":true,"status_code":200}`, id)
}

// hear reads one message; ok is false when the client is gone.
func (f far) hear() (m map[string]any, id string, ok bool) {
	_, data, err := f.conn.Read(nil)
	if err != nil {
		return nil, "", false
	}
	if err = json.Unmarshal(data, &m); err != nil {
		f.t.Errorf("client sent %q: %v", data, err)
	}
	id, _ = m["context_id"].(string)
	return m, id, true
}

func (f far) drain() {
	for {
		if _, _, ok := f.hear(); !ok {
			return
		}
	}
}

// scripted is a client of a server that plays script on each socket.
func scripted(t *testing.T, change func(*Options), script func(far)) *Client {
	t.Helper()
	var live sync.WaitGroup
	var mu sync.Mutex
	sockets := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		live.Add(1)
		defer live.Done()
		if r.URL.Path != "/x/tts/websocket" || r.Header.Get("Authorization") != "Bearer k" || r.Header.Get("Cartesia-Version") != DefaultVersion {
			t.Errorf("request for %s with %v", r.URL, r.Header)
		}
		conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Drop() }()
		mu.Lock()
		n := sockets
		sockets++
		mu.Unlock()
		script(far{t, conn, n})
	}))
	o := Options{BaseURL: srv.URL + "/x/", Key: secret.New("k"), Voice: "v"}
	if change != nil {
		change(&o)
	}
	c := New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
		live.Wait()
	})
	return c
}

func open(t *testing.T, c *Client, f media.Format) (*Speech, <-chan Event) {
	t.Helper()
	events := make(chan Event, 1000)
	sp, err := c.Open(t.Context(), f, func(e Event) {
		e.Data = append([]byte(nil), e.Data...)
		events <- e
	})
	if err != nil {
		t.Fatal(err)
	}
	return sp, events
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

// must is for Say and End.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func failure(t *testing.T, events <-chan Event) *guard.Error {
	t.Helper()
	for {
		switch e := next(t, events); e.Kind {
		case Failed:
			if e.Err.Vendor != vendor || e.Err.Op == "" {
				t.Errorf("error %+v does not say whose it is", e.Err)
			}
			return e.Err
		case Complete:
			t.Fatal("completed where it should have failed")
		case Audio, Words:
		}
	}
}
