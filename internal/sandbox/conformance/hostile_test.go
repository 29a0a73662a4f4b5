package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

const theKey = "sk-live-0123456789abcdef"

// one is a document of one case.
func one(t *testing.T, steps string) *Document {
	t.Helper()
	doc, err := Parse([]byte("vendor: x\nsource: x\nkind: type\nheaders: {Authorization: 'Bearer ${key}'}\ncases:\n  - name: a-case\n    why: because\n    cost: free\n    steps:\n" + steps))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

const (
	getStep    = "      - request: {method: GET, path: /}\n        expect: {status: 200, json: {a: integer}}\n"
	streamStep = "      - request: {method: GET, path: /}\n        expect: {status: 200, events: [{is: a number, many: true, when: {a: integer}}, {kind: done}]}\n"
	socketStep = "      - socket: {path: '', script: [{say: hello}, {receive: {kind: done}}, {close: 1000}]}\n"
)

// A vendor, or who stands in its place, may do anything: a case ends in its time, holds little, and says what it saw.
//
// Tier: ci.
func TestRun_EndsWhateverTheFarEndDoes(t *testing.T) {
	hold := make(chan struct{})
	endless := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(text, "data:") {
				w.Header().Set("Content-Type", "text/event-stream")
			}
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(text, 100)); err != nil {
					return
				}
			}
		}
	}
	say := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	socket := func(do func(*ws.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := ws.Accept(w, r, ws.AcceptOptions{})
			if err != nil {
				return
			}
			do(c)
			_ = c.Close(ws.CloseNormal, "")
		}
	}
	silent := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	for name, tc := range map[string]struct {
		step string
		far  http.HandlerFunc
		want string // in a difference
	}{
		"a body without an end":     {getStep, endless("aaaaaaaaaa"), "at most 4194304 bytes"},
		"a stream without an end":   {streamStep, endless("data: {\"a\":1}\n\n"), "done"},
		"a line without an end":     {streamStep, endless("data: aaaaaaaaaa"), "a stream that broke"},
		"no JSON":                   {getStep, say("application/json", "<html>"), "wanted JSON, saw <html>"},
		"no stream":                 {streamStep, say("application/json", "{}"), "a stream of events"},
		"half a message":            {streamStep, say("text/event-stream", "data: {\"a\":1}\n\ndata: {\"type\":\"done\"}"), "half a message"},
		"deep nesting":              {getStep, say("application/json", strings.Repeat("[", 100_000)), "wanted JSON"},
		"somewhere else":            {getStep, http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP, "saw 302"},
		"the key in its answer":     {getStep, say("application/json", `{"a":"`+theKey+`"}`), `saw "•••"`},
		"nothing at all":            {getStep, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "an answer"},
		"a head and no more":        {getStep, silent, "a whole body"},
		"a socket that is silent":   {socketStep, socket(func(c *ws.Conn) { _, _, _ = c.Read(nil); _, _, _ = c.Read(nil) }), "wanted done, saw nothing for"},
		"a socket that ends":        {socketStep, socket(func(*ws.Conn) {}), "the end of the socket, code 1000"},
		"a socket that is dropped":  {socketStep, socket(func(c *ws.Conn) { _ = c.Drop() }), "done"},
		"a socket without an end":   {socketStep, socket(func(c *ws.Conn) { flood(c, `{"type":"other"}`) }), "wanted done, saw {"},
		"a socket that never ends":  {socketStep, socket(func(c *ws.Conn) { flood(c, `{"type":"done"}`) }), "the end, saw {"},
		"a message over all bounds": {socketStep, socket(func(c *ws.Conn) { _ = c.Write(ws.Text, make([]byte, maxMessage+1)); _, _, _ = c.Read(nil) }), "done"},
		"binary where JSON is due":  {socketStep, socket(func(c *ws.Conn) { _ = c.Write(ws.Binary, []byte{1}); _, _, _ = c.Read(nil) }), "saw 1 bytes"},
		"no socket":                 {socketStep, say("text/plain", "hello"), "saw 200"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.far)
			defer srv.Close()
			doc := one(t, tc.step)
			start := time.Now()
			r := doc.Run(t.Context(), doc.Cases[0], Target{URL: srv.URL, Key: secret.New(theKey), Patience: 300 * time.Millisecond})
			var all []string
			for _, d := range r.Differences {
				all = append(all, fmt.Sprintf("%s: wanted %s, saw %s", d.Path, d.Wanted, d.Saw))
				if len([]rune(d.Saw)) > maxSaw || strings.Contains(d.Saw, theKey) {
					t.Errorf("saw %q", d.Saw)
				}
			}
			if r.State != Fail || !strings.Contains(strings.Join(all, "\n"), tc.want) {
				t.Errorf("got %s %s %q, want %q", r.State, r.Reason, all, tc.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// flood writes until nobody reads any more.
func flood(c *ws.Conn, text string) {
	for c.Write(ws.Text, []byte(text)) == nil {
		continue
	}
}

func TestRun_TellsNotReachedFromDifferent(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + ln.Addr().String()
	_ = ln.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer busy.Close()
	for name, tc := range map[string]struct {
		url  string
		live bool
		want State
	}{
		"nobody listens":            {closed, false, Unreached},
		"a certificate of nobody":   {secure.URL, false, Unreached},
		"a vendor that is busy":     {busy.URL, true, Unreached},
		"an emulator that is never": {busy.URL, false, Fail},
	} {
		for step, text := range map[string]string{"request": getStep, "socket": socketStep} {
			doc := one(t, text)
			r := doc.Run(t.Context(), doc.Cases[0], Target{URL: tc.url, Key: secret.New(theKey), Live: tc.live, Patience: 2 * time.Second})
			if r.State != tc.want || (r.Reason != "") != (tc.want == Unreached) {
				t.Errorf("%s, %s: got %s %q %v", name, step, r.State, r.Reason, r.Differences)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	doc := one(t, getStep)
	if r := doc.Run(ctx, doc.Cases[0], Target{URL: busy.URL}); r.State != Unreached {
		t.Errorf("interrupted: got %s", r.State)
	}
	doc.Cases[0].SandboxOnly = "its data"
	if r := doc.Run(t.Context(), doc.Cases[0], Target{URL: closed, Live: true}); r.State != NotApplied || r.Reason != "its data" {
		t.Errorf("sandbox only: got %s %q", r.State, r.Reason)
	}
}

// A case that shows no key, or a wrong one, must not show the operator's.
func TestRun_ShowsTheKeyItIsMeantToShow(t *testing.T) {
	for key, want := range map[Key]string{GoodKey: "Bearer " + theKey, BadKey: "Bearer " + badKey, NoKey: ""} {
		for _, step := range []string{getStep, socketStep} {
			var got []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.Header.Get("Authorization"))
				http.Error(w, "{}", http.StatusTeapot)
			}))
			doc := one(t, step)
			doc.Cases[0].Key = key
			doc.Run(t.Context(), doc.Cases[0], Target{URL: srv.URL, Key: secret.New(theKey)})
			srv.Close()
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s: shown %q, want %q", key, got, want)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\n\ndata: {\"type\":\"done\"}\n\n"))
	f.Add([]byte("event: x\ndata: [DONE]\n\n:\n\ndata"))
	f.Add([]byte("data: {\"a\":\ndata: 1}\n\n"))
	f.Add(bytes.Repeat([]byte("data: [[[\n\n"), 50))
	doc, err := Parse([]byte("vendor: x\nsource: x\nkind: type\ncases:\n  - name: a-case\n    why: because\n    cost: free\n    steps:\n" + streamStep))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := &act{doc: doc, vars: vars{}}
		e := *doc.Cases[0].Steps[0].Expect
		e.Whole = Whole{Same: []string{"id?"}, Counts: map[string]string{"done": "n"}, Joined: []Joined{{Path: "b[].c?", JSON: Shape{"a": Rule{"any"}}}}}
		for _, d := range a.stream(bytes.NewReader(body), e) {
			if d.Path == "" || d.Wanted == "" {
				t.Errorf("a difference without a word: %+v", d)
			}
		}
	})
}
