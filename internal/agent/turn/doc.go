// Package turn is the turn-taking engine: a pure state machine, events in, commands out. It has no
// goroutine, no clock and no I/O, so a call can be recorded, replayed, fuzzed and tested on virtual time
// in microseconds.
//
// Who has the floor is decided from four signals, each with its own time stamp: the caller's voice
// (energy), the recognizer's words, the recognizer's end of utterance, and what the far end has played.
//
//   - endpoint.go: when the caller's turn is over; typed.go: words and keys in place of speech
//   - bargein.go: when the agent yields, and what it owes when that was for nothing
//   - reply.go: the answer from the model's first word to the last one heard; tools.go: what it looks up
//   - failure.go: what is said when the model or the voice fails
//   - heard.go: how much of the answer was heard; only that enters the memory
//   - memory.go: the conversation as the model sees it
//   - clause.go, speakable.go: text to pieces fit for speech
package turn
