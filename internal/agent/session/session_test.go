package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

func TestSession_GreetsAndPacesWithinTheLead(t *testing.T) {
	inTalk(t, Options{Turn: turn.Config{Greeting: "one two three four five six seven eight nine ten"}, Responder: saying("no")}, true, func(k *talk) {
		start := time.Now()
		k.wait(3 * time.Second)
		var total time.Duration
		for _, s := range k.line.sent(OutAudio) {
			ahead := total - s.at.Sub(start)
			if ahead > 200*time.Millisecond {
				t.Errorf("sound sent %v ahead of the ear, at most 200ms", ahead)
			}
			total += k.line.info.Out.Duration(len(s.out.Audio))
		}
		if total != time.Second {
			t.Errorf("sent %v of sound, want 1s", total)
		}
		if n := len(k.line.notes(turn.NoteBotStopped)); n != 1 {
			t.Errorf("bot stopped %d times, want 1", n)
		}
	})
}

func TestSession_TypedTextIsAnsweredAndKept(t *testing.T) {
	for _, marks := range []bool{true, false} {
		inTalk(t, Options{Responder: saying("It is three. All is well.")}, marks, func(k *talk) {
			k.line.in <- In{Kind: InText, Text: "how many"}
			k.wait(2 * time.Second)
			if len(k.kept.list) != 1 {
				t.Fatalf("marks %v: kept %d turns, want 1", marks, len(k.kept.list))
			}
			if r := k.kept.list[0]; r.Agent != "It is three. All is well." || r.User != "how many" || r.Outcome != "answered" {
				t.Errorf("marks %v: kept %+v", marks, r)
			}
		})
	}
}

func TestSession_BargeInClearsAtOnceAndKeepsWhatWasHeard(t *testing.T) {
	inTalk(t, Options{Responder: saying("a b c d e f g h i j k l m n o p.")}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "go"}
		k.wait(750 * time.Millisecond)
		before := time.Now()
		k.line.in <- In{Kind: InText, Text: "stop"}
		k.wait(0)
		clears := k.line.sent(OutClear)
		if len(clears) != 1 || clears[0].at != before {
			t.Fatalf("clear sent %v, want once and at once", clears)
		}
		k.wait(5 * time.Second)
		if len(k.kept.list) != 2 {
			t.Fatalf("kept %d turns, want 2", len(k.kept.list))
		}
		r := k.kept.list[0]
		if !r.Cut || r.Agent != "a b c d e f" { // marks prove 600 ms
			t.Errorf("cut turn kept as %+v", r)
		}
	})
}

func TestSession_NoSoundOfACancelledAnswerGoesOut(t *testing.T) {
	inTalk(t, Options{Responder: saying("a b c d e f g h i j."), Synthesizer: scriptedVoice{wait: 300 * time.Millisecond}}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "go"}
		k.wait(100 * time.Millisecond)
		k.line.in <- In{Kind: InText, Text: "no, this", Mute: true}
		k.wait(3 * time.Second)
		if n := len(k.line.sent(OutAudio)); n != 0 {
			t.Errorf("%d messages of sound of an answer that was given up", n)
		}
		if len(k.kept.list) != 2 || k.kept.list[0].Agent != "" || k.kept.list[1].Agent == "" {
			t.Errorf("kept %+v", k.kept.list)
		}
	})
}

func TestSession_ToolRunsAndItsResultReachesTheModel(t *testing.T) {
	var seen []Request
	model := scriptedModel(func(_ context.Context, req Request, sink func(Delta)) error {
		seen = append(seen, req)
		if len(seen) == 1 {
			sink(Delta{Calls: []turn.ToolCall{{ID: "1", Name: "look", Arguments: "{}"}}})
			return nil
		}
		sink(Delta{Text: "Found it."})
		return nil
	})
	tools := scriptedTools{run: func(context.Context, turn.ToolCall) ToolOutcome {
		return ToolOutcome{Result: turn.ToolResult{Content: `{"n":3}`, OK: true}, Messages: []any{map[string]any{"type": "chart"}}}
	}}
	inTalk(t, Options{Responder: model, Tools: tools, Prompt: "P"}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "look"}
		k.wait(2 * time.Second)
		if len(seen) != 2 {
			t.Fatalf("model asked %d times, want 2", len(seen))
		}
		last := seen[1].Messages[len(seen[1].Messages)-1]
		if last.Role != turn.Tool || last.Text != `{"n":3}` || last.ID != "1" {
			t.Errorf("model saw %+v", last)
		}
		if seen[1].System != "P\n\npinned" {
			t.Errorf("system prompt %q", seen[1].System)
		}
		charts := 0
		for _, n := range k.line.notes(turn.NoteMessage) {
			if m, ok := n.Data.(map[string]any); ok && m["type"] == "chart" {
				charts++
			}
		}
		if charts != 1 {
			t.Errorf("client got %d charts, want 1", charts)
		}
	})
}

func TestSession_PanicEndsThisSessionOnly(t *testing.T) {
	model := scriptedModel(func(_ context.Context, _ Request, sink func(Delta)) error {
		sink(Delta{Calls: []turn.ToolCall{{ID: "1", Name: "look", Arguments: "{}"}}})
		return nil
	})
	tools := scriptedTools{run: func(context.Context, turn.ToolCall) ToolOutcome { panic("secret words") }}
	inTalk(t, Options{Responder: model, Tools: tools}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "look"}
		k.wait(time.Second)
		if k.line.closed != EndError {
			t.Errorf("line closed with %q, want %q", k.line.closed, EndError)
		}
	})
}

func TestSession_RecognizerIsOpenedAgainAfterAFailure(t *testing.T) {
	inTalk(t, Options{Responder: saying("Yes.")}, true, func(k *talk) {
		k.ears.hear(Heard{Kind: turn.HeardFailed, Err: errors.New("gone")})
		k.wait(2 * time.Second)
		if k.ears.opened != 2 {
			t.Fatalf("recognizer opened %d times, want 2", k.ears.opened)
		}
		k.ears.hear(Heard{Kind: turn.Final, Text: "Are you there?", Start: 0, End: time.Second})
		k.wait(3 * time.Second)
		if len(k.kept.list) != 1 || k.kept.list[0].User != "Are you there?" {
			t.Errorf("kept %+v", k.kept.list)
		}
	})
}

func TestSession_SpeechFailureIsSaidToTheClient(t *testing.T) {
	inTalk(t, Options{Responder: saying("Yes."), Synthesizer: scriptedVoice{fail: errors.New("down")}}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "hello"}
		k.wait(3 * time.Second)
		if len(k.line.notes(turn.NoteError)) == 0 {
			t.Error("no error was told")
		}
		if len(k.kept.list) != 1 || k.kept.list[0].Outcome != "failed" {
			t.Errorf("kept %+v", k.kept.list)
		}
	})
}

func TestSession_HangUpKeepsTheTurnInProgress(t *testing.T) {
	inTalk(t, Options{Responder: saying("a b c d e f g h i j.")}, true, func(k *talk) {
		k.line.in <- In{Kind: InText, Text: "go"}
		k.wait(500 * time.Millisecond)
		close(k.line.hung)
		k.wait(time.Second)
		if len(k.kept.list) != 1 || k.kept.list[0].Agent != "a b c d" || k.kept.list[0].Outcome != "hung_up" {
			t.Errorf("kept %+v", k.kept.list)
		}
	})
}

// voiceByMark is a detector that a test drives: voice in the frames that begin with 1.
type voiceByMark struct{ on bool }

func (v *voiceByMark) Speaking() bool { return v.on }
func (v *voiceByMark) Feed(f *media.Frame) media.Transition {
	loud := f.Data[0] == 1
	switch {
	case loud && !v.on:
		v.on = true
		return media.Transition{Activity: media.Started}
	case !loud && v.on:
		v.on = false
		return media.Transition{Activity: media.Stopped}
	}
	return media.Transition{}
}

func TestSession_SoundThatStopsMidWordEndsTheTurn(t *testing.T) {
	inTalk(t, Options{Responder: saying("Yes."), VAD: &voiceByMark{}}, true, func(k *talk) {
		frame := func(mark byte) {
			f := media.NewFrame(media.Phone, time.Now())
			f.Data = append(f.Data, mark)
			k.line.in <- In{Kind: InAudio, Frame: f}
			k.wait(20 * time.Millisecond)
		}
		for range 20 {
			frame(1)
		}
		k.ears.hear(Heard{Kind: turn.Final, Text: "Are you there?", Start: 0, End: 300 * time.Millisecond})
		k.wait(5 * time.Second)
		if k.ears.finalized != 1 {
			t.Errorf("recognizer was asked to finish %d times, want 1", k.ears.finalized)
		}
		if len(k.kept.list) != 1 || k.kept.list[0].User != "Are you there?" {
			t.Errorf("kept %+v", k.kept.list)
		}
		if n := len(k.line.notes(turn.NoteUserStopped)); n != 1 {
			t.Errorf("user stopped %d times, want 1", n)
		}
	})
}
