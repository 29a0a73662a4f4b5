package cartesia

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
)

const (
	maxText   = 64 << 10 // bytes of one Say, and of what is kept to be told again
	maxQueued = 4 << 20  // bytes waiting for the socket, of all speeches
	// The vendor forgets a context about a second after its last sound; text that comes later starts
	// the word times at zero again.
	expiry = 800 * time.Millisecond
	// No voice speaks slower than this; sound beyond it is a vendor that does not end.
	soundFixed   = 10 * time.Second
	soundPerByte = 150 * time.Millisecond
	soundBeyond  = 6 * time.Second // the last word that was told of
)

// EventKind names an Event.
type EventKind int

// What a speech tells. Complete and Failed are the last event.
const (
	Audio    EventKind = iota + 1 // Data
	Words                         // Words
	Complete                      // all sound has come
	Failed                        // Err
)

// Event is one message of a speech.
type Event struct {
	Kind  EventKind
	Data  []byte // whole samples in the opened format; valid during the call of the sink
	Words []Word // times from the beginning of the speech's sound
	Err   *guard.Error
	At    time.Time // receipt
}

// Speech is one reply being spoken. Its methods are safe for concurrent use.
type Speech struct {
	c        *Client
	id       string
	format   media.Format
	template Generate
	sink     func(Event)
	guard    func(error, bool) error
	release  func() bool

	deliver sync.Mutex // held while the sink runs
	silent  bool       // of deliver: nothing more is delivered

	// Of the client's lock.
	said    bool     // there was text
	ended   bool     // End was called
	final   bool     // and is on the wire
	onWire  bool     // the present socket knows of it
	sounded bool     // sound has come
	again   bool     // it was told again on a new socket
	sent    [][]byte // what the socket got, until the first sound
	size    int      // bytes in sent
	due     time.Time
	last    time.Time     // of the last sound
	bytes   int64         // of sound
	chars   int           // bytes of text
	asked   time.Time     // text went out last,
	askedAt time.Duration // with so much sound received
	half    []byte        // half a sample
	resumed time.Duration
	offset  time.Duration
	spoken  time.Duration // end of the last word
}

// Say adds text. It returns at once. Text is spoken as it stands, with a space put behind it when there
// is none, so that the next piece does not stick to it.
func (sp *Speech) Say(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if len(text) > maxText {
		return fmt.Errorf("cartesia: %d bytes of text at once: want at most %d", len(text), maxText)
	}
	if r, _ := utf8.DecodeLastRuneInString(text); !unicode.IsSpace(r) {
		text += " "
	}
	m := sp.template
	m.Transcript = text
	payload := encode(m)
	c := sp.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[sp.id] != sp || sp.ended {
		return ErrOver
	}
	if c.queued+len(payload) > maxQueued {
		return fmt.Errorf("cartesia: %d bytes wait for the socket: no room for more", c.queued)
	}
	sp.said = true
	sp.chars += len(text)
	c.push(outgoing{sp: sp, payload: payload})
	return nil
}

// End says that no more text comes. Complete follows when all sound has come.
func (sp *Speech) End() error {
	m := sp.template
	m.Continue = false
	c := sp.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[sp.id] != sp || sp.ended {
		return ErrOver
	}
	sp.ended = true
	out := outgoing{sp: sp, last: true}
	if sp.said { // else the vendor need not know
		out.payload = encode(m)
	}
	c.push(out)
	return nil
}

// Cancel stops the speech. No event is delivered after it returns; it waits for a sink that is running.
func (sp *Speech) Cancel() {
	c := sp.c
	c.mu.Lock()
	live := c.remove(sp)
	if live && sp.onWire {
		c.push(outgoing{payload: encode(Cancel{ContextID: sp.id, Cancel: true})})
	}
	c.mu.Unlock()
	if live {
		_ = sp.guard(context.Canceled, false)
	}
	sp.deliver.Lock()
	sp.silent = true
	sp.deliver.Unlock()
}

// tell gives an event to the sink.
func (sp *Speech) tell(e Event) {
	sp.deliver.Lock()
	defer sp.deliver.Unlock()
	if sp.silent {
		return
	}
	sp.silent = e.Kind == Complete || e.Kind == Failed
	sp.sink(e)
}

// fail tells of the failure of a speech that has been removed. Only the first of several speeches that
// fail for the same reason counts against the vendor.
func (sp *Speech) fail(err error, first bool) {
	if first {
		_ = sp.guard(err, false)
	} else {
		_ = sp.guard(fmt.Errorf("the shared socket failed: %w", context.Canceled), false)
	}
	ge := &guard.Error{Class: guard.Classify(err), Err: err}
	var said *guard.Error
	if errors.As(err, &said) {
		c := *said
		ge = &c
	}
	ge.Vendor, ge.Op = vendor, "speak"
	if ge.RequestID == "" {
		ge.RequestID = sp.id // the vendor's support finds a context by it
	}
	sp.tell(Event{Kind: Failed, Err: ge, At: sp.c.o.Clock.Now()})
}

// length is how much sound has come.
func (sp *Speech) length() time.Duration { return sp.format.Duration(int(sp.bytes)) }
