package openai

import (
	"fmt"

	api "github.com/sashabaranov/go-openai"
)

const (
	maxCalls     = 32       // of one answer
	maxArguments = 64 << 10 // of one call, in bytes
	maxName      = 256
)

// calls assembles tool calls from their fragments. The vendor keys them by index and names each once;
// compatible servers leave the index out, repeat id and name, give every call the index 0, or send a
// call in one piece.
type calls struct {
	list      []ToolCall
	slot      map[int]int // index on the wire -> place in list
	delivered bool
}

func (c *calls) add(f api.ToolCall) error {
	i, err := c.place(f)
	if err != nil {
		return err
	}
	call := &c.list[i]
	if call.ID == "" {
		call.ID = f.ID
	}
	if call.Name == "" {
		call.Name = f.Function.Name
	}
	if len(call.Name) > maxName || len(call.ID) > maxName {
		return fmt.Errorf("name or id of a tool call is longer than %d bytes", maxName)
	}
	if len(call.Arguments)+len(f.Function.Arguments) > maxArguments {
		return fmt.Errorf("the arguments of tool call %d are longer than %d bytes", i, maxArguments)
	}
	call.Arguments += f.Function.Arguments
	return nil
}

func (c *calls) place(f api.ToolCall) (int, error) {
	at := len(c.list) - 1
	known := at >= 0
	if f.Index != nil {
		at, known = c.slot[*f.Index]
	} else if f.ID != "" {
		for i, call := range c.list {
			if call.ID == f.ID {
				return i, nil
			}
		}
	}
	if known && (f.ID == "" || c.list[at].ID == "" || c.list[at].ID == f.ID) {
		return at, nil
	}
	if len(c.list) == maxCalls {
		return 0, fmt.Errorf("more than %d tool calls in one answer", maxCalls)
	}
	c.list = append(c.list, ToolCall{})
	at = len(c.list) - 1
	if f.Index != nil {
		if c.slot == nil {
			c.slot = map[int]int{}
		}
		c.slot[*f.Index] = at
	}
	return at, nil
}

// whole returns the assembled calls the first time, and nothing after. A call without a name cannot be
// run and is left out.
func (c *calls) whole() []ToolCall {
	if c.delivered {
		return nil
	}
	c.delivered = true
	out := c.list[:0:0]
	for i, call := range c.list {
		if call.Name == "" {
			continue
		}
		if call.ID == "" {
			call.ID = fmt.Sprintf("call_%d", i)
		}
		out = append(out, ToolCall{ID: call.ID, Name: call.Name, Arguments: first(call.Arguments, "{}")})
	}
	return out
}
