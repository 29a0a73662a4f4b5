package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipeNet is a network of net.Pipe, which testing/synctest can see through.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeNet() *pipeNet { return &pipeNet{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeNet) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipeNet) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipeNet) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// scriptedAgent is a server at the other end of a pipeNet. Its sockets run a script each.
type scriptedAgent struct {
	t   *testing.T
	net *pipeNet
	mux *http.ServeMux
	srv *http.Server
	wg  sync.WaitGroup
}

func newAgent(t *testing.T) *scriptedAgent {
	a := &scriptedAgent{t: t, net: newPipeNet(), mux: http.NewServeMux()}
	a.srv = &http.Server{Handler: a.mux, ReadHeaderTimeout: time.Minute}
	a.wg.Go(func() { _ = a.srv.Serve(a.net) })
	return a
}

// close waits until every script is over.
func (a *scriptedAgent) close() {
	_ = a.net.Close()
	_ = a.srv.Close()
	a.wg.Wait()
}

func (a *scriptedAgent) twiml(path, doc string) {
	a.mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, doc)
	})
}

func (a *scriptedAgent) socket(path string, script func(c *ws.Conn)) {
	a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20, CheckOrigin: func(*http.Request) bool { return true }})
		if err != nil {
			a.t.Errorf("accept: %v", err)
			return
		}
		a.wg.Go(func() {
			script(c)
			_ = c.Close(ws.CloseNormal, "script over")
		})
	})
}

func (a *scriptedAgent) options() Options {
	return Options{URL: "http://127.0.0.1/voice", Dialer: a.net.Dial}
}

const connectDoc = `<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="ws://127.0.0.1/media"><Parameter name="token" value="t1"/></Stream></Connect></Response>`

// collect reads events until the last and hands them over.
func collect(p Peer) <-chan []Event {
	out := make(chan []Event, 1)
	go func() {
		var all []Event
		for e := range p.Events() {
			all = append(all, e)
		}
		out <- all
	}()
	return out
}

func kinds(events []Event, k Kind) []Event {
	var out []Event
	for _, e := range events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

func tone(n int, level int16) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = level
		if i%8 < 4 {
			out[i] = -level
		}
	}
	return out
}
