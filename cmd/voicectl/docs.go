package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
)

const generated = "<!-- Made by `make generate`; do not edit. -->\n\n"

// DocsOptions are the options of `voicectl docs`, which is for people who build voicectl.
type DocsOptions struct {
	proc *Proc
	root *cobra.Command
	dir  string
}

func newCmdDocs(p *Proc, runF func(*DocsOptions) error) *cobra.Command {
	o := &DocsOptions{proc: p}
	return &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the reference pages and .env.example below a folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.root, o.dir = c.Root(), p.path(args[0])
			if runF != nil {
				return runF(o)
			}
			return runDocs(o)
		},
	}
}

func runDocs(o *DocsOptions) error {
	pages, err := referencePages(o.root)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(o.dir, "docs", "cli", "voicectl*.md"))
	if err != nil {
		return fmt.Errorf("find old pages: %w", err)
	}
	for _, path := range old { // a command may have gone
		if err := os.Remove(path); err != nil {
			return badFile(err)
		}
	}
	for name, text := range pages {
		path := filepath.Join(o.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // documentation is public
			return badFile(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // documentation is public
			return badFile(err)
		}
	}
	return nil
}

// referencePages are all generated files by path below the repository.
func referencePages(root *cobra.Command) (map[string][]byte, error) {
	catalogue, err := envcat.Load()
	if err != nil {
		return nil, err
	}
	keys, err := config.Keys()
	if err != nil {
		return nil, err
	}
	pages := map[string][]byte{
		".env.example":          []byte(catalogue.Example("julia")),
		"docs/environment.md":   []byte("# Environment\n\n" + generated + environmentIntro + catalogue.Markdown()),
		"docs/configuration.md": configurationPage(keys),
		"docs/kinds.md":         []byte(kindsPage()),
	}
	walk(root, func(c *cobra.Command) {
		if (c.IsAvailableCommand() || isTopic(c) || !c.HasParent()) && !below(c, "completion") {
			pages["docs/cli/"+strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = commandPage(c)
		}
	})
	return pages, nil
}

const environmentIntro = "Variables of `voicectl serve`. They are read from the environment and from `.env`; the environment wins.\n" +
	"`voicectl config check` says what is missing or looks wrong, all at once.\n"

func configurationPage(keys []config.Key) []byte {
	var b bytes.Buffer
	b.WriteString("# Configuration\n\n" + generated)
	b.WriteString("Keys of `voicectl.yaml`. An unknown key is an error. A flag wins over the environment, which wins over `.env`,\n" +
		"which wins over this file. `voicectl config explain` shows every value and where it came from.\n\n")
	b.WriteString("| key | what | type | default | variables |\n|---|---|---|---|---|\n")
	for _, k := range keys {
		kind := string(k.Kind)
		if k.Range != "" {
			kind += ", " + strings.Replace(k.Range, "..", " to ", 1)
		}
		if len(k.OneOf) > 0 {
			kind = strings.Join(k.OneOf, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.Path, k.Doc, kind, inCode(strings.Split(k.Default, ",")), inCode(k.Env))
	}
	return b.Bytes()
}

func inCode(texts []string) string {
	out := strings.Join(texts, "` `")
	if out == "" {
		return "–"
	}
	return "`" + out + "`"
}

func below(c *cobra.Command, name string) bool {
	return c.HasParent() && (c.Parent().Name() == name || below(c.Parent(), name))
}

// commandPage is the help of a command as Markdown.
func commandPage(c *cobra.Command) []byte {
	var b bytes.Buffer
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	fmt.Fprintf(&b, "# %s\n\n%s", c.CommandPath(), generated)
	if isTopic(c) {
		if c.Name() == "environment" {
			about = environmentTopic(about)
		}
		fmt.Fprintf(&b, "```\n%s\n```\n", strings.TrimSpace(about))
		return b.Bytes()
	}
	fmt.Fprintf(&b, "%s\n\n```\n%s\n```\n", strings.TrimSpace(about), useLine(c))
	if c.HasAvailableSubCommands() {
		b.WriteString("\n| command | what |\n|---|---|\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", sub.Name(), strings.ReplaceAll(sub.CommandPath(), " ", "_"), sub.Short)
			}
		}
	}
	flagTable(&b, c.LocalFlags())
	if c.Example != "" {
		fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.TrimSpace(c.Example))
	}
	return b.Bytes()
}

func flagTable(b *bytes.Buffer, flags *pflag.FlagSet) {
	var rows bytes.Buffer
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", strings.TrimSpace(flagName(f)), strings.ReplaceAll(usage, "|", `\|`), inCode([]string{f.DefValue}))
	})
	if rows.Len() > 0 {
		b.WriteString("\n| flag | what | default |\n|---|---|---|\n" + rows.String())
	}
}
