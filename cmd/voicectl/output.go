package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// outputs is the flag -o FORMAT[=PATH]. It may repeat; only one may go to stdout.
type outputs struct {
	allowed []string
	chosen  []output
}

type output struct {
	format, path string // path "" = stdout
}

// addOutputFlag offers formats, the first of which is the default.
func addOutputFlag(c *cobra.Command, formats ...string) *outputs {
	o := &outputs{allowed: formats}
	c.Flags().VarP(o, "output", "o", "`FORMAT[=PATH]` of the result: "+strings.Join(formats, ", ")+"; may repeat")
	return o
}

// String implements pflag.Value.
func (o *outputs) String() string {
	var texts []string
	for _, c := range o.chosen {
		texts = append(texts, strings.TrimSuffix(c.format+"="+c.path, "="))
	}
	return strings.Join(texts, ",")
}

// Set implements pflag.Value.
func (o *outputs) Set(text string) error {
	format, path, hasPath := strings.Cut(text, "=")
	switch {
	case !slices.Contains(o.allowed, format):
		return fmt.Errorf("format %q is not one of %s", format, strings.Join(o.allowed, ", "))
	case hasPath && path == "":
		return fmt.Errorf("no path after %q", text)
	case path == "" && slices.ContainsFunc(o.chosen, func(c output) bool { return c.path == "" }):
		return fmt.Errorf("only one result can go to stdout; write %s=PATH", format)
	}
	o.chosen = append(o.chosen, output{format, path})
	return nil
}

// Type implements pflag.Value.
func (o *outputs) Type() string { return "format" }

// write renders the result in every format that was asked for.
func (o *outputs) write(p *Proc, render map[string]func(io.Writer) error) error {
	chosen := o.chosen
	if len(chosen) == 0 {
		chosen = []output{{format: o.allowed[0]}}
	}
	for _, c := range chosen {
		if c.path == "" {
			if err := render[c.format](p.UI.Out); err != nil {
				return fmt.Errorf("write %s: %w", c.format, err)
			}
			continue
		}
		if err := writeFile(p.path(c.path), render[c.format]); err != nil {
			return badFile(err, "check that the folder exists and can be written to")
		}
	}
	return nil
}

// path resolves a path of the command line against the folder of the process.
func (p *Proc) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.Dir, name)
}

func writeFile(path string, render func(io.Writer) error) (err error) {
	f, err := os.Create(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	return render(f)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
