// Package eat holds the proof that voicectl passes its own judgement: the built binary serves with the settings of
// production behind a front that ends TLS, and `voicectl check` looks at it from outside, and at this repository.
package eat
