package cartesia

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	maxBody      = 256 << 10
	defaultDrip  = 50 * time.Millisecond
	maxTokenLife = 3600 // seconds
)

// read takes the body of a request for speech.
func (e *Emulator) read(w http.ResponseWriter, r *http.Request, v version, rec *stage.Record) (*request, *problem) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, title: "Request too large", message: "the body is longer than is allowed"}
	}
	q, p := parse(body, v)
	switch {
	case p != nil:
		return nil, p
	case q.Cancel:
		return nil, bad("Invalid request", "cancel is for the WebSocket")
	case len(split(*q.Transcript)) == 0:
		return nil, bad("Invalid request", "transcript is empty")
	}
	rec.Set("text", *q.Transcript)
	rec.Set("model", q.ModelID)
	rec.Set("voice", q.voice)
	rec.Set("output_format", *q.OutputFormat)
	rec.Complete()
	return q, nil
}

// bytes is POST /tts/bytes: the sound alone, streamed.
func (e *Emulator) bytes(w *answer, r *http.Request, v version, rec *stage.Record) *problem {
	q, p := e.read(w, r, v, rec)
	if p != nil {
		return p
	}
	if !e.take() {
		return crowded()
	}
	defer e.give()
	box := &voicebox{format: *q.OutputFormat}
	var sound []byte
	for _, m := range box.speak(*q.Transcript) {
		sound = append(sound, m.sound...)
	}
	rec.Set("seconds", box.spent.Seconds())
	kind := "application/octet-stream"
	if q.OutputFormat.Container == "wav" {
		kind = "audio/wav"
		sound = append(wavHeader(*q.OutputFormat, len(sound)), sound...)
	}
	pacer := e.stage.Pacer(stage.Cartesia)
	if pacer.First(r.Context()) != nil {
		return nil
	}
	f, faulty := e.stage.Midway(stage.Cartesia, r.URL.Path)
	if faulty {
		rec.Set("fault", f.Mode)
		if f.Mode == stage.ModeReset {
			stage.Abort(w, true)
			return nil
		}
		if f.Mode == stage.ModeMalformed { // half a sample less, and no sound
			sound = []byte("<html>502 Bad Gateway</html>")
		}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	rec.First()
	flow := http.NewResponseController(w)
	size := chunkBytes(*q.OutputFormat)
	for i := 0; len(sound) > 0; i++ {
		n := min(size, len(sound))
		_, err := w.Write(sound[:n])
		if err == nil {
			err = flow.Flush()
		}
		if err != nil {
			return nil
		}
		sound = sound[n:]
		if i == 0 && faulty {
			switch f.Mode {
			case stage.ModeStall:
				if f.Hold(r.Context()) != nil {
					return nil
				}
			case stage.ModeClose:
				stage.Abort(w, false)
				return nil
			}
		}
		if faulty && f.Mode == stage.ModeDrip && wait(r.Context(), drip(f)) != nil {
			return nil
		}
		if pacer.Token(r.Context()) != nil {
			return nil
		}
	}
	return nil
}

// sse is POST /tts/sse: the messages of the socket as server-sent events.
func (e *Emulator) sse(w *answer, r *http.Request, v version, rec *stage.Record) *problem {
	q, p := e.read(w, r, v, rec)
	switch {
	case p != nil:
		return p
	case q.OutputFormat.Container != "raw":
		return bad("Invalid request", "output_format.container must be raw for server-sent events")
	case !e.take():
		return crowded()
	}
	defer e.give()
	id := q.ContextID
	if id == "" {
		id = uuid.NewString()
	}
	flow := http.NewResponseController(w)
	s := &speaker{
		e: e, version: v, route: r.URL.Path, id: id, timestamps: q.AddTimestamps, rec: rec, pacer: e.stage.Pacer(stage.Cartesia),
		box: voicebox{format: *q.OutputFormat},
		write: func(kind string, payload []byte) error {
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, payload); err != nil {
				return err
			}
			return flow.Flush()
		},
		abort: func(code int, _ string) { stage.Abort(w, code == 0) },
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	if s.speak(r.Context(), *q.Transcript) != nil {
		return nil
	}
	_ = s.write(wire.TypeDone, encode(wire.Done{Type: wire.TypeDone, ContextID: id, Done: true, StatusCode: http.StatusOK}))
	return nil
}

// token is POST /access-token.
func (e *Emulator) token(w *answer, r *http.Request, _ version, _ *stage.Record) *problem {
	var ask struct {
		Grants    map[string]bool `json:"grants"`
		ExpiresIn int             `json:"expires_in"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&ask); err != nil {
		return bad("Invalid request", "the body is not valid: "+clip(err.Error()))
	}
	if ask.ExpiresIn < 0 || ask.ExpiresIn > maxTokenLife {
		return bad("Invalid request", "expires_in must be between 0 and 3600")
	}
	if !ask.Grants["tts"] && !ask.Grants["stt"] && !ask.Grants["agent"] {
		return bad("Invalid request", "grants must allow tts, stt or agent")
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(map[string]string{"token": "sandbox-" + uuid.NewString()}))
	return nil
}

func drip(f stage.Fault) time.Duration {
	if f.MS > 0 {
		return time.Duration(f.MS) * time.Millisecond
	}
	return defaultDrip
}
