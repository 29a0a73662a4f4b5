package twilio

import "bytes"

// Slots of the nested object of a message.
const (
	slotTrack = iota
	slotChunk
	slotTimestamp
	slotPayload
	slotName
	slotDigit
	slotAccount
	slotCall
	slots
)

// Keys of the top level.
const (
	topEvent = iota
	topSequence
	topStream
	topProtocol
	topVersion
	tops
)

// scan holds what one pass over a message found: raw strings that point into it. Only the plain shape
// is known here: one object, at most one object within it, the vendor's keys each at most once, strings
// of printable ASCII without escapes, whole numbers. For everything else walk says false and the full
// parser decides, so nothing here can be more lenient than it.
type scan struct {
	b   []byte
	i   int
	obj Event // the nested object's key
	top [tops][]byte
	in  [slots][]byte
	// number tells which values were JSON numbers: bit of top, and bit+16 of in.
	number uint32
	seen   uint32 // same bits
}

func (s *scan) walk(b []byte) bool {
	*s = scan{b: b}
	if !s.open() {
		return false
	}
	if !s.object(false) {
		return false
	}
	s.space()
	return s.i == len(s.b)
}

func (s *scan) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// next eats c after white space.
func (s *scan) next(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c { // the usual case: no white space
		s.i++
		return true
	}
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scan) open() bool { return s.next('{') }

// object reads members up to the closing brace; the opening one is eaten.
func (s *scan) object(nested bool) bool {
	if s.next('}') {
		return true
	}
	for {
		key, ok := s.text()
		if !ok || !s.next(':') {
			return false
		}
		if nested {
			ok = s.member(key)
		} else {
			ok = s.topMember(key)
		}
		if !ok {
			return false
		}
		if s.next(',') {
			continue
		}
		return s.next('}')
	}
}

func (s *scan) topMember(key []byte) bool {
	var slot int
	switch string(key) {
	case "event":
		slot = topEvent
	case "sequenceNumber":
		slot = topSequence
	case "streamSid":
		slot = topStream
	case "protocol":
		slot = topProtocol
	case "version":
		slot = topVersion
	case "media":
		return s.nested(EventMedia)
	case "mark":
		return s.nested(EventMark)
	case "dtmf":
		return s.nested(EventDTMF)
	case "stop":
		return s.nested(EventStop)
	default:
		return false
	}
	v, num, ok := s.value(slot == topSequence)
	if !ok || s.seen&(1<<slot) != 0 {
		return false
	}
	s.top[slot] = v
	s.seen |= 1 << slot
	if num {
		s.number |= 1 << slot
	}
	return true
}

func (s *scan) nested(key Event) bool {
	if s.obj != "" || !s.open() {
		return false
	}
	s.obj = key
	return s.object(true)
}

func (s *scan) member(key []byte) bool {
	var slot int
	switch string(key) {
	case "track":
		slot = slotTrack
	case "chunk":
		slot = slotChunk
	case "timestamp":
		slot = slotTimestamp
	case "payload":
		return s.payload()
	case "name":
		slot = slotName
	case "digit":
		slot = slotDigit
	case "accountSid":
		slot = slotAccount
	case "callSid":
		slot = slotCall
	default:
		return false
	}
	v, num, ok := s.value(slot == slotChunk || slot == slotTimestamp)
	if !ok || s.seen&(1<<(slot+16)) != 0 {
		return false
	}
	s.in[slot] = v
	s.seen |= 1 << (slot + 16)
	if num {
		s.number |= 1 << (slot + 16)
	}
	return true
}

// payload takes the long string without looking at its bytes: base64 decoding does that, and what it
// would overlook (line ends) is caught by comparing lengths.
func (s *scan) payload() bool {
	if s.seen&(1<<(slotPayload+16)) != 0 || !s.next('"') {
		return false
	}
	n := bytes.IndexByte(s.b[s.i:], '"')
	if n < 0 {
		return false
	}
	s.in[slotPayload] = s.b[s.i : s.i+n : s.i+n]
	s.seen |= 1 << (slotPayload + 16)
	s.i += n + 1
	return true
}

// text reads a plain string.
func (s *scan) text() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	b, i := s.b, s.i
	for j := i; j < len(b); j++ {
		if plain[b[j]] {
			continue
		}
		if b[j] != '"' {
			break
		}
		s.i = j + 1
		return b[i:j:j], true
	}
	return nil, false
}

// plain marks the bytes that stand for themselves within a string.
//
//nolint:gochecknoglobals // constant table
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// value reads a plain string or, where one may stand, a whole number of ordinary length.
func (s *scan) value(numeric bool) (v []byte, number, ok bool) {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '"' {
		v, ok = s.text()
		return v, false, ok
	}
	if !numeric {
		return nil, false, false
	}
	j := s.i
	for j < len(s.b) && s.b[j] >= '0' && s.b[j] <= '9' {
		j++
	}
	n := j - s.i
	if n == 0 || n > maxDigits || (n > 1 && s.b[s.i] == '0') {
		return nil, false, false
	}
	if j < len(s.b) && s.b[j] != ',' && s.b[j] != '}' && s.b[j] != ' ' {
		return nil, false, false
	}
	v = s.b[s.i:j:j]
	s.i = j
	return v, true, true
}
