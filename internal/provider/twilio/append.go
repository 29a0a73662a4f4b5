package twilio

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// A server's messages. Each appends one JSON text to dst.

// AppendMedia appends sound to be played: payload is mu-law 8 kHz mono of any length.
func AppendMedia(dst []byte, streamSid string, payload []byte) []byte {
	dst = append(dst, `{"event":"media","streamSid":`...)
	dst = appendString(dst, streamSid)
	dst = append(dst, `,"media":{"payload":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, payload)
	return append(dst, `"}}`...)
}

// AppendMark appends a mark: it comes back when all sound sent before it has been played.
func AppendMark(dst []byte, streamSid, name string) []byte {
	dst = append(dst, `{"event":"mark","streamSid":`...)
	dst = appendString(dst, streamSid)
	dst = append(dst, `,"mark":{"name":`...)
	dst = appendString(dst, name)
	return append(dst, `}}`...)
}

// AppendClear appends the order to drop what has not been played. All pending marks come back at once.
func AppendClear(dst []byte, streamSid string) []byte {
	dst = append(dst, `{"event":"clear","streamSid":`...)
	dst = appendString(dst, streamSid)
	return append(dst, '}')
}

// The phone network's messages. Numbers are JSON strings, as the vendor writes them.

// AppendConnected appends the first message of a socket.
func AppendConnected(dst []byte) []byte {
	return append(dst, `{"event":"connected","protocol":"Call","version":"1.0.0"}`...)
}

// AppendStart appends the start message; format and tracks are the vendor's only ones when empty.
func AppendStart(dst []byte, sequence int64, s Start) ([]byte, error) {
	type format struct {
		Encoding   string `json:"encoding"`
		SampleRate int64  `json:"sampleRate"`
		Channels   int64  `json:"channels"`
	}
	body := struct {
		StreamSID  string            `json:"streamSid"`
		AccountSID string            `json:"accountSid"`
		CallSID    string            `json:"callSid"`
		Tracks     []string          `json:"tracks"`
		Format     format            `json:"mediaFormat"`
		Parameters map[string]string `json:"customParameters"`
	}{s.StreamSID, s.AccountSID, s.CallSID, s.Tracks, format{s.Encoding, s.SampleRate, s.Channels}, s.Parameters}
	if body.Tracks == nil {
		body.Tracks = []string{"inbound"}
	}
	if body.Parameters == nil {
		body.Parameters = map[string]string{}
	}
	if s.Encoding == "" {
		body.Format = format{"audio/x-mulaw", 8000, 1}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return dst, err
	}
	dst = appendHead(dst, "start", sequence, s.StreamSID)
	dst = append(dst, `,"start":`...)
	dst = append(dst, b...)
	return append(dst, '}'), nil
}

// AppendInboundMedia appends a caller's sound.
func AppendInboundMedia(dst []byte, sequence int64, streamSid string, m Media) []byte {
	dst = appendHead(dst, "media", sequence, streamSid)
	dst = append(dst, `,"media":{"track":`...)
	track := m.Track
	if track == "" {
		track = "inbound"
	}
	dst = appendString(dst, track)
	dst = append(dst, `,"chunk":"`...)
	dst = strconv.AppendInt(dst, m.Chunk, 10)
	dst = append(dst, `","timestamp":"`...)
	dst = strconv.AppendInt(dst, m.Timestamp, 10)
	dst = append(dst, `","payload":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, m.Payload)
	return append(dst, `"}}`...)
}

// AppendDTMF appends a key press. The vendor names its track "inbound_track" here.
func AppendDTMF(dst []byte, sequence int64, streamSid, digit string) []byte {
	dst = appendHead(dst, "dtmf", sequence, streamSid)
	dst = append(dst, `,"dtmf":{"track":"inbound_track","digit":`...)
	dst = appendString(dst, digit)
	return append(dst, `}}`...)
}

// AppendMarkEcho appends a mark that was reached or flushed.
func AppendMarkEcho(dst []byte, sequence int64, streamSid, name string) []byte {
	dst = appendHead(dst, "mark", sequence, streamSid)
	dst = append(dst, `,"mark":{"name":`...)
	dst = appendString(dst, name)
	return append(dst, `}}`...)
}

// AppendStop appends the end of the stream.
func AppendStop(dst []byte, sequence int64, streamSid string, s Stop) []byte {
	dst = appendHead(dst, "stop", sequence, streamSid)
	dst = append(dst, `,"stop":{"accountSid":`...)
	dst = appendString(dst, s.AccountSID)
	dst = append(dst, `,"callSid":`...)
	dst = appendString(dst, s.CallSID)
	return append(dst, `}}`...)
}

func appendHead(dst []byte, event string, sequence int64, streamSid string) []byte {
	dst = append(dst, `{"event":"`...)
	dst = append(dst, event...)
	dst = append(dst, `","sequenceNumber":"`...)
	dst = strconv.AppendInt(dst, sequence, 10)
	dst = append(dst, `","streamSid":`...)
	return appendString(dst, streamSid)
}

// appendString quotes s: at once when it is plain, by encoding/json when not.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			b, err := json.Marshal(s)
			if err != nil { // strings always encode
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
