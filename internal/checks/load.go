package checks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a checklist file: it may come from a pull request.
const (
	mostFile   = 2 << 20 // bytes
	mostNodes  = 200_000 // after aliases are followed
	mostDepth  = 40
	mostChecks = 5000
	longText   = 8 << 10
)

// Load reads one checklist. Every fault is told with its line: an unknown key with the nearest known one, a
// missing or a wrong value. Aliases are followed within bounds.
func Load(r io.Reader, file string) (Checklist, error) {
	root, raw, err := document(r, file)
	if err != nil {
		return Checklist{}, err
	}
	sum := sha256.Sum256(raw)
	l := loader{file: file, list: Checklist{File: file, Digest: hex.EncodeToString(sum[:])}}
	l.checklist(root)
	return l.list, errors.Join(l.faults...)
}

// document reads one YAML document within bounds.
func document(r io.Reader, file string) (*yaml.Node, []byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, mostFile+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read %s: %w", file, err)
	case len(raw) > mostFile:
		return nil, nil, fmt.Errorf("%s: longer than %d bytes", file, mostFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%s: it is empty", file)
		}
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: there is more than one document in it", file)
	}
	left := mostNodes
	if err := bounded(&doc, mostDepth, &left); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return doc.Content[0], raw, nil
}

// bounded refuses documents that grow when their aliases are followed, or that hold themselves.
func bounded(n *yaml.Node, depth int, left *int) error {
	if *left--; *left < 0 || depth < 0 {
		return fmt.Errorf("line %d: too large or too deep once its aliases are followed", n.Line)
	}
	if len(n.Value) > longText {
		return fmt.Errorf("line %d: a text longer than %d bytes", n.Line, longText)
	}
	if n.Alias != nil {
		return bounded(n.Alias, depth-1, left)
	}
	for _, c := range n.Content {
		if err := bounded(c, depth-1, left); err != nil {
			return err
		}
	}
	return nil
}

// loader collects the faults of one file.
type loader struct {
	file   string
	list   Checklist
	faults []error
}

func (l *loader) fault(n *yaml.Node, format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("%s: %s", at(l.file, n.Line), fmt.Sprintf(format, args...)))
}

// fields calls the function of each key of a map. A key that is not in the table, or stands twice, is a fault.
func (l *loader) fields(n *yaml.Node, what string, table map[string]func(*yaml.Node)) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		l.fault(n, "%s must be a map", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		do, known := table[key.Value]
		switch {
		case seen[key.Value]:
			l.fault(key, "%s has the key %q twice", what, key.Value)
		case !known:
			l.fault(key, "%s has no key %q%s", what, key.Value, didYouMean(key.Value, names(table)))
		default:
			do(value)
		}
		seen[key.Value] = true
	}
}

func names(table map[string]func(*yaml.Node)) []string {
	out := make([]string, 0, len(table))
	for k := range table {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Alias != nil {
		return n.Alias
	}
	return n
}

// text takes a scalar as it is written: YAML's own reading of 012 or yes is nobody's wish here.
func (l *loader) text(to *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			l.fault(n, "%s must be a text", what)
			return
		}
		*to = n.Value
	}
}

func (l *loader) word(to *string, what string, of ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(of, n.Value) {
			l.fault(n, "%s must be one of %s, got %q%s", what, strings.Join(of, ", "), n.Value, didYouMean(n.Value, of))
			return
		}
		*to = n.Value
	}
}

func (l *loader) words(to *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		items := n.Content
		if n.Kind == yaml.ScalarNode {
			items = []*yaml.Node{n}
		} else if n.Kind != yaml.SequenceNode {
			l.fault(n, "%s must be a list", what)
			return
		}
		for _, c := range items {
			if c = resolved(c); c.Kind != yaml.ScalarNode {
				l.fault(c, "%s must be a list of texts", what)
				continue
			}
			if !slices.Contains(*to, c.Value) {
				*to = append(*to, c.Value)
			}
		}
	}
}

func (l *loader) each(n *yaml.Node, what string, do func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		l.fault(n, "%s must be a list", what)
		return
	}
	for _, c := range n.Content {
		do(resolved(c))
	}
}
