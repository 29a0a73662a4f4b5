package speechmatics

import (
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
	if err := json.Unmarshal(data, &m); err != nil {
		return inbound{}, fmt.Errorf("message of %d bytes is not understood: %w", len(data), err)
	}
	if m.Message == "" {
		return inbound{}, fmt.Errorf("message of %d bytes has no name", len(data))
	}
	return m, nil
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
