package planner

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestExplore(t *testing.T) {
	b, _ := os.ReadFile("/tmp/explore.txt")
	for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		w := newWorld(dialects()[0], persona)
		for _, l := range strings.Split(block, "\n") {
			said, calls := w.say(t, l)
			fmt.Printf("> %s\n    ", l)
			for _, c := range calls {
				fmt.Printf("%s%s ", c.Name, c.Arguments)
			}
			fmt.Printf("\n    %s\n", said)
		}
		fmt.Println()
	}
}
