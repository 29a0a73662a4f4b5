// Package chain links the vendors' clients to the seams of a session: speech to text, language model,
// text to speech, and the tools. It is the only part of the agent that knows which vendor stands where.
package chain
