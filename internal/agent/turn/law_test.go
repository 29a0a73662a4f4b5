package turn

import (
	"slices"
	"testing"
	"time"
)

// law holds what must be true of the commands of every step, whatever happened. Every script and the
// fuzzer run under it.
type law struct {
	t testing.TB
	e *Engine

	epoch     Epoch // highest seen
	cancelled Epoch
	cleared   Epoch
	spoke     Epoch
	open      bool
	armed     map[TimerID]time.Duration
	begun     []string
	committed int
	ran       map[string]int  // calls of the round by id
	on        map[string]bool // which of the paired notes are open
	hung      bool
}

var pairs = map[NoteKind]struct {
	of   string
	open bool
}{
	NoteUserStarted: {"user", true}, NoteUserStopped: {"user", false},
	NoteBotStarted: {"bot", true}, NoteBotStopped: {"bot", false},
	NoteModelStarted: {"model", true}, NoteModelStopped: {"model", false},
	NoteSpeechStarted: {"tts", true}, NoteSpeechStopped: {"tts", false},
}

func (l *law) check(ev Event, cmds []Command) {
	l.t.Helper()
	if l.armed == nil {
		l.armed, l.on = map[TimerID]time.Duration{}, map[string]bool{}
		l.ran = map[string]int{}
	}
	if l.hung && len(cmds) > 0 {
		l.t.Fatalf("after the hang-up %q gave %v", ev.Kind, cmds)
	}
	if ev.Kind == TimerFired {
		if at, ok := l.armed[ev.Timer]; (!ok || ev.At < at) && len(cmds) > 0 {
			l.t.Fatalf("timer %q fired without being due and gave %v", ev.Timer, cmds)
		} else if ok && ev.At >= at {
			delete(l.armed, ev.Timer)
		}
	}
	for i, c := range cmds {
		l.command(ev, c, i == len(cmds)-1)
	}
	closed := len(cmds) > 0 && cmds[len(cmds)-1].Kind == Close
	if ev.Kind == HangUp || closed {
		if !l.hung && !closed {
			l.t.Fatalf("hang-up gave %v, want a close at the end", cmds)
		}
		if !l.hung && l.committed != len(l.begun) {
			l.t.Fatalf("hang-up leaves %d turns of %d without a record", len(l.begun)-l.committed, len(l.begun))
		}
		for of, open := range l.on {
			if open && of != "user" {
				l.t.Fatalf("hang-up leaves %q started", of)
			}
		}
		l.hung = true
	}
	if l.epoch != l.e.Epoch() && l.e.Busy() {
		l.t.Fatalf("engine is in epoch %d, commands were of %d", l.e.Epoch(), l.epoch)
	}
	l.bounds()
	l.timers()
}

// timers: what waits for a state is stopped when the state is over.
func (l *law) timers() {
	l.t.Helper()
	r := &l.e.reply
	for id, needed := range map[TimerID]bool{
		timerBargeIn: l.e.Busy() && l.e.caller.speaking,
		timerFiller:  l.e.Busy() && !r.spoken() && len(r.results) < len(r.order),
		timerDrain:   l.e.Busy() && r.modelDone && r.speechDone,
		timerKeys:    l.e.keys != "",
		timerEndTurn: l.e.caller.text() != "" || l.e.debt != nil || l.e.deaf.owed,
	} {
		if _, armed := l.armed[id]; armed && !needed && !l.hung {
			l.t.Fatalf("timer %q is armed for nothing", id)
		}
	}
}

func (l *law) command(ev Event, c Command, last bool) {
	l.t.Helper()
	if c.Epoch != 0 {
		if c.Epoch < l.epoch {
			l.t.Fatalf("%s of epoch %d after epoch %d", c.Kind, c.Epoch, l.epoch)
		}
		if c.Epoch > l.epoch && l.open && l.cancelled != l.epoch {
			l.t.Fatalf("epoch %d begins while speech of %d is open", c.Epoch, l.epoch)
		}
		if c.Epoch > l.epoch {
			l.open = false
		}
		l.epoch = c.Epoch
	}
	switch c.Kind {
	case Generate, Speak, EndSpeech, RunTool:
		if c.Epoch == 0 || c.Epoch == l.cancelled {
			l.t.Fatalf("%s of epoch %d, which was cancelled", c.Kind, c.Epoch)
		}
	case Cancel:
		l.cancelled = c.Epoch
		clear(l.ran) // answered as cancelled; conversation sees to that
	case Clear:
		if l.cancelled != c.Epoch || l.cleared == c.Epoch || l.spoke != c.Epoch {
			l.t.Fatalf("clear of epoch %d: cancelled %d, cleared %d, spoken %d", c.Epoch, l.cancelled, l.cleared, l.spoke)
		}
		l.cleared = c.Epoch
	case SetTimer:
		if c.After < 0 || c.After > time.Hour {
			l.t.Fatalf("timer %q after %v", c.Timer, c.After)
		}
		l.armed[c.Timer] = ev.At + c.After
	case StopTimer:
		if _, ok := l.armed[c.Timer]; !ok {
			l.t.Fatalf("timer %q stopped, but it was not armed", c.Timer)
		}
		delete(l.armed, c.Timer)
	case BeginTurn:
		l.begun = append(l.begun, c.Text)
	case CommitTurn:
		l.commit(*c.Turn)
	case Notify:
		l.note(*c.Note)
	case Close:
		if ev.Kind != HangUp && l.e.parted == "" || !last {
			l.t.Fatalf("close on %q", ev.Kind)
		}
	case Finalize:
	}
	switch c.Kind {
	case Speak:
		l.spoke, l.open = c.Epoch, true
	case EndSpeech:
		if !l.open {
			l.t.Fatal("speech ended that was not open")
		}
		l.open = false
	case RunTool:
		l.run(c)
	case Generate:
		l.generate()
	case Cancel, Clear, SetTimer, StopTimer, BeginTurn, CommitTurn, Notify, Close, Finalize:
	}
}

// commit: each turn begun has one record, in order, with its words.
func (l *law) commit(r Record) {
	l.t.Helper()
	l.committed++
	if r.Turn != l.committed || r.Turn > len(l.begun) || r.User != l.begun[r.Turn-1] {
		l.t.Fatalf("record %+v is number %d of the turns %q", r, l.committed, l.begun)
	}
	if r.Finished < r.Started || !slices.Contains([]string{"answered", "interrupted", "failed", "hung_up"}, r.Outcome) {
		l.t.Fatalf("bad record %+v", r)
	}
}

func (l *law) note(n Note) {
	l.t.Helper()
	if p, ok := pairs[n.Kind]; ok {
		if l.on[p.of] == p.open {
			l.t.Fatalf("note %q twice", n.Kind)
		}
		l.on[p.of] = p.open
	}
}

func (l *law) run(c Command) {
	l.t.Helper()
	l.ran[c.Call.ID]++
	if l.ran[c.Call.ID] > 1 {
		l.t.Fatalf("call %q runs twice in one round", c.Call.ID)
	}
}

// generate: the model sees every call answered once, in place, and something to answer at the end.
func (l *law) generate() {
	l.t.Helper()
	msgs := l.e.Messages()
	l.conversation(msgs)
	answered := map[string]int{}
	for i := len(msgs) - 1; i >= 0 && msgs[i].Role == Tool; i-- {
		answered[msgs[i].ID]++
	}
	for id := range l.ran {
		if answered[id] != 1 {
			l.t.Fatalf("call %q is answered %d times before the next question", id, answered[id])
		}
	}
	clear(l.ran)
	if last := msgs[len(msgs)-1]; last.Role != User && last.Role != Tool {
		l.t.Fatalf("the model is asked with %q at the end", last.Role)
	}
}

// conversation: a call is followed by its answers at once, and no answer stands without a call.
func (l *law) conversation(msgs []Message) {
	l.t.Helper()
	var owed []string
	for i, m := range msgs {
		if m.Role == Tool {
			if len(owed) == 0 || owed[0] != m.ID {
				l.t.Fatalf("message %d answers %q, owed are %q", i, m.ID, owed)
			}
			owed = owed[1:]
			continue
		}
		if len(owed) > 0 {
			l.t.Fatalf("message %d (%s) stands between calls and the answers to %q", i, m.Role, owed)
		}
		if m.Text == "" && len(m.Calls) == 0 {
			l.t.Fatalf("message %d (%s) is empty", i, m.Role)
		}
		if m.Facts != (i == 0 && m.Role == System) {
			l.t.Fatalf("message %d (%s) has the wrong place", i, m.Role)
		}
		for _, c := range m.Calls {
			owed = append(owed, c.ID)
		}
	}
	if len(owed) > 0 {
		l.t.Fatalf("calls %q have no answer", owed)
	}
}

// bounds: the memory holds the last messages and what stands for those before, unless one turn is alone
// larger.
func (l *law) bounds() {
	l.t.Helper()
	msgs := l.e.Messages()
	turn := 0
	for i := len(msgs) - 1; i >= 0; i-- {
		if turn++; msgs[i].Role == User {
			break
		}
	}
	limit := max(l.e.cfg.MaxMessages, turn) + 1
	if len(msgs) > limit {
		l.t.Fatalf("memory holds %d messages, want at most %d", len(msgs), limit)
	}
	if budget := l.e.cfg.budget(); budget > 0 {
		all, own := 0, 0
		for i, m := range msgs {
			all += m.tokens()
			if i >= len(msgs)-turn {
				own += m.tokens()
			}
		}
		if all > max(budget, own)+len(msgs) { // each line of the gist is rounded by itself
			l.t.Fatalf("memory holds %d tokens, the turn alone %d, want at most %d", all, own, budget)
		}
	}
	if len(msgs) > 0 && msgs[0].Facts && len(msgs[0].Text) > 100+gistEntries*(4*gistChars+8) {
		l.t.Fatalf("gist holds %d bytes", len(msgs[0].Text))
	}
	if !l.e.Busy() {
		l.conversation(msgs)
	}
}
