package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/ui"
	"github.com/voicectl/voicectl/templates"
)

// InitOptions are the options of `voicectl init`.
type InitOptions struct {
	proc             *Proc
	dir, from        string
	yes, plan, force bool
}

func newCmdInit(p *Proc, runF func(*InitOptions) error) *cobra.Command {
	o := &InitOptions{proc: p}
	c := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Begin a project: write .env and voicectl.yaml",
		Long: `Begin a project: write .env, to be filled with keys, and voicectl.yaml, with the settings that people
change first. A file that exists is left alone unless --force is given.

With --from URL it looks at the backend behind the URL and writes what was found as a checklist of your own.`,
		Example: "voicectl init\nvoicectl init my-agent --yes\nvoicectl init --from https://agent.example.com --plan",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = p.Dir
			if len(args) == 1 {
				o.dir = p.path(args[0])
			}
			if runF != nil {
				return runF(o)
			}
			if o.from != "" {
				return runInitFrom(cmd.Context(), o)
			}
			return runInit(o)
		},
	}
	c.Flags().StringVar(&o.from, "from", "", "`URL` of a backend to look at, and to write a checklist for")
	c.Flags().BoolVar(&o.plan, "plan", false, "show what would be written, and write nothing")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&o.force, "force", false, "write over files that exist")
	return c
}

// seed is one file that init can write.
type seed struct {
	name   string
	text   []byte
	mode   fs.FileMode
	exists bool
}

func runInit(o *InitOptions) error {
	seeds, err := o.seeds()
	if err != nil {
		return err
	}
	ui := o.proc.UI
	if err := ui.Table(o.table(seeds)); err != nil {
		return err
	}
	seeds = slices.DeleteFunc(seeds, func(s seed) bool { return s.exists && !o.force })
	switch {
	case o.plan:
		return nil
	case len(seeds) == 0:
		ui.Say("Nothing to write. --force writes over files that exist.")
		return nil
	}
	if err := o.consent(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil { //nolint:gosec // a project folder is no secret
		return badFile(err)
	}
	for _, s := range seeds {
		if err := s.write(o.dir, o.force); err != nil {
			return badFile(err, "check that the folder exists and can be written to")
		}
	}
	o.sayNext()
	return nil
}

// seeds are the files, and whether they exist. An existing link counts, wherever it leads.
func (o *InitOptions) seeds() ([]seed, error) {
	catalogue, err := envcat.Load()
	if err != nil {
		return nil, err
	}
	settings, err := fs.ReadFile(templates.FS, "env/"+config.DefaultFile)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	out := []seed{
		{name: config.DefaultEnvFile, text: []byte(catalogue.Example("julia")), mode: 0o600},
		{name: config.DefaultFile, text: settings, mode: 0o644},
	}
	for i := range out {
		_, err := os.Lstat(filepath.Join(o.dir, out[i].name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, badFile(err)
		}
		out[i].exists = err == nil
	}
	return out, nil
}

func (o *InitOptions) table(seeds []seed) *ui.Table {
	t := &ui.Table{}
	for _, s := range seeds {
		what := ui.Cell{Text: "write", Tone: ui.Green}
		switch {
		case s.exists && o.force:
			what = ui.Cell{Text: "write over", Tone: ui.Yellow}
		case s.exists:
			what = ui.Cell{Text: "keep", Tone: ui.Faint}
		}
		t.Cells(what, ui.Cell{Text: filepath.Join(o.dir, s.name)})
	}
	return t
}

func (o *InitOptions) consent() error {
	if o.yes {
		return nil
	}
	yes, err := o.proc.UI.Confirm("Write these files?")
	switch {
	case errors.Is(err, ui.ErrNoTerminal):
		return refused(errors.New("init: nobody is there to be asked"), "run it again with --yes, or with --plan to see what it would do")
	case err != nil:
		return err
	case !yes:
		return refused(errors.New("init: not confirmed, nothing was written"))
	}
	return nil
}

// write makes the file. Without force it must not exist by now; with force it is replaced whole.
func (s seed) write(dir string, force bool) (err error) {
	path := filepath.Join(dir, s.name)
	to := path
	if force {
		to = path + ".new"
		defer os.Remove(to) //nolint:errcheck // gone after the rename
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, s.mode) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	_, err = f.Write(s.text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if force {
		return os.Rename(to, path)
	}
	return nil
}

func (o *InitOptions) sayNext() {
	say := o.proc.UI.Say
	say("\nNext:")
	if ignored, err := os.ReadFile(filepath.Join(o.dir, ".gitignore")); err != nil || !ignores(ignored) {
		say("  add the line .env to .gitignore, so that keys are never committed")
	}
	say("  fill in the keys in %s", filepath.Join(o.dir, config.DefaultEnvFile))
	say("  voicectl config check      what is still missing")
	say("  voicectl serve --sandbox   try it now, without any key")
}

func ignores(gitignore []byte) bool {
	for line := range bytes.SplitSeq(gitignore, []byte("\n")) {
		if slices.Contains([]string{".env", "/.env", ".env*", "*.env"}, strings.TrimSpace(string(line))) {
			return true
		}
	}
	return false
}
