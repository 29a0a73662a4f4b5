package rtvi

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Label marks a message as RTVI. A message with another label is not for us.
const Label = "rtvi-ai"

// Bounds of one message.
const (
	MaxMessage = 1 << 20 // bytes, as the stock WebSocket transport allows
	MaxFirst   = 64 << 10
	maxID      = 128
	maxType    = 64
)

// Envelope is one message. Data stays as it came; Unpack reads it.
type Envelope struct {
	Label string          `json:"label"`
	Type  Type            `json:"type"`
	ID    string          `json:"id,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// What can be wrong with a message.
var (
	ErrMalformed = errors.New("malformed message")
	// ErrLabel is sound JSON under another label: ignore it.
	ErrLabel = errors.New("not an rtvi message")
)

// Decode reads one envelope. Data is a part of msg.
func Decode(msg []byte) (Envelope, error) {
	var e Envelope
	switch {
	case len(msg) > MaxMessage:
		return e, fmt.Errorf("rtvi: decode: %w: %d bytes, at most %d", ErrMalformed, len(msg), MaxMessage)
	case !utf8.Valid(msg):
		return e, fmt.Errorf("rtvi: decode: %w: not utf-8", ErrMalformed)
	}
	if err := json.Unmarshal(msg, &e); err != nil {
		return Envelope{}, fmt.Errorf("rtvi: decode: %w: not a json object of the right shape", ErrMalformed)
	}
	switch {
	case e.Label != Label:
		return e, fmt.Errorf("rtvi: decode: %w", ErrLabel)
	case e.Type == "" || len(e.Type) > maxType:
		return e, fmt.Errorf("rtvi: decode: %w: type missing or too long", ErrMalformed)
	case len(e.ID) > maxID:
		return e, fmt.Errorf("rtvi: decode: %w: id too long", ErrMalformed)
	}
	return e, nil
}

// Unpack reads the envelope's data into v; absent data leaves v as it is. The error's text may be
// shown to the far end.
func (e Envelope) Unpack(v any) error {
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return nil
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		return fmt.Errorf("rtvi: %w: data of %s has the wrong shape", ErrMalformed, e.Type)
	}
	return nil
}

// Encode writes a message. id and data may be empty; a nil data is left out.
func Encode(t Type, id string, data any) ([]byte, error) {
	e := Envelope{Label: Label, Type: t, ID: id}
	if data != nil {
		b, err := json.Marshal(data)
		if err != nil {
			return nil, fmt.Errorf("rtvi: encode %s: %w", t, err)
		}
		e.Data = b
	}
	return json.Marshal(e)
}
