package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/ui"
)

// The exit codes are a promise to scripts: the same for every command, in JSON too.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitInconclusive = 3
	exitRefused      = 4
	exitNotUndone    = 5
	exitInterrupted  = 130
)

// exitCodes says the codes in words, for help and documentation.
func exitCodes() [][2]string {
	return [][2]string{
		{"0", "done; everything that blocks is green (warnings are allowed)"},
		{"1", "judged, and something that blocks failed; or an action failed and was undone"},
		{"2", "usage, configuration or file error; nothing selected; an empty run"},
		{"3", "inconclusive: something that blocks was skipped, unknown or stale, or this machine was too slow to measure"},
		{"4", "refused: needs consent, credential, lock or sign-off"},
		{"5", "an action failed and could not be undone: state and next step are printed"},
		{"130", "interrupted; partial results are written"},
	}
}

// exitError is an error that knows its exit code and what the user can do next.
type exitError struct {
	code int
	err  error
	next []string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// ExitCode is how an error of any package tells its code.
func (e *exitError) ExitCode() int { return e.code }

// Next is what to do, one step a line.
func (e *exitError) Next() []string { return e.next }

// failed: judged and not good, or an action failed and was undone.
func failed(err error, next ...string) error { return &exitError{exitFailed, err, next} }

// inconclusive: it could not be judged.
func inconclusive(err error, next ...string) error { return &exitError{exitInconclusive, err, next} }

// refused: consent, a credential, a lock or a sign-off is missing.
func refused(err error, next ...string) error { return &exitError{exitRefused, err, next} }

// notUndone: an action failed half-way; next says what state that left.
func notUndone(err error, next ...string) error { return &exitError{exitNotUndone, err, next} }

// usageErrorf: the user mistyped. The usage line is shown.
func usageErrorf(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// badFile: a file that was named cannot be used. It is no mistyped command, so no usage line is shown.
func badFile(err error, next ...string) error {
	return &exitError{exitUsage, fmt.Errorf("%w%w", err, errFile), next}
}

// errFile marks an error as one of a file; it adds nothing to the text.
var errFile = errors.New("")

// exitCodeOf is the one map from error to exit code.
func exitCodeOf(ctx context.Context, err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &coded):
		return coded.ExitCode()
	}
	return exitFailed
}

// report says an error on stderr: once, at the edge.
func (p *Proc) report(ctx context.Context, cmd *cobra.Command, err error) {
	if err == nil {
		return
	}
	code := exitCodeOf(ctx, err)
	if code == exitInterrupted {
		p.UI.Say("interrupted")
		return
	}
	if errors.Is(err, errJudged) {
		return
	}
	problem := ui.Problem{What: err.Error()}
	if head, rest, many := strings.Cut(err.Error(), "\n"); many {
		problem.What = head
		for line := range strings.SplitSeq(rest, "\n") {
			problem.Why = append(problem.Why, strings.TrimSpace(line))
		}
	}
	var faults config.Faults
	var stepped interface{ Next() []string }
	switch {
	case errors.As(err, &faults):
		problem.Next = []string{"`voicectl config explain` shows every value and where it came from"}
		if len(faults) > 0 && !cmd.Flags().Changed("sandbox") {
			problem.Next = append(problem.Next, "`voicectl serve --sandbox` needs no account at all")
		}
	case errors.As(err, &stepped):
		problem.Next = stepped.Next()
	}
	if code == exitUsage && faults == nil && !errors.Is(err, errFile) {
		problem.Next = append(problem.Next, fmt.Sprintf("`%s --help` shows how it is used", cmd.CommandPath()))
		problem.Why = append(problem.Why, "usage: "+useLine(cmd))
	}
	if err := p.UI.Problem(problem); err != nil {
		return // stderr is gone; the exit code still tells
	}
}
