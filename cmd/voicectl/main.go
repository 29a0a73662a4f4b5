// Command voicectl serves a voice agent.
package main

import (
	"os"

	"github.com/voicectl/voicectl/internal/clock"
)

func main() { os.Exit(realMain()) }

// realMain exists so that deferred calls run before the process ends.
func realMain() int {
	ctx, second, stop := watchSignals()
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // the folder was removed under us; reading files from it will say so
	}
	return run(ctx, newProc(Real{
		Args: os.Args[1:], Env: os.Environ(), Dir: dir, In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Clock: clock.Real{}, Second: second,
	}))
}
