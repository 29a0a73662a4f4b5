package speechmatics

import (
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// deaf makes a session without a socket; what it says is thrown away. Its route serves both APIs: the model chooses.
func deaf(e *Emulator) *session {
	s := newSession(e, nil, e.stage.Begin(stage.Speechmatics, agentRoute, "WS"), agentRoute, 1)
	s.silent.Store(true) // nobody to acknowledge to
	return s
}

func FuzzSession(f *testing.F) {
	const start = `{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"mulaw","sample_rate":8000},"transcription_config":{"language":"en","enable_partials":true}}`
	f.Add([]byte(start), []byte(`{"message":"SetRecognitionConfig","transcription_config":{"max_delay":1}}`), []byte{0xff, 0x7f, 0})
	f.Add([]byte(start), []byte(`{"message":"ForceEndOfUtterance","timestamp":-1}`), []byte("RIFF"))
	f.Add([]byte(`{"message":"StartRecognition","audio_format":{"type":"file"},"transcription_config":{"language":"de"}}`),
		[]byte(`{"message":"EndOfStream","last_seq_no":1}`), []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x00\x00\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00ab"))
	f.Add([]byte(`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"pcm_f32le","sample_rate":96000},"transcription_config":{"language":"en"}}`),
		[]byte(`{`), []byte("\x00\x00\xc0\x7f\x00\x00\x80\xff"))
	f.Add([]byte(`{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"pcm_s16le","sample_rate":8000},"transcription_config":{"language":"en","model":"linden-1","emit_sentences":true},"turn_config":{"turn_detection_mode":"external"}}`),
		[]byte(`{"message":"EndOfStream","last_seq_no":1}`), []byte{0, 0x40, 0, 0xc0})
	e := New(stage.New(stage.Options{}))
	f.Fuzz(func(t *testing.T, first, second, sound []byte) {
		s := deaf(e)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for m := range s.queue {
				if m.close == 0 && len(m.payload) == 0 {
					t.Error("an empty message")
				}
			}
		}()
		defer func() {
			close(s.queue)
			<-done
		}()
		for _, act := range []func() *refusal{
			func() *refusal { return s.command(first) },
			func() *refusal { return s.sound(sound) },
			func() *refusal { return s.command(second) },
			func() *refusal { return s.sound(sound) },
		} {
			if r := act(); r != nil {
				if r.kind == "" || r.reason == "" {
					t.Errorf("refused without a word: %+v", r)
				}
				return
			}
		}
	})
}
