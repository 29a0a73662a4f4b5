package calls_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// wire is a TCP proxy in front of a vendor that does to bytes what networks do to them.
type wire struct {
	free int           // bytes towards us that pass at full speed; then one a second. 0 = all
	idle time.Duration // a connection without a byte for so long is closed; 0 = never
}

// before puts the wire in front of the host of a URL and gives the URL through it.
func (w wire) before(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var live sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		live.Wait()
	})
	target := u.Host
	live.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			live.Go(func() { w.carry(ctx, c, target) })
		}
	})
	u.Host = l.Addr().String()
	return u.String()
}

func (w wire) carry(ctx context.Context, near net.Conn, target string) {
	defer near.Close()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { _ = near.Close(); _ = far.Close() })()
	alive := func() {
		if w.idle > 0 {
			end := time.Now().Add(w.idle)
			_ = near.SetDeadline(end)
			_ = far.SetDeadline(end)
		}
	}
	alive()
	var both sync.WaitGroup
	both.Go(func() {
		defer far.Close()
		defer near.Close()
		_, _ = io.Copy(far, tick{near, alive})
	})
	defer both.Wait()
	defer near.Close()
	src := tick{far, alive}
	if w.free == 0 {
		_, _ = io.Copy(near, src)
		return
	}
	if _, err := io.CopyN(near, src, int64(w.free)); err != nil {
		return
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
		if _, err := io.CopyN(near, src, 1); err != nil {
			return
		}
	}
}

// tick tells of every read.
type tick struct {
	io.Reader
	alive func()
}

func (r tick) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.alive()
	return n, err
}
