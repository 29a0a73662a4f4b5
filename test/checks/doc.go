// Package checks holds tests that drive `voicectl check` as a whole: the built binary, a foreign backend behind
// TLS, a repository with history, a sandbox and scripted vendors. What a single kind sees is proved beside it.
package checks
