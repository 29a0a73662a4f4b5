package tonecode

import "time"

// Kind is what an Event tells.
type Kind int8

// The kinds of Event. A message gives Sync, any number of Text, then Message, then rarely Stray.
const (
	Sync    Kind = iota + 1 // a message has begun
	Text                    // another word has arrived: Text is all there is so far
	Message                 // the message is over
	Stray                   // the last symbol of the message just reported came once more (Repeated is 1)
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Sync:
		return "sync"
	case Text:
		return "text"
	case Message:
		return "message"
	case Stray:
		return "stray"
	}
	return "unknown"
}

// Event is one report of a Decoder. Times are places in the stream of samples written.
type Event struct {
	Kind  Kind
	Text  string        // Text and Message; U+FFFD where a symbol is missing
	OK    bool          // Message: Text is exactly what was sent (its checksum holds)
	Start time.Duration // where the first symbol that was heard begins
	End   time.Duration // where the last one ends

	// What the path did to the symbols, each of one 20 ms frame. Complete in Message only.
	Lost      int // never came; of damaged ones that could not be read, each accounts for one less
	Repeated  int // came more than once
	Reordered int // came after one that follows them
	Corrupt   int // sound in the place of a symbol that could not be read, or only although part of it was missing
	Gaps      int // silence in the place of a symbol, before the message went on
	Tail      int // how many of Lost are the end of the message: it was cut off. -1: cut off, length unknown
}

// Clean is whether a message arrived whole and the path did nothing to it.
func (e Event) Clean() bool {
	return e.Kind == Message && e.OK && e.Lost == 0 && e.Repeated == 0 && e.Reordered == 0 && e.Corrupt == 0 && e.Gaps == 0
}
