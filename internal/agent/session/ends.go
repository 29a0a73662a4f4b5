package session

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// Line is one end of a call: the phone's media stream or the browser's socket. Recv is called by one
// goroutine, Send by one other; Close may be called by any, more than once.
type Line interface {
	// Recv blocks for the next thing from the far end. io.EOF is a proper end; every other error is not.
	Recv(ctx context.Context) (In, error)
	// Send puts one thing on the wire. It may block for the write timeout at most.
	Send(out Out) error
	// Close ends the line with words its far end understands.
	Close(reason End) error
	// Info tells what the line is.
	Info() Info
}

// Info describes a line.
type Info struct {
	Kind     string        // "twilio" or "rtvi"
	In, Out  media.Format  // sound from and to the far end
	Marks    bool          // the far end reports what it has played
	Chunk    time.Duration // sound sent at a time
	Lead     time.Duration // how far sending may run ahead of the ear
	CallSID  string
	StreamID string
	Debug    bool // tool arguments and results may be shown to this far end
	Params   map[string]string
}

// In is one thing from the far end; exactly one field group is set, told by Kind.
type In struct {
	Kind     InKind
	Frame    *media.Frame // InAudio; the receiver releases it
	Text     string       // InText
	Mute     bool         // InText: answer without speech
	Later    bool         // InText: no reply now
	Mark     string       // InMark: name given to Out.Mark
	Digit    string       // InKey
	At       time.Time
	ID, Type string // InMessage: custom message of a client and its id
	Data     []byte // InMessage: JSON
}

// InKind names what came.
type InKind int

// What a far end can send.
const (
	InAudio InKind = iota
	InText
	InMark
	InKey
	InReady   // the far end is ready to hear (start, client-ready)
	InMessage // a client's own message
)

// Out is one thing to the far end.
type Out struct {
	Kind  OutKind
	Audio []byte    // OutAudio: in Info.Out, owned by the caller again after Send
	Mark  string    // OutMark
	Note  turn.Note // OutNote
	ID    string    // OutReply
	Type  string    // OutReply: of the message answered
	Data  any       // OutReply: encoded as JSON; nil = the message is not known
}

// OutKind names what goes out.
type OutKind int

// What can be sent.
const (
	OutAudio OutKind = iota
	OutMark
	OutClear // drop what is not yet played
	OutNote  // something a client may show; a phone line ignores it
	OutReply // answer to an InMessage
)

// End says why a line is closed.
type End string

// The ends.
const (
	EndNormal   End = "completed"
	EndPeer     End = "peer_gone"
	EndLost     End = "peer_lost" // without a word: nothing comes any more
	EndSlow     End = "peer_slow" // it does not take what is sent
	EndDrain    End = "drained"
	EndLimit    End = "limit"
	EndPolicy   End = "policy"
	EndProtocol End = "protocol"
	EndError    End = "error"
)
