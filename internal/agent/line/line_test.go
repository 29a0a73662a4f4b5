package line

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a server's socket whose far end reads all and keeps nothing.
func pair(t testing.TB) *ws.Conn {
	t.Helper()
	accepted := make(chan *ws.Conn, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, ws.AcceptOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- c
	}))
	far, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), ws.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conn := <-accepted
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, _, err := far.Read(nil); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close(ws.CloseNormal, "") // ends the far end
		<-done
		_ = far.Drop()
		srv.Close()
	})
	return conn
}

func TestPace_CountsOnlyWhatRunsAhead(t *testing.T) {
	t0 := time.Unix(1000, 0)
	var p pace
	for i := range 100 { // in real time: never more than the first frame ahead
		if got := p.ahead(t0.Add(time.Duration(i)*20*time.Millisecond), 20*time.Millisecond); got > 20*time.Millisecond {
			t.Fatalf("frame %d is %v ahead", i, got)
		}
	}
	late := t0.Add(time.Minute) // a pause may not be saved up
	if got := p.ahead(late, 20*time.Millisecond); got != 0 {
		t.Errorf("after a pause %v ahead", got)
	}
	var got time.Duration
	for range 100 {
		got = p.ahead(late, time.Second)
	}
	if got != 100*time.Second {
		t.Errorf("a burst of 100 s counts as %v", got)
	}
}

func TestLineError_TellsHowTheSessionEnds(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want session.End
	}{
		"refused":       {&refusal{ws.ClosePolicy, "x", session.EndPolicy}, session.EndPolicy},
		"cut":           {io.ErrUnexpectedEOF, session.EndPeer},
		"something":     {errors.New("x"), session.EndPeer},
		"out of time":   {timeout{}, session.EndLimit},
		"reached limit": {&refusal{ws.CloseTooBig, "x", session.EndProtocol}, session.EndProtocol},
	} {
		var le *session.LineError
		if err := lineError(c.err); !errors.As(err, &le) || le.End != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type timeout struct{}

func (timeout) Error() string   { return "timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return false }

func TestCloseCode_EveryEndHasOne(t *testing.T) {
	for end, want := range map[session.End]int{
		session.EndNormal: 1000, session.EndPeer: 1000, session.EndDrain: 1001, session.EndLimit: 1008, session.EndPolicy: 1008,
		session.EndProtocol: 1002, session.EndError: 1011, "unheard of": 1011,
	} {
		if code, _ := closeCode(end); code != want {
			t.Errorf("%s closes with %d, want %d", end, code, want)
		}
	}
}
