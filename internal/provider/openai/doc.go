// Package openai is the client of the chat completion interface, for OpenAI itself and for servers that
// speak its language, and the home of its message types on the wire. It is the only user of go-openai.
//
// What go-openai leaves open is closed here: response headers of failures are kept, error events are
// found whatever their spelling, keep-alive comments do not end an answer, a cut stream is an error, and
// every size and wait is bounded. The client starts no goroutine of its own; Stream calls its sink from
// the goroutine that called Stream.
package openai
