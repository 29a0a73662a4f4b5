package trace

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"time"
)

//nolint:gochecknoglobals // a pool is shared by nature
var lineBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// appendEvent appends an event as encoding/json writes it, but without its reflection: a server writes thousands
// of lines a second. Args and Result must be valid JSON; they are taken as they are. What it cannot write is left
// to the library: ok is false.
func appendEvent(b []byte, e *Event) (_ []byte, ok bool) {
	if len(e.Attrs) > 0 || !plain(e.T) || !plain(e.MS) || bytes.ContainsAny(e.Args, "\r\n") || bytes.ContainsAny(e.Result, "\r\n") {
		return b, false
	}
	if y := e.At.Year(); !e.At.IsZero() && (y < 1 || y > 9999) {
		return b, false
	}
	b = strconv.AppendFloat(append(b, `{"t":`...), e.T, 'f', -1, 64)
	if !e.At.IsZero() {
		b = append(e.At.AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano), '"')
	}
	b = AppendText(append(b, `,"side":`...), string(e.Side))
	b = AppendText(append(b, `,"event":`...), string(e.Event))
	if e.Turn != 0 {
		b = strconv.AppendInt(append(b, `,"turn":`...), int64(e.Turn), 10)
	}
	if e.Text != "" {
		b = AppendText(append(b, `,"text":`...), e.Text)
	}
	if e.Tool != "" {
		b = AppendText(append(b, `,"tool":`...), e.Tool)
	}
	if len(e.Args) > 0 {
		b = append(append(b, `,"args":`...), e.Args...)
	}
	if len(e.Result) > 0 {
		b = append(append(b, `,"result":`...), e.Result...)
	}
	if e.MS != 0 {
		b = strconv.AppendFloat(append(b, `,"ms":`...), e.MS, 'f', -1, 64)
	}
	return append(b, '}'), true
}

// plain tells whether the library writes a number without an exponent.
func plain(f float64) bool {
	a := math.Abs(f)
	return a == 0 || a >= 1e-6 && a < 1e21
}

// AppendText appends a JSON string; what needs an escape is left to the library.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			enc, err := json.Marshal(s)
			if err != nil { // a string always can be encoded
				return append(b, `""`...)
			}
			return append(b, enc...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
