package speechmatics

import (
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

// EventKind names an Event.
type EventKind int

// What a stream tells.
const (
	Partial        EventKind = iota + 1 // replaces the partial before it; "" takes it back
	Final                               // appends to the finals before it
	EndOfUtterance                      // after the final(s) of the utterance
	Failed                              // Err; the last event
)

// Event is one message of the recognizer.
type Event struct {
	Kind EventKind
	// Text is the vendor's own joining of the words, with the delimiter behind the last one: finals
	// are put together by concatenation.
	Text       string
	Start, End time.Duration // in the sound written to the stream
	Forced     bool          // asked for by Finalize
	At         time.Time     // receipt
	Err        *guard.Error
}

// Stats counts what passed through a stream.
type Stats struct {
	Started     bool
	Sent, Acked time.Duration // sound sent, and acknowledged by AudioAdded
	Dropped     time.Duration // sound that came too early for too long
	Messages    int64         // binary frames sent
	Partials    int           // received, empty ones included
	Finals      int
	Duplicates  int // finals that came twice and were told once
	Utterances  int
	Infos       int
	Warnings    int
	Unknown     int    // messages of no use here: other names, binary, acknowledgements of nothing
	LastWarning string // its type
}
