package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// SandboxOptions are the options of `voicectl sandbox`.
type SandboxOptions struct {
	proc      *Proc
	addr      string
	tls       bool
	caFile    string
	realistic bool
	record    string
}

func newCmdSandbox(p *Proc, runF func(context.Context, *SandboxOptions) error) *cobra.Command {
	o := &SandboxOptions{proc: p}
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Emulate OpenAI, Speechmatics, Cartesia and Supabase on this machine",
		Long: `Emulate OpenAI, Speechmatics, Cartesia and Supabase on this machine: one process, one port, one path prefix a
vendor. Requests are recorded, faults can be injected, and each vendor answers at a chosen pace. Any key is
accepted; one that begins with "bad" gets the vendor's own refusal.

Point any agent at it: eval "$(voicectl sandbox env)"`,
		Example: `voicectl sandbox
voicectl sandbox --realistic --record requests.jsonl
eval "$(voicectl sandbox env)"
voicectl sandbox fault --vendor openai --mode status --status 429
voicectl sandbox calls --vendor supabase
voicectl sandbox verify`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runSandbox(cmd.Context(), o)
		},
	}
	c.Flags().StringVar(&o.addr, "addr", defaultSandboxAddr, "`HOST:PORT` to listen on; port 0 takes a free one")
	c.Flags().BoolVar(&o.tls, "tls", false, "serve https and wss with a certificate made at the start")
	c.Flags().StringVar(&o.caFile, "ca-file", "", "with --tls: write the certificate to trust to `FILE`")
	c.Flags().BoolVar(&o.realistic, "realistic", false, "answer at the vendors' published median latencies")
	c.Flags().StringVar(&o.record, "record", "", "append every finished request to `FILE`, a line of JSON each")
	c.AddCommand(newCmdSandboxEnv(p), newCmdSandboxFault(p), newCmdSandboxCalls(p), newCmdSandboxVerify(p, nil))
	return c
}

func runSandbox(ctx context.Context, o *SandboxOptions) (err error) {
	p := o.proc
	opts := sandbox.Options{Realistic: o.realistic, TLS: o.tls, CAFile: o.caFile}
	if o.record != "" {
		f, ferr := os.OpenFile(p.path(o.record), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if ferr != nil {
			return badFile(fmt.Errorf("sandbox: record: %w", ferr), "check that the folder exists and can be written to")
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		opts.Record = f
	}
	box := sandbox.New(opts)
	base, stop, err := box.Start(context.WithoutCancel(ctx), o.addr)
	if err != nil {
		return failed(err, "choose another address with --addr; port 0 takes a free one")
	}
	if _, err := fmt.Fprintf(p.UI.Out, "voicectl sandbox: listening on %s\n", base); err != nil {
		return errors.Join(err, stop(ctx))
	}
	p.UI.Say("point an agent at it: eval \"$(voicectl sandbox env --url %s)\"", base)
	<-ctx.Done()
	return stop(context.WithoutCancel(ctx))
}

func newCmdSandboxEnv(p *Proc) *cobra.Command {
	url := "http://" + defaultSandboxAddr
	c := &cobra.Command{
		Use:     "env",
		Short:   "Print the export lines that point everything at the sandbox",
		Example: `eval "$(voicectl sandbox env)"`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(p.UI.Out, sandbox.Export(sandbox.Env(url)))
			return err
		},
	}
	c.Flags().StringVar(&url, "url", url, "`URL` of the sandbox")
	return c
}

func newCmdSandboxFault(p *Proc) *cobra.Command {
	ctl := &control{proc: p}
	var f struct {
		Vendor      string  `json:"vendor"`
		Route       string  `json:"route,omitempty"`
		Mode        string  `json:"mode"`
		Status      int     `json:"status,omitempty"`
		Code        string  `json:"code,omitempty"`
		MS          int     `json:"ms,omitempty"`
		Probability float64 `json:"probability,omitempty"`
		Count       int     `json:"count,omitempty"`
		After       int     `json:"after,omitempty"`
	}
	var clear bool
	c := &cobra.Command{
		Use:   "fault",
		Short: "Make an emulator misbehave, list what is set, or clear it",
		Example: `voicectl sandbox fault --vendor openai --mode status --status 429 --count 2
voicectl sandbox fault --vendor cartesia --mode stall --ms 8000
voicectl sandbox fault            # list
voicectl sandbox fault --clear`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case clear:
				return ctl.ask(cmd.Context(), "DELETE", "/_sandbox/faults?vendor="+f.Vendor, nil)
			case f.Vendor == "" && f.Mode == "":
				return ctl.ask(cmd.Context(), "GET", "/_sandbox/faults", nil)
			case f.Vendor == "" || f.Mode == "":
				return usageErrorf("a fault needs --vendor and --mode")
			}
			return ctl.ask(cmd.Context(), "POST", "/_sandbox/faults", f)
		},
	}
	ctl.addFlag(c)
	fs := c.Flags()
	fs.StringVar(&f.Vendor, "vendor", "", "`NAME`: openai, speechmatics, cartesia or supabase")
	fs.StringVar(&f.Route, "route", "", "only requests whose path begins so")
	fs.StringVar(&f.Mode, "mode", "", "`MODE`: "+strings.Join(stage.Modes(), ", "))
	fs.IntVar(&f.Status, "status", 0, "HTTP status of mode status")
	fs.StringVar(&f.Code, "code", "", "the vendor's error code, or the close code of a socket")
	fs.IntVar(&f.MS, "ms", 0, "milliseconds of the modes that take time")
	fs.Float64Var(&f.Probability, "probability", 0, "share of requests that are hit, 0 to 1; 0 = all")
	fs.IntVar(&f.Count, "count", 0, "how many requests are hit; 0 = until cleared")
	fs.IntVar(&f.After, "after", 0, "tokens, pieces of sound or final words before it strikes; -1 = none, 0 = the usual place")
	fs.BoolVar(&clear, "clear", false, "clear the faults, of --vendor or all")
	return c
}

func newCmdSandboxCalls(p *Proc) *cobra.Command {
	ctl := &control{proc: p}
	var vendor string
	var since int
	c := &cobra.Command{
		Use:     "calls",
		Short:   "Show the requests that the sandbox has seen",
		Example: "voicectl sandbox calls --vendor openai\nvoicectl sandbox calls --since 120",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ctl.ask(cmd.Context(), "GET", fmt.Sprintf("/_sandbox/calls?vendor=%s&since=%d", vendor, since), nil)
		},
	}
	ctl.addFlag(c)
	c.Flags().StringVar(&vendor, "vendor", "", "only this vendor")
	c.Flags().IntVar(&since, "since", 0, "only those after this sequence number")
	return c
}
