// Package turn is the turn-taking engine: a pure state machine, events in, commands out. It has no
// goroutine, no clock and no I/O, so a call can be recorded, replayed, fuzzed and tested on virtual time
// in microseconds.
//
// Who has the floor is decided from four signals, each with its own time stamp: the caller's voice
// (energy), the recognizer's words, the recognizer's end of utterance, and what the far end has played.
//
//   - endpoint.go: when the caller's turn is over
//   - bargein.go: when the agent yields
//   - reply.go: model, tools and speech of the answer
//   - heard.go: how much of the answer was heard; only that enters the memory
//   - memory.go: the conversation as the model sees it
//   - clause.go, speakable.go: text to pieces fit for speech
package turn
