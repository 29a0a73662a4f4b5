package server

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/voicectl/voicectl/internal/agent/mask"
	"github.com/voicectl/voicectl/internal/trace"
)

// veil stands between a journal and its file: numbers that must not be kept do not pass. A caller says a
// number in pieces, so what is said is held back until the turn begins and all of it is known. Once a number
// had to be hidden, the engine's steps of that call are not kept any more: they hold each piece many times,
// and with holes in them they could not be run again.
type veil struct {
	to      func(trace.Event)
	holding bool
	held    []trace.Event
	size    int
	said    string // of the turn to be
	shut    bool
}

// maxHeld bounds what one call may hold back, in bytes.
const maxHeld = 32 << 10

// hold begins to hold back, until release.
func (v *veil) hold() { v.holding = true }

func (v *veil) emit(e trace.Event) {
	if !v.shut && v.tells(e) {
		v.shut = true
		v.release()
		v.to(trace.Event{T: e.T, At: e.At, Turn: e.Turn, Event: trace.Warning, Text: "a number was hidden; the engine's steps of this call are not kept"})
	}
	switch {
	case v.shut:
		v.to(veiled(e))
	case v.holding:
		v.held = append(v.held, e)
		v.size += len(e.Text) + len(e.Args) + len(e.Result)
		if v.size > maxHeld {
			_, v.shut = mask.Digits(v.said) // it may be the beginning of one
			v.release()
		}
	default:
		v.to(e)
	}
}

// tells whether this event, with what was said before it, holds a number that must not be kept.
func (v *veil) tells(e trace.Event) bool {
	if e.Event == trace.Final {
		v.said += " " + e.Text
		if over := len(v.said) - maxHeld; over > 0 {
			v.said = v.said[over:]
		}
		if mask.Numbers(v.said) != v.said {
			return true
		}
	}
	return mask.Numbers(e.Text) != e.Text || found(e.Args) || found(e.Result)
}

// release lets go what was held back.
func (v *veil) release() {
	for _, e := range v.held {
		if v.shut {
			e = veiled(e)
		}
		v.to(e)
	}
	v.held, v.size, v.said, v.holding = nil, 0, "", false
}

// veiled is an event of a call in which a number was said.
func veiled(e trace.Event) trace.Event {
	switch e.Event { //nolint:exhaustive // the others hold whole texts
	case stepName:
		e.Args, e.Result = json.RawMessage(`"hidden"`), nil
		return e
	case trace.Partial, trace.Final:
		e.Text, _ = mask.Digits(e.Text)
	}
	e.Text = mask.Text(e.Text)
	e.Args, e.Result = hidden(e.Args), hidden(e.Result)
	return e
}

// found tells whether a string within JSON holds a number that must not be kept.
func found(b []byte) bool { return len(b) > 0 && !bytes.Equal(hidden(b), b) }

// hidden masks every string within JSON.
func hidden(b json.RawMessage) json.RawMessage {
	var out []byte // nil while nothing changed
	from := 0
	for i := 0; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(b) && b[end] != '"' {
			if b[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(b) {
			if tail := string(b[i:]); mask.Numbers(tail) != tail {
				return json.RawMessage(`"hidden"`)
			}
			break
		}
		lit := b[i : end+1]
		i = end
		var s string
		if len(lit) < 11 || json.Unmarshal(lit, &s) != nil {
			continue
		}
		safe := mask.Numbers(s)
		if safe == s {
			continue
		}
		enc, err := json.Marshal(safe)
		if err != nil {
			enc = []byte(`"hidden"`)
		}
		out = append(append(out, b[from:end+1-len(lit)]...), enc...)
		from = end + 1
	}
	if out == nil {
		return b
	}
	return append(out, b[from:]...)
}

// key is what is kept of a key: that there was one, and whether it ended the number.
func key(digit string) string {
	if digit == "" || strings.ContainsAny(digit, "#") {
		return digit
	}
	return "*"
}
