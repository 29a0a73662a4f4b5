package turn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// script drives an engine on virtual time: it delivers timers at their exact moments, can play the
// synthesizer and the ear, logs every command with its time, and holds the laws of law_test.go over each.
type script struct {
	t      testing.TB
	e      *Engine
	law    law
	now    time.Duration
	due    map[TimerID]time.Duration
	log    []stamped
	events []Event

	perWord time.Duration // > 0: a synthesizer answers Speak with so much sound a word, at once
	timings bool          // and tells the word times
	ear     *ear          // hears it in real time

	onGenerate func() // the model's answer to the next question
	queue      []func()
	stepping   bool
}

type stamped struct {
	at time.Duration
	Command
}

// ear is the far end: it plays in real time and reports every 200 ms and at the end of what it has.
type ear struct {
	epoch         Epoch
	given, heard  time.Duration
	since, report time.Duration
	dry           bool // the end was reported
}

func newScript(t testing.TB, cfg Config) *script {
	s := &script{t: t, e: New(cfg), due: map[TimerID]time.Duration{}}
	s.law = law{t: t, e: s.e}
	return s
}

// talking gives the script a voice and an ear: 250 ms a word, with word times.
func talking(t testing.TB, cfg Config) *script {
	s := newScript(t, cfg)
	s.perWord, s.timings, s.ear = 250*time.Millisecond, true, &ear{}
	return s
}

func sec(f float64) time.Duration { return time.Duration(f*1000+.5) * time.Millisecond }

// at moves time on, with all that falls due on the way.
func (s *script) at(seconds float64) *script {
	s.t.Helper()
	to := sec(seconds)
	if to < s.now {
		s.t.Fatalf("script goes back from %v to %v", s.now, to)
	}
	for {
		next, fire := to+1, func() {}
		for _, id := range slices.Sorted(maps.Keys(s.due)) {
			if at := s.due[id]; at < next {
				next, fire = at, func() {
					delete(s.due, id)
					s.step(Event{Kind: TimerFired, Timer: id})
				}
			}
		}
		if s.ear != nil {
			if at, ok := s.ear.next(); ok && at <= min(next, to) { // what is heard goes before what is decided
				next, fire = at, s.listen
			}
		}
		if next > to {
			s.now = to
			return s
		}
		s.now = max(s.now, next)
		fire()
	}
}

func (s *script) after(seconds float64) *script { return s.at(s.now.Seconds() + seconds) }

// step gives one event to the engine and carries out its commands.
func (s *script) step(ev Event) {
	s.t.Helper()
	if s.stepping {
		s.queue = append(s.queue, func() { s.step(ev) })
		return
	}
	s.stepping = true
	ev.At = s.now
	s.events = append(s.events, ev)
	cmds := append([]Command(nil), s.e.Step(ev)...)
	s.law.check(ev, cmds)
	for _, c := range cmds {
		s.log = append(s.log, stamped{s.now, c})
		s.do(c)
	}
	s.stepping = false
	for len(s.queue) > 0 && !s.stepping {
		next := s.queue[0]
		s.queue = s.queue[1:]
		next()
	}
}

func (s *script) do(c Command) {
	switch c.Kind {
	case SetTimer:
		s.due[c.Timer] = s.now + c.After
	case StopTimer:
		delete(s.due, c.Timer)
	case Speak:
		if s.perWord > 0 {
			s.synthesize(c)
		}
	case EndSpeech:
		if s.perWord > 0 {
			s.step(Event{Kind: SpeechDone, Epoch: c.Epoch})
		}
	case Clear:
		if s.ear != nil {
			s.ear = &ear{}
		}
	case Generate:
		if f := s.onGenerate; f != nil {
			s.queue = append(s.queue, f)
		}
	case Cancel, RunTool, Finalize, Notify, BeginTurn, CommitTurn, Close:
	}
}

func (s *script) synthesize(c Command) {
	base := time.Duration(0)
	if s.ear != nil {
		if s.ear.epoch != c.Epoch {
			s.ear = &ear{epoch: c.Epoch, since: s.now, report: s.now}
		}
		base = s.ear.given
	}
	fields := strings.Fields(c.Text)
	words := make([]Word, len(fields))
	for i, f := range fields {
		words[i] = Word{Text: f, Start: base + time.Duration(i)*s.perWord, End: base + time.Duration(i+1)*s.perWord}
	}
	audio := time.Duration(len(fields)) * s.perWord
	if s.ear != nil {
		s.ear.sync(s.now)
		s.ear.given += audio
		s.ear.dry = false
	}
	s.step(Event{Kind: SpeechAudio, Epoch: c.Epoch, Audio: audio})
	if s.timings {
		s.step(Event{Kind: SpeechWords, Epoch: c.Epoch, Words: words})
	}
}

func (a *ear) sync(now time.Duration) {
	a.heard = min(a.given, a.heard+now-a.since)
	a.since = now
}

// next is when the ear reports again.
func (a *ear) next() (time.Duration, bool) {
	if a.epoch == 0 || (a.dry && a.heard == a.given) {
		return 0, false
	}
	return min(a.report, a.since+a.given-a.heard), true
}

func (s *script) listen() {
	a := s.ear
	a.sync(s.now)
	if s.now >= a.report {
		a.report = s.now + 200*time.Millisecond
	}
	a.dry = a.heard == a.given
	s.step(Event{Kind: Played, Epoch: a.epoch, Audio: a.heard, Done: a.dry})
}

// play runs letters with times, as S0 I.2=hel T.3=hello_there@0-.4 E.5 U.6: voice Start and End,
// Interim and final Transcript (with its place in the caller's sound), end of Utterance.
func (s *script) play(letters string) *script {
	s.t.Helper()
	for _, tok := range strings.Fields(letters) {
		when, words, _ := strings.Cut(tok[1:], "=")
		words, span, placed := strings.Cut(words, "@")
		at, err := strconv.ParseFloat(when, 64)
		if err != nil {
			s.t.Fatalf("bad token %q: %v", tok, err)
		}
		ev := Event{Text: strings.ReplaceAll(words, "_", " ")}
		if placed {
			var from, to float64
			if _, err := fmt.Sscanf(strings.Replace(span, "-", " ", 1), "%g %g", &from, &to); err != nil {
				s.t.Fatalf("bad place in %q: %v", tok, err)
			}
			ev.Start, ev.End = sec(from), sec(to)
		}
		ev.Kind = map[byte]EventKind{'S': VoiceStart, 'E': VoiceStop, 'I': Partial, 'T': Final, 'U': EndOfUtterance}[tok[0]]
		s.at(at).step(ev)
	}
	return s
}

// ask makes a turn of typed words.
func (s *script) ask(text string) *script {
	s.t.Helper()
	s.step(Event{Kind: Typed, Text: text})
	return s
}

// says lets the model say text and end.
func (s *script) says(text string) *script {
	s.t.Helper()
	s.delta(text)
	s.step(Event{Kind: ModelDone, Epoch: s.e.Epoch()})
	return s
}

func (s *script) delta(text string) *script {
	s.t.Helper()
	if text != "" {
		s.step(Event{Kind: ModelText, Epoch: s.e.Epoch(), Text: text})
	}
	return s
}

// calls lets the model ask for tools, by id, and end its stream.
func (s *script) calls(ids ...string) *script {
	s.t.Helper()
	var calls []ToolCall
	for _, id := range ids {
		calls = append(calls, ToolCall{ID: id, Name: "lookup", Arguments: "{}"})
	}
	s.step(Event{Kind: ModelTools, Epoch: s.e.Epoch(), Calls: calls})
	s.step(Event{Kind: ModelDone, Epoch: s.e.Epoch()})
	return s
}

// answers lets a tool answer.
func (s *script) answers(id, content string) *script {
	s.t.Helper()
	s.step(Event{Kind: ToolDone, Epoch: s.e.Epoch(), Result: &ToolResult{ID: id, Name: "lookup", Content: content, OK: true}})
	return s
}

func (s *script) hear(seconds float64, done bool) *script {
	s.t.Helper()
	s.step(Event{Kind: Played, Epoch: s.e.Epoch(), Audio: sec(seconds), Done: done})
	return s
}

// commands lists the logged commands of the kinds, as "1.500 kind text".
func (s *script) commands(kinds ...CommandKind) []string {
	var out []string
	for _, c := range s.log {
		if !slices.Contains(kinds, c.Kind) {
			continue
		}
		line := fmt.Sprintf("%.3f %s", c.at.Seconds(), c.Kind)
		switch {
		case c.Note != nil:
			line = fmt.Sprintf("%.3f %s %s", c.at.Seconds(), c.Note.Kind, c.Note.Text)
		case c.Turn != nil:
			line += fmt.Sprintf(" %d %s %q %q", c.Turn.Turn, c.Turn.Outcome, c.Turn.User, c.Turn.Agent)
		case c.Call != nil:
			line += " " + c.Call.ID
		case c.Text != "":
			line += " " + c.Text
		case c.Timer != "":
			line += " " + string(c.Timer)
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// turns lists the accepted turns, as "1.500 words".
func (s *script) turns() []string {
	out := s.commands(BeginTurn)
	for i := range out {
		out[i] = strings.Replace(out[i], " begin_turn", "", 1)
	}
	return out
}

// notes lists when notes of the kinds were given, as "1.500 kind text".
func (s *script) notes(kinds ...NoteKind) []string {
	var out []string
	for _, c := range s.log {
		if c.Note != nil && slices.Contains(kinds, c.Note.Kind) {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%.3f %s %s", c.at.Seconds(), c.Note.Kind, c.Note.Text)))
		}
	}
	return out
}

func (s *script) count(kind CommandKind) int { return len(s.commands(kind)) }

// memory is the conversation as "role: text", with (calls …), an answered id, and "|" where it was cut.
func (s *script) memory() []string {
	var out []string
	for _, m := range s.e.Messages() {
		line := string(m.Role)
		if m.ID != "" {
			line += " " + m.ID
		}
		line += ": " + m.Text
		if m.Cut {
			line += "|"
		}
		for _, c := range m.Calls {
			line += " (" + c.ID + ")"
		}
		out = append(out, line)
	}
	return out
}

func (s *script) records() []Record {
	var out []Record
	for _, c := range s.log {
		if c.Turn != nil {
			out = append(out, *c.Turn)
		}
	}
	return out
}

func want(t testing.TB, what string, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(lines, "\n     "))
	}
}
