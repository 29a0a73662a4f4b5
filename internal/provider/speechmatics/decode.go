package speechmatics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// maxSession is the longest session that the vendor allows; a time beyond it is nonsense.
const maxSession = 48 * time.Hour

// inbound is the union of what a server sends, as far as the client looks at it. results are not
// decoded: metadata.transcript is already joined by the vendor's rules.
type inbound struct {
	Message  string `json:"message"`
	ID       string `json:"id"` // of the session
	SeqNo    int64  `json:"seq_no"`
	Metadata struct {
		StartTime  float64 `json:"start_time"`
		EndTime    float64 `json:"end_time"`
		Transcript string  `json:"transcript"`
	} `json:"metadata"`
	Forced bool   `json:"forced"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func decode(data []byte) (inbound, error) {
	var m inbound
	if seq, ok := added(data); ok { // most of what comes, ten times a second on every call
		m.Message, m.SeqNo = MsgAudioAdded, seq
		return m, nil
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return inbound{}, fmt.Errorf("message of %d bytes is not understood: %w", len(data), err)
	}
	if m.Message == "" {
		return inbound{}, fmt.Errorf("message of %d bytes has no name", len(data))
	}
	return m, nil
}

// added reads an acknowledgement in the shape that the vendor gives it; of any other shape it is read as the
// rest is.
func added(data []byte) (seq int64, ok bool) {
	for _, want := range []string{"{", `"message"`, ":", `"` + MsgAudioAdded + `"`, ",", `"seq_no"`, ":"} {
		data = bytes.TrimLeft(data, " ")
		if data, ok = bytes.CutPrefix(data, []byte(want)); !ok {
			return 0, false
		}
	}
	data = bytes.TrimRight(bytes.TrimLeft(data, " "), "\r\n ")
	digits := len(data) - 1
	if digits < 1 || digits > 18 || data[digits] != '}' || digits > 1 && data[0] == '0' {
		return 0, false
	}
	for _, c := range bytes.TrimRight(data[:digits], " ") {
		if c < '0' || c > '9' {
			return 0, false
		}
		seq = 10*seq + int64(c-'0')
	}
	return seq, true
}

// seconds turns a time of the wire into a Duration within a session.
func seconds(s float64) time.Duration {
	switch {
	case !(s > 0): // also NaN
		return 0
	case s > maxSession.Seconds():
		return maxSession
	}
	return time.Duration(s * float64(time.Second))
}
