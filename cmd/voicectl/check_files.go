package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/voicectl/voicectl/checklists"
	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/evidence"
	"github.com/voicectl/voicectl/internal/ui"
)

// builtIn are the checklists inside the binary, with the profile whose agents each is about.
var builtIn = []struct{ id, profile string }{ //nolint:gochecknoglobals // a table
	{"pipecat", "julia"},
	{"backend", "audio"},
	{"phone", "phone"},
	{"url", ""}, // any backend from outside: what a bare URL is judged by
}

// load reads checklists, overlays and waivers. All faults of all files are told at once.
func (o *CheckOptions) load() ([]checks.Checklist, []checks.Waiver, error) {
	names := o.checklists
	if len(names) == 0 && o.scope.bare() {
		names = []string{"url"}
	}
	if len(names) == 0 {
		for _, b := range builtIn {
			if b.profile != "" && (o.scope.profile == "any" || o.scope.profile == b.profile) {
				names = append(names, b.id)
			}
		}
	}
	lists, faults := o.proc.loaded(names)
	for _, name := range o.overlays {
		ov, err := readFile(o.proc.path(name), name, checks.LoadOverlay)
		switch {
		case err != nil:
			faults = append(faults, err)
		case len(lists) > 0:
			lists[0].Overlays = append(lists[0].Overlays, ov)
		}
	}
	waivers, err := readFile(o.proc.path(o.waivers), o.waivers, checks.LoadWaivers)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		waivers = nil
	case err != nil:
		faults = append(faults, err)
	}
	if len(faults) == 0 && len(waivers) > 0 {
		known := lists
		for _, b := range builtIn { // a waiver may be of a list that this run does not judge by
			l, err := o.proc.checklist(b.id)
			if err != nil {
				return nil, nil, err
			}
			known = append(known[:len(known):len(known)], l)
		}
		faults = append(faults, checks.CheckWaivers(waivers, o.waivers, known))
	}
	return lists, waivers, errors.Join(faults...)
}

// loaded reads checklists at the same time, and returns them in their order: a long one takes as long as all that
// a run does beside it.
func (p *Proc) loaded(names []string) ([]checks.Checklist, []error) {
	lists, errs := make([]checks.Checklist, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { lists[i], errs[i] = p.checklist(name) })
	}
	wg.Wait()
	var good []checks.Checklist
	var faults []error
	for i := range names {
		if errs[i] != nil {
			faults = append(faults, errs[i])
			continue
		}
		good = append(good, lists[i])
	}
	return good, faults
}

// checklist reads a built-in list by its id, or a file.
func (p *Proc) checklist(name string) (checks.Checklist, error) {
	for _, b := range builtIn {
		if name == b.id {
			f, err := checklists.FS.Open(b.id + ".yaml")
			if err != nil {
				return checks.Checklist{}, err
			}
			defer func() { _ = f.Close() }()
			return checks.Load(f, "checklists/"+b.id+".yaml")
		}
	}
	if !strings.ContainsAny(name, "./\\") {
		return checks.Checklist{}, fmt.Errorf("there is no built-in checklist %q: pipecat, backend, phone and url are; a file needs its ending", name)
	}
	return readFile(p.path(name), name, checks.Load)
}

func readFile[T any](path, name string, read func(io.Reader, string) (T, error)) (T, error) {
	var none T
	info, err := os.Stat(path)
	if err != nil {
		return none, err
	}
	if !info.Mode().IsRegular() { // a pipe or a device could give for ever
		return none, fmt.Errorf("%s: not a regular file", name)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return none, err
	}
	defer func() { _ = f.Close() }()
	return read(f, filepath.ToSlash(name))
}

// store opens the state folder. With --no-save fingerprints are good for this run alone.
func (o *CheckOptions) store() (*evidence.Store, string, error) {
	if o.noSave || o.list || o.lint {
		return nil, evidence.NewID(o.proc.Clock.Now()), nil
	}
	s, err := evidence.Open(o.proc.path(o.state))
	if err != nil {
		return nil, "", err
	}
	salt, err := s.Salt()
	return s, salt, err
}

// listed is one line of `check --list`.
type listed struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Class    checks.Class    `json:"class"`
	Kinds    []string        `json:"kinds"`
	Severity checks.Severity `json:"severity"`
	Areas    []string        `json:"areas"`
	Tags     []string        `json:"tags"`
	Role     string          `json:"role"`
	State    checks.State    `json:"state,omitempty"` // settled without a look
	Reason   string          `json:"reason,omitempty"`
	Command  string          `json:"command,omitempty"`
	Source   string          `json:"source"`
}

func (p *Proc) listPlan(plan *checks.Plan, out *outputs) error {
	var rows []listed
	plan.Each(func(c checks.Check, kinds []string, severity checks.Severity, state checks.State, reason string) {
		rows = append(rows, listed{
			ID: c.ID, Title: c.Title, Class: c.Class, Kinds: kinds, Severity: severity, Areas: c.Areas, Tags: c.Tags, Role: c.Role,
			State: state, Reason: reason, Command: c.Elsewhere, Source: c.At(),
		})
	})
	return out.write(p, map[string]func(io.Writer) error{
		"json": func(w io.Writer) error { return writeJSON(w, rows) },
		"text": func(io.Writer) error {
			t := &ui.Table{Headers: []string{"CHECK", "SEVERITY", "RUNS", "WHAT HOLDS"}}
			for _, r := range rows {
				runs := "yes"
				switch {
				case r.Command != "":
					runs = strings.Join(strings.Fields(r.Command)[1:min(2, len(strings.Fields(r.Command)))], " ")
				case r.State != "":
					runs = r.Reason
				}
				t.Row(r.ID, string(r.Severity), runs, r.Title)
			}
			return p.UI.Table(t)
		},
	})
}
