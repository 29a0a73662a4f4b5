package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/ui"
)

func newCmdConfig(p *Proc) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Explain and check the configuration",
		Long: `Explain and check the configuration of voicectl serve.

Values come from flags, the environment, .env, voicectl.yaml and defaults, in this order.`,
	}
	c.AddCommand(newCmdConfigCheck(p, nil), newCmdConfigExplain(p, nil), newCmdConfigEnv(p, nil))
	return c
}

// configFlags gives a command the flags of `serve`, so that it sees what serve would see.
func configFlags(c *cobra.Command) *cobra.Command {
	if err := config.AddFlags(c.Flags()); err != nil {
		panic(fmt.Sprintf("flags of %s: %v", c.Name(), err)) // the tables in the binary are broken; tests hold them
	}
	return c
}

// ConfigCheckOptions are the options of `voicectl config check`.
type ConfigCheckOptions struct {
	proc *Proc
	cmd  *cobra.Command
}

func newCmdConfigCheck(p *Proc, runF func(*ConfigCheckOptions) error) *cobra.Command {
	return configFlags(&cobra.Command{
		Use:   "check",
		Short: "Find everything that is wrong, at once",
		Long: `Find everything that is wrong with the configuration, at once.

It takes the flags of voicectl serve and judges what serve would see. Exit code 0 when serve would start,
2 when it would not.`,
		Example: "voicectl config check\nvoicectl config check --env-file production.env\nvoicectl config check --sandbox --port 9000",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o := &ConfigCheckOptions{proc: p, cmd: c}
			if runF != nil {
				return runF(o)
			}
			return runConfigCheck(o)
		},
	})
}

func runConfigCheck(o *ConfigCheckOptions) error {
	cfg, src, err := o.proc.Config(o.cmd)
	if err != nil {
		return err
	}
	from := "the environment"
	if len(src.Files) > 0 {
		from = strings.Join(src.Files, ", ") + " and the environment"
	}
	what := fmt.Sprintf("profile %s in %s, from %s", cfg.Profile, cfg.Environment, from)
	if cfg.Sandbox {
		what += "; vendors are emulated"
	}
	_, err = fmt.Fprintf(o.proc.UI.Out, "%s  %s\n", o.proc.UI.State(ui.Pass), what)
	return err
}

// ConfigExplainOptions are the options of `voicectl config explain`.
type ConfigExplainOptions struct {
	proc   *Proc
	cmd    *cobra.Command
	output *outputs
	keys   []string
}

func newCmdConfigExplain(p *Proc, runF func(*ConfigExplainOptions) error) *cobra.Command {
	o := &ConfigExplainOptions{proc: p}
	c := &cobra.Command{
		Use:     "explain [KEY...]",
		Short:   "Show every value and where it came from",
		Long:    "Show every value and where it came from. A KEY may name one key or a section; secrets show their length only.",
		Example: "voicectl config explain\nvoicectl config explain limits\nvoicectl config explain port -o json",
		RunE: func(c *cobra.Command, args []string) error {
			o.cmd, o.keys = c, args
			if runF != nil {
				return runF(o)
			}
			return runConfigExplain(o)
		},
	}
	o.output = addOutputFlag(c, "text", "json")
	return configFlags(c)
}

func runConfigExplain(o *ConfigExplainOptions) error {
	_, src, err := o.proc.Config(o.cmd)
	var faults config.Faults
	if err != nil && (!errors.As(err, &faults) || src == nil) {
		return err
	}
	values, err := selectKeys(src.Values, o.keys)
	if err != nil {
		return err
	}
	err = o.output.write(o.proc, map[string]func(io.Writer) error{
		"text": func(io.Writer) error {
			if len(values) == 1 {
				return o.proc.explainOne(values[0])
			}
			return o.proc.explainAll(values)
		},
		"json": func(w io.Writer) error { return writeJSON(w, values) },
	})
	if err == nil && len(faults) > 0 {
		err = o.proc.UI.Warning(fmt.Sprintf("%d problems; `voicectl config check` lists them", len(faults)))
	}
	return err
}

// selectKeys keeps the keys that were named, or are below a section that was named.
func selectKeys(all []config.Source, names []string) ([]config.Source, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []config.Source
	var known []string
	for _, name := range names {
		found := false
		for _, v := range all {
			known = append(known, v.Key)
			if v.Key == name || strings.HasPrefix(v.Key, name+".") {
				out, found = append(out, v), true
			}
		}
		if !found {
			err := &exitError{code: exitUsage, err: fmt.Errorf("%q is not a key of the configuration", name)}
			if near := envcat.Nearest(name, known); near != "" {
				err.next = []string{"did you mean " + near + "?"}
			}
			return nil, err
		}
	}
	return out, nil
}

func (p *Proc) explainAll(values []config.Source) error {
	t := &ui.Table{Headers: []string{"KEY", "SOURCE", "VALUE"}}
	for _, v := range values {
		from := ui.Cell{Text: v.Source}
		if v.Source == "default" {
			from.Tone = ui.Faint
		}
		t.Cells(ui.Cell{Text: v.Key}, from, ui.Cell{Text: v.Value})
	}
	return p.UI.Table(t)
}

func (p *Proc) explainOne(v config.Source) error {
	keys, err := config.Keys()
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Path != v.Key {
			continue
		}
		pairs := [][2]string{{"value", orNone(v.Value)}, {"source", v.Source}, {"default", orNone(k.Default)}, {"type", string(k.Kind)}}
		if k.Range != "" {
			pairs = append(pairs, [2]string{"range", strings.Replace(k.Range, "..", " to ", 1)})
		}
		if len(k.OneOf) > 0 {
			pairs = append(pairs, [2]string{"one of", strings.Join(k.OneOf, ", ")})
		}
		if k.Flag != "" {
			pairs = append(pairs, [2]string{"flag", "--" + k.Flag})
		}
		if len(k.Env) > 0 {
			pairs = append(pairs, [2]string{"variables", strings.Join(k.Env, ", ")})
		}
		p.print("%s  %s\n", p.UI.Paint(ui.Bold, k.Path), k.Doc)
		p.list(pairs)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// EnvOptions are the options of `voicectl config env`.
type EnvOptions struct {
	proc    *Proc
	profile string
}

func newCmdConfigEnv(p *Proc, runF func(*EnvOptions) error) *cobra.Command {
	o := &EnvOptions{proc: p}
	c := &cobra.Command{
		Use:     "env",
		Short:   "Print a .env file to fill in",
		Example: "voicectl config env\nvoicectl config env > .env.example",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if runF != nil {
				return runF(o)
			}
			return runConfigEnv(o)
		},
	}
	c.Flags().StringVar(&o.profile, "profile", "julia", "`AGENT` whose variables are printed: julia")
	return c
}

func runConfigEnv(o *EnvOptions) error {
	if o.profile != "julia" {
		return usageErrorf("profile %q is not one of julia", o.profile)
	}
	catalogue, err := envcat.Load()
	if err != nil {
		return err
	}
	_, err = io.WriteString(o.proc.UI.Out, catalogue.Example(o.profile))
	return err
}
