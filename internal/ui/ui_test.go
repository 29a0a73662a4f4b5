package ui

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is a writer that a goroutine and a test may use together.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func pipe() (*Streams, *screen) {
	sc := &screen{}
	return &Streams{In: strings.NewReader(""), Out: sc, Err: sc}, sc
}

func terminal(width int) (*Streams, *screen) {
	sc := &screen{}
	return &Streams{
		In: strings.NewReader(""), Out: sc, Err: sc, InTTY: true, OutTTY: true, ErrTTY: true,
		Width: width, Color: true, ErrColor: true,
	}, sc
}

func TestColorWanted_TruthTable(t *testing.T) {
	cases := []struct {
		name         string
		noColor, tty bool
		env          map[string]string
		want         bool
	}{
		{name: "terminal", tty: true, want: true},
		{name: "pipe", want: false},
		{name: "flag beats force", noColor: true, tty: true, env: map[string]string{"CLICOLOR_FORCE": "1"}, want: false},
		{name: "NO_COLOR beats force", tty: true, env: map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, want: false},
		{name: "empty NO_COLOR is not set", tty: true, env: map[string]string{"NO_COLOR": ""}, want: true},
		{name: "force beats a pipe", env: map[string]string{"CLICOLOR_FORCE": "1"}, want: true},
		{name: "force beats dumb", env: map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, want: true},
		{name: "force 0 is no force", env: map[string]string{"CLICOLOR_FORCE": "0"}, want: false},
		{name: "dumb terminal", tty: true, env: map[string]string{"TERM": "dumb"}, want: false},
		{name: "CLICOLOR=0", tty: true, env: map[string]string{"CLICOLOR": "0"}, want: false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := ColorWanted(tc.noColor, tc.tty, func(k string) string { return tc.env[k] }); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func sample() *Table {
	t := &Table{Headers: []string{"KEY", "STATE", "WHAT"}}
	t.Cells(Cell{Text: "port"}, Pass.Cell(), Cell{Text: "a text that is quite a lot longer than the terminal is wide"})
	t.Cells(Cell{Text: "überlang"}, Fail.Cell(), Cell{Text: "short"})
	return t
}

func TestTable_IsOneLineARowInAPipe(t *testing.T) {
	s, out := pipe()
	if err := s.Table(sample()); err != nil {
		t.Fatal(err)
	}
	want := "KEY       STATE   WHAT\n" +
		"port      ✓ pass  a text that is quite a lot longer than the terminal is wide\n" +
		"überlang  ✗ fail  short\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

func TestTable_WrapsInsideItsColumnOnATerminal(t *testing.T) {
	s, out := terminal(44)
	if err := s.Table(sample()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) < 5 {
		t.Fatalf("nothing was wrapped:\n%s", out)
	}
	for _, line := range lines {
		if Width(line) > 44 {
			t.Errorf("line of %d columns: %q", Width(line), line)
		}
	}
	if !strings.HasPrefix(lines[2], strings.Repeat(" ", 18)) {
		t.Errorf("the second line does not stand under its column: %q", lines[2])
	}
	if !strings.Contains(out.String(), "\x1b[32m✓ pass\x1b[") {
		t.Errorf("no green pass in %q", out)
	}
}

func TestClean_TakesAwayWhatCouldDriveTheTerminal(t *testing.T) {
	cases := map[string]string{
		"plain ünïcode ✓":         "plain ünïcode ✓",
		"\x1b[31mred\x1b[0m":      "[31mred[0m",
		"a\r\nb\tc":               "a b c",
		"\u202egnp.exe":           "gnp.exe",
		"bell\a\x00\u009b2Jclear": "bell2Jclear",
	}
	for in, want := range cases {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestState_IsAGlyphAndAWordWithoutColour(t *testing.T) {
	s, _ := pipe()
	seen := map[string]State{}
	for _, st := range []State{Pass, Fail, Warn, Error, Inconclusive, Skip, Blocked, NotApplied, Waived, Stale, Busy} {
		text := s.State(st)
		glyph, word, ok := strings.Cut(text, " ")
		if !ok || word != string(st) || strings.Contains(text, "\x1b") {
			t.Errorf("%s: got %q", st, text)
		}
		if other, twice := seen[glyph]; twice {
			t.Errorf("%s and %s share the glyph %s", st, other, glyph)
		}
		seen[glyph] = st
	}
}

func TestProblem_SaysWhatWhyAndWhatToDo(t *testing.T) {
	p := Problem{What: "configuration: 2 problems", Why: []string{"one", "two"}, Next: []string{"run `voicectl init`", "or read help"}}
	s, out := pipe()
	if err := s.Problem(p); err != nil {
		t.Fatal(err)
	}
	want := "✗ error  configuration: 2 problems\n  one\n  two\n→ run `voicectl init`\n  or read help\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	s, out = terminal(60)
	p.Why = append(p.Why, strings.Repeat("word ", 40))
	if err := s.Problem(p); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "\x1b[31m│") || Width(strings.TrimSuffix(line, "\n")) > 60 {
			t.Errorf("line without bar or too wide: %q", line)
		}
	}
}

func TestConfirm_NeedsAYesAndATerminal(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "yesterday\n": false, "y": true} {
		s, _ := terminal(80)
		s.In = strings.NewReader(answer)
		got, err := s.Confirm("Write?")
		if err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", answer, got, err, want)
		}
	}
	s, out := pipe()
	if _, err := s.Confirm("Write?"); !errors.Is(err, ErrNoTerminal) || out.String() != "" {
		t.Errorf("pipe: got %v and output %q", err, out)
	}
}

func TestProgress_InAPipeIsALineAChangeAndAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out := pipe()
		p := s.Progress(clock.Real{}, "calling")
		<-time.After(20 * time.Second)
		p.Update("waiting for an answer")
		p.Update("waiting for an answer") // no change, no line
		<-time.After(65 * time.Second)
		synctest.Wait()
		p.Stop(Done, "answered")
		p.Stop(Fail, "a second Stop says nothing")
		want := "… busy  calling\n" +
			"… busy  waiting for an answer  20s\n" +
			"… busy  waiting for an answer  50s\n" +
			"… busy  waiting for an answer  1m20s\n" +
			"✓ done  answered  1m25s\n"
		if out.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", out, want)
		}
	})
}

func TestProgress_OnATerminalStaysOnOneLineAndLeavesTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out := terminal(30)
		p := s.Progress(clock.Real{}, "a text that is longer than the thirty columns")
		<-time.After(2 * time.Second)
		p.Stop(Pass, "answered")
		text := out.String()
		if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "answered\x1b[2m  2s\x1b[22m\n") {
			t.Errorf("got %q", text)
		}
		frames := strings.Split(text, "\r\x1b[K")
		if len(frames) < 10 {
			t.Errorf("got %d frames in 2 s", len(frames))
		}
		for _, f := range frames {
			if w := Width(strings.TrimSuffix(f, "\n")); w > 30 {
				t.Errorf("frame of %d columns: %q", w, f)
			}
		}
	})
}

func TestProse_IsFilledOnATerminalOnly(t *testing.T) {
	text := "One sentence that is broken\nwhere its author saw fit.\n\n  $ example that stays as long as it is\n\nEnd."
	s, out := pipe()
	if err := s.Prose(text); err != nil || out.String() != text+"\n" {
		t.Errorf("pipe: got %q, %v", out, err)
	}
	s, out = terminal(30)
	if err := s.Prose(text); err != nil {
		t.Fatal(err)
	}
	want := "One sentence that is broken\nwhere its author saw fit.\n\n  $ example that stays as long as it is\n\nEnd.\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	s, out = terminal(60)
	if err := s.Prose(text); err != nil || !strings.HasPrefix(out.String(), "One sentence that is broken where its author saw fit.\n") {
		t.Errorf("got:\n%s", out)
	}
}
