// Package planner is a deterministic stand-in for a language model. It reads a conversation and the tools
// that a client offers, calls the right ones with the right arguments, and words an answer from their
// results. It knows no sentence by heart: words are scored against tables of intents (lexicon.go), tools
// are recognised by the tokens of their names, descriptions and parameters (toolbox.go), arguments are
// filled by the role of each parameter (schema.go), and results are read whatever their shape
// (result.go). The same input gives the same output.
//
// To teach it another domain, add rows to the tables: an intent with its words and the slots it needs, a
// capability with the words of its tools, and the function that words its results.
//
// The package has no goroutine, no clock and no state.
package planner

import (
	"encoding/json"
)

// Input is what a model would be given.
type Input struct {
	Messages []Message // oldest first; system messages may lie anywhere
	Tools    []Tool
	Choice   Choice
	OneCall  bool // at most one call an answer
}

// Message is one entry of the conversation.
type Message struct {
	Role   string // system, developer, user, assistant, tool
	Text   string
	Calls  []Call // of an assistant
	CallID string // of a tool's answer
	Name   string
}

// Call is a tool call. Plan leaves ID empty: the caller numbers them.
type Call struct {
	ID        string
	Name      string
	Arguments string // JSON object
}

// Tool is an offered function.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON Schema
}

// Choice is what the client says about the use of tools.
type Choice struct {
	Mode string // "" or auto, none, required; named = Name must be called
	Name string
}

// Output is either Calls or Text.
type Output struct {
	Calls []Call
	Text  string
}

// Bounds on what is read; the rest of an oversized conversation is left aside.
const (
	maxMessages = 400
	maxText     = 8 << 10   // of a spoken message, in bytes
	maxSystem   = 32 << 10  // of a system message
	maxResult   = 256 << 10 // of a tool's answer
	maxWords    = 60        // of an answer
	maxTurnCall = 12        // calls in one turn: a client that never answers them must not loop for ever
)

// Plan answers the newest user message.
func Plan(in Input) Output {
	box := newToolbox(in.Tools)
	m := remember(in, box)
	if m.turn == nil {
		return Output{Text: m.opening()}
	}
	p := &plan{in: in, memory: m, box: box}
	switch in.Choice.Mode {
	case "none":
		p.box = newToolbox(nil)
	case "named":
		if t := box.named(in.Choice.Name); t != nil {
			p.box = newToolbox([]Tool{*t})
		}
	}
	out := p.run()
	if len(out.Calls) > 0 || in.Choice.Mode != "required" && in.Choice.Mode != "named" {
		return out
	}
	if c, ok := p.forced(); ok {
		return Output{Calls: []Call{c}}
	}
	return out
}
