package speechmatics

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// refusal is an Error of the vendor; it ends the session.
type refusal struct{ kind, reason string }

func refused(kind, format string, args ...any) *refusal {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(_[a-z]{2,3})?$`)

func validLanguage(s string) bool { return languagePattern.MatchString(s) }

// start is a StartRecognition with what tells a missing part from an empty one.
type start struct {
	AudioFormat         *sm.AudioFormat         `json:"audio_format"`
	TranscriptionConfig *sm.TranscriptionConfig `json:"transcription_config"`
}

// readStart checks a StartRecognition.
func readStart(data []byte) (sm.AudioFormat, sm.TranscriptionConfig, *refusal) {
	var m start
	if err := json.Unmarshal(data, &m); err != nil {
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, refused(sm.ErrInvalidMessage, "%s", jsonReason(err))
	}
	switch {
	case m.AudioFormat == nil:
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, refused(sm.ErrInvalidMessage, "audio_format is required")
	case m.TranscriptionConfig == nil:
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, refused(sm.ErrInvalidMessage, "transcription_config is required")
	}
	if r := checkFormat(*m.AudioFormat); r != nil {
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, r
	}
	c := *m.TranscriptionConfig
	switch {
	case c.Language == "":
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, refused(sm.ErrInvalidConfig, "transcription_config.language is required")
	case !validLanguage(c.Language):
		return sm.AudioFormat{}, sm.TranscriptionConfig{}, refused(sm.ErrInvalidLanguage, "language %q is not supported", clip(c.Language))
	}
	return *m.AudioFormat, c, checkConfig(c)
}

func checkFormat(f sm.AudioFormat) *refusal {
	switch f.Type {
	case "file":
		return nil
	case "raw":
	case "":
		return refused(sm.ErrInvalidAudioType, "audio_format.type is required")
	default:
		return refused(sm.ErrInvalidAudioType, "audio_format.type %q: want raw or file", clip(f.Type))
	}
	switch f.Encoding {
	case "mulaw", "pcm_s16le", "pcm_f32le":
	case "":
		return refused(sm.ErrInvalidAudioType, "audio_format.encoding is required for raw audio")
	default:
		return refused(sm.ErrInvalidAudioType, "audio_format.encoding %q: want pcm_f32le, pcm_s16le or mulaw", clip(f.Encoding))
	}
	switch {
	case f.SampleRate == 0:
		return refused(sm.ErrInvalidAudioType, "audio_format.sample_rate is required for raw audio")
	case f.SampleRate < minRate || f.SampleRate > maxRate:
		return refused(sm.ErrInvalidAudioType, "audio_format.sample_rate %d: want %d to %d", f.SampleRate, minRate, maxRate)
	}
	return nil
}

// Sample rates that can be heard here.
const (
	minRate = 8000
	maxRate = 96000
)

func checkConfig(c sm.TranscriptionConfig) *refusal {
	models := []string{"", "standard", "enhanced", "melia-1", agentModel}
	switch d := c.MaxDelay; {
	case !slices.Contains(models, c.Model):
		return refused(sm.ErrInvalidModel, "model %q is not known", clip(c.Model))
	case !slices.Contains(models[:3], c.OperatingPoint):
		return refused(sm.ErrInvalidModel, "operating_point %q is not known", clip(c.OperatingPoint))
	case d != nil && (*d < sm.MinMaxDelay || *d > sm.MaxMaxDelay):
		return refused(sm.ErrInvalidConfig, "max_delay %g: must be between %g and %g", *d, sm.MinMaxDelay, sm.MaxMaxDelay)
	}
	if !slices.Contains([]string{"", "flexible", "fixed"}, c.MaxDelayMode) {
		return refused(sm.ErrInvalidConfig, "max_delay_mode %q: want flexible or fixed", clip(c.MaxDelayMode))
	}
	if s := c.ConversationConfig; s != nil && (s.SilenceTrigger < 0 || s.SilenceTrigger > sm.MaxSilenceTrigger) {
		return refused(sm.ErrInvalidConfig, "end_of_utterance_silence_trigger %g: must be between 0 and %g", s.SilenceTrigger, sm.MaxSilenceTrigger)
	}
	return nil
}

// apply sets what a config says and leaves the rest.
func (t *transcriber) apply(c sm.TranscriptionConfig) {
	if c.EnablePartials != nil {
		t.partials = *c.EnablePartials
	}
	if c.MaxDelay != nil {
		t.maxDelay = duration(*c.MaxDelay)
	}
	if c.ConversationConfig != nil {
		t.silence = duration(c.ConversationConfig.SilenceTrigger)
	}
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// jsonReason says what is wrong with a message, without its content.
func jsonReason(err error) string { return "the message is not valid: " + clip(err.Error()) }

func clip(s string) string {
	const limit = 80
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
