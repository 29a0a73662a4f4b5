package line

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// speaking follows one answer for bot-output: segments made before the sound begins are held, so that a
// page never shows words as spoken that nobody can hear yet.
type speaking struct {
	sounding bool
	held     []turn.Note
	texts    map[int]string
	told     map[int]int // bytes of each segment given as bot-tts-text
	answer   int         // makes segment ids unique over answers
}

// Send implements session.Line.
func (l *RTVI) Send(o session.Out) error { return slowError(l.send(o)) }

func (l *RTVI) send(o session.Out) error {
	switch o.Kind {
	case session.OutAudio:
		return l.sendAudio(o.Audio)
	case session.OutMark, session.OutClear:
		return nil // no such thing here; bot-interrupted tells the page to flush
	case session.OutNote:
		return l.sendNote(o.Note)
	case session.OutReply:
		if o.Data == nil {
			return l.fail(o.ID, "Unsupported message "+o.Type)
		}
		return l.write(rtvi.ServerResponse, o.ID, o.Data)
	}
	return nil
}

func (l *RTVI) sendAudio(pcm []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.Binary {
		l.out = rtvi.AppendAudio(l.out[:0], pcm, 24000, 1)
		return l.conn.Write(ws.Binary, l.out)
	}
	return l.writeLocked("bot-tts-audio", "", map[string]any{
		"audio": base64.StdEncoding.EncodeToString(pcm), "sample_rate": 24000, "num_channels": 1,
	})
}

func (l *RTVI) write(t rtvi.Type, id string, data any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeLocked(t, id, data)
}

func (l *RTVI) writeLocked(t rtvi.Type, id string, data any) error {
	msg, err := rtvi.Encode(t, id, data)
	if err != nil {
		return err
	}
	if !l.o.Binary {
		return l.conn.Write(ws.Text, msg)
	}
	l.out = rtvi.AppendMessage(l.out[:0], msg)
	return l.conn.Write(ws.Binary, l.out)
}

func (l *RTVI) sendNote(n turn.Note) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n.Kind {
	case turn.NoteUserStarted:
		return l.writeLocked(rtvi.UserStarted, "", nil)
	case turn.NoteUserStopped:
		return l.writeLocked(rtvi.UserStopped, "", nil)
	case turn.NoteBotStarted:
		if err := l.writeLocked(rtvi.BotStarted, "", nil); err != nil {
			return err
		}
		return l.release()
	case turn.NoteBotStopped:
		l.silence()
		return l.writeLocked(rtvi.BotStopped, "", nil)
	case turn.NoteInterrupted:
		l.silence()
		return l.writeLocked(rtvi.BotInterrupted, "", nil)
	case turn.NoteTranscript:
		return l.writeLocked(rtvi.UserTranscription, "", rtvi.Transcription{Text: n.Text, UserID: "caller", Timestamp: time.Now().UTC().Format(time.RFC3339Nano), Final: n.Final})
	case turn.NoteUserText:
		return l.writeLocked(rtvi.UserLLMText, "", rtvi.Text{Text: n.Text})
	case turn.NoteModelStarted:
		return l.writeLocked(rtvi.BotLLMStarted, "", nil)
	case turn.NoteModelText:
		return l.writeLocked(rtvi.BotLLMText, "", rtvi.Text{Text: n.Text})
	case turn.NoteModelStopped:
		return l.writeLocked(rtvi.BotLLMStopped, "", nil)
	case turn.NoteSpeechStarted:
		return l.writeLocked(rtvi.BotTTSStarted, "", nil)
	case turn.NoteSpeechStopped:
		return l.writeLocked(rtvi.BotTTSStopped, "", nil)
	case turn.NoteSegment:
		return l.segment(n)
	case turn.NoteSpoken:
		return l.spoken(n)
	case turn.NoteToolStarted, turn.NoteToolStopped:
		return l.tool(n)
	case turn.NoteMessage:
		return l.writeLocked(rtvi.ServerMessage, "", n.Data)
	case turn.NoteMetrics:
		return l.writeLocked(rtvi.Metrics, "", n.Data)
	case turn.NoteError:
		return l.writeLocked(rtvi.Error, "", rtvi.NewFault(n.Text, n.Fatal))
	}
	return nil
}

func (l *RTVI) silence() { l.speak = speaking{answer: l.speak.answer + 1} }

func (l *RTVI) segment(n turn.Note) error {
	s := &l.speak
	if s.texts == nil {
		s.texts, s.told = map[int]string{}, map[int]int{}
	}
	s.texts[n.Seg] = n.Text
	if err := l.writeLocked(rtvi.BotTranscription, "", rtvi.Text{Text: n.Text}); err != nil {
		return err
	}
	if n.Spoken && !s.sounding {
		s.held = append(s.held, n)
		return nil
	}
	return l.output(n.Seg, n.Text, "", n.Text, n.Spoken, rtvi.SpokenNew)
}

func (l *RTVI) release() error {
	s := &l.speak
	s.sounding = true
	held := s.held
	s.held = nil
	for _, n := range held {
		if err := l.output(n.Seg, n.Text, "", n.Text, true, rtvi.SpokenNew); err != nil {
			return err
		}
	}
	return nil
}

func (l *RTVI) spoken(n turn.Note) error {
	s := &l.speak
	if s.told == nil {
		return nil // of an answer that was interrupted: that news overtakes what was queued before it
	}
	if told := s.told[n.Seg]; len(n.Text) > told {
		fresh := n.Text[told:]
		if told > 0 && fresh[0] == ' ' {
			fresh = fresh[1:]
		}
		s.told[n.Seg] = len(n.Text)
		if err := l.writeLocked(rtvi.BotTTSText, "", rtvi.Text{Text: fresh}); err != nil {
			return err
		}
	}
	status := rtvi.SpokenInProgress
	if n.Final {
		status = rtvi.SpokenCompleted
	}
	return l.output(n.Seg, s.texts[n.Seg], n.Text, n.Rest, true, status)
}

func (l *RTVI) output(seg int, text, done, rest string, spoken bool, status string) error {
	if l.legacy {
		if status != rtvi.SpokenNew && status != "" && status != rtvi.SpokenCompleted {
			return nil
		}
		return l.writeLocked(rtvi.BotOutput, "", rtvi.LegacyOutput{Text: text, AggregatedBy: "sentence", Spoken: status == rtvi.SpokenCompleted})
	}
	o := rtvi.Output{Text: text, AggregatedBy: "sentence", SegmentID: strconv.Itoa(l.speak.answer) + "." + strconv.Itoa(seg), WillBeSpoken: spoken}
	if spoken {
		o.Status = status
		o.Progress = &rtvi.Progress{Accumulated: done, Remaining: rest}
	}
	return l.writeLocked(rtvi.BotOutput, "", o)
}

// tool reports a call by the protocol's three messages, and its success and time in one of our own.
func (l *RTVI) tool(n turn.Note) error {
	if l.o.ToolDetail == ToolNone {
		return nil
	}
	full := l.o.ToolDetail == ToolFull
	if c := n.Call; c != nil {
		if err := l.writeLocked(rtvi.FunctionStarted, "", rtvi.Function{Name: c.Name}); err != nil {
			return err
		}
		f := rtvi.Function{ID: c.ID, Name: c.Name}
		if full {
			f.Arguments = asJSON(c.Arguments)
		}
		return l.writeLocked(rtvi.FunctionInProgress, "", f)
	}
	r := n.Result
	if r == nil {
		return nil
	}
	cancelled := r.Class == "cancelled"
	f := rtvi.Function{ID: r.ID, Name: r.Name, Cancelled: &cancelled}
	if full {
		f.Result = asJSON(r.Content)
	}
	if err := l.writeLocked(rtvi.FunctionStopped, "", f); err != nil {
		return err
	}
	return l.writeLocked(rtvi.ServerMessage, "", map[string]any{
		"type": "tool_result", "tool_call_id": r.ID, "name": r.Name, "ok": r.OK, "ms": r.Took.Milliseconds(),
	})
}

// asJSON keeps JSON text as it is and makes a string of anything else.
func asJSON(s string) json.RawMessage {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
