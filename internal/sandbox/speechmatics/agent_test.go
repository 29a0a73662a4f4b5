package speechmatics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

var agentFormat = media.Format{Encoding: media.PCM16, Rate: 8000}

func agentStart(model, mode, more string) string {
	turn := ""
	if mode != "" {
		turn = fmt.Sprintf(`,"turn_config":{"turn_detection_mode":%q}`, mode)
	}
	return fmt.Sprintf(`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"pcm_s16le","sample_rate":8000},`+
		`"transcription_config":{"language":"en","model":%q%s}%s}`, model, more, turn)
}

// told are the names of messages, without acknowledgements, and the segments among them.
func told(all []map[string]any) (names, segments []string) {
	for _, m := range all {
		name, _ := m["message"].(string)
		if name == "AudioAdded" || name == "Info" {
			continue
		}
		names = append(names, name)
		if s, ok := m["segment"].(map[string]any); ok && name == "AddSegment" {
			text, _ := s["transcript"].(string)
			segments = append(segments, text)
		}
	}
	return names, segments
}

// TestAgentSTT_TurnsAndSegments holds the order of a session that was recorded of the vendor: speech, turn by the first
// word, segment, and the turn's end last. Tier: ci.
func TestAgentSTT_TurnsAndSegments(t *testing.T) {
	const two = "I need help. What transactions does client 5001 have?"
	for _, tc := range []struct {
		name, start string
		force       bool
		text        string
		names       []string
		segments    []string
	}{
		{
			name: "the service ends the turn", start: agentStart("linden-1", "vad", ""), text: question,
			names:    []string{"RecognitionStarted", "SpeechStarted", "StartOfTurn", "SpeechEnded", "AddSegment", "EndOfTurn"},
			segments: []string{question},
		},
		{
			name: "and does so unless told otherwise", start: agentStart("linden-1", "", ""), text: question,
			names:    []string{"RecognitionStarted", "SpeechStarted", "StartOfTurn", "SpeechEnded", "AddSegment", "EndOfTurn"},
			segments: []string{question},
		},
		{
			name: "the application ends the turn", start: agentStart("linden-1", "external", ""), force: true, text: question,
			names:    []string{"RecognitionStarted", "StartOfTurn", "AddSegment", "EndOfTurn"},
			segments: []string{question},
		},
		{
			name: "a segment each sentence", start: agentStart("linden-1", "external", `,"emit_sentences":true`), force: true, text: two,
			names:    []string{"RecognitionStarted", "StartOfTurn", "AddSegment", "AddSegment", "EndOfTurn"},
			segments: []string{"I need help.", "What transactions does client 5001 have?"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, newBed(t).url+"/agent?sm-app=test")
			c.say(tc.start)
			all := c.until("RecognitionStarted")
			c.sound(silence(agentFormat, 300*time.Millisecond))
			c.sound(speak(agentFormat, tc.text))
			if tc.force {
				c.say(`{"message":"ForceEndOfUtterance","timestamp":1.5}`)
			} else {
				c.sound(silence(agentFormat, 400*time.Millisecond))
			}
			all = append(all, c.until("EndOfTurn")...)
			names, segments := told(all)
			if !slices.Equal(names, tc.names) || !slices.Equal(segments, tc.segments) {
				t.Errorf("said %q with %q, want %q with %q", names, segments, tc.names, tc.segments)
			}
			end, _ := all[len(all)-1]["metadata"].(map[string]any)["end_time"].(float64)
			if end < 0.4 {
				t.Errorf("the turn ends at %g s, before it was spoken", end)
			}
		})
	}
}

func TestAgentSTT_PartialsOnlyWhenAsked(t *testing.T) {
	c := dial(t, newBed(t).url+"/agent")
	c.say(agentStart("linden-1", "external", `,"enable_partials":true,"diarization":"speaker"`))
	c.sound(speak(agentFormat, question))
	c.say(`{"message":"EndOfStream","last_seq_no":1}`)
	all := c.until("EndOfTranscript")
	names, segments := told(all)
	if n := len(names); n < 5 || names[2] != "AddPartialSegment" || !slices.Equal(names[n-3:], []string{"AddSegment", "EndOfTurn", "EndOfTranscript"}) {
		t.Errorf("said %q, want partials, and the end of the stream to end the turn", names)
	}
	if len(segments) != 1 || segments[0] != question {
		t.Errorf("segments %q, want the whole question", segments)
	}
	for _, m := range all {
		if s, ok := m["segment"].(map[string]any); ok && s["speaker"] != "S1" {
			t.Errorf("segment %v has no speaker", s)
		}
	}
}

// TestAgentSTT_NeedsPathAndModel: with either missing the vendor serves its other API, and says nothing.
func TestAgentSTT_NeedsPathAndModel(t *testing.T) {
	for _, tc := range []struct{ name, path, model string }{
		{"the path alone", "/agent", "enhanced"},
		{"the model alone", "", "linden-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, newBed(t).url+tc.path)
			c.say(agentStart(tc.model, "external", ""))
			c.sound(speak(agentFormat, question))
			c.say(`{"message":"ForceEndOfUtterance"}`)
			if names, _ := told(c.until("EndOfUtterance")); !slices.Contains(names, "AddTranscript") {
				t.Errorf("said %q, want words", names)
			}
		})
	}
}

func TestAgentSTT_RefusesWhatTheVendorDoes(t *testing.T) {
	good := agentStart("linden-1", "vad", "")
	for _, tc := range []struct{ name, start, kind string }{
		{"a rate", strings.Replace(good, "8000", "44100", 1), "invalid_audio_type"},
		{"mu-law", strings.Replace(good, "pcm_s16le", "mulaw", 1), "invalid_audio_type"},
		{"a mode", strings.Replace(good, `"vad"`, `"smart"`, 1), "invalid_config"},
		{"a config of another shape", strings.Replace(good, `{"turn_detection_mode":"vad"}`, `7`, 1), "invalid_message"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, newBed(t).url+"/agent")
			c.say(tc.start)
			all := c.until("Error")
			if kind := all[len(all)-1]["type"]; kind != tc.kind {
				t.Errorf("error %v, want %s", kind, tc.kind)
			}
		})
	}
}
