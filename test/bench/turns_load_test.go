package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/trace"
)

// BenchmarkLoad_Turns is what one turn of a caller costs while a hundred others call ($LOAD_TURN_CALLS,
// $LOAD_HOLD = 30s): everybody speaks every five seconds, in the middle of the answer before, so that each turn
// also is a barge-in. Goals: latency added by voicectl p99 <= 10 ms; from the decision to stop until `clear` is
// at the caller p99 <= 5 ms; a finished turn durable within max(2 ms, 4 x a bare fsync) p99.
func BenchmarkLoad_Turns(b *testing.B) {
	calls, hold := number("LOAD_TURN_CALLS", 100), span("LOAD_HOLD", 30*time.Second)
	m := newEchoModel()
	defer m.srv.Close()
	h := open(b, calls, "OPENAI_BASE_URL="+m.srv.URL, "OPENAI_API_KEY=bench")
	defer h.stop()
	ctx, cancel := context.WithTimeout(context.Background(), hold+3*time.Minute)
	defer cancel()

	clears := make([][]time.Time, calls)
	f := &fleet{b: b, see: func(i int, e peer.Event) {
		if e.Kind == peer.Clear {
			clears[i] = append(clears[i], e.At)
		}
	}}
	f.dial(ctx, h.webhook(), calls)
	time.Sleep(3 * time.Second)
	w := watch(b, h.box, h.agent)
	stop := make(chan struct{})
	floor := make(chan []time.Duration, 1)
	go func() { floor <- bareFsync(b, h.dir, stop) }()
	said := make([]int, calls)
	f.ask(hold, 5*time.Second, func(i int) []int16 {
		said[i]++
		return tonecode.Encode(fmt.Sprintf("Number %d please.", marker(i, said[i])), 8000)
	})
	time.Sleep(2 * time.Second)
	close(stop)
	foreign := w.foreign()
	sids := make([]string, calls)
	for i, p := range f.peers {
		sids[i] = p.CallSID()
	}
	stats := f.hangUp()

	t := turns{model: m, voices: voices(b, h.box.url)}
	for _, c := range listCalls(b, h.agent.url) {
		i := slices.Index(sids, c.CallSID)
		if i < 0 {
			continue
		}
		t.take(events(b, h.agent.url, c.ID), clears[i])
	}
	if foreign > maxForeign {
		b.Logf("VOID: others used %.0f%% of the machine", 100*foreign)
	}
	if len(t.added) == 0 || len(t.cleared) == 0 {
		b.Fatalf("nothing was measured: %d turns, %d barge-ins", len(t.added), len(t.cleared))
	}
	bare := <-floor
	metrics := h.metrics()
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(100*foreign, "foreign-%")
	b.ReportMetric(ms(t.added, .5), "added-p50-ms")
	b.ReportMetric(ms(t.added, .99), "added-p99-ms")
	b.ReportMetric(float64(len(t.added)), "turns")
	b.ReportMetric(ms(t.cleared, .5), "clear-p50-ms")
	b.ReportMetric(ms(t.cleared, .99), "clear-p99-ms")
	b.ReportMetric(float64(len(t.cleared)), "barge-ins")
	b.ReportMetric(1000*quantile(metrics, "voicectl_turn_commit_seconds", .99), "commit-p99-ms")
	b.ReportMetric(ms(bare, .99), "fsync-p99-ms")
	b.ReportMetric(1000*metrics["voicectl_send_late_p99_seconds"], "send-late-p99-ms")
	b.ReportMetric(float64(stats.skipped), "skipped-by-callers")
	b.ReportMetric(0, "ns/op")
}

// marker is a number that one turn of one caller alone has.
func marker(caller, turn int) int { return 1_000_000 + 1000*caller + turn }

// reMarker finds it as it is said and as it is spoken, in groups.
var reMarker = regexp.MustCompile(`([0-9]{3}) ?([0-9]{4})`)

func findMarker(s string) string {
	if m := reMarker.FindStringSubmatch(s); m != nil {
		return m[1] + m[2]
	}
	return ""
}

func ms(sample []time.Duration, q float64) float64 {
	slices.Sort(sample)
	if len(sample) == 0 {
		return 0
	}
	return float64(sample[min(len(sample)-1, int(q*float64(len(sample))))].Microseconds()) / 1000
}

// turns pairs what each process saw of the same turn, by its marker.
type turns struct {
	model          *echoModel
	voices         map[string]stay
	added, cleared []time.Duration
}

// stay is how long something was at a vendor: from the whole request to the first byte of its answer.
type stay struct{ at, first time.Time }

func (s stay) took() time.Duration { return s.first.Sub(s.at) }

func (t *turns) take(events []trace.Event, clears []time.Time) {
	type turn struct {
		text       string
		accepted   time.Time
		firstAudio time.Time
	}
	all := map[int]*turn{}
	for _, e := range events {
		n := all[e.Turn]
		if n == nil {
			n = &turn{}
			all[e.Turn] = n
		}
		switch e.Event { //nolint:exhaustive // the others are not measured
		case trace.TurnAccepted:
			n.text, n.accepted = e.Text, e.At
		case trace.FirstAudioSent:
			if n.firstAudio.IsZero() {
				n.firstAudio = e.At
			}
		case trace.Interrupted:
			for _, at := range clears {
				if d := at.Sub(e.At); d >= 0 && d < time.Second {
					t.cleared = append(t.cleared, d)
					break
				}
			}
		}
	}
	for _, n := range all {
		mark := findMarker(n.text)
		asked, ok := t.model.stay(mark)
		spoken, ok2 := t.voices[mark]
		if mark == "" || !ok || !ok2 || n.firstAudio.IsZero() || spoken.first.After(n.firstAudio) {
			continue
		}
		t.added = append(t.added, n.firstAudio.Sub(n.accepted)-asked.took()-spoken.took())
	}
}

// echoModel is a language model that repeats what it is asked, in a long answer, and notes its own time.
type echoModel struct {
	srv *httptest.Server
	mu  sync.Mutex
	m   map[string]stay
}

func newEchoModel() *echoModel {
	m := &echoModel{m: map[string]stay{}}
	m.srv = httptest.NewServer(m)
	return m
}

func (m *echoModel) stay(mark string) (stay, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.m[mark]
	return s, ok
}

// ServeHTTP answers chat completions.
func (m *echoModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	at := time.Now()
	if err != nil {
		return
	}
	var req struct {
		Messages []struct {
			Role    string `json:"role"`
			Content any    `json:"content"`
		} `json:"messages"`
	}
	if json.Unmarshal(body, &req) != nil || len(req.Messages) == 0 {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	mark := findMarker(fmt.Sprint(req.Messages[len(req.Messages)-1].Content))
	answer := "You said " + mark + " and " + strings.Repeat("straightforwardly uninterruptedly ", 25) + "on."
	w.Header().Set("Content-Type", "text/event-stream")
	first := time.Now()
	m.mu.Lock()
	if _, ok := m.m[mark]; !ok {
		m.m[mark] = stay{at, first}
	}
	m.mu.Unlock()
	text, _ := json.Marshal(answer)
	_, _ = fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","model":"echo","choices":[{"index":0,"delta":{"role":"assistant","content":%s},"finish_reason":null}]}`+"\n\n", text)
	_, _ = io.WriteString(w, `data: {"id":"1","object":"chat.completion.chunk","model":"echo","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
}

// voices reads the emulator's record of what was spoken.
func voices(b *testing.B, box string) map[string]stay {
	b.Helper()
	var list struct {
		Calls []struct {
			At     time.Time `json:"at"`
			First  time.Time `json:"first"`
			Detail struct {
				Text string `json:"text"`
			} `json:"detail"`
		} `json:"calls"`
	}
	get(b, box+"/_sandbox/calls?vendor=cartesia", &list)
	out := map[string]stay{}
	for _, c := range list.Calls {
		if mark := findMarker(c.Detail.Text); mark != "" && !c.First.IsZero() {
			out[mark] = stay{c.At, c.First}
		}
	}
	return out
}

type listed struct {
	ID      string `json:"id"`
	CallSID string `json:"call_sid"`
}

func listCalls(b *testing.B, url string) []listed {
	b.Helper()
	var page struct {
		Calls []listed `json:"calls"`
	}
	get(b, url+"/api/calls?limit=200", &page)
	return page.Calls
}

func events(b *testing.B, url, id string) []trace.Event {
	b.Helper()
	resp, err := http.Get(url + "/api/calls/" + id + "/events.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	list, err := trace.Read(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

func get(b *testing.B, url string, into any) {
	b.Helper()
	resp, err := http.Get(url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		b.Fatalf("GET %s: %d %v", url, resp.StatusCode, err)
	}
}

// bareFsync writes and syncs a small file twenty times a second until it is stopped.
func bareFsync(b *testing.B, dir string, stop <-chan struct{}) (sample []time.Duration) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		b.Error(err)
		return nil
	}
	defer func() { _ = f.Close() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	row := make([]byte, 512)
	for {
		select {
		case <-stop:
			return sample
		case <-tick.C:
		}
		begun := time.Now()
		if _, err := f.Write(row); err != nil || f.Sync() != nil {
			b.Error("fsync failed: ", err)
			return sample
		}
		sample = append(sample, time.Since(begun))
	}
}
