package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Groups of the root help: does it serve, does it judge, does it change the world, or is it a tool?
const (
	groupServe  = "serve"
	groupJudge  = "judge"
	groupChange = "change"
	groupTool   = "tool"
)

// run executes one command line and returns the exit code.
func run(ctx context.Context, p *Proc) (code int) {
	defer func() {
		if r := recover(); r != nil { // Go's own exit code for a panic is 2, which here means usage
			p.UI.Say("internal error: %v\n\n%s", r, debug.Stack())
			code = exitFailed
		}
	}()
	root := newRoot(p)
	root.SetArgs(p.Args)
	cmd, err := root.ExecuteContextC(ctx)
	p.report(ctx, cmd, err)
	return exitCodeOf(ctx, err)
}

// newRoot builds the tree of commands. A new command is one line here.
func newRoot(p *Proc) *cobra.Command {
	root := &cobra.Command{
		Use:   "voicectl",
		Short: "Serve a voice agent that people reach by phone or browser",
		Example: `voicectl serve --sandbox --dev
voicectl call http://127.0.0.1:8000/twilio/voice --say "What transactions does client 5001 have?"
voicectl init`,
		Version:       buildInfo().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().Bool("no-color", false, "no colour; NO_COLOR does the same")
	root.PersistentFlags().String("config", "", "configuration `FILE` (default voicectl.yaml, if there)")
	root.PersistentFlags().String("env-file", "", "`FILE` with environment variables (default .env, if there)")
	root.AddGroup(
		&cobra.Group{ID: groupServe, Title: "Serve"}, &cobra.Group{ID: groupJudge, Title: "Judge"},
		&cobra.Group{ID: groupChange, Title: "Change"}, &cobra.Group{ID: groupTool, Title: "Tools"},
	)

	add(root, groupServe,
		newCmdServe(p, nil),
		newCmdSandbox(p, nil),
	)
	add(root, groupJudge,
		newCmdCheck(p, nil),
		newCmdExplain(p, nil),
		newCmdRuns(p, nil),
		newCmdDiff(p, nil),
	)
	add(root, groupTool,
		newCmdCall(p, nil),
		newCmdReplay(p, nil),
		newCmdInit(p, nil),
		newCmdConfig(p),
		newCmdVersion(p, nil),
		newCmdDocs(p, nil),
	)
	root.AddCommand(newTopicExitCodes(), newTopicEnvironment())

	p.finishTree(root)
	return root
}

func add(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// finishTree gives all commands what they have in common, so that no command can forget it: streams, help,
// usage errors that are told apart from failures, suggestions, and flags from the environment.
func (p *Proc) finishTree(root *cobra.Command) {
	root.SetIn(p.In)
	root.SetOut(p.UI.Out)
	root.SetErr(p.UI.Err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpFunc(p.help)
	root.SetUsageFunc(func(*cobra.Command) error { return nil }) // usage is part of the error
	root.SetHelpCommand(newCmdHelp(root))
	root.SetHelpCommandGroupID(groupTool)
	root.SetCompletionCommandGroupID(groupTool)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageErrorf("%w", err) })
	walk(root, func(c *cobra.Command) {
		if !c.Runnable() && c.HasSubCommands() {
			c.Args, c.RunE = cobra.ArbitraryArgs, chooseSub
		}
		if check := c.Args; check != nil {
			c.Args = func(c *cobra.Command, args []string) error { return asUsage(check(c, args)) }
		}
		p.flagEnv = append(p.flagEnv, flagEnvNames(c)...)
		if run := c.RunE; run != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				if err := flagsFromEnv(c, p.Getenv); err != nil {
					return err
				}
				return run(c, args)
			}
		}
	})
}

func walk(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		walk(sub, do)
	}
}

// chooseSub runs when a command was named that only holds others.
func chooseSub(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	err := usageErrorf("unknown command %q for %q", args[0], c.CommandPath())
	var coded *exitError
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 && errors.As(err, &coded) {
		coded.next = append(coded.next, fmt.Sprintf("did you mean `%s %s`?", c.CommandPath(), near[0]))
	}
	return err
}

func asUsage(err error) error {
	var coded *exitError
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return usageErrorf("%w", err)
}
