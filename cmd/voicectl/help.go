package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/ui"
)

// help renders the help of any command on stdout.
func (p *Proc) help(c *cobra.Command, _ []string) {
	c.InitDefaultHelpFlag() // `help X` has not been through X's flags
	c.InitDefaultVersionFlag()
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	if err := p.UI.Prose(about); err != nil || isTopic(c) {
		return // as in print
	}
	p.heading("Usage")
	p.print("  %s\n", useLine(c))
	p.helpCommands(c)
	p.helpFlags("Flags", c.LocalNonPersistentFlags())
	global := c.InheritedFlags()
	if !c.HasParent() {
		global = c.PersistentFlags()
	}
	p.helpFlags("Global flags", global)
	if c.Example != "" {
		p.heading("Examples")
		for line := range strings.SplitSeq(strings.TrimSpace(c.Example), "\n") {
			p.print("  %s%s\n", p.UI.Paint(ui.Faint, "$ "), strings.TrimSpace(line))
		}
	}
	p.heading("Learn more")
	p.print("  %s\n", strings.Join(learnMore(c), "\n  "))
}

func learnMore(c *cobra.Command) []string {
	if c.HasParent() {
		return []string{"`voicectl help exit-codes` and `voicectl help environment`"}
	}
	return []string{
		"`voicectl <command> --help` for one command",
		"`voicectl help exit-codes` for what the exit codes mean",
		"`voicectl help environment` for variables; every flag has one",
	}
}

// isTopic tells a page of help from a command.
func isTopic(c *cobra.Command) bool { return !c.Runnable() && !c.HasSubCommands() }

// useLine is one line of usage that names what there is.
func useLine(c *cobra.Command) string {
	line := c.CommandPath()
	if _, args, ok := strings.Cut(c.Use, " "); ok {
		line += " " + args
	}
	if c.HasAvailableSubCommands() {
		line += " <command>"
	}
	return line + " [flags]"
}

func (p *Proc) helpCommands(c *cobra.Command) {
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, g := range groups {
		var pairs [][2]string
		for _, sub := range c.Commands() {
			if sub.GroupID == g.ID && sub.IsAvailableCommand() {
				pairs = append(pairs, [2]string{sub.Name(), sub.Short})
			}
		}
		if len(pairs) > 0 {
			p.heading(g.Title)
			p.list(pairs)
		}
	}
}

func (p *Proc) helpFlags(title string, flags *pflag.FlagSet) {
	var pairs [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			pairs = append(pairs, [2]string{flagName(f), flagUsage(f)})
		}
	})
	if len(pairs) > 0 {
		p.heading(title)
		p.list(pairs)
	}
}

func flagName(f *pflag.Flag) string {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if placeholder, _ := pflag.UnquoteUsage(f); placeholder != "" {
		name += " " + placeholder
	}
	return name
}

func flagUsage(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "[]", "0s":
		return usage
	}
	return fmt.Sprintf("%s (default %s)", usage, f.DefValue)
}

func newCmdHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show help of a command or a topic",
		Example: "voicectl help config check\nvoicectl help exit-codes",
		GroupID: groupTool,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageErrorf("no help for %q", strings.Join(args, " "))
			}
			return c.Help()
		},
	}
}

func newTopicExitCodes() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes are the same for every command, and results in JSON carry them too.\n\n")
	for _, e := range exitCodes() {
		fmt.Fprintf(&b, "  %-5s %s\n", e[0], e[1])
	}
	b.WriteString(`
A check that did not run is never a pass: nothing selected is 2, and something that should have run and
could not is 3. In a script:

  voicectl config check || case $? in
    2) echo "fix the configuration" ;;
    4) echo "ask somebody" ;;
  esac`)
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}

func newTopicEnvironment() *cobra.Command {
	c := &cobra.Command{Use: "environment", Short: "Variables that voicectl reads"}
	c.Long = "Variables that voicectl reads. `voicectl config env` prints a .env file with all of them."
	c.SetHelpFunc(func(c *cobra.Command, _ []string) {
		_, _ = fmt.Fprint(c.OutOrStdout(), environmentTopic(c.Long))
	})
	return c
}

// environmentTopic is made when it is asked for: reading the catalogue costs more than starting.
func environmentTopic(intro string) string {
	var b strings.Builder
	b.WriteString(intro + `

A flag wins over the environment, which wins over .env, which wins over voicectl.yaml, which wins over the
default. PORT stands between --port and everything else. Every flag has a variable: --env-file is
VOICECTL_ENV_FILE; every key of voicectl.yaml has one too: limits.max_sessions is
VOICECTL_LIMITS_MAX_SESSIONS. Consent (--yes, --force, --allow-...) has none.

Colour: --no-color, then NO_COLOR, then CLICOLOR_FORCE, then TERM=dumb, then whether a terminal is there.
`)
	catalogue, err := envcat.Load()
	if err != nil {
		return b.String() + "\n" + err.Error() + "\n" // a test keeps this from happening
	}
	for _, g := range catalogue.Groups {
		b.WriteString("\n" + g.Title + "\n")
		for _, v := range g.Vars {
			fmt.Fprintf(&b, "  %-27s %s\n", v.Name, v.Doc)
		}
	}
	return b.String()
}

// print writes help. A reader that has gone away is no error of help.
func (p *Proc) print(format string, args ...any) { _, _ = fmt.Fprintf(p.UI.Out, format, args...) }

func (p *Proc) heading(text string) {
	if err := p.UI.Heading(text); err != nil {
		return // as in print
	}
}

func (p *Proc) list(pairs [][2]string) {
	if err := p.UI.List(pairs...); err != nil {
		return // as in print
	}
}
