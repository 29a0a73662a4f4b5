package speechmatics

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// Agent STT is the vendor's second API: the same socket at /v2/agent, with the model linden-1, answers in
// segments and turns where the first answers in words. Without either the vendor serves the first, and
// says nothing. The shapes are those of the vendor's Python package speechmatics-agent-stt 0.3.0 and of a
// session recorded in September 2026.
const (
	agentRoute = "/v2/agent"
	agentModel = "linden-1"

	// agentSilence ends a turn in mode vad. The vendor does not publish its figure; in the recorded session
	// EndOfTurn came 0.2 to 0.3 s after the last word.
	agentSilence = 300 * time.Millisecond
	// agentLongest is the most sound that one segment covers.
	agentLongest = 2 * time.Minute
)

type agentMetadata struct {
	StartTime *float64 `json:"start_time,omitempty"`
	EndTime   *float64 `json:"end_time,omitempty"`
}

// agentEvent is SpeechStarted, SpeechEnded, StartOfTurn or EndOfTurn.
type agentEvent struct {
	Message  string        `json:"message"`
	Metadata agentMetadata `json:"metadata"`
}

type agentSegment struct {
	Transcript string `json:"transcript"`
	Speaker    string `json:"speaker,omitempty"`
}

// addSegment is AddSegment or AddPartialSegment.
type addSegment struct {
	Message  string        `json:"message"`
	Segment  agentSegment  `json:"segment"`
	Metadata agentMetadata `json:"metadata"`
}

// agentTurns makes segments and turns of what a transcriber says.
type agentTurns struct {
	put func(m any, final string)

	vad       bool // the service ends turns, and tells of speech
	partials  bool
	sentences bool // a segment each
	speaker   string

	speaking, open bool
}

// readAgent reads what a StartRecognition of Agent STT has beyond the other's.
func readAgent(data []byte, format sm.AudioFormat) (*agentTurns, *refusal) {
	var m struct {
		Turn *struct {
			Mode string `json:"turn_detection_mode"`
		} `json:"turn_config"`
		Config struct {
			Partials    bool   `json:"enable_partials"`
			Sentences   bool   `json:"emit_sentences"`
			Diarization string `json:"diarization"`
		} `json:"transcription_config"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	a := &agentTurns{vad: true, partials: m.Config.Partials, sentences: m.Config.Sentences}
	if m.Config.Diarization == "speaker" {
		a.speaker = "S1"
	}
	if m.Turn != nil {
		switch m.Turn.Mode {
		case "", "vad":
		case "external":
			a.vad = false
		default:
			return nil, refused(sm.ErrInvalidConfig, "turn_detection_mode %q: want vad or external", clip(m.Turn.Mode))
		}
	}
	if format.Type == "raw" && (format.Encoding == "mulaw" || !slices.Contains([]int{8000, 16000}, format.SampleRate)) {
		return nil, refused(sm.ErrInvalidAudioType, "audio of %s at %d Hz: want pcm_s16le or pcm_f32le at 8000 or 16000 Hz", format.Encoding, format.SampleRate)
	}
	return a, nil
}

// settle sets up the transcriber: a turn is one final, which only its end, or the longest segment, makes due.
func (a *agentTurns) settle(t *transcriber) {
	t.partials, t.maxDelay, t.silence = true, agentLongest, 0
	if a.vad {
		t.silence = agentSilence
	}
}

// hear tells of speech, before the transcriber does of words.
func (a *agentTurns) hear(h Heard, now time.Duration) {
	if a.vad && a.speaking == h.Over {
		a.speaking = !h.Over
		if h.Over {
			a.event("SpeechEnded", nil, &h.End)
		} else {
			a.event("SpeechStarted", &now, nil)
		}
	}
}

// take turns a message of the transcriber into those of Agent STT.
func (a *agentTurns) take(m any) {
	switch m := m.(type) {
	case sm.Transcript:
		if len(m.Results) == 0 {
			return
		}
		if !a.open { // by the first word, not by the first sound
			a.open = true
			at := duration(m.Metadata.StartTime)
			a.event("StartOfTurn", &at, nil)
		}
		switch {
		case m.Message == sm.MsgAddTranscript && a.sentences:
			for _, s := range sentences(m) {
				a.segment("AddSegment", s)
			}
		case m.Message == sm.MsgAddTranscript:
			a.segment("AddSegment", m)
		case a.partials:
			a.segment("AddPartialSegment", m)
		}
	case sm.Utterance:
		if a.open {
			a.open = false
			at := duration(m.Metadata.EndTime)
			a.event("EndOfTurn", nil, &at)
		}
	}
}

func (a *agentTurns) segment(name string, m sm.Transcript) {
	text, final := strings.TrimSpace(m.Metadata.Transcript), ""
	if name == "AddSegment" {
		final = m.Metadata.Transcript
	}
	from, to := m.Metadata.StartTime, m.Metadata.EndTime
	a.put(addSegment{name, agentSegment{text, a.speaker}, agentMetadata{&from, &to}}, final)
}

func (a *agentTurns) event(name string, from, to *time.Duration) {
	e := agentEvent{Message: name}
	if from != nil {
		s := from.Seconds()
		e.Metadata.StartTime = &s
	}
	if to != nil {
		s := to.Seconds()
		e.Metadata.EndTime = &s
	}
	a.put(e, "")
}

// sentences cuts a transcript behind each mark that ends one.
func sentences(m sm.Transcript) []sm.Transcript {
	var out []sm.Transcript
	var text strings.Builder
	from := 0
	for i, r := range m.Results {
		if r.Type == "word" && text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(r.Alternatives[0].Content)
		if i+1 < len(m.Results) && (r.IsEOS == nil || !*r.IsEOS || m.Results[i+1].Type != "word") {
			continue
		}
		s := m
		s.Results = m.Results[from : i+1]
		s.Metadata.Transcript = text.String() + " "
		s.Metadata.StartTime, s.Metadata.EndTime = s.Results[0].StartTime, r.EndTime
		out = append(out, s)
		from = i + 1
		text.Reset()
	}
	return out
}
