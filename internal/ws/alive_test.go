package ws

import (
	"errors"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestConn_KeepAliveLosesADeadPeerAndKeepsAQuietOne(t *testing.T) {
	const interval = 40 * time.Millisecond
	server, client := pair(t, 0)
	quiet := make(chan error, 1)
	go func() { // it answers pings, as whoever reads does
		_, _, err := client.Read(nil)
		quiet <- err
	}()
	server.KeepAlive(interval)
	read := make(chan error, 1)
	go func() {
		_, _, err := server.Read(nil)
		read <- err
	}()
	select {
	case err := <-read:
		t.Fatalf("a quiet peer was lost: %v", err)
	case <-time.After(10 * interval):
	}
	_ = client.Drop() // the reading end: the socket is closed for good
	if err := <-read; errors.Is(err, ErrLost) {
		t.Errorf("a peer that left was called lost: %v", err)
	}
	<-quiet

	server, client = pair(t, 0)
	_ = client // it does not read
	begun := time.Now()
	server.KeepAlive(interval)
	_, _, err := server.Read(nil)
	if took := time.Since(begun); !errors.Is(err, ErrLost) || CloseCode(err) != CloseAbnormal || took < 2*interval {
		t.Errorf("got %v after %v, want lost after two intervals", err, took)
	}
	if err := server.Close(CloseNormal, ""); err != nil {
		t.Errorf("closing what is lost: %v", err)
	}
}

func TestConn_AFloodOfControlFramesEndsReading(t *testing.T) {
	for name, kind := range map[string]int{"pings": websocket.PingMessage, "pongs": websocket.PongMessage} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, 0)
			for i := range maxControl + 1 {
				if err := client.ws.WriteControl(kind, nil, time.Now().Add(time.Second)); err != nil {
					t.Fatal(i, err)
				}
			}
			if _, _, err := server.Read(nil); !errors.Is(err, ErrFlood) {
				t.Errorf("got %v, want a flood", err)
			}
		})
	}
}

// A peer that does not read is reset: the kernel would keep what is not sent, and Close would wait for it.
func TestConn_CloseDoesNotWaitForAPeerThatDoesNotRead(t *testing.T) {
	server, client := pair(t, 0)
	server.writeTimeout = 50 * time.Millisecond
	var err error
	for err == nil {
		err = server.Write(Binary, make([]byte, 1<<20))
	}
	begun := time.Now()
	_ = server.Close(CloseTryLater, "slow") // there is nobody to tell
	if took := time.Since(begun); took > lingerTime/2 {
		t.Errorf("close took %v", took)
	}
	for err = nil; err == nil; {
		_, _, err = client.Read(nil)
	}
	if CloseCode(err) == CloseTryLater {
		t.Error("the peer got a goodbye in the middle of a message")
	}
}
