package speechmatics

import (
	"errors"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

// read receives until the socket or the stream ends. It is the only caller of the sink until it
// returns.
func (s *Stream) read(conn *ws.Conn) {
	var buf []byte
	for {
		kind, data, err := conn.Read(buf)
		if err != nil {
			s.end(wireError(err))
			return
		}
		buf = data
		if kind != ws.Text {
			s.count(func(st *Stats) { st.Unknown++ })
			continue
		}
		if !s.receive(data, s.c.o.Clock.Now()) {
			return
		}
	}
}

// receive acts on one message; false ends the reading.
func (s *Stream) receive(data []byte, at time.Time) bool {
	m, err := decode(data)
	if err != nil {
		s.end(protocolError(err)) // what was lost may have been the caller's words
		return false
	}
	s.heard(at)
	switch m.Message {
	case MsgRecognitionStarted:
		s.begin(m.ID)
	case MsgAudioAdded:
		s.acknowledge(m.SeqNo)
	case MsgAddPartialTranscript:
		s.tellPartial(m, at)
	case MsgAddTranscript:
		s.tellFinal(m, at)
	case MsgEndOfUtterance:
		s.count(func(st *Stats) { st.Utterances++ })
		s.tell(EndOfUtterance, m, at)
	case MsgEndOfTranscript:
		return s.finish()
	case MsgInfo:
		s.count(func(st *Stats) { st.Infos++ })
	case MsgWarning:
		s.count(func(st *Stats) { st.Warnings++; st.LastWarning = m.Type })
	case MsgError:
		s.end(vendorError(m.Type, m.Reason, 0))
		return false
	default:
		s.count(func(st *Stats) { st.Unknown++ })
	}
	return true
}

func (s *Stream) count(f func(*Stats)) {
	s.mu.Lock()
	f(&s.stats)
	s.mu.Unlock()
}

// heard restarts the stall clock: an answer stays due while sound is unacknowledged or the transcript
// has to end.
func (s *Stream) heard(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waiting.IsZero() {
		s.waiting = at
	}
}

func (s *Stream) begin(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Started {
		s.stats.Unknown++
		return
	}
	s.stats.Started = true
	if id != "" && len(id) <= 100 {
		s.id = id
	}
	for _, it := range s.queue {
		if it.sound != nil {
			s.backlog++
		}
	}
	close(s.ready)
}

// acknowledge takes AudioAdded{seq}: all frames up to seq have been read. Numbers come in order, but
// one that does not changes nothing.
func (s *Stream) acknowledge(seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq <= s.acked || seq > s.stats.Messages {
		s.stats.Unknown++
		return
	}
	n := int(seq - s.acked)
	for _, size := range s.unacked[:n] {
		s.inFlight -= size
		s.bytes[ackedBytes] += int64(size)
	}
	s.unacked = s.unacked[:copy(s.unacked, s.unacked[n:])]
	s.acked = seq
	if len(s.unacked) == 0 && !s.endSent() {
		s.waiting = time.Time{}
	}
}

// endSent tells whether EndOfStream is on its way. s.mu is held.
func (s *Stream) endSent() bool { return s.closing && len(s.queue) == 0 }

// finish takes EndOfTranscript, which is right only after EndOfStream.
func (s *Stream) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.endSent() {
		s.endLocked(nil)
	} else {
		s.endLocked(protocolError(errors.New("EndOfTranscript before EndOfStream")))
	}
	return false
}

func (s *Stream) tellPartial(m inbound, at time.Time) {
	s.count(func(st *Stats) { st.Partials++ })
	empty := blank(m.Metadata.Transcript)
	if empty && !s.partial {
		return // one follows each final; it takes nothing back
	}
	s.partial = !empty
	s.tell(Partial, m, at)
}

func (s *Stream) tellFinal(m inbound, at time.Time) {
	f := final{m.Metadata.StartTime, m.Metadata.EndTime, m.Metadata.Transcript}
	twice := false
	if !blank(f.text) {
		for i := range min(s.nRecent, len(s.recent)) {
			twice = twice || s.recent[i] == f
		}
	}
	s.count(func(st *Stats) {
		st.Finals++
		if twice {
			st.Duplicates++
		}
	})
	if twice || blank(f.text) {
		return
	}
	s.recent[s.nRecent%len(s.recent)] = f
	s.nRecent++
	s.partial = false
	s.tell(Final, m, at)
}

// tell gives one event to the sink, unless the stream has ended.
func (s *Stream) tell(kind EventKind, m inbound, at time.Time) {
	s.mu.Lock()
	ended := s.ended
	skipped := s.length(s.bytes[droppedBytes]) // the vendor counts from the first sound that it got
	heard := skipped + s.length(s.bytes[sentBytes])
	s.mu.Unlock()
	if ended {
		return
	}
	s.sink(Event{ // no word can lie in sound that was not sent
		Kind: kind, Text: m.Metadata.Transcript, Forced: m.Forced, At: at,
		Start: min(skipped+seconds(m.Metadata.StartTime), heard), End: min(skipped+seconds(m.Metadata.EndTime), heard),
	})
}

func blank(text string) bool {
	for _, r := range text {
		if r != ' ' && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}
