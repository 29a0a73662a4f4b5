package bench

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// floor is the bare echo server: the same WebSocket stack, the same messages, in the rhythm in which callers
// send them, and nothing else.
type floor struct {
	*running
	in io.Closer
}

func newFloor(b *testing.B) *floor {
	b.Helper()
	cmd := command(os.Args[0])
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	return &floor{launch(b, cmd, []string{"BENCH_ECHO=1"}), in}
}

func (f *floor) stop() {
	_ = f.in.Close()
	_ = f.cmd.Wait()
}

// cost is the processor time of the echo server for one message in and out.
func (f *floor) cost(b *testing.B, conns int, hold time.Duration) time.Duration {
	b.Helper()
	all := make([]*ws.Conn, conns)
	for i := range all {
		var err error
		if all[i], err = ws.Dial(context.Background(), "ws"+strings.TrimPrefix(f.url, "http"), ws.DialOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	msg := twilio.AppendInboundMedia(nil, 1, "MZ00000000000000000000000000000000", twilio.Media{Track: "inbound", Chunk: 1, Payload: make([]byte, 160)})
	var read, write sync.WaitGroup
	before := f.cpu(b)
	begin := time.Now()
	for i, c := range all {
		read.Go(func() {
			var buf []byte
			for {
				var err error
				if _, buf, err = c.Read(buf); err != nil {
					return
				}
			}
		})
		write.Go(func() {
			start := begin.Add(20 * time.Millisecond * time.Duration(i) / time.Duration(conns))
			for n := 0; time.Since(begin) < hold; n++ {
				time.Sleep(time.Until(start.Add(time.Duration(n) * 20 * time.Millisecond)))
				if c.Write(ws.Text, msg) != nil {
					return
				}
			}
		})
	}
	write.Wait()
	took := time.Since(begin)
	used := f.cpu(b) - before
	for _, c := range all {
		_ = c.Drop()
	}
	read.Wait()
	return time.Duration(float64(used) / float64(conns) / (float64(took) / float64(20*time.Millisecond)))
}
