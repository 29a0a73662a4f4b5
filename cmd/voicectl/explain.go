package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind"
	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/ui"
)

// ExplainOptions are the options of `voicectl explain`.
type ExplainOptions struct {
	proc   *Proc
	name   string
	files  []string
	output *outputs
}

func newCmdExplain(p *Proc, runF func(*ExplainOptions) error) *cobra.Command {
	o := &ExplainOptions{proc: p}
	c := &cobra.Command{
		Use:   "explain [CHECK|KIND]",
		Short: "Say why a check matters, how to mend it, and what a kind takes",
		Long: `Say why a check matters, how to mend what it finds, and where the demand comes from; or what a kind of check
looks at and which parameters it takes. Without a name, all kinds are listed.`,
		Example: `voicectl explain pipecat.sec.cors
voicectl explain health.probe
voicectl explain --checklist ours.yaml ours.greeting`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.name = args[0]
			}
			if runF != nil {
				return runF(o)
			}
			return runExplain(o)
		},
	}
	c.Flags().StringSliceVar(&o.files, "checklist", nil, "`FILE` of a checklist of your own; may repeat")
	o.output = addOutputFlag(c, "text", "json")
	return c
}

// explained is a check or a kind in words.
type explained struct {
	Check   string          `json:"check,omitempty"`
	Title   string          `json:"title"`
	Command string          `json:"command,omitempty"`
	Source  string          `json:"source,omitempty"`
	Demand  string          `json:"demand,omitempty"`
	Expect  string          `json:"expect,omitempty"`
	Kinds   []explainedKind `json:"kinds"`
	severed checks.Severity
}

type explainedKind struct {
	Name   string         `json:"name"`
	With   map[string]any `json:"with,omitempty"`
	Title  string         `json:"title"`
	Passes string         `json:"passes"`
	Why    string         `json:"why"`
	Fix    string         `json:"fix"`
	Source string         `json:"source"`
	Saves  string         `json:"evidence"`
	Cost   checks.Cost    `json:"cost"`
	Params []checks.Param `json:"params"`
}

func runExplain(o *ExplainOptions) error {
	kinds := kind.All()
	if o.name == "" {
		return o.all(kinds)
	}
	if k := kinds[o.name]; k != nil {
		return o.show(explained{Title: k.Title, Kinds: []explainedKind{explainKind(k, nil)}})
	}
	var ids []string
	names := o.files
	for _, b := range builtIn {
		names = append(names, b.id)
	}
	for _, n := range names {
		list, err := o.proc.checklist(n)
		if err != nil {
			return badFile(err)
		}
		for _, c := range list.Checks {
			if c.ID == o.name {
				return o.show(explainCheck(&c, kinds))
			}
			ids = append(ids, c.ID)
		}
	}
	err := usageErrorf("there is no check and no kind %q", o.name)
	if near := envcat.Nearest(o.name, append(ids, slices.Sorted(maps.Keys(kinds))...)); near != "" {
		err = usageErrorf("there is no check and no kind %q; did you mean %q?", o.name, near)
	}
	return err
}

func explainKind(k *checks.Kind, with map[string]any) explainedKind {
	cost := k.Cost
	if cost == "" {
		cost = checks.Passive
	}
	return explainedKind{Name: k.Name, With: with, Title: k.Title, Passes: k.Passes, Why: k.Why, Fix: k.Fix, Source: k.Source, Saves: k.Saves, Cost: cost, Params: k.Params}
}

func explainCheck(c *checks.Check, kinds checks.Kinds) explained {
	e := explained{Check: c.ID, Title: c.Title, Command: c.Elsewhere, Source: c.At(), Demand: c.Source, Expect: c.Expect, severed: c.Severity}
	if e.Command == "" {
		e.Command = "voicectl check --only " + c.ID
	}
	for _, st := range c.Steps {
		k := kinds[st.Uses]
		if k == nil {
			e.Kinds = append(e.Kinds, explainedKind{Name: st.Uses, With: st.With})
			continue
		}
		ek := explainKind(k, st.With)
		if c.Why != "" {
			ek.Why = c.Why
		}
		if c.Fix != "" {
			ek.Fix = c.Fix
		}
		e.Kinds = append(e.Kinds, ek)
	}
	return e
}

func (o *ExplainOptions) show(e explained) error {
	p := o.proc
	return o.output.write(p, map[string]func(io.Writer) error{
		"json": func(w io.Writer) error { return writeJSON(w, e) },
		"text": func(io.Writer) error {
			head := e.Title
			if e.Check != "" {
				head = e.Check + ": " + e.Title
			}
			if err := p.UI.Heading(head); err != nil {
				return err
			}
			var rows [][2]string
			add := func(name, text string) {
				if text != "" {
					rows = append(rows, [2]string{name, text})
				}
			}
			add("expected", e.Expect)
			add("severity", string(e.severed))
			add("run", e.Command)
			add("written at", e.Source)
			add("asked by", e.Demand)
			if err := p.UI.List(rows...); err != nil {
				return err
			}
			for _, k := range e.Kinds {
				if err := p.showKind(k, e.Check != ""); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func (p *Proc) showKind(k explainedKind, inCheck bool) error {
	if err := p.UI.Heading(k.Name); err != nil {
		return err
	}
	if k.Passes == "" {
		return p.UI.Prose("  judged by the command above")
	}
	rows := [][2]string{{"looks at", k.Title}, {"passes when", k.Passes}, {"why", k.Why}, {"fix", k.Fix}, {"source", k.Source}, {"evidence", k.Saves}, {"class", string(k.Cost)}}
	if len(k.With) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(k.With)) {
			parts = append(parts, fmt.Sprintf("%s: %v", name, k.With[name]))
		}
		rows = append(rows, [2]string{"with", strings.Join(parts, ", ")})
	}
	if err := p.UI.List(rows...); err != nil {
		return err
	}
	if inCheck || len(k.Params) == 0 {
		return nil
	}
	t := &ui.Table{Headers: []string{"  PARAMETER", "TYPE", "DEFAULT", "WHAT"}}
	for _, q := range k.Params {
		t.Row("  "+q.Name, string(q.Type), paramDefault(q), paramDoc(q))
	}
	_, _ = fmt.Fprintln(p.UI.Out)
	return p.UI.Table(t)
}

func paramDefault(q checks.Param) string {
	switch {
	case q.Required:
		return "required"
	case q.Default == nil:
		return ""
	}
	return fmt.Sprint(q.Default)
}

func paramDoc(q checks.Param) string {
	if len(q.OneOf) > 0 && !strings.Contains(q.Doc, q.OneOf[0]) {
		return q.Doc + " (" + strings.Join(q.OneOf, ", ") + ")"
	}
	return q.Doc
}

func (o *ExplainOptions) all(kinds checks.Kinds) error {
	p := o.proc
	return o.output.write(p, map[string]func(io.Writer) error{
		"json": func(w io.Writer) error {
			var out []explainedKind
			for _, n := range slices.Sorted(maps.Keys(kinds)) {
				out = append(out, explainKind(kinds[n], nil))
			}
			return writeJSON(w, out)
		},
		"text": func(io.Writer) error {
			t := &ui.Table{Headers: []string{"KIND", "CLASS", "LOOKS AT"}}
			for _, n := range slices.Sorted(maps.Keys(kinds)) {
				k := explainKind(kinds[n], nil)
				t.Row(n, string(k.Cost), k.Title)
			}
			return p.UI.Table(t)
		},
	})
}

// kindsPage is docs/kinds.md: every kind with its parameters.
func kindsPage() string {
	var b strings.Builder
	b.WriteString("# Kinds of checks\n\n" + generated + "A check names one or more kinds and gives them parameters. `voicectl explain KIND` shows the same in a terminal.\n")
	kinds := kind.All()
	for _, n := range slices.Sorted(maps.Keys(kinds)) {
		k := explainKind(kinds[n], nil)
		fmt.Fprintf(&b, "\n## %s\n\n%s. Passes when %s.\n\n", n, k.Title, k.Passes)
		fmt.Fprintf(&b, "- **Why:** %s\n- **Fix:** %s\n- **Source:** %s\n- **Evidence:** %s\n- **Class:** %s, severity %s where a check does not say\n", k.Why, k.Fix, k.Source, k.Saves, k.Cost, kinds[n].Severity)
		if len(k.Params) == 0 {
			continue
		}
		b.WriteString("\n| parameter | type | default | what |\n|---|---|---|---|\n")
		for _, q := range k.Params {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", q.Name, q.Type, strings.ReplaceAll(paramDefault(q), "|", `\|`), strings.ReplaceAll(paramDoc(q), "|", `\|`))
		}
	}
	return b.String()
}
