package stage

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/ws"
)

func TestSockets_CloseEndsAllAndLetsNobodyIn(t *testing.T) {
	var s Sockets
	entered := make(chan int, 3)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, ws.AcceptOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		n, ok := s.Enter(c, cancel)
		entered <- n
		if !ok {
			_ = c.Close(ws.CloseGoingAway, "")
			return
		}
		defer s.Leave(c)
		if _, _, err := c.Read(nil); err == nil {
			t.Error("a socket read after Close")
		}
		<-ctx.Done() // Close cancels, too
	}))
	defer srv.Close()
	dial := func() *ws.Conn {
		t.Helper()
		c, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), ws.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Drop() })
		return c
	}
	a, b := dial(), dial()
	if x, y := <-entered, <-entered; x+y != 3 || s.Len() != 2 {
		t.Errorf("entered as %d and %d, %d open; want 1, 2 and 2", x, y, s.Len())
	}
	if err := s.Close(); err != nil || s.Len() != 0 {
		t.Errorf("closed with %v, %d open", err, s.Len())
	}
	for _, c := range []*ws.Conn{a, b} {
		if _, _, err := c.Read(nil); ws.CloseCode(err) != ws.CloseAbnormal {
			t.Errorf("the far end sees %v, want an end without a word", err)
		}
	}
	late := dial()
	if n := <-entered; n != 0 {
		t.Errorf("one came in after Close, as %d", n)
	}
	if _, _, err := late.Read(nil); ws.CloseCode(err) != ws.CloseGoingAway {
		t.Errorf("the late one sees %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
