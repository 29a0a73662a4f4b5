package reliability

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/ws"
)

// play is what a second process of this test binary does.
func play(role string) int {
	var err error
	in := bufio.NewReader(os.Stdin)
	switch role {
	case "sandbox":
		err = playSandbox(in)
	case "confider":
		err = playConfider(in, os.Getenv("RELIABILITY_URL"))
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// playSandbox is a sandbox until its input ends.
func playSandbox(in io.Reader) error {
	base, stop, err := sandbox.New(sandbox.Options{}).Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(base)
	_, _ = io.Copy(io.Discard, in)
	return within(stop)
}

// playConfider says a secret to an agent, typed and to be answered aloud, as part of a question and as an address.
// It hangs up when it is told to, and then tells the secret.
func playConfider(in *bufio.Reader, url string) error {
	secret := "walrus" + strings.ToLower(rand.Text())
	conn, err := ws.Dial(context.Background(), "ws"+strings.TrimPrefix(url, "http")+"/ws", ws.DialOptions{Limit: 8 << 20, NoProxy: true})
	if err != nil {
		return err
	}
	send := func(t rtvi.Type, data any) error {
		msg, err := rtvi.Encode(t, "1", data)
		if err != nil {
			return err
		}
		return conn.Write(ws.Binary, rtvi.AppendMessage(nil, msg))
	}
	turns := make(chan int, 16)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			_, b, err := conn.Read(nil)
			if err != nil {
				return
			}
			var f rtvi.Frame
			var d struct {
				Type string `json:"type"`
				Turn int    `json:"turn"`
			}
			if rtvi.DecodeFrame(b, &f) != nil || f.Kind != rtvi.FrameMessage {
				continue
			}
			if e, err := rtvi.Decode(f.Data); err == nil && e.Type == rtvi.ServerMessage && json.Unmarshal(e.Data, &d) == nil && d.Type == "turn_latency" {
				turns <- d.Turn
			}
		}
	}()
	if err := send(rtvi.ClientReady, rtvi.Ready{Version: rtvi.Version}); err != nil {
		return err
	}
	for _, text := range []string{
		"What transactions does client 5001 have?",
		"Send that to " + secret + "@example.com",
		"What is the refund policy for the product " + secret + "?",
	} {
		if err := send(rtvi.SendText, rtvi.TextInput{Content: text}); err != nil {
			return err
		}
		select {
		case <-turns:
		case <-gone:
			return fmt.Errorf("the agent closed")
		}
	}
	fmt.Println("said")
	if order, _ := in.ReadString('\n'); strings.TrimSpace(order) == "leave" {
		_ = conn.Close(ws.CloseNormal, "") // it has no error that matters
	}
	<-gone
	fmt.Println("over")
	_, _ = in.ReadString('\n')
	fmt.Println(secret)
	return nil
}

// actor is a process that plays a role.
type actor struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

func act(t *testing.T, role string, env ...string) *actor {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "RELIABILITY_ROLE="+role)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // what it had to tell was told
	})
	return &actor{t: t, in: in, out: bufio.NewReader(out)}
}

// line is the next thing that the actor says.
func (a *actor) line() string {
	a.t.Helper()
	text, err := a.out.ReadString('\n')
	must(a.t, err)
	return strings.TrimSpace(text)
}

func (a *actor) tell(order string) {
	a.t.Helper()
	_, err := io.WriteString(a.in, order+"\n")
	must(a.t, err)
}
