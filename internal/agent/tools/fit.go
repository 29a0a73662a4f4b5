package tools

import (
	"encoding/json"
	"fmt"
	"maps"
)

// noteRoom is kept free for the note that says what was left out.
const noteRoom = 160

// fit encodes head with a list under name, leaves out what of the list does not fit into limit bytes, and says
// so. head must be small.
func fit(limit int, head map[string]any, name string, items []any) string {
	out := maps.Clone(head)
	room := limit - len(encode(out)) - len(name) - noteRoom
	kept := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		b, err := json.Marshal(item)
		if err != nil || len(b)+1 > room {
			break
		}
		room -= len(b) + 1
		kept = append(kept, b)
	}
	out[name] = kept
	if len(kept) < len(items) {
		out["cut"] = fmt.Sprintf("only the first %d of %d are listed here, as the rest is too long", len(kept), len(items))
	}
	return encode(out)
}

// encode never fails for what is made here: texts, numbers, lists of them.
func encode(v map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return `{"error":{"class":"internal","message":"Something went wrong on our side. Please try again."}}`
	}
	return string(b)
}
