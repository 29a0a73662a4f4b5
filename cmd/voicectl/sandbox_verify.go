package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/conformance"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ui"
)

// VerifyOptions are the options of `voicectl sandbox verify`.
type VerifyOptions struct {
	proc      *Proc
	cmd       *cobra.Command
	vendors   []string
	live      bool
	allowPaid bool
	output    *outputs
}

func newCmdSandboxVerify(p *Proc, runF func(context.Context, *VerifyOptions) error) *cobra.Command {
	o := &VerifyOptions{proc: p}
	c := &cobra.Command{
		Use:   "verify [VENDOR...]",
		Short: "Hold the emulators, or with --live the vendors themselves, against what vendors are known to do",
		Long: `Hold the emulators against what their vendors are known to do, in a sandbox of its own. With --live the same
cases run against the vendor itself, and every difference is printed: it is a place where the emulator would
mislead. Vendors are ` + strings.Join(conformance.Vendors(), ", ") + `.

A live run takes keys and addresses from where serve takes them: environment, .env, voicectl.yaml. Most cases are
refusals and listings, which cost nothing; those that make a vendor think, speak or listen run with --allow-paid
and cost a fraction of a cent each. What only the sandbox can do, such as its own data, is listed as n/a.

Exit code 0 when all is as expected, 1 with differences, 2 for an unknown vendor, 3 when the vendor could not be
reached, 4 without a key.`,
		Example: `voicectl sandbox verify
voicectl sandbox verify openai -o json
OPENAI_API_KEY=sk-... voicectl sandbox verify --live openai
voicectl sandbox verify --live openai cartesia --allow-paid --env-file .env`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.cmd, o.vendors = cmd, args
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runSandboxVerify(cmd.Context(), o)
		},
		ValidArgs: conformance.Vendors(),
	}
	c.Flags().BoolVar(&o.live, "live", false, "ask the vendors themselves; needs their keys")
	c.Flags().BoolVar(&o.allowPaid, "allow-paid", false, "with --live: also what costs a fraction of a cent")
	o.output = addOutputFlag(c, "text", "json")
	return c
}

func runSandboxVerify(ctx context.Context, o *VerifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	targets, class, stop, err := o.targets(ctx)
	if err != nil {
		return err
	}
	report, err := o.verify(ctx, targets, class)
	if err = errors.Join(err, stop(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	if err := o.output.write(o.proc, map[string]func(io.Writer) error{
		"text": func(io.Writer) error { return o.proc.showVerify(report) },
		"json": func(w io.Writer) error { return writeJSON(w, report) },
	}); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return report.err()
}

// check takes the vendors' names.
func (o *VerifyOptions) check() error {
	known := conformance.Vendors()
	for _, v := range o.vendors {
		if slices.Contains(known, v) {
			continue
		}
		err := &exitError{code: exitUsage, err: fmt.Errorf("unknown vendor %.40q: there are %s", v, strings.Join(known, ", "))}
		if near := envcat.Nearest(v, known); near != "" {
			err.next = []string{"did you mean " + near + "?"}
		}
		return err
	}
	switch {
	case o.allowPaid && !o.live:
		return usageErrorf("--allow-paid goes with --live; the sandbox costs nothing")
	case len(o.vendors) == 0 && o.live:
		return usageErrorf("--live needs the names of vendors: %s", strings.Join(known, ", "))
	case len(o.vendors) == 0:
		o.vendors = known
	}
	slices.Sort(o.vendors)
	o.vendors = slices.Compact(o.vendors)
	return nil
}

// targets says who is asked: the vendors, or a sandbox that stop ends.
func (o *VerifyOptions) targets(ctx context.Context) (map[string]conformance.Target, string, func(context.Context) error, error) {
	if o.live {
		targets, class, err := o.liveTargets()
		return targets, class, func(context.Context) error { return nil }, err
	}
	box := sandbox.New(sandbox.Options{})
	base, stop, err := box.Start(context.WithoutCancel(ctx), "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, inconclusive(err)
	}
	env := map[string]string{}
	for _, v := range sandbox.Env(base) {
		env[v.Name] = v.Value
	}
	key := secret.New("sandbox-conformance")
	rt := env["SPEECHMATICS_RT_URL"]
	return map[string]conformance.Target{
		"openai":       {URL: env["OPENAI_BASE_URL"], Key: key},
		"speechmatics": {URL: rt, Management: managementOf(rt), Key: key},
		"cartesia":     {URL: env["CARTESIA_BASE_URL"], Key: key},
		"supabase":     {URL: env["SUPABASE_URL"], Key: key},
	}, box.Class(), stop, nil
}

// liveTargets are the vendors of the configuration. Every key must be there before anybody is asked.
func (o *VerifyOptions) liveTargets() (map[string]conformance.Target, string, error) {
	cfg, err := o.proc.vendorConfig(o.cmd)
	if err != nil {
		return nil, "", err
	}
	c := cfg.Providers
	all := map[string]conformance.Target{
		"openai":       {URL: c.OpenAI.BaseURL, Key: c.OpenAI.APIKey, Vars: map[string]string{"model": c.OpenAI.Model}},
		"speechmatics": {URL: c.Speechmatics.URL, Management: managementOf(c.Speechmatics.URL), Key: c.Speechmatics.APIKey, Vars: map[string]string{"language": c.Speechmatics.Language}},
		"cartesia":     {URL: c.Cartesia.BaseURL, Key: c.Cartesia.APIKey, Vars: map[string]string{"voice": c.Cartesia.Voice, "model": c.Cartesia.Model}},
		"supabase":     {URL: c.Supabase.URL, Key: c.Supabase.AnonKey, Vars: map[string]string{"function": c.Supabase.Functions["query_transactions"]}},
	}
	names := map[string][]string{
		"openai": {"OPENAI_API_KEY"}, "speechmatics": {"SPEECHMATICS_API_KEY"}, "cartesia": {"CARTESIA_API_KEY"}, "supabase": {"SUPABASE_ANON_KEY", "SUPABASE_URL"},
	}
	var lacking []string
	class, targets := "live", map[string]conformance.Target{}
	for _, v := range o.vendors {
		t := all[v]
		if !t.Key.Set() || t.URL == "" {
			lacking = append(lacking, fmt.Sprintf("%s: set %s", v, strings.Join(names[v], " and ")))
			continue
		}
		t.Live = true
		targets[v] = t
		if onThisMachine(t.URL) {
			class = "sandbox-fast"
			if err := o.proc.UI.Warning(fmt.Sprintf("%s is taken to be at %s: that is this machine, and no evidence about the vendor", v, t.URL)); err != nil {
				return nil, "", err
			}
		}
	}
	if len(lacking) > 0 {
		return nil, "", refused(errors.New("there is no key to ask the vendor with"),
			append(lacking, "without --live the emulators are judged, which need none")...)
	}
	return targets, class, nil
}

// vendorConfig is the configuration as far as vendors go: whether serve could start with it does not matter here.
func (p *Proc) vendorConfig(cmd *cobra.Command) (*config.Config, error) {
	cfg, _, err := config.Load(config.Options{
		Flags: map[string]string{"sandbox": "true", "environment": "development"}, Env: p.Env, Dir: p.Dir,
		File: cmd.Flag("config").Value.String(), EnvFile: cmd.Flag("env-file").Value.String(), KnownEnv: p.flagEnv,
	})
	return cfg, err
}

// managementOf is where keys are made: the vendor has an address of its own for it, an emulator does both.
func managementOf(rt string) string {
	u, err := url.Parse(rt)
	if err != nil {
		return ""
	}
	if vendor, verr := url.Parse(speechmatics.DefaultURL); verr == nil {
		_, domain, _ := strings.Cut(vendor.Hostname(), ".rt.")
		if host := u.Hostname(); strings.HasSuffix(host, "."+domain) {
			return "https://mp." + domain
		}
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.Path, u.RawQuery = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v2"), ""
	return u.String()
}

func onThisMachine(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// verify runs the cases one after another; a vendor is no place for a burst.
func (o *VerifyOptions) verify(ctx context.Context, targets map[string]conformance.Target, class string) (*verifyReport, error) {
	r := o.newVerifyReport(class)
	progress := o.proc.UI.Progress(o.proc.Clock, "verify "+strings.Join(o.vendors, ", "))
	defer func() { progress.Stop(r.state(), r.summary()) }()
	for _, vendor := range o.vendors {
		doc, err := conformance.Load(vendor)
		if err != nil {
			return nil, err
		}
		silent := "" // why the first case did not reach the vendor; the others would wait as long
		for i, c := range doc.Cases {
			switch {
			case ctx.Err() != nil:
				return r, nil // what there is, is reported
			case o.live && c.Cost == conformance.Paid && !o.allowPaid && c.SandboxOnly == "":
				r.Unselected++
				continue
			case silent != "" && c.SandboxOnly == "":
				r.add(vendor, conformance.Result{Case: c, State: conformance.Unreached, Reason: "not asked: " + silent})
				continue
			}
			if o.proc.UI.Live() {
				progress.Update("verify " + vendor + ": " + c.Name)
			}
			res := doc.Run(ctx, c, targets[vendor])
			if ctx.Err() != nil {
				continue
			}
			r.add(vendor, res)
			if i == 0 && res.State == conformance.Unreached {
				silent = "the vendor could not be reached"
			}
		}
	}
	r.finish(o.proc.Clock.Now())
	return r, nil
}

// stateOf is how an outcome is called in results.
func stateOf(s conformance.State) ui.State {
	switch s {
	case conformance.Pass:
		return ui.Pass
	case conformance.Fail:
		return ui.Fail
	case conformance.NotApplied:
		return ui.NotApplied
	case conformance.Unreached:
		return ui.Inconclusive
	}
	return ui.Error
}
