package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/config"
)

// ServeOptions are the options of `voicectl serve`.
type ServeOptions struct {
	proc   *Proc
	cmd    *cobra.Command
	check  bool
	config *config.Config
	src    *config.Sources
}

func newCmdServe(p *Proc, runF func(context.Context, *ServeOptions) error) *cobra.Command {
	o := &ServeOptions{proc: p}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the voice agent to phones and browsers",
		Long: `Serve the voice agent: the phone network calls POST /twilio/voice, a browser opens the console at /.

When it takes connections it prints one line with its address on stdout. The first SIGTERM or Ctrl-C takes no
new calls and waits for the live ones (--drain-timeout); the second leaves at once.`,
		Example: `voicectl serve --sandbox --dev              # everything on this machine, no account needed
voicectl serve --check-config               # validate the configuration and stop
voicectl serve --public-url https://voice.example.com
voicectl serve --agent my-agent.yaml --port 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.cmd = cmd
			var err error
			if o.config, o.src, err = p.Config(cmd); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runServe(cmd.Context(), o)
		},
	}
	if err := config.AddFlags(c.Flags()); err != nil {
		panic(err) // the keys are part of the binary: a fault of ours
	}
	c.Flags().BoolVar(&o.check, "check-config", false, "validate the whole configuration, then stop")
	return c
}

func runServe(ctx context.Context, o *ServeOptions) error {
	p := o.proc
	if o.check {
		if _, err := p.agentOf(o.config); err != nil {
			return err
		}
		if _, err := serverConfig(o.config); err != nil {
			return err
		}
		p.UI.Say("configuration is sound: profile %s, %s:%d", o.config.Profile, o.config.Host, o.config.Port)
		return nil
	}
	log := p.logger(o.config)
	s, err := p.assemble(ctx, o.config, o.src, log)
	if err != nil {
		return err
	}
	if err := s.server.Start(ctx); err != nil {
		return errors.Join(err, s.stop(ctx))
	}
	if _, err := fmt.Fprintf(p.UI.Out, "voicectl serve: listening on %s\n", s.server.URL()); err != nil {
		return errors.Join(fmt.Errorf("write ready line: %w", err), s.stop(ctx))
	}
	var fatal error
	select {
	case <-ctx.Done():
	case fatal = <-s.server.Fatal():
		log.Error("listener died", "component", "server", "err", fatal)
	}
	hard, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	second := make(chan struct{})
	go func() {
		defer close(second)
		select {
		case <-p.Second:
			abandon()
		case <-hard.Done():
		}
	}()
	err = s.server.Shutdown(hard)
	abandoned := hard.Err() != nil
	abandon()
	<-second
	err = errors.Join(fatal, err, s.stop(ctx))
	if abandoned {
		return errors.Join(context.Canceled, err)
	}
	return err
}

// logger writes to stderr: text for a person at a terminal, JSON otherwise.
func (p *Proc) logger(cfg *config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		level = slog.LevelInfo // config lets known words pass only
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			a.Key = "ts"
		}
		return a
	}}
	if cfg.Log.Format == "text" || (cfg.Log.Format != "json" && p.UI.ErrTTY) {
		return slog.New(slog.NewTextHandler(p.UI.Err, opts))
	}
	return slog.New(slog.NewJSONHandler(p.UI.Err, opts))
}
