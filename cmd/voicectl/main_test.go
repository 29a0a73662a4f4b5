package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/config"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"voicectl": main})
}

// TestScript runs the binary the way a person or a script does; testdata/script holds one file a subject.
// `-test.run TestScript/NAME` runs one; TESTSCRIPT_UPDATE=1 rewrites the outputs in it.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("TESTSCRIPT_UPDATE") != "",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and wants one exit code: exits 2 voicectl config check
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit interface{ ExitCode() int }
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// testProc is a process in a folder, with buffers in place of streams.
func testProc(t *testing.T, args ...string) (p *Proc, out, talk *bytes.Buffer) {
	t.Helper()
	out, talk = &bytes.Buffer{}, &bytes.Buffer{}
	return newProc(Real{
		Args: args, Dir: t.TempDir(), In: strings.NewReader(""), Out: out, Err: talk,
		Clock: clock.Real{}, Second: make(chan struct{}),
	}), out, talk
}

func TestExitCodeOf_IsTheTableOfTheContract(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	cause := errors.New("cause")
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"done", t.Context(), nil, 0},
		{"drained after a signal", stopped, nil, 0},
		{"any error", t.Context(), cause, 1},
		{"failed", t.Context(), failed(cause), 1},
		{"usage", t.Context(), usageErrorf("mistyped: %w", cause), 2},
		{"configuration", t.Context(), config.Faults{{What: "x"}}, 2},
		{"wrapped configuration", t.Context(), fmt.Errorf("serve: %w", config.Faults{{What: "x"}}), 2},
		{"file", t.Context(), badFile(cause), 2},
		{"inconclusive", t.Context(), inconclusive(cause), 3},
		{"refused", t.Context(), refused(cause), 4},
		{"cannot be undone", t.Context(), notUndone(cause), 5},
		{"interrupted", stopped, fmt.Errorf("dial: %w", context.Canceled), 130},
		{"an answer that came in spite of the signal", stopped, failed(cause), 1},
		{"a cancelled part of work that nobody interrupted", t.Context(), context.Canceled, 1},
	}
	for _, tc := range cases {
		if got := exitCodeOf(tc.ctx, tc.err); got != tc.want {
			t.Errorf("%s: got %d, want %d", tc.name, got, tc.want)
		}
		if tc.err != nil && tc.name != "configuration" && !errors.Is(tc.err, cause) && !strings.Contains(tc.name, "onfigur") &&
			!errors.Is(tc.err, context.Canceled) {
			t.Errorf("%s: the cause is lost", tc.name)
		}
	}
}

func TestRun_PanicIsAFailureAndNotAUsageError(t *testing.T) {
	p, _, talk := testProc(t, "version")
	p.UI.Out = panicker{}
	if got := run(t.Context(), p); got != 1 || !strings.Contains(talk.String(), "internal error: boom") {
		t.Errorf("got %d and %q", got, talk)
	}
}

type panicker struct{}

func (panicker) Write([]byte) (int, error) { panic("boom") }

func TestRun_StdoutThatIsGoneIsAFailure(t *testing.T) {
	p, _, talk := testProc(t, "version")
	p.UI.Out = gone{}
	if got := run(t.Context(), p); got != 1 || !strings.Contains(talk.String(), "write text: pipe is gone") {
		t.Errorf("got %d and %q", got, talk)
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("pipe is gone") }

func TestCommands_FlagsReachTheirOptions(t *testing.T) {
	p, _, _ := testProc(t)
	var got *InitOptions
	c := newCmdInit(p, func(o *InitOptions) error { got = o; return nil })
	c.SetArgs([]string{"sub", "--yes", "--plan", "--force"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	if !got.yes || !got.plan || !got.force || got.dir != filepath.Join(p.Dir, "sub") {
		t.Errorf("got %+v", got)
	}
}

func TestOutputs_OnlyOneGoesToStdout(t *testing.T) {
	cases := []struct {
		set  []string
		want string // part of the error, "" = fine
	}{
		{[]string{"text"}, ""},
		{[]string{"json=a.json", "text"}, ""},
		{[]string{"json=a.json", "json=b.json"}, ""},
		{[]string{"json", "text"}, "only one result can go to stdout"},
		{[]string{"json="}, "no path"},
		{[]string{"xml"}, "not one of text, json"},
		{[]string{""}, "not one of text, json"},
	}
	for _, tc := range cases {
		o := &outputs{allowed: []string{"text", "json"}}
		var err error
		for _, s := range tc.set {
			if err = o.Set(s); err != nil {
				break
			}
		}
		if (tc.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%v: got %v, want %q", tc.set, err, tc.want)
		}
	}
}

func TestFlagsFromEnv_ConsentHasNoVariable(t *testing.T) {
	p, out, _ := testProc(t, "init")
	p.Env = []string{"VOICECTL_YES=true", "VOICECTL_FORCE=true"}
	if got := run(t.Context(), p); got != exitRefused {
		t.Errorf("got exit code %d, want %d: %s", got, exitRefused, out)
	}
	p, out, _ = testProc(t, "version")
	p.Env = []string{"VOICECTL_OUTPUT=json"}
	if got := run(t.Context(), p); got != exitOK || !strings.HasPrefix(out.String(), "{") {
		t.Errorf("got %d and %s", got, out)
	}
	p, _, talk := testProc(t, "version")
	p.Env = []string{"VOICECTL_OUTPUT=xml"}
	if got := run(t.Context(), p); got != exitUsage || !strings.Contains(talk.String(), "VOICECTL_OUTPUT") {
		t.Errorf("got %d and %s", got, talk)
	}
}

func TestInit_ConfirmedOnATerminalWritesWhatConfigTakes(t *testing.T) {
	for answer, want := range map[string]int{"y\n": exitOK, "\n": exitRefused} {
		p, _, talk := testProc(t, "init")
		p.UI.In, p.UI.InTTY = strings.NewReader(answer), true
		if got := run(t.Context(), p); got != want {
			t.Fatalf("%q: got exit code %d, want %d: %s", answer, got, want, talk)
		}
		_, err := os.Stat(filepath.Join(p.Dir, ".env"))
		if (err == nil) != (want == exitOK) {
			t.Errorf("%q: .env: %v", answer, err)
		}
		if want != exitOK {
			continue
		}
		if _, _, err := config.Load(config.Options{Dir: p.Dir, Flags: map[string]string{"sandbox": "true"}}); err != nil {
			t.Errorf("what init wrote is refused: %v", err)
		}
	}
}

func TestWatchSignals_FirstCancelsSecondAbandons(t *testing.T) {
	ctx, second, stop := watchSignals()
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		if err := self.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing happened", what)
		}
	}
	wait("first", ctx.Done())
	select {
	case <-second:
		t.Fatal("one signal counts for two")
	default:
	}
	wait("second", second)
}

// TestDocs_AreCurrent holds the generated pages against the program.
func TestDocs_AreCurrent(t *testing.T) {
	p, _, _ := testProc(t)
	pages, err := referencePages(newRoot(p))
	if err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join("..", "..")
	for name, want := range pages {
		got, rerr := os.ReadFile(filepath.Join(repo, name))
		if rerr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not current; run `make generate`", name)
		}
	}
	old, err := filepath.Glob(filepath.Join(repo, "docs", "cli", "voicectl*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if _, ok := pages["docs/cli/"+filepath.Base(path)]; !ok {
			t.Errorf("%s describes a command that does not exist; run `make generate`", path)
		}
	}
}
