package peer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/trace"
)

// Peer is a call that was made.
type Peer interface {
	// Say queues samples to be spoken in real time after what is queued already. done is closed when the
	// last one was sent, or the call is over.
	Say(samples []int16, rate int) (done <-chan struct{})
	// Speak is Say of sound whose words are known, for the trace.
	Speak(text string, samples []int16, rate int) (done <-chan struct{})
	// SendText types a message; ErrNoText when the line has no keyboard.
	SendText(text string) error
	// Digits presses keys, one after the other.
	Digits(digits string) error
	// Events gives what happens, in order. It must be read until it is closed, which is after Closed.
	Events() <-chan Event
	// Format is how the two directions sound.
	Format() (speaks, hears media.Format)
	// Stats may be asked at any time.
	Stats() Stats
	// Done is closed when the call is over.
	Done() <-chan struct{}
	// Close hangs up as a caller does and waits until the call is over. It may be called again.
	Close() error
}

// Errors of a call.
var (
	// ErrNoText is SendText on a phone.
	ErrNoText = errors.New("peer: a phone has no keyboard")
	// ErrOver is an order to a call that is over.
	ErrOver = errors.New("peer: the call is over")
	// ErrSlowReader ends a call whose events are not read.
	ErrSlowReader = errors.New("peer: events are not read")
	// ErrPrivate is an address that the operator did not choose and that is not of the public internet.
	ErrPrivate = errors.New("peer: address is not public")
)

// Options are common to both kinds of call.
type Options struct {
	URL string // of the agent, typed by the operator: it may be private

	Trace    *trace.Writer
	Recorder *Recorder // gets both directions; the caller of the package closes it
	// Listen decodes what is played into Heard, SpeechStarted and SpeechStopped.
	Listen bool
	// Played gets every frame in order, from the owner's goroutine. It must not block.
	Played func(Played)

	// AllowPrivate lets URLs that the agent hands out lead to private addresses even when URL is public.
	AllowPrivate bool
	// Dialer makes TCP connections; nil = net.Dialer.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS    *tls.Config
	Clock  clock.Clock // nil = clock.Real
}

// timeouts of the steps of a call, as the phone network's.
const (
	webhookTimeout = 15 * time.Second
	dialTimeout    = 10 * time.Second
	readyTimeout   = 10 * time.Second
)

// randomSID makes an id of the vendor's shape.
func randomSID(prefix string) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}
