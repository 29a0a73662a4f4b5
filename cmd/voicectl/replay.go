package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/trace"
	"github.com/voicectl/voicectl/internal/ui"
)

// ReplayOptions are the options of `voicectl replay`.
type ReplayOptions struct {
	proc *Proc
	file string
	html string
}

func newCmdReplay(p *Proc, runF func(context.Context, *ReplayOptions) error) *cobra.Command {
	o := &ReplayOptions{proc: p}
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Draw a recorded call, and run its decisions again",
		Long: `Draw the timeline of a recorded call (voicectl call --trace, or /api/calls/ID/events.jsonl), and run the turn
engine once more over everything that went into it: the same events must lead to the same decisions, byte for
byte. Where the content was kept hashed, only the timeline is drawn.`,
		Example: `voicectl call http://127.0.0.1:8000/twilio/voice --say "Hello" --trace out.jsonl
voicectl replay out.jsonl
voicectl replay out.jsonl --html out.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runReplay(o)
		},
	}
	c.Flags().StringVar(&o.html, "html", "", "also write the timeline as a page to `FILE`")
	return c
}

func runReplay(o *ReplayOptions) error {
	p := o.proc
	f, err := os.Open(p.path(o.file))
	if err != nil {
		return badFile(fmt.Errorf("replay: %w", err), "make one with `voicectl call URL --trace FILE`")
	}
	defer func() { _ = f.Close() }()
	events, err := trace.Read(f)
	if err != nil {
		return badFile(fmt.Errorf("replay %s: %w", o.file, err))
	}
	if len(events) == 0 {
		return badFile(fmt.Errorf("replay %s: the file holds no events", o.file))
	}
	if err := p.timeline(p.UI.Out, events); err != nil {
		return err
	}
	if o.html != "" {
		if err := writeFile(p.path(o.html), func(w io.Writer) error { return trace.Page(w, filepath.Base(o.file), shown(events)) }); err != nil {
			return badFile(fmt.Errorf("replay: %w", err))
		}
		p.UI.Say("page written to %s", o.html)
	}
	n, err := runAgain(events)
	switch {
	case errors.Is(err, errNoSteps):
		p.UI.Say("decisions not run again: %v", err)
		return nil
	case err != nil:
		return failed(err, "the engine of this version decides differently than the one that was recorded")
	}
	p.UI.Say("%d decisions run again: all the same", n)
	return nil
}

// errNoSteps: the trace cannot be run again, which is no fault of it.
var errNoSteps = errors.New("the trace holds no engine steps with their content")

// runAgain drives a new engine with the recorded events and compares what it decides.
func runAgain(events []trace.Event) (int, error) {
	var cfg turn.Config
	var engine *turn.Engine
	steps := 0
	for i, e := range events {
		switch {
		case e.Side == trace.Agent && e.Event == "config":
			if err := json.Unmarshal(e.Args, &cfg); err != nil {
				return steps, errNoSteps
			}
			engine = turn.New(cfg)
		case e.Side == trace.Agent && e.Event == "step":
			var ev turn.Event
			if engine == nil || json.Unmarshal(e.Args, &ev) != nil {
				return steps, errNoSteps
			}
			got, err := json.Marshal(engine.Step(ev))
			if err != nil {
				return steps, fmt.Errorf("replay: step %d: %w", i+1, err)
			}
			want := bytes.NewBuffer(nil)
			if len(e.Result) == 0 {
				want.WriteString("[]")
			} else if err := json.Compact(want, e.Result); err != nil {
				return steps, errNoSteps
			}
			if bytes.HasPrefix(want.Bytes(), []byte(`"`)) {
				return steps, errNoSteps // too large to be kept whole
			}
			if string(got) == "null" {
				got = []byte("[]")
			}
			if !bytes.Equal(got, want.Bytes()) {
				return steps, fmt.Errorf("replay: step %d (%s at %v) decided %s, recorded was %s", steps+1, ev.Kind, ev.At, clip(got), clip(want.Bytes()))
			}
			steps++
		}
	}
	if steps == 0 {
		return 0, errNoSteps
	}
	return steps, nil
}

func clip(b []byte) string {
	const most = 300
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// shown are the events for a person: engine steps are for runAgain.
func shown(events []trace.Event) []trace.Event {
	out := make([]trace.Event, 0, len(events))
	for _, e := range events {
		if e.Event != "step" && e.Event != "config" {
			out = append(out, e)
		}
	}
	return out
}

func (p *Proc) timeline(w io.Writer, events []trace.Event) error {
	return trace.Timeline(w, shown(events), trace.TimelineOptions{Width: p.UI.Width, Style: p.timelineStyle()})
}

// timelineStyle dresses the drawing on a terminal.
func (p *Proc) timelineStyle() trace.Style {
	return func(role trace.Role, text string) string {
		switch role {
		case trace.RoleTitle:
			return p.UI.Paint(ui.Bold, text)
		case trace.RoleFaint:
			return p.UI.Paint(ui.Faint, text)
		case trace.RoleBad:
			return p.UI.Paint(ui.Red, text)
		case trace.RoleTool:
			return p.UI.Paint(ui.Yellow, text)
		case trace.RoleBar:
			return p.UI.Paint(ui.Blue, text)
		case trace.RoleCaller, trace.RoleAgent:
		}
		return text
	}
}
