package cartesia

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// maxSound is the longest context thinkable; a word time beyond it is nonsense.
const maxSound = time.Hour

// Word is one spoken word with its place in the sound of its Speech.
type Word struct {
	Text       string
	Start, End time.Duration
}

// inbound is the union of what a server sends on the socket, in the shapes of all versions.
type inbound struct {
	Type           string         `json:"type"`
	ContextID      string         `json:"context_id"`
	Data           string         `json:"data"`
	WordTimestamps WordTimestamps `json:"word_timestamps"`
	StatusCode     int            `json:"status_code"`
	ErrorCode      string         `json:"error_code"`
	Title          string         `json:"title"`
	Message        string         `json:"message"`
	RequestID      string         `json:"request_id"`
	Error          string         `json:"error"` // before 2026-03-01
}

func decode(data []byte) (inbound, error) {
	var m inbound
	if err := json.Unmarshal(data, &m); err != nil {
		return inbound{}, fmt.Errorf("message of %d bytes is not understood: %w", len(data), err)
	}
	if m.Type == "" {
		return inbound{}, fmt.Errorf("message of %d bytes has no type", len(data))
	}
	return m, nil
}

// sound appends the decoded data to dst.
func (m *inbound) sound(dst []byte) ([]byte, error) {
	return base64.StdEncoding.AppendDecode(dst, []byte(m.Data))
}

// words are the word times, shifted by offset. Lists of different lengths are cut to the shortest;
// times never run backwards within a word.
func (m *inbound) words(offset time.Duration) []Word {
	ts := m.WordTimestamps
	n := min(len(ts.Words), len(ts.Start), len(ts.End))
	out := make([]Word, 0, n)
	for i := range n {
		start := seconds(ts.Start[i])
		out = append(out, Word{Text: strings.TrimSpace(ts.Words[i]), Start: offset + start, End: offset + max(start, seconds(ts.End[i]))})
	}
	return out
}

// seconds turns a time of the wire into a Duration within a context.
func seconds(s float64) time.Duration {
	switch {
	case !(s > 0): // also NaN
		return 0
	case s > maxSound.Seconds():
		return maxSound
	}
	return time.Duration(s * float64(time.Second))
}
