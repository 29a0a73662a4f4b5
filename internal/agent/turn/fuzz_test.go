package turn

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// fuzzer reads a script of events from bytes. Whatever they are, the laws must hold.
type fuzzer struct {
	*script
	data []byte
	ids  int
}

func (f *fuzzer) next() int {
	if len(f.data) == 0 {
		return 0
	}
	b := f.data[0]
	f.data = f.data[1:]
	return int(b)
}

func (f *fuzzer) pick(from ...string) string { return from[f.next()%len(from)] }

func (f *fuzzer) epoch() Epoch {
	if n := f.next(); n >= 240 {
		return f.e.Epoch() + Epoch(n%4) - 2
	}
	return f.e.Epoch()
}

func (f *fuzzer) ms() time.Duration { return time.Duration(f.next()) * 10 * time.Millisecond }

// kind picks what happens next: any event, or more often one that the state waits for.
func (f *fuzzer) kind() EventKind {
	any := []EventKind{
		Started, VoiceStart, VoiceStop, Partial, Final, EndOfUtterance, Typed, ModelText, ModelTools, ModelDone, ModelFailed, ToolDone,
		SpeechAudio, SpeechWords, SpeechDone, SpeechFailed, Played, TimerFired, Key, HeardFailed,
	}
	n, r := f.next(), &f.e.reply
	switch {
	case n == 255 && f.next() > 200:
		return HangUp
	case n == 254 && f.next() > 200:
		return Leave
	case n%4 == 0:
		return any[n/4%len(any)]
	case n%4 == 1 && len(r.order) > 0:
		return ToolDone
	case n%4 <= 2 && r.asking:
		return []EventKind{ModelText, ModelText, ModelTools, ModelDone}[n/4%4]
	case r.active:
		return []EventKind{SpeechAudio, SpeechWords, SpeechDone, Played, Played, VoiceStart, Partial}[n/4%7]
	}
	return []EventKind{VoiceStart, Partial, Final, VoiceStop, EndOfUtterance, Typed}[n/4%6]
}

func (f *fuzzer) event() Event {
	ev := Event{Kind: f.kind(), Epoch: f.epoch()}
	switch ev.Kind {
	case Partial, Final:
		ev.Text = f.pick("", "hello", "and so", "That is all.", ".", "hello there my friend", "5 5 1", "  ", "no,")
		if f.next()%2 == 0 {
			ev.Start = max(0, f.now-f.ms())
			ev.End = ev.Start + f.ms()
		}
	case Typed:
		ev.Text, ev.Mute, ev.Later = f.pick("Tell me.", "", "x", "Look it up."), f.next()%4 == 0, f.next()%4 == 0
	case ModelText:
		ev.Text = f.pick("", "A sentence of its own. ", "word ", "🎉", "1. ", "**bold. ", story+" ", strings.Repeat("x", 500), "https://x.example ", "好。")
	case ModelTools:
		for range f.next() % 4 {
			f.ids++
			ev.Calls = append(ev.Calls, ToolCall{ID: f.pick("", "same", "a", "b", "c"), Name: "lookup", Arguments: f.pick("{}", "not json")})
		}
	case ToolDone:
		if o := f.e.reply.order; len(o) > 0 && f.next()%8 > 0 {
			ev.Result = &ToolResult{ID: o[f.next()%len(o)].ID, Name: "lookup", Content: "{}"}
		} else if f.next()%2 == 0 {
			ev.Result = &ToolResult{ID: f.pick("", "same", "a", "zzz")}
		}
	case SpeechAudio:
		ev.Audio = f.ms() - 200*time.Millisecond
	case SpeechWords:
		ev.Words = spokenWords(f.ms(), f.pick("", "A sentence of its own", story, "? !"))
	case Played:
		ev.Audio, ev.Done = f.ms()-100*time.Millisecond, f.next()%3 == 0
	case TimerFired:
		ev.Timer = TimerID(f.pick(string(timerEndTurn), string(timerBargeIn), string(timerFiller), string(timerKeys), string(timerDrain), "?"))
	case Key:
		ev.Digit = f.pick("1", "#", "*", "", "x", "12")
	case ModelFailed, SpeechFailed, HeardFailed:
		ev.Text = f.pick("", "unavailable", "quota")
	case HangUp:
		ev.Reason = "peer_gone"
	case Leave:
		ev.Text, ev.Reason = f.pick("Good bye.", "", "One. Two. Three."), "drained"
	case Started, VoiceStart, VoiceStop, EndOfUtterance, ModelDone, SpeechDone:
	}
	return ev
}

// run plays the bytes: the first are the configuration, then each event after a while.
func runBytes(t testing.TB, data []byte) *script {
	f := &fuzzer{data: data}
	limits := [2]int{f.next(), f.next()}
	cfg := Config{MaxMessages: 4 + limits[0]%8, MaxRounds: 1 + limits[1]%3, Window: []int{0, 300, 3000}[limits[1]/3%3]}
	mode := f.next()
	if mode&1 > 0 {
		cfg.Greeting = "Hello there. How can I help?"
	}
	cfg.BargeInOff, cfg.BargeInMinWords = mode&2 > 0 && mode&64 > 0, mode>>2&3*(mode>>7)
	f.script = newScript(t, cfg)
	if mode&16 > 0 { // a true voice and ear
		f.perWord, f.timings, f.ear = 100*time.Millisecond, mode&32 > 0, &ear{}
	}
	for len(f.data) > 0 {
		if n := f.next(); n%3 == 0 {
			f.at((f.now + time.Duration(n)*10*time.Millisecond).Seconds())
		}
		f.step(f.event())
	}
	f.after(60)
	f.step(Event{Kind: HangUp, Reason: "end"})
	f.step(f.event())
	f.after(60)
	return f.script
}

func FuzzEngine(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{2, 1, 16, 3, 6, 0, 0, 1, 1, 1, 7, 0, 6, 1, 9, 0, 250, 1, 1, 0})
	f.Add([]byte("a typed turn, some tools, a cut, a hang-up: any bytes are a call, so this line is one too 0123456789"))
	f.Add(bytes.Repeat([]byte{1, 6, 0, 0, 1, 1, 1, 8, 0, 2, 3, 0, 1, 9, 0, 1, 11, 0, 1, 0}, 40))
	f.Add(bytes.Repeat([]byte{4, 1, 0, 30, 3, 0, 1, 0, 30, 2, 0, 200, 7, 0, 6, 1, 9, 0, 9, 16, 0, 50, 0}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		s := runBytes(t, data)

		// The same events give the same commands, also when they come out of a journal.
		journal, err := json.Marshal(s.events)
		if err != nil {
			t.Fatal(err)
		}
		var events []Event
		if err := json.Unmarshal(journal, &events); err != nil {
			t.Fatal(err)
		}
		if got, exp := replay(t, s.e.cfg, events), logOf(t, s); !bytes.Equal(got, exp) {
			t.Fatalf("replay differs\n got %s\nwant %s", got, exp)
		}
	})
}

// replay gives recorded events to a new engine and returns its commands as JSON.
func replay(t testing.TB, cfg Config, events []Event) []byte {
	e := New(cfg)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, ev := range events {
		for _, c := range e.Step(ev) {
			if err := enc.Encode(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.Bytes()
}

func logOf(t testing.TB, s *script) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, c := range s.log {
		if err := enc.Encode(c.Command); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestEngine_ReplayGivesTheSameCommands(t *testing.T) {
	s := talking(t, Config{Greeting: "Hello there.", Fillers: []string{"One moment.", "Just a second."}})
	s.step(Event{Kind: Started})
	s.play("S2 I2.2=what_has T2.5=What_has_client_5001?@2-2.6 E2.6 U2.7").at(2.9).calls("a", "b").at(4).answers("a", "1").answers("b", "2").says(story)
	s.play("S6 T6.5=stop_it@6-6.4 E6.6").at(7.5)
	s.step(Event{Kind: ModelFailed, Epoch: s.e.Epoch(), Text: "quota"})
	s.at(12).step(Event{Kind: Key, Digit: "5"})
	s.at(20).says("Five.").at(30)
	s.step(Event{Kind: HangUp, Reason: "peer_gone"})
	if got := len(s.records()); got != 3 {
		t.Fatalf("the call has %d records, want 3", got)
	}
	exp := logOf(t, s)
	for range 3 {
		if got := replay(t, s.e.cfg, s.events); !bytes.Equal(got, exp) {
			t.Fatalf("replay differs\n got %s\nwant %s", got, exp)
		}
	}
}

// BenchmarkEngine_Step is one whole turn: voice, words, a tool, an answer of two sentences, all heard.
func BenchmarkEngine_Step(b *testing.B) {
	e := New(Config{})
	now := time.Duration(0)
	words := spokenWords(250*time.Millisecond, "Client 5001 has three transactions. The total is 120 dollars.")
	call := []ToolCall{{ID: "a", Name: "query_transactions", Arguments: `{"clientId":"5001"}`}}
	result := &ToolResult{ID: "a", Name: "query_transactions", Content: `{"count":3,"total":120}`, OK: true}
	events := 0
	step := func(after time.Duration, ev Event) []Command {
		now += after
		ev.At, ev.Epoch = now, e.Epoch()
		events++
		return e.Step(ev)
	}
	const ms = time.Millisecond
	b.ReportAllocs()
	for b.Loop() {
		begin, turn := now, e.Turn()
		step(0, Event{Kind: VoiceStart})
		for range 8 {
			step(100*ms, Event{Kind: Partial, Text: "What transactions does", Start: begin, End: now})
		}
		step(200*ms, Event{Kind: VoiceStop})
		step(150*ms, Event{Kind: Final, Text: "What transactions does client 5001 have?", Start: begin, End: now - 150*ms})
		step(20*ms, Event{Kind: EndOfUtterance})
		step(400*ms, Event{Kind: TimerFired, Timer: timerEndTurn})
		step(300*ms, Event{Kind: ModelTools, Calls: call})
		step(1*ms, Event{Kind: ModelDone})
		step(50*ms, Event{Kind: ToolDone, Result: result})
		for i, w := range words {
			step(20*ms, Event{Kind: ModelText, Text: w.Text + " "})
			if i%2 == 0 {
				step(0, Event{Kind: SpeechAudio, Audio: 500 * ms})
			}
		}
		step(5*ms, Event{Kind: ModelDone})
		step(0, Event{Kind: SpeechWords, Words: words})
		step(0, Event{Kind: SpeechDone})
		for at := 200 * ms; at < 2500*ms; at += 200 * ms {
			step(200*ms, Event{Kind: Played, Audio: at})
		}
		step(200*ms, Event{Kind: Played, Audio: 2500 * ms, Done: true})
		if e.Busy() || e.Turn() != turn+1 {
			b.Fatal("the turn did not come to its end")
		}
	}
	b.ReportMetric(float64(events)/float64(b.N), "events/turn")
}
