package session

import (
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

// stage names a moment of a turn.
type stage string

const (
	stageNone       stage = ""
	stageVoiceStop  stage = "end_of_speech"
	stageFinal      stage = "final"
	stageAccepted   stage = "accepted"
	stageAsked      stage = "model_asked"
	stageFirstToken stage = "first_token"
	stageSpeak      stage = "speech_requested"
	stageFirstSound stage = "first_sound"
	stageFirstOut   stage = "first_audio"
)

func stageOf(k turn.EventKind) stage {
	if k == turn.ModelText || k == turn.ModelTools {
		return stageFirstToken
	}
	return stageNone
}

type moment struct {
	name stage
	at   time.Time
}

// watch notes when each stage of the current turn was first reached. The stages before the words are
// accepted belong to the turn that they lead to.
type watch struct {
	before []moment
	list   []moment
}

func (w *watch) begin() {
	w.list, w.before = w.before, nil
}

// mark notes a stage; only the first time counts, except for those that lead to a turn, where the last
// does.
func (s *Session) mark(name stage, at time.Time) {
	if name == stageNone || at.IsZero() {
		return
	}
	w := &s.watch
	if name == stageVoiceStop || name == stageFinal {
		for i := range w.before {
			if w.before[i].name == name {
				w.before[i].at = at
				return
			}
		}
		w.before = append(w.before, moment{name, at})
		s.journalStage(name, at)
		return
	}
	for _, m := range w.list {
		if m.name == name {
			return
		}
	}
	w.list = append(w.list, moment{name, at})
	s.journalStage(name, at)
}

func (s *Session) journalStage(name stage, at time.Time) {
	if s.o.Journal != nil {
		s.o.Journal.Stage(at.Sub(s.start), string(name))
	}
}

func (w *watch) at(name stage) time.Time {
	for _, m := range w.list {
		if m.name == name {
			return m.at
		}
	}
	return time.Time{}
}

// stages is the turn as intervals from the end of the caller's speech (typed words: from their
// acceptance) to the first sound sent.
func (w *watch) stages() []Stage {
	order := []stage{stageVoiceStop, stageFinal, stageAccepted, stageFirstToken, stageFirstSound, stageFirstOut}
	zero := w.at(stageVoiceStop)
	if zero.IsZero() {
		zero = w.at(stageAccepted)
	}
	var out []Stage
	last := zero
	for _, name := range order {
		at := w.at(name)
		if at.IsZero() || zero.IsZero() || at.Before(last) {
			continue
		}
		out = append(out, Stage{Name: string(name), StartMS: last.Sub(zero).Milliseconds(), EndMS: at.Sub(zero).Milliseconds()})
		last = at
	}
	return out
}

// report gives a finished turn to the client and the metrics.
func (s *Session) report(rec turn.Record, stages []Stage) {
	s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteMessage, Data: map[string]any{
		"type": "turn_latency", "turn": rec.Turn, "stages": stages,
	}}})
	s.o.Observe(Measure{Kind: "turn", Name: rec.Outcome, OK: rec.Outcome == "answered", Tool: len(rec.Tools) > 0, Took: rec.Finished - rec.Started})
	if a, b := s.watch.at(stageAccepted), s.watch.at(stageFirstOut); !a.IsZero() && b.After(a) {
		s.o.Observe(Measure{Kind: "first_audio", Took: b.Sub(a), OK: true, Tool: len(rec.Tools) > 0})
	}
	s.o.Log.Info("turn done", "turn", rec.Turn, "outcome", rec.Outcome, "tools", len(rec.Tools), "ms", (rec.Finished - rec.Started).Milliseconds())
}

func (s *Session) observeNote(n turn.Note) {
	if n.Kind == turn.NoteInterrupted {
		s.o.Observe(Measure{Kind: "interrupted", OK: true})
	}
}
