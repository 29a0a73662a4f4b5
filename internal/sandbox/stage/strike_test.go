package stage

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWrap_HangAndDisguisedStrikeBeforeTheEmulator(t *testing.T) {
	s := New(Options{})
	reached := false
	h := s.Wrap(OpenAI, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), nil)
	add := func(f Fault) {
		t.Helper()
		f.Vendor, f.Count = OpenAI, 1
		if _, err := s.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	add(Fault{Mode: ModeDisguised})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}")))
	if body, _ := io.ReadAll(w.Body); w.Code != http.StatusOK || !strings.Contains(string(body), `"error"`) || reached {
		t.Errorf("disguised: %d %s, reached the emulator: %v", w.Code, body, reached)
	}
	add(Fault{Mode: ModeHang})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}")).WithContext(ctx))
	}()
	select {
	case <-done:
		t.Error("a request that hangs was answered")
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	<-done
	add(Fault{Mode: ModeHang, MS: 1})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader("{}")))
	if !reached {
		t.Error("a request that hangs for a while is not answered after it")
	}
	calls, _ := s.Calls(OpenAI, 0)
	if len(calls) != 3 || calls[0].Detail["fault"] != ModeDisguised || calls[1].Detail["fault"] != ModeHang {
		t.Errorf("recorded %+v", calls)
	}
}

func TestFault_IdleIsOfTheSocket(t *testing.T) {
	s := New(Options{})
	if _, err := s.AddFault(Fault{Vendor: Cartesia, Mode: ModeIdle, MS: 1500, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Midway(Cartesia, "/tts/websocket"); ok {
		t.Error("a fault of the socket strikes an answer")
	}
	if d, ok := s.Idle(Cartesia, "/tts/websocket"); !ok || d != 1500*time.Millisecond {
		t.Errorf("idle %v, %v", d, ok)
	}
	for name, f := range map[string]Fault{
		"late without a time": {Vendor: Cartesia, Mode: ModeLate}, "idle without a time": {Vendor: Cartesia, Mode: ModeIdle},
		"after what": {Vendor: Cartesia, Mode: ModeStall, After: -2}, "after too much": {Vendor: Cartesia, Mode: ModeStall, After: maxAfter + 1},
	} {
		if f.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
