package server

import (
	"encoding/json"
	"strconv"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/trace"
)

// The engine's steps are most of a journal: some fifty a turn, on every call. These functions write them as
// encoding/json does, byte for byte, without its reflection; what is rare and nested is left to it.

// appendEvent appends what went into the engine.
func appendEvent(b []byte, e *turn.Event) ([]byte, error) {
	if len(e.Calls) > 0 || e.Result != nil || len(e.Words) > 0 {
		return appendJSON(b, e)
	}
	b = strconv.AppendInt(append(b, `{"at":`...), int64(e.At), 10)
	b = trace.AppendText(append(b, `,"kind":`...), string(e.Kind))
	b = appendInt(b, "epoch", int64(e.Epoch))
	b = appendText(b, "text", e.Text)
	b = appendInt(b, "start", int64(e.Start))
	b = appendInt(b, "end", int64(e.End))
	b = appendTrue(b, "mute", e.Mute)
	b = appendTrue(b, "later", e.Later)
	b = appendInt(b, "seg", int64(e.Seg))
	b = appendInt(b, "audio", int64(e.Audio))
	b = appendTrue(b, "done", e.Done)
	b = appendText(b, "timer", string(e.Timer))
	b = appendText(b, "digit", e.Digit)
	b = appendText(b, "reason", e.Reason)
	return append(b, '}'), nil
}

// appendCommands appends what came out of it.
func appendCommands(b []byte, list []turn.Command) (_ []byte, err error) {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendCommand(b, &list[i]); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendCommand(b []byte, c *turn.Command) (_ []byte, err error) {
	if c.Call != nil || c.Turn != nil {
		return appendJSON(b, c)
	}
	b = trace.AppendText(append(b, `{"kind":`...), string(c.Kind))
	b = appendInt(b, "epoch", int64(c.Epoch))
	b = appendInt(b, "seg", int64(c.Seg))
	b = appendText(b, "text", c.Text)
	b = appendText(b, "timer", string(c.Timer))
	b = appendInt(b, "after", int64(c.After))
	if c.Note != nil {
		if b, err = appendNote(append(b, `,"note":`...), c.Note); err != nil {
			return nil, err
		}
	}
	b = appendText(b, "end", c.End)
	return append(b, '}'), nil
}

func appendNote(b []byte, n *turn.Note) ([]byte, error) {
	if n.Call != nil || n.Result != nil || n.Data != nil {
		return appendJSON(b, n)
	}
	b = trace.AppendText(append(b, `{"kind":`...), string(n.Kind))
	b = appendText(b, "text", n.Text)
	b = appendTrue(b, "final", n.Final)
	b = appendInt(b, "seg", int64(n.Seg))
	b = appendTrue(b, "spoken", n.Spoken)
	b = appendText(b, "rest", n.Rest)
	b = appendTrue(b, "fatal", n.Fatal)
	return append(b, '}'), nil
}

func appendJSON(b []byte, v any) ([]byte, error) {
	enc, err := json.Marshal(v)
	return append(b, enc...), err
}

func appendInt(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(appendKey(b, key), n, 10)
}

func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return trace.AppendText(appendKey(b, key), s)
}

func appendTrue(b []byte, key string, v bool) []byte {
	if !v {
		return b
	}
	return append(appendKey(b, key), "true"...)
}

func appendKey(b []byte, key string) []byte {
	return append(append(append(b, `,"`...), key...), `":`...)
}
