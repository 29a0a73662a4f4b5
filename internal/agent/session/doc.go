// Package session is one conversation: it runs the turn engine against a line, a recognizer, a model and
// a voice, keeps time, and writes down what happened.
//
// Goroutines of a session, and what each owns:
//
//   - loop (Run): the engine, the timers, the voice's runs; everything that decides
//   - reader: Line.Recv; hands the sound to the voice detector and the recognizer; turns all else into
//     inbox items
//   - writer: Line.Send; takes from the player, paced by the shared scheduler; it lives while there is
//     something to send
//   - one for a model stream or tool in progress; they own nothing and report to the inbox
//
// The recognizer and the synthesizer call sinks on goroutines of their own; a sink only puts an item
// into the inbox. Run returns when all of them have ended.
package session
