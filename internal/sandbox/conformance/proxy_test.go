package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

// proxy stands between a case and its emulator and spoils what one step of it is answered.
type proxy struct {
	t    *testing.T
	base string // of the sandbox

	mu    sync.Mutex
	step  int // that is spoilt, counted from 0
	seen  int // steps that have come
	spoil mutation
	hit   atomic.Int64 // how often it was
}

// mutation is one fault. Only one of its parts is set.
type mutation struct {
	name    string
	place   string // where the difference must be found; "" = anywhere
	answer  func(*recorded)
	message func(text []byte) [][]byte // of a socket, one after another
	close   int                        // in place of the vendor's close code
	upgrade int                        // status in place of the answer to an upgrade
	reset   bool
}

// recorded is a whole answer.
type recorded struct {
	status int
	header http.Header
	body   []byte
}

func newProxy(t *testing.T, base string) (*proxy, string) {
	p := &proxy{t: t, base: base}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return p, srv.URL
}

// arm spoils the answers of one step of the next case.
func (p *proxy) arm(step int, m mutation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step, p.seen, p.spoil = step, 0, m
	p.hit.Store(0)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	m := mutation{}
	if p.seen == p.step {
		m = p.spoil
	}
	p.seen++
	p.mu.Unlock()
	if m.reset {
		p.hit.Add(1)
		stage.Abort(w, true)
		return
	}
	if ws.IsUpgrade(r) {
		p.socket(w, r, m)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.base+r.URL.RequestURI(), r.Body)
	if err != nil {
		p.t.Error(err)
		return
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Error(err)
	}
	out := &recorded{res.StatusCode, res.Header.Clone(), body}
	out.header.Del("Content-Length")
	if m.answer != nil {
		p.hit.Add(1)
		m.answer(out)
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body)
}

// socket carries messages both ways, those of the vendor spoilt.
func (p *proxy) socket(w http.ResponseWriter, r *http.Request, m mutation) {
	if m.upgrade != 0 && m.upgrade != 101 {
		p.hit.Add(1)
		http.Error(w, "{}", m.upgrade)
		return
	}
	head := http.Header{}
	for _, name := range []string{"Authorization", "Cartesia-Version"} {
		if v := r.Header.Get(name); v != "" {
			head.Set(name, v)
		}
	}
	u, err := url.Parse(p.base)
	if err != nil {
		p.t.Error(err)
		return
	}
	up, err := ws.Dial(r.Context(), "ws://"+u.Host+r.URL.RequestURI(), ws.DialOptions{Header: head})
	if err != nil {
		if m.upgrade == 101 { // it opens what was refused
			p.hit.Add(1)
			if c, aerr := ws.Accept(w, r, ws.AcceptOptions{}); aerr == nil {
				_ = c.Close(ws.CloseNormal, "")
			}
			return
		}
		status := http.StatusBadGateway
		if he, ok := err.(*ws.HandshakeError); ok { //nolint:errorlint // Dial returns it bare
			status = he.Status
		}
		http.Error(w, "{}", status)
		return
	}
	down, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
	if err != nil {
		_ = up.Drop()
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer func() { _ = up.Drop() }()
		for {
			kind, data, err := down.Read(nil)
			if err != nil || up.Write(kind, data) != nil {
				return
			}
		}
	})
	for {
		kind, data, err := up.Read(nil)
		if err != nil {
			code := ws.CloseCode(err)
			if m.close != 0 {
				p.hit.Add(1)
				code = m.close
			}
			if code < 1000 || code == 1005 || code == 1006 {
				code = ws.CloseNormal
			}
			_ = down.Close(code, "")
			break
		}
		out := [][]byte{data}
		if m.message != nil {
			out = m.message(data)
			if len(out) != 1 || !bytes.Equal(out[0], data) {
				p.hit.Add(1)
			}
		}
		for _, one := range out {
			_ = down.Write(kind, one)
		}
	}
	both.Wait()
}

// frames are the messages in a stream of events, each with its name.
func frames(body []byte) (names, data []string) {
	for block := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n\n") {
		name, text := "", ""
		for line := range strings.SplitSeq(block, "\n") {
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok {
				text = v
			}
		}
		names, data = append(names, name), append(data, text)
	}
	return names, data
}

func unframe(names, data []string) []byte {
	var b bytes.Buffer
	for i, d := range data {
		if names[i] != "" {
			b.WriteString("event: " + names[i] + "\n")
		}
		b.WriteString("data: " + d + "\n\n")
	}
	return b.Bytes()
}

// onFrames spoils the messages of a stream.
func onFrames(change func(text []byte) [][]byte) func(*recorded) {
	return func(r *recorded) {
		names, data := frames(r.body)
		var n2, d2 []string
		for i := range data {
			for _, one := range change([]byte(data[i])) {
				n2, d2 = append(n2, names[i]), append(d2, string(one))
			}
		}
		r.body = unframe(n2, d2)
	}
}

// gone is put where something is taken away.
type gone struct{}

// put sets a path in a JSON text, wherever it leads to; ok is whether it led anywhere.
func put(text []byte, path string, value any) (out []byte, ok bool) {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return text, false
	}
	parts, err := split(path)
	if err != nil {
		return text, false
	}
	v, ok = place(v, parts, value)
	b, err := json.Marshal(v)
	if err != nil || !ok {
		return text, false
	}
	return b, true
}

func place(v any, parts []part, value any) (any, bool) {
	if len(parts) == 0 {
		return value, true
	}
	p, done := parts[0], false
	if p.name != "" {
		m, ok := v.(map[string]any)
		if !ok {
			return v, false
		}
		if _, there := m[p.name]; !there && len(parts) > 1 {
			return v, false
		}
		next, ok := place(m[p.name], parts[1:], value)
		if m[p.name] = next; next == (gone{}) {
			delete(m, p.name)
		}
		return m, ok
	}
	list, ok := v.([]any)
	if !ok {
		return v, false
	}
	at := p.at
	if at < 0 {
		at += len(list)
	}
	for i := range list {
		if !p.every && i != at {
			continue
		}
		next, ok := place(list[i], parts[1:], value)
		if next == (gone{}) {
			next = nil
		}
		list[i], done = next, done || ok
	}
	return list, done
}
