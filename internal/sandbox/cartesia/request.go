package cartesia

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
)

// request is what a client may ask for, over HTTP or on the socket.
type request struct {
	ContextID    string             `json:"context_id"`
	ModelID      string             `json:"model_id"`
	Transcript   *string            `json:"transcript"`
	Voice        json.RawMessage    `json:"voice"`
	OutputFormat *wire.OutputFormat `json:"output_format"`
	Language     string             `json:"language"`

	Continue         bool `json:"continue"`
	Flush            bool `json:"flush"`
	Cancel           bool `json:"cancel"`
	MaxBufferDelayMS *int `json:"max_buffer_delay_ms"`
	AddTimestamps    bool `json:"add_timestamps"`

	voice string
}

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z]{2,4})?$`)

const maxBufferDelay = 5000 // ms

// parse reads a request and checks all that does not depend on where it came from.
func parse(data []byte, v version) (*request, *problem) {
	var q request
	if err := json.Unmarshal(data, &q); err != nil {
		return nil, bad("Invalid request", "the message is not valid: "+clip(err.Error()))
	}
	if q.Cancel {
		return &q, nil
	}
	switch {
	case q.ModelID == "":
		return &q, bad("Invalid request", "model_id is required")
	case !strings.HasPrefix(q.ModelID, "sonic"):
		return &q, noModel()
	case q.Transcript == nil:
		return &q, bad("Invalid request", "transcript is required")
	case len(*q.Transcript) > maxTranscript:
		return &q, bad("Invalid request", fmt.Sprintf("transcript is longer than %d bytes", maxTranscript))
	case q.OutputFormat == nil:
		return &q, bad("Invalid request", "output_format is required")
	case q.Language != "" && !languagePattern.MatchString(q.Language):
		return &q, bad("Invalid request", fmt.Sprintf("language %q is not supported", clip(q.Language)))
	case q.MaxBufferDelayMS != nil && (*q.MaxBufferDelayMS < 0 || *q.MaxBufferDelayMS > maxBufferDelay):
		return &q, bad("Invalid request", "max_buffer_delay_ms must be between 0 and 5000")
	}
	if p := q.readVoice(v); p != nil {
		return &q, p
	}
	return &q, checkFormat(*q.OutputFormat)
}

const maxTranscript = 64 << 10

// readVoice takes {"mode":"id","id":…}; the newest version takes the id alone as well.
func (q *request) readVoice(v version) *problem {
	if len(q.Voice) == 0 {
		return bad("Invalid request", "voice is required")
	}
	var ref wire.VoiceRef
	if v >= newVoices && json.Unmarshal(q.Voice, &ref.ID) == nil {
		ref.Mode = "id"
	} else if err := json.Unmarshal(q.Voice, &ref); err != nil {
		return bad("Invalid request", "voice must be an object with mode and id")
	}
	if ref.Mode == "" && v >= newVoices {
		ref.Mode = "id"
	}
	switch {
	case ref.Mode != "id":
		return bad("Invalid request", "voice.mode must be id")
	case ref.ID == "":
		return bad("Invalid request", "voice.id is required")
	case unknownVoice(ref.ID):
		return noVoice()
	}
	q.voice = ref.ID
	return nil
}

func checkFormat(f wire.OutputFormat) *problem {
	switch f.Container {
	case "raw", "wav":
	case "mp3":
		return bad("Unsupported output format", "mp3 is not available in the sandbox; ask for raw or wav")
	default:
		return bad("Invalid request", fmt.Sprintf("output_format.container %q: want raw, wav or mp3", clip(f.Container)))
	}
	switch f.Encoding {
	case wire.EncodingFloat, wire.EncodingPCM16, wire.EncodingMuLaw, wire.EncodingALaw:
	default:
		return bad("Invalid request", fmt.Sprintf("output_format.encoding %q: want pcm_f32le, pcm_s16le, pcm_mulaw or pcm_alaw", clip(f.Encoding)))
	}
	if !wire.ValidRate(f.SampleRate) {
		return bad("Invalid request", fmt.Sprintf("output_format.sample_rate %d: want 8000, 16000, 22050, 24000, 44100 or 48000", f.SampleRate))
	}
	return nil
}

// settings are the fields that must stay the same within a context.
func settings(data []byte) map[string]any {
	var m map[string]any
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	maps.DeleteFunc(m, func(k string, _ any) bool {
		switch k {
		case "transcript", "continue", "flush", "duration":
			return true
		}
		return false
	})
	return m
}

// changed names a field that differs, "" when none does.
func changed(a, b map[string]any) string {
	for k := range a {
		if !reflect.DeepEqual(a[k], b[k]) {
			return k
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			return k
		}
	}
	return ""
}

func clip(s string) string {
	const limit = 80
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
