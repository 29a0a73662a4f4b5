// Package secret holds the one type for values that must never be seen: keys, tokens, passwords.
//
// A Secret prints, logs and encodes as a placeholder whatever the encoder, so a stray %v or a config
// dump cannot leak it. Only Reveal gives the value, which makes every use easy to find.
package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// Redacted is what stands in place of a set Secret everywhere.
const Redacted = "[redacted]"

// Secret is a string that redacts itself. The zero value is "not set".
type Secret struct{ value string }

// New wraps a value.
func New(value string) Secret { return Secret{value: value} }

// Reveal returns the value. Call it only where the value goes onto the wire.
func (s Secret) Reveal() string { return s.value }

// Set tells whether there is a value.
func (s Secret) Set() bool { return s.value != "" }

// Len is the length of the value in bytes; reports may show it.
func (s Secret) Len() int { return len(s.value) }

// Fingerprint identifies the value under a salt without telling it: 8 hex digits, "" when not set.
func (s Secret) Fingerprint(salt string) string {
	if s.value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(salt + "\x00" + s.value))
	return hex.EncodeToString(sum[:4])
}

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return Redacted
}

// Format implements fmt.Formatter, so that %#v, %q, %x and all others redact too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText covers JSON, YAML, XML and TOML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON keeps encoders that look for it first from going around MarshalText.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalYAML is for encoders that know only this interface.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText reads a value from text.
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}
