package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Stamped by the linker: -X main.version=... -X main.commit=... -X main.date=...
//
//nolint:gochecknoglobals // only the linker can set them
var version, commit, date string

// info describes this binary.
type info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"` // "" = not known
	Date     string `json:"date"`   // of the commit, RFC 3339; "" = not known
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildInfo takes the stamp of the linker, and what the toolchain recorded where there is none.
func buildInfo() info {
	i := info{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok && i.Version == "" {
		i.Version = build.Main.Version
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Commit = s.Value
			case "vcs.time":
				i.Date = s.Value
			case "vcs.modified":
				i.Modified = s.Value == "true"
			}
		}
	}
	if i.Version == "" || i.Version == "(devel)" {
		i.Version = "devel"
	}
	return i
}

func (i info) String() string {
	c := i.Commit
	if len(c) > 12 {
		c = c[:12]
	}
	if c == "" {
		c = "unknown commit"
	}
	if i.Modified {
		c += ", modified"
	}
	return fmt.Sprintf("voicectl %s (%s, %s, %s)", i.Version, c, i.Go, i.Platform)
}

// VersionOptions are the options of `voicectl version`.
type VersionOptions struct {
	proc   *Proc
	output *outputs
}

func newCmdVersion(p *Proc, runF func(*VersionOptions) error) *cobra.Command {
	o := &VersionOptions{proc: p}
	c := &cobra.Command{
		Use:     "version",
		Short:   "Show version, commit, Go release and platform",
		Example: "voicectl version\nvoicectl version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if runF != nil {
				return runF(o)
			}
			return runVersion(o)
		},
	}
	o.output = addOutputFlag(c, "text", "json")
	return c
}

func runVersion(o *VersionOptions) error {
	i := buildInfo()
	return o.output.write(o.proc, map[string]func(io.Writer) error{
		"text": func(w io.Writer) error {
			_, err := fmt.Fprintln(w, i)
			return err
		},
		"json": func(w io.Writer) error { return writeJSON(w, i) },
	})
}
