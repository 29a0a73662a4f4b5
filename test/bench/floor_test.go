package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

// BenchmarkTurn_Floor is what the four hops of BenchmarkTurn_AddedLatency cost this machine with nothing
// in them: a request of the same size by net/http to its first event, and a message each way on an open
// WebSocket, at the same rhythm. What voicectl adds is measured against it.
func BenchmarkTurn_Floor(b *testing.B) {
	const turns, rhythm = 40, 700 * time.Millisecond
	stamps := make(chan time.Time, 4)
	mux := http.NewServeMux()
	mux.HandleFunc("/model", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stamps <- time.Now()
		w.Header().Set("Content-Type", "text/event-stream")
		stamps <- time.Now()
		_, _ = io.WriteString(w, "data: {}\n\n")
		_ = http.NewResponseController(w).Flush()
	})
	mux.HandleFunc("/voice", func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
		if err != nil {
			return
		}
		sound := make([]byte, 6400) // 100 ms as base64
		for {
			if _, _, err := c.Read(nil); err != nil {
				return
			}
			stamps <- time.Now()
			stamps <- time.Now()
			if c.Write(ws.Text, sound) != nil {
				return
			}
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	voice, err := ws.Dial(context.Background(), "ws"+strings.TrimPrefix(srv.URL, "http")+"/voice", ws.DialOptions{})
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("x", 4<<10)
	var sample []time.Duration
	for range turns {
		time.Sleep(rhythm)
		start := time.Now()
		resp, err := http.Post(srv.URL+"/model", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		thought := (<-stamps).Sub(start)
		answered := <-stamps
		token := time.Now()
		if err := voice.Write(ws.Text, []byte(body[:400])); err != nil {
			b.Fatal(err)
		}
		asked := (<-stamps).Sub(token)
		spoken := <-stamps
		if _, _, err := voice.Read(nil); err != nil {
			b.Fatal(err)
		}
		sample = append(sample, thought+token.Sub(answered)+asked+time.Since(spoken))
	}
	_ = voice.Close(ws.CloseNormal, "")
	report(b, sample)
}
