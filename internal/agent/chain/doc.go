// Package chain links the vendors' clients to the seams of a session: speech to text, language model,
// text to speech, and the tools. It is the only part of the agent that knows which vendor stands where.
//
// Each role may have a second endpoint behind the first (Responders, Recognizers, Synthesizers). The first one's
// circuit decides who is asked first: while it is open, asking costs nothing and the second answers at once;
// the one trial that half-opens it is the way back. What the first fails at, the second goes on with in the
// same turn, within a budget that keeps both of them failing from doubling the requests.
//
// Goroutines: none, but for the recorded apology of a speech that nobody speaks; Cancel waits for it.
package chain
