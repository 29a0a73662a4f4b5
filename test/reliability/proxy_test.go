package reliability

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy carries TCP to one address. When it is cut it swallows what both sides of the connections of that moment
// say, and closes nothing: so does a network whose cable was pulled. New connections pass.
type proxy struct {
	ln   net.Listener
	to   string
	gone atomic.Int64 // connections that the one who dialled has closed
	done sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	wires []*atomic.Bool // true = cut
}

// cut pulls the cable and tells how many connections hang on it.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.wires)
	for _, w := range p.wires {
		w.Store(true)
	}
	p.wires = nil
	return n
}

// between makes a proxy before an address, for the length of the test.
func between(t *testing.T, to string) *proxy {
	t.Helper()
	to = strings.TrimPrefix(strings.TrimPrefix(to, "http://"), "ws://")
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{ln: ln, to: to}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.done.Wait()
	})
	return p
}

// count is how many connections were made since the last cut.
func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.wires)
}

func (p *proxy) url() string { return "http://" + p.ln.Addr().String() }

// dial leads to the proxy whatever the address is.
func (p *proxy) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, p.ln.Addr().String())
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.keep(near)
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.keep(far)
		wire := &atomic.Bool{}
		p.mu.Lock()
		p.wires = append(p.wires, wire)
		p.mu.Unlock()
		p.done.Go(func() { carry(near, far, wire); p.gone.Add(1) })
		p.done.Go(func() { carry(far, near, wire) })
	}
}

func carry(from, to net.Conn, cut *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if cut.Load() {
			if err != nil {
				return // the other side is not told
			}
			continue
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}
