package trace

import (
	"encoding/json"
	"slices"
	"strings"
)

// Turn is what one turn of the caller came to. Every time is in milliseconds; null was not seen, which
// is not 0.
type Turn struct {
	N     int     `json:"turn"`  // 0 = before the caller's first: the greeting
	Start float64 `json:"start"` // T of its first event
	Heard string  `json:"heard"` // what the agent understood; else what the caller said
	Said  string  `json:"said"`  // the reply as the caller heard it; else as it was to be spoken
	Tools []Tool  `json:"tools"`

	// Origin is the T from which the following count: the end of the caller's speech (the caller's own
	// word goes before the agent's), of a typed turn its sending, of the greeting the open line.
	Origin     *float64 `json:"origin"`
	Final      *float64 `json:"final_ms"`       // last final transcript
	Accepted   *float64 `json:"accepted_ms"`    // turn given to the model
	FirstToken *float64 `json:"first_token_ms"` // the model's first word or tool
	FirstAudio *float64 `json:"first_audio_ms"` // first sound of the reply made
	Sent       *float64 `json:"sent_ms"`        // and sent
	Arrived    *float64 `json:"heard_ms"`       // and arrived at the caller

	Interrupted bool     `json:"interrupted"`
	Errors      []string `json:"errors,omitempty"`
}

// Response is how long the caller waited: until sound arrived or, seen from the agent alone, was sent.
func (t Turn) Response() *float64 {
	if t.Arrived != nil {
		return t.Arrived
	}
	return t.Sent
}

// Tool is one use of a tool. Start counts from the turn's Origin.
type Tool struct {
	Name   string          `json:"name"`
	Args   json.RawMessage `json:"args,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Start  *float64        `json:"start_ms"`
	MS     *float64        `json:"ms"` // null = it never ended
	OK     bool            `json:"ok"`
}

// fold is a turn while events still come.
type fold struct {
	Turn
	saidDone, userStopped, typed, accepted, open *float64 // T of the candidates for Origin

	understood, spoken, callerSaid, callerHeard, finals []string
	answered                                            bool // the reply began: what the caller says next is a new turn
	spoke                                               bool // there is more in it than a voice that rose and fell
}

// Turns folds the events of a call, ordered by T, into its turns.
func Turns(events []Event) []Turn {
	var folds []*fold
	at := func(n int, t float64) *fold {
		for _, f := range folds {
			if f.N == n {
				return f
			}
		}
		f := &fold{Turn: Turn{N: n, Start: t, Tools: []Tool{}}}
		folds = append(folds, f)
		return f
	}
	numbered := slices.ContainsFunc(events, func(e Event) bool { return e.Turn > 0 })
	var cur *fold
	for _, e := range events {
		if e.Turn > 0 {
			f := at(e.Turn, e.T)
			if cur == nil || e.Turn > cur.N { // a late tool of an older turn does not turn the clock back
				cur = f
			}
			f.take(e)
			continue
		}
		switch {
		case cur == nil:
			cur = at(0, e.T)
		case !cur.answered && cur.N > 0:
		case e.Event == SayStarted, e.Event == Typed, e.Event == UserStarted && !numbered:
			cur = at(cur.N+1, e.T)
		}
		cur.take(e)
	}
	out := make([]Turn, 0, len(folds))
	for _, f := range folds {
		if f.spoke {
			out = append(out, f.finish())
		}
	}
	return out
}

func first(p **float64, t float64) {
	if *p == nil {
		*p = &t
	}
}

func (f *fold) take(e Event) {
	if e.Event != UserStarted && e.Event != UserStopped {
		f.spoke = true
	}
	switch e.Event {
	case CallStarted, StreamOpen:
		first(&f.open, e.T)
	case SayStarted:
		if e.Text != "" {
			f.callerSaid = append(f.callerSaid, e.Text)
		}
	case SayDone:
		f.saidDone = &e.T
	case UserStopped:
		if !f.answered {
			f.userStopped = &e.T
		}
	case Typed:
		first(&f.typed, e.T)
		f.callerSaid = append(f.callerSaid, e.Text)
	case Final:
		f.Final = &e.T
		f.finals = append(f.finals, strings.TrimSpace(e.Text))
	case TurnAccepted:
		f.Accepted, f.accepted = &e.T, &e.T
		f.understood = []string{e.Text}
	case ModelFirstToken:
		first(&f.FirstToken, e.T)
	case ToolStarted:
		t := e.T
		f.Tools = append(f.Tools, Tool{Name: e.Tool, Args: e.Args, Start: &t})
	case ToolDone:
		f.toolDone(e)
	case SpeechRequested:
		f.spoken = append(f.spoken, strings.TrimSpace(e.Text))
	case SpeechFirstAudio:
		first(&f.FirstAudio, e.T)
	case FirstAudioSent:
		first(&f.Sent, e.T)
		f.answered = true
	case AudioFirst:
		first(&f.Arrived, e.T)
		f.answered = true
	case BotStarted, TurnDone:
		f.answered = true
	case Heard:
		f.callerHeard = append(f.callerHeard, strings.TrimSpace(e.Text))
	case Interrupted:
		f.Interrupted = true
	case Error:
		f.Errors = append(f.Errors, e.Text)
	case Ready, UserStarted, Partial, ModelStarted, BotStopped, HangUp, Dialed, Webhook, Verb, Message, Mark, Clear, Warning, Closed:
	}
}

func (f *fold) toolDone(e Event) {
	ok, said := e.Attrs["ok"].(bool)
	for i := range f.Tools {
		t := &f.Tools[i]
		if t.Name == e.Tool && t.MS == nil {
			took := e.MS
			if took == 0 && t.Start != nil {
				took = e.T - *t.Start
			}
			t.MS, t.Result, t.OK = &took, e.Result, ok || !said
			return
		}
	}
	took := e.MS
	f.Tools = append(f.Tools, Tool{Name: e.Tool, Result: e.Result, MS: &took, OK: ok || !said})
}

func (f *fold) finish() Turn {
	t := f.Turn
	for _, origin := range []*float64{f.saidDone, f.typed, f.userStopped, f.accepted, f.open} {
		if origin != nil {
			t.Origin = origin
			break
		}
	}
	t.Final, t.Accepted, t.FirstToken = since(t.Final, t.Origin), since(t.Accepted, t.Origin), since(t.FirstToken, t.Origin)
	t.FirstAudio, t.Sent, t.Arrived = since(t.FirstAudio, t.Origin), since(t.Sent, t.Origin), since(t.Arrived, t.Origin)
	for i := range t.Tools {
		t.Tools[i].Start = since(t.Tools[i].Start, t.Origin)
	}
	t.Heard = words(f.understood, f.finals, f.callerSaid)
	t.Said = words(f.callerHeard, f.spoken)
	return t
}

func since(t, origin *float64) *float64 {
	if t == nil || origin == nil {
		return nil
	}
	d := *t - *origin
	return &d
}

// words joins the first list that says something.
func words(lists ...[]string) string {
	for _, l := range lists {
		if s := strings.TrimSpace(strings.Join(l, " ")); s != "" {
			return s
		}
	}
	return ""
}
