package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxArguments bounds what a model may send in one call.
const maxArguments = 8 << 10

// arguments are validated values by name; a name that is missing was not given.
type arguments map[string]string

// canonical is the same text for the same arguments.
func (a arguments) canonical() string {
	b, err := json.Marshal(map[string]string(a))
	if err != nil {
		return "{}" // strings only: cannot happen
	}
	return string(b)
}

// badArgument is the first fault of a call.
type badArgument struct{ name, why string }

func (e *badArgument) Error() string {
	if e.name == "" {
		return e.why
	}
	return fmt.Sprintf("argument %q %s", e.name, e.why)
}

// parse reads and judges the arguments of a call. null and "" stand for "not given".
func (t tool) parse(text string) (arguments, error) {
	raw, err := object(text)
	if err != nil {
		return nil, &badArgument{why: err.Error()}
	}
	names := make([]string, 0, len(raw))
	for name := range raw {
		names = append(names, name)
	}
	slices.Sort(names) // the same fault first, every time
	for _, name := range names {
		if !slices.ContainsFunc(t.params, func(p param) bool { return p.name == name }) {
			return nil, &badArgument{why: fmt.Sprintf("there is no argument %.40q", name)}
		}
	}
	out := arguments{}
	for _, p := range t.params {
		v, why := scalar(raw[p.name])
		switch {
		case why != "":
			return nil, &badArgument{p.name, why}
		case v == "" && p.required:
			return nil, &badArgument{p.name, "is missing"}
		case v == "":
			continue
		}
		if why := p.check(v); why != "" {
			return nil, &badArgument{p.name, why}
		}
		out[p.name] = v
	}
	return out, nil
}

// scalar takes one value that must be a string.
func scalar(raw json.RawMessage) (value, why string) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return "", ""
	}
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", "must be a string"
	}
	return strings.TrimSpace(value), ""
}

// object decodes the text of a call. Brackets that a model forgot to close are closed; a string that ends
// midway is not, because half an identifier is another identifier.
func object(text string) (map[string]json.RawMessage, error) {
	text = strings.TrimSpace(text)
	switch {
	case len(text) > maxArguments:
		return nil, fmt.Errorf("the arguments have %d bytes; at most %d are allowed", len(text), maxArguments)
	case text == "":
		return map[string]json.RawMessage{}, nil
	}
	raw, err := decode(text)
	if err != nil {
		if fixed, ok := closeBrackets(text); ok {
			raw, err = decode(fixed)
		}
	}
	if err != nil {
		return nil, errors.New("the arguments are not a JSON object")
	}
	return raw, nil
}

func decode(text string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var raw map[string]json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the object")
	}
	return raw, nil
}

func closeBrackets(text string) (string, bool) {
	var open []byte
	inString, escaped := false, false
	for i := range len(text) {
		c := text[i]
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{':
			open = append(open, '}')
		case c == '[':
			open = append(open, ']')
		case c == '}' || c == ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return "", false
			}
			open = open[:len(open)-1]
		}
	}
	if inString || len(open) == 0 || len(open) > 8 {
		return "", false
	}
	slices.Reverse(open)
	return strings.TrimRight(strings.TrimSpace(text), ",") + string(open), true
}
