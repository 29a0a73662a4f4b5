// Package agent is the root of the serving wing: the definition of an agent as data. It is a leaf of its
// wing; the packages below it import it, never the other way.
package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Definition is one agent: who it is, how it speaks, what it may do. It is read from a YAML file
// (templates/agents, or --agent FILE).
type Definition struct {
	Name      string            `yaml:"name"`      // one word, used in logs and addresses: "julia"
	Title     string            `yaml:"title"`     // shown to people: "Julia, data assistant"
	Language  string            `yaml:"language"`  // of the speech engines: "en"
	Greeting  string            `yaml:"greeting"`  // said first; "" waits for the caller
	Prompt    string            `yaml:"prompt"`    // instructions to the model
	Tools     []string          `yaml:"tools"`     // names; each must exist
	Fillers   []string          `yaml:"fillers"`   // said while a tool runs
	Apologies map[string]string `yaml:"apologies"` // by failure class; "default" is the general one
	Phrases   []string          `yaml:"phrases"`   // offered by the browser console
}

const maxDefinition = 256 << 10

var reName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Read decodes a definition strictly: an unknown key, a second document, or a value out of shape is an
// error that names file and line.
func Read(r io.Reader, file string) (Definition, error) {
	var d Definition
	b, err := io.ReadAll(io.LimitReader(r, maxDefinition+1))
	if err != nil {
		return d, fmt.Errorf("read agent %s: %w", file, err)
	}
	if len(b) > maxDefinition {
		return d, fmt.Errorf("read agent %s: larger than %d KiB", file, maxDefinition>>10)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return d, fmt.Errorf("read agent %s: %w", file, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("read agent %s: more than one document", file)
	}
	if err := d.Validate(); err != nil {
		return d, fmt.Errorf("read agent %s: %w", file, err)
	}
	return d, nil
}

// Load reads a definition by name from a tree of templates.
func Load(fsys fs.FS, name string) (Definition, error) {
	path := "agents/" + name + ".yaml"
	f, err := fsys.Open(path)
	if err != nil {
		return Definition{}, fmt.Errorf("load agent %q: %w", name, err)
	}
	defer func() { _ = f.Close() }()
	return Read(f, path)
}

// Validate tells all faults at once.
func (d Definition) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if !reName.MatchString(d.Name) {
		bad("name: want one lower-case word, got %q", d.Name)
	}
	if strings.TrimSpace(d.Prompt) == "" {
		bad("prompt: must not be empty")
	}
	if len(d.Prompt) > 32<<10 {
		bad("prompt: %d bytes, at most %d", len(d.Prompt), 32<<10)
	}
	if len(strings.Fields(d.Greeting)) > 60 {
		bad("greeting: more than 60 words")
	}
	d.bounds(bad)
	for i, t := range d.Tools {
		if slices.Index(d.Tools, t) != i {
			bad("tools: %s stands twice", t)
		}
	}
	return errors.Join(errs...)
}

// bounds holds every text and list to what a definition needs: an alias in the file makes many long texts of
// few bytes, and all of them go to callers, to a browser or into every journal.
func (d Definition) bounds(bad func(string, ...any)) {
	const maxTexts, maxText = 64, 1 << 10
	texts := func(key string, list []string) {
		if len(list) > maxTexts {
			bad("%s: %d entries, at most %d", key, len(list), maxTexts)
			return
		}
		for i, s := range list {
			if len(s) > maxText {
				bad("%s: entry %d has %d bytes, at most %d", key, i+1, len(s), maxText)
			}
		}
	}
	texts("title", []string{d.Title})
	texts("language", []string{d.Language})
	texts("greeting", []string{d.Greeting})
	texts("tools", d.Tools)
	texts("fillers", d.Fillers)
	texts("phrases", d.Phrases)
	if len(d.Apologies) > maxTexts {
		bad("apologies: %d entries, at most %d", len(d.Apologies), maxTexts)
		return
	}
	for _, class := range slices.Sorted(maps.Keys(d.Apologies)) {
		texts("apologies", []string{class, d.Apologies[class]})
	}
}

// Apology returns the words by class, with the general one under "".
func (d Definition) Apology() map[string]string {
	out := make(map[string]string, len(d.Apologies))
	for k, v := range d.Apologies {
		if k == "default" {
			k = ""
		}
		out[k] = v
	}
	return out
}
