package session

import (
	"context"
	"encoding/json"
)

// message answers a client's own message. Known are "ping" and "facts"; others get an error, as the
// protocol asks for.
func (s *Session) message(_ context.Context, in In) {
	var data any
	switch in.Type {
	case "ping":
		data = map[string]any{"t": "pong", "d": json.RawMessage(orNull(in.Data))}
	case "session":
		data = map[string]any{"t": "session", "d": map[string]any{"session_id": s.o.ID}}
	}
	s.player.put(Out{Kind: OutReply, ID: in.ID, Type: in.Type, Data: data})
}

func orNull(b []byte) []byte {
	if len(b) == 0 {
		return []byte("null")
	}
	return b
}
