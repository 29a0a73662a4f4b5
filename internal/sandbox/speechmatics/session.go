package speechmatics

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	queueLen  = 256              // messages that wait for the sender; then the session stops reading
	pingEvery = 60 * time.Second // of a socket that may be dead
	quota     = 100              // sessions that are said to be allowed
)

// session is one socket. All but the queue belongs to the goroutine that reads.
type session struct {
	e     *Emulator
	conn  *ws.Conn
	rec   *stage.Record
	route string
	usage int

	queue chan outgoing
	sender

	started bool
	over    bool // EndOfStream came
	seq     int64
	audio   *audio
	ears    Listener
	words   transcriber
	agent   *agentTurns // nil = answers in words
	damage  Damage
}

// outgoing is one message for the sender: JSON, or a farewell.
type outgoing struct {
	payload []byte
	final   string    // the words of a final
	at      time.Time // of a final: when it was due
	is      string    // its name
	close   int       // close code; 0 = go on
	reason  string
}

func newSession(e *Emulator, conn *ws.Conn, rec *stage.Record, route string, usage int) *session {
	s := &session{e: e, conn: conn, rec: rec, route: route, usage: usage, queue: make(chan outgoing, queueLen)}
	s.sender = sender{stage: e.stage, conn: conn, rec: rec, route: route}
	return s
}

// run reads until the socket ends; then nobody waits for what is queued, and it cancels the sender.
func (s *session) run(ctx context.Context, cancel context.CancelFunc) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		s.send(ctx, s.queue)
	}()
	s.conn.KeepAlive(pingEvery)
	if why := s.read(); why != nil { // the sender still has to say it
		s.push(sm.Notice{Message: sm.MsgError, Type: why.kind, Reason: why.reason})
		s.queue <- outgoing{close: sm.CloseCode(why.kind), reason: why.kind}
		s.rec.Set("error", why.kind)
	} else {
		cancel()
	}
	close(s.queue)
	<-sent
	_ = s.conn.Close(ws.CloseNormal, "")
	s.rec.End(101)
}

// read handles messages until the socket ends (nil) or the client does what the vendor refuses.
func (s *session) read() *refusal {
	var buf []byte
	for {
		kind, data, err := s.conn.Read(buf)
		if err != nil {
			return nil // the end of the socket is the end of the session
		}
		buf = data
		var r *refusal
		if kind == ws.Binary {
			r = s.sound(data)
		} else {
			r = s.command(data)
		}
		if r != nil {
			return r
		}
	}
}

func (s *session) command(data []byte) *refusal {
	var m struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	if m.Message == "" {
		return refused(sm.ErrInvalidMessage, "the field message is required")
	}
	if !s.started && m.Message != sm.MsgStartRecognition {
		return refused(sm.ErrProtocol, "%s before StartRecognition", clip(m.Message))
	}
	switch m.Message {
	case sm.MsgStartRecognition:
		return s.start(data)
	case sm.MsgSetRecognitionConfig:
		return s.configure(data)
	case sm.MsgForceEndOfUtterance:
		return s.force(data)
	case sm.MsgEndOfStream:
		return s.endOfStream(data)
	case sm.MsgGetSpeakers:
		s.push(map[string]any{"message": sm.MsgSpeakersResult, "speakers": []any{}})
	case "AddChannelAudio":
		return refused(sm.ErrProtocol, "AddChannelAudio without diarization by channel")
	default:
		return refused(sm.ErrInvalidMessage, "unknown message %q", clip(m.Message))
	}
	return nil
}

func (s *session) start(data []byte) *refusal {
	if s.started {
		return refused(sm.ErrProtocol, "StartRecognition was sent twice")
	}
	format, config, r := readStart(data)
	if r != nil {
		return r
	}
	s.started = true
	s.audio = newAudio(format)
	s.words = transcriber{language: config.Language, maxDelay: duration(sm.DefaultMaxDelay), say: s.say}
	s.words.apply(config)
	if s.route == agentRoute && config.Model == agentModel {
		if s.agent, r = readAgent(data, format); r != nil {
			return r
		}
		s.agent.put = s.queueAgent
		s.agent.settle(&s.words)
	}
	s.rec.Set("audio_format", format)
	s.rec.Set("language", config.Language)
	s.push(sm.RecognitionStarted{
		Message: sm.MsgRecognitionStarted, ID: uuid.NewString(), OrchestratorVersion: "sandbox",
		LanguagePackInfo: sm.LanguagePackInfo{WordDelimiter: " ", LanguageDescription: config.Language, WritingDirection: "left-to-right", ITN: true},
	})
	quality := "broadcast"
	if format.SampleRate == 8000 {
		quality = "telephony"
	}
	s.push(sm.Notice{Message: sm.MsgInfo, Type: "recognition_quality", Reason: "the model was chosen by the sample rate", Quality: quality})
	usage, limit := s.usage, quota
	s.push(sm.Notice{
		Message: sm.MsgInfo, Type: "concurrent_session_usage", Reason: "sessions in use", Usage: &usage, Quota: &limit,
		LastUpdated: s.stage.Now().UTC().Format(time.RFC3339), Region: "sandbox",
	})
	return nil
}

// configure takes the settings that may change midway.
func (s *session) configure(data []byte) *refusal {
	if s.agent != nil {
		return refused(sm.ErrInvalidMessage, "%s: settings are fixed for the life of this session", sm.MsgSetRecognitionConfig)
	}
	var m start
	if err := json.Unmarshal(data, &m); err != nil {
		return refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	if m.TranscriptionConfig == nil {
		return refused(sm.ErrInvalidMessage, "transcription_config is required")
	}
	c := *m.TranscriptionConfig
	switch {
	case c.Language != "" && c.Language != s.words.language:
		return refused(sm.ErrInvalidConfig, "language cannot be changed midway")
	case c.Model != "" || c.OperatingPoint != "":
		return refused(sm.ErrInvalidConfig, "model cannot be changed midway")
	}
	if r := checkConfig(c); r != nil {
		return r
	}
	s.words.apply(c)
	return nil
}

func (s *session) force(data []byte) *refusal {
	var m sm.ForceEndOfUtterance
	if err := json.Unmarshal(data, &m); err != nil {
		return refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	if m.Timestamp != nil && *m.Timestamp < 0 {
		return refused(sm.ErrInvalidMessage, "timestamp must not be negative")
	}
	if s.over || s.ears == nil {
		return nil
	}
	s.ears.Settle(s.heard)
	s.words.force()
	return nil
}

func (s *session) endOfStream(data []byte) *refusal {
	var m struct {
		LastSeqNo *int64 `json:"last_seq_no"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	switch {
	case s.over:
		return refused(sm.ErrProtocol, "EndOfStream was sent twice")
	case m.LastSeqNo == nil:
		return refused(sm.ErrInvalidMessage, "last_seq_no is required")
	case *m.LastSeqNo < 0 || *m.LastSeqNo > s.seq:
		// Fewer are fine: the vendor's own JavaScript client names the last frame acknowledged.
		return refused(sm.ErrProtocol, "last_seq_no is %d, but %d frames of audio came", *m.LastSeqNo, s.seq)
	}
	s.over = true
	s.rec.Set("last_seq_no", *m.LastSeqNo)
	if s.ears != nil {
		s.ears.Flush(s.heard)
		if s.agent != nil {
			s.words.force() // a turn does not stay open
		}
		s.words.finish()
	}
	s.push(map[string]any{"message": sm.MsgEndOfTranscript})
	s.queue <- outgoing{close: ws.CloseNormal}
	return nil
}

// sound takes one binary frame. Time passes in steps of 20 ms, however much a frame holds, so that the
// same sound gives the same transcript whatever its packing.
func (s *session) sound(data []byte) *refusal {
	if !s.started {
		return refused(sm.ErrProtocol, "audio before StartRecognition")
	}
	if s.over {
		s.aside(sm.Notice{Message: sm.MsgWarning, Type: "add_audio_after_eos", Reason: "audio after EndOfStream is ignored"})
		return nil
	}
	s.seq++
	samples, err := s.audio.decode(data)
	if err != nil {
		return refused(sm.ErrInvalidAudioType, "%v", err)
	}
	if s.ears == nil && s.audio.rate > 0 {
		s.ears = s.e.Listen(s.audio.rate)
	}
	s.aside(sm.AudioAdded{Message: sm.MsgAudioAdded, SeqNo: s.seq})
	s.rec.Set("frames", s.seq)
	s.rec.Set("last_audio_at", s.stage.Now())
	for len(samples) > 0 {
		n := min(len(samples), s.audio.rate/50)
		s.ears.Listen(samples[:n], s.heard)
		s.words.advance(s.audio.pass(n))
		samples = samples[n:]
	}
	s.rec.Set("audio_seconds", s.audio.now().Seconds())
	return nil
}

func (s *session) heard(h Heard) {
	if h.Damage != (Damage{}) {
		s.damage.add(h.Damage)
		s.rec.Set("damage", s.damage)
	}
	if s.agent != nil {
		s.agent.hear(h, s.words.now)
	}
	s.words.hear(h)
}

// say queues what the transcriber tells.
func (s *session) say(m any) {
	if s.agent != nil {
		s.agent.take(m)
		return
	}
	out := outgoing{payload: encode(m)}
	switch m := m.(type) {
	case sm.Transcript:
		out.is = m.Message
		if m.Message == sm.MsgAddTranscript {
			out.final, out.at = m.Metadata.Transcript, s.stage.Now()
		}
	case sm.Utterance:
		out.is = m.Message
	}
	s.queue <- out
}

// queueAgent queues a message of Agent STT.
func (s *session) queueAgent(m any, final string) {
	out := outgoing{payload: encode(m), final: final}
	if final != "" {
		out.at = s.stage.Now()
	}
	if e, ok := m.(agentEvent); ok && e.Message == "EndOfTurn" {
		out.is = sm.MsgEndOfUtterance
	}
	s.queue <- out
}

func (s *session) push(m any) { s.queue <- outgoing{payload: encode(m)} }

// encode marshals a message of our own, which cannot fail.
func encode(m any) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("sandbox speechmatics: " + err.Error())
	}
	return b
}
