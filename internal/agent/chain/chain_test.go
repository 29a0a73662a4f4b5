package chain

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// scripted is a backend that answers with one document of every shape.
type scripted struct{ asked []string }

func (s *scripted) Call(_ context.Context, function string, _, out any) error {
	s.asked = append(s.asked, function)
	return json.Unmarshal([]byte(`{"success":true,"count":1,"total":5,"documents":[],"results":[],"transactions":[{"id":"t","amount":5}],
		"messageId":"m1","chartData":{"labels":["2026-01"],"series":[{"name":"fee","data":[5]}]}}`), out)
}

func box(t *testing.T, b tools.Backend, names ...string) *Tools {
	t.Helper()
	x, err := NewTools(tools.Options{Backend: b}, names, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTools_OnlyWhatTheAgentMayUse(t *testing.T) {
	b := &scripted{}
	x := box(t, b, tools.SearchDocuments)
	if s := x.Specs(); len(s) != 1 || s[0].Name != tools.SearchDocuments || !json.Valid(s[0].Parameters) {
		t.Errorf("offers %+v", s)
	}
	for _, name := range []string{tools.WebSearch, "", "zanzibar\x01\"\u2028", strings.Repeat("é", 1000)} {
		out := x.Run(t.Context(), turn.ToolCall{Name: name, Arguments: `{"query":"x"}`})
		if !json.Valid([]byte(out.Result.Content)) || out.Result.OK || out.Result.Class != tools.ClassUnknown || len(out.Result.Content) > 600 {
			t.Errorf("%.20q: %+v", name, out.Result)
		}
	}
	if len(b.asked) != 0 {
		t.Errorf("called %v", b.asked)
	}
	if _, err := NewTools(tools.Options{}, []string{"zanzibar"}, nil); err == nil {
		t.Error("a tool that does not exist is taken")
	}
}

func TestTools_TellWhatRanBeforeAndWhatToShow(t *testing.T) {
	x := box(t, &scripted{}, tools.WebSearch, tools.GenerateChart, tools.SendEmailReport)
	x.BeginTurn("mail client 5001 to a@example.com")
	out := x.Run(t.Context(), turn.ToolCall{ID: "c1", Name: tools.WebSearch, Arguments: `{"query":"x"}`})
	if len(out.Before) != 1 || out.Before[0].Call.Name != tools.SearchDocuments || out.Before[0].Call.ID != "c1-1" || out.Before[0].Result.ID != "c1-1" {
		t.Errorf("before: %+v", out.Before)
	}
	shown := func(o []any) string { b, err := json.Marshal(o); _ = err; return string(b) } // nil would fail the test below
	out = x.Run(t.Context(), turn.ToolCall{Name: tools.GenerateChart, Arguments: `{"clientId":"5001"}`})
	if got := shown(out.Messages); !strings.Contains(got, `"type":"chart"`) || !strings.Contains(got, `"client_id":"5001"`) {
		t.Errorf("chart: %s", got)
	}
	mail := turn.ToolCall{Name: tools.SendEmailReport, Arguments: `{"to":"a@example.com"}`}
	if got := shown(x.Run(t.Context(), mail).Messages); !strings.Contains(got, `"type":"mail"`) || !strings.Contains(got, `"client_id":"5001"`) {
		t.Errorf("mail: %s", got)
	}
	if again := x.Run(t.Context(), mail); len(again.Messages) != 0 || !again.Result.OK {
		t.Errorf("a mail that went out once is shown twice: %+v", again)
	}
	if !strings.Contains(x.Facts(), "5001") {
		t.Errorf("facts: %q", x.Facts())
	}
	if x.Forget(); x.Facts() != "" {
		t.Errorf("JUL-13: after the end it still knows %q", x.Facts())
	}
}

func TestHeard_AndSoundKeepTheirMeaning(t *testing.T) {
	at, broken := time.Unix(1, 0), &guard.Error{Class: guard.Timeout}
	for kind, want := range map[speechmatics.EventKind]turn.EventKind{
		speechmatics.Partial: turn.Partial, speechmatics.Final: turn.Final, speechmatics.EndOfUtterance: turn.EndOfUtterance, speechmatics.Failed: turn.HeardFailed,
	} {
		ev := speechmatics.Event{Kind: kind, Text: "a", Start: 1, End: 2, At: at}
		if kind == speechmatics.Failed {
			ev.Err = broken
		}
		if h := heard(ev); h.Kind != want || h.Text != "a" || h.Start != 1 || h.End != 2 || h.At != at || (h.Err != nil) != (kind == speechmatics.Failed) {
			t.Errorf("%v became %+v", kind, h)
		}
	}
	if s := sound(cartesia.Event{Kind: cartesia.Audio, Data: []byte{1}, At: at}); len(s.Audio) != 1 || s.At != at || s.Done {
		t.Errorf("audio: %+v", s)
	}
	if s := sound(cartesia.Event{Kind: cartesia.Words, Words: []cartesia.Word{{Text: "a", Start: 1, End: 2}}}); len(s.Words) != 1 || s.Words[0] != (turn.Word{Text: "a", Start: 1, End: 2}) {
		t.Errorf("words: %+v", s)
	}
	if s := sound(cartesia.Event{Kind: cartesia.Complete}); !s.Done {
		t.Errorf("complete: %+v", s)
	}
	if s := sound(cartesia.Event{Kind: cartesia.Failed, Err: broken}); s.Err == nil || s.Done {
		t.Errorf("failed: %+v", s)
	}
}
