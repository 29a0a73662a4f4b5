package twilio

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// object is a parsed JSON object whose keys were unique and case matters, unlike encoding/json's structs.
type object map[string]any

// parse reads msg as one object: UTF-8, unique keys at every level, at most maxDepth deep.
func parse(msg []byte) (object, error) {
	if !utf8.Valid(msg) {
		return nil, ErrEncoding
	}
	if !json.Valid(msg) { // the token reader below is laxer about commas
		return nil, malformed("not json")
	}
	dec := json.NewDecoder(bytes.NewReader(msg))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err = dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("more than one value")
	}
	o, ok := v.(object)
	if !ok {
		return nil, malformed("not an object")
	}
	return o, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, malformed("not json")
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= maxDepth {
		return nil, malformed("nested deeper than %d", maxDepth)
	}
	if delim == '[' {
		list := []any{}
		for dec.More() {
			v, verr := parseValue(dec, depth+1)
			if verr != nil {
				return nil, verr
			}
			list = append(list, v)
		}
		return list, closing(dec)
	}
	o := object{}
	for dec.More() {
		k, kerr := dec.Token()
		if kerr != nil {
			return nil, malformed("not json")
		}
		key, isKey := k.(string)
		if !isKey {
			return nil, malformed("not json")
		}
		if _, dup := o[key]; dup {
			return nil, malformed("key twice in one object")
		}
		if o[key], err = parseValue(dec, depth+1); err != nil {
			return nil, err
		}
	}
	return o, closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return malformed("not json")
	}
	return nil
}

// reader takes fields out of an object and remembers the first fault.
type reader struct{ err error }

func (r *reader) fail(name, why string) {
	if r.err == nil {
		r.err = badField(name, why)
	}
}

// text reads a string of at most limit bytes; absent and null are "" unless required.
func (r *reader) text(o object, name string, limit int, required bool) string {
	v, ok := o[name]
	if !ok || v == nil {
		if required {
			r.fail(name, "missing")
		}
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.fail(name, "not a string")
		return ""
	}
	if len(s) > limit {
		r.fail(name, "too long")
		return ""
	}
	return s
}

// count reads a whole number written as a string or as a number; absent and null are 0.
func (r *reader) count(o object, name string) int64 {
	var s string
	switch v := o[name].(type) {
	case nil:
		return 0
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		r.fail(name, "not a number")
		return 0
	}
	n, ok := digits(s, false)
	if !ok {
		r.fail(name, "not a whole number")
	}
	return n
}

func (r *reader) object(o object, name string, required bool) object {
	v, ok := o[name]
	if !ok || v == nil {
		if required {
			r.fail(name, "missing")
		}
		return nil
	}
	inner, ok := v.(object)
	if !ok {
		r.fail(name, "not an object")
	}
	return inner
}

func decodeSlow(msg []byte, into *Message) error {
	into.reset()
	o, err := parse(msg)
	if err != nil {
		return err
	}
	return fill(o, into)
}

func fill(o object, m *Message) error {
	var r reader
	m.Event = Event(r.text(o, "event", maxSID, true))
	m.Sequence = r.count(o, "sequenceNumber")
	m.StreamSID = r.text(o, "streamSid", maxSID, false)
	switch m.Event {
	case EventConnected:
		m.Protocol, m.Version = r.text(o, "protocol", maxSID, false), r.text(o, "version", maxSID, false)
	case EventStart:
		m.Start = r.start(r.object(o, "start", true))
	case EventMedia:
		in := r.object(o, "media", true)
		m.Media.Track = r.text(in, "track", maxSID, false)
		m.Media.Chunk, m.Media.Timestamp = r.count(in, "chunk"), r.count(in, "timestamp")
		var ok bool
		if m.Media.Payload, ok = appendPayload(m.Media.Payload, []byte(r.text(in, "payload", maxOutbound, true))); !ok {
			r.fail("payload", "not base64")
		}
	case EventDTMF:
		in := r.object(o, "dtmf", true)
		m.DTMF = DTMF{Track: r.text(in, "track", maxSID, false), Digit: r.text(in, "digit", maxSID, true)}
		if !validDigit(m.DTMF.Digit) {
			r.fail("digit", "not a key")
		}
	case EventMark:
		m.Mark = r.text(r.object(o, "mark", true), "name", maxName, true)
	case EventStop:
		in := r.object(o, "stop", false)
		m.Stop = Stop{AccountSID: r.text(in, "accountSid", maxSID, false), CallSID: r.text(in, "callSid", maxSID, false)}
	case EventClear:
	}
	return r.err
}

func (r *reader) start(o object) Start {
	s := Start{
		StreamSID:  r.text(o, "streamSid", maxSID, true),
		AccountSID: r.text(o, "accountSid", maxSID, false),
		CallSID:    r.text(o, "callSid", maxSID, true),
		Parameters: map[string]string{},
	}
	format := r.object(o, "mediaFormat", false)
	s.Encoding = r.text(format, "encoding", maxSID, false)
	s.SampleRate, s.Channels = r.count(format, "sampleRate"), r.count(format, "channels")
	switch tracks := o["tracks"].(type) {
	case nil:
	case []any:
		for _, t := range tracks {
			name, ok := t.(string)
			if !ok || len(name) > maxSID || len(s.Tracks) == 8 {
				r.fail("tracks", "not a short list of names")
				break
			}
			s.Tracks = append(s.Tracks, name)
		}
	default:
		r.fail("tracks", "not a list")
	}
	params := r.object(o, "customParameters", false)
	for name := range params {
		s.Parameters[name] = r.text(params, name, maxName, false)
	}
	return s
}
