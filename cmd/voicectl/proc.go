package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/ui"
)

// Real is what the operating system gives to a process.
type Real struct {
	Args, Env []string
	Dir       string
	In        io.Reader
	Out, Err  io.Writer
	Clock     clock.Clock
	Second    <-chan struct{} // closed by the second signal
}

// Proc owns the process: arguments, environment, streams, clock and signals. Commands reach the outside
// world through it only, so that a test can run any of them.
type Proc struct {
	Real
	UI      *ui.Streams
	flagEnv []string // VOICECTL_ names of the flags of all commands
}

func newProc(r Real) *Proc {
	p := &Proc{Real: r}
	p.UI = ui.NewStreams(r.In, r.Out, r.Err, p.Getenv, p.noColor())
	return p
}

// Getenv returns the value of a variable, "" when it is not set.
func (p *Proc) Getenv(name string) string {
	for _, pair := range slices.Backward(p.Env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// noColor looks for --no-color by itself: help and errors are written before flags are parsed.
func (p *Proc) noColor() bool {
	args := p.Args
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	if slices.Contains(args, "--no-color") || slices.Contains(args, "--no-color=true") {
		return true
	}
	v := p.Getenv("VOICECTL_NO_COLOR")
	return v != "" && v != "0" && v != "false"
}

// Config loads the configuration for a command that was given flags by config.AddFlags, and says the
// warnings.
func (p *Proc) Config(cmd *cobra.Command) (*config.Config, *config.Sources, error) {
	file, envFile := cmd.Flag("config"), cmd.Flag("env-file")
	cfg, src, err := config.Load(config.Options{
		Flags: config.Flags(cmd.Flags()), Env: p.Env, Dir: p.Dir,
		File: file.Value.String(), EnvFile: envFile.Value.String(), KnownEnv: p.flagEnv,
	})
	if src != nil {
		for _, w := range src.Warnings {
			if err := p.UI.Warning(w); err != nil {
				return nil, nil, fmt.Errorf("say warnings: %w", err)
			}
		}
	}
	return cfg, src, err
}

// watchSignals turns signals into a context and a channel: the first SIGINT or SIGTERM cancels ctx, the
// second closes second, a third kills the process as if nobody listened.
func watchSignals() (ctx context.Context, second <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	hard, done, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; n < 2; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if n == 0 {
				cancel()
				continue
			}
			close(hard)
			signal.Stop(signals)
		}
	}()
	return ctx, hard, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel()
	}
}
