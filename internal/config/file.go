package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/envcat"
)

// Bounds of a file, and of a list in it: an alias makes many long items of few bytes.
const (
	maxFileBytes = 1 << 20
	maxItems     = 256
	maxListBytes = 64 << 10
	tooMany      = "at most 256 entries and 65536 bytes in all"
)

// fileReader walks a YAML document against the schema.
type fileReader struct {
	s      *schema
	name   string
	out    []setting
	faults Faults
	warn   []string
}

// readFile reads voicectl.yaml. Line numbers come from the document itself, which is why it is walked by
// hand and not decoded.
func (s *schema) readFile(name string, data []byte) ([]setting, []string, Faults) {
	r := &fileReader{s: s, name: name}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, nil
	case err != nil:
		at, what := yamlFault(name, err)
		return nil, nil, Faults{{At: at, What: what, Fix: "check indentation and quotes"}}
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		r.fault(&doc, "", "holds more than one document", "keep the first one and remove the line ---")
	}
	r.section("", doc.Content[0])
	return r.out, r.warn, r.faults
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlFault takes the line out of a syntax error and leaves the text of the file out: it may be a key.
func yamlFault(name string, err error) (at, what string) {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return name + ":" + m[1], "is not valid YAML"
	}
	return name, "is not valid YAML"
}

func (r *fileReader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", r.name, n.Line) }

func (r *fileReader) fault(n *yaml.Node, key, what, fix string) {
	r.faults = append(r.faults, Fault{At: r.at(n), Key: key, What: what, Fix: fix})
}

func (r *fileReader) section(path string, n *yaml.Node) {
	if n = follow(n); isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		key := path
		if key == "" {
			key = "the file"
		}
		r.fault(n, key, "is "+describe(n, false)+", want a section of key: value lines", "")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		full := strings.TrimPrefix(path+"."+name.Value, ".")
		if line, twice := seen[name.Value]; twice {
			r.fault(name, full, fmt.Sprintf("is given twice, first in line %d", line), "remove one of them")
			continue
		}
		seen[name.Value] = name.Line
		switch k := r.s.byPath[full]; {
		case k != nil:
			r.leaf(k, value)
		case r.s.children[full] != nil:
			r.section(full, value)
		default:
			r.fault(name, full, "is not a known key", r.meant(path, name.Value))
		}
	}
}

// meant names the known key that is nearest: among its neighbours first, then anywhere.
func (r *fileReader) meant(section, name string) string {
	if near := envcat.Nearest(name, r.s.children[section]); near != "" {
		return "did you mean " + strings.TrimPrefix(section+"."+near, ".") + "?"
	}
	for _, k := range r.s.keys {
		if k.Path == name || strings.HasSuffix(k.Path, "."+name) {
			return "did you mean " + k.Path + "?"
		}
	}
	if section == "" {
		return "`voicectl config explain` lists the known ones"
	}
	return "known here: " + strings.Join(r.s.children[section], ", ")
}

func (r *fileReader) leaf(k *Key, n *yaml.Node) {
	if n = follow(n); isNull(n) {
		return
	}
	value, wanted := r.value(k, n)
	if wanted != "" {
		r.fault(n, k.Path, "is "+describe(n, k.Secret)+", want "+wanted, "")
		r.out = append(r.out, setting{key: k, name: k.Path, origin: r.at(n)}) // faulty: not missing as well
		return
	}
	if k.Secret {
		r.warn = append(r.warn, fmt.Sprintf("%s: %s is a secret in a file that is meant to be shared; set %s in .env or in the environment",
			r.at(n), k.Path, k.Env[len(k.Env)-1]))
	}
	r.out = append(r.out, setting{key: k, value: value, raw: rawOf(n), name: k.Path, origin: r.at(n)})
}

// value reads a node. Text keeps its characters as they are written, so that 0123 and +1555 survive.
func (r *fileReader) value(k *Key, n *yaml.Node) (any, string) {
	scalar := n.Kind == yaml.ScalarNode
	switch k.Kind {
	case List:
		if n.Kind != yaml.SequenceNode {
			return nil, "a list, one item a line after a dash"
		}
		items, ok := scalars(n)
		if !ok {
			return nil, "a list of texts"
		}
		if !small(items) {
			return nil, tooMany
		}
		return k.list(items), ""
	case Table:
		return r.table(n)
	case Number:
		if !scalar || n.Tag != "!!int" {
			return nil, "a whole number" + k.bounds()
		}
	case Decimal:
		if !scalar || (n.Tag != "!!int" && n.Tag != "!!float") {
			return nil, "a number" + k.bounds()
		}
	case Switch:
		if !scalar || n.Tag != "!!bool" {
			return nil, "true or false"
		}
	case Duration:
		if !scalar || n.Tag != "!!str" {
			return nil, "a duration such as 500ms, 25s, 5m or 30d" + k.bounds()
		}
	case Text:
		if !scalar {
			return nil, "one line of text"
		}
	}
	return k.parse(n.Value)
}

func (r *fileReader) table(n *yaml.Node) (any, string) {
	if n.Kind != yaml.MappingNode {
		return nil, "a section of name: text lines"
	}
	out := map[string]any{}
	var values []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], follow(n.Content[i+1])
		if values = append(values, value.Value); !small(values) {
			return nil, tooMany
		}
		if !tableName.MatchString(name.Value) || value.Kind != yaml.ScalarNode || value.Value == "" {
			return nil, "name: text lines, names in lower case"
		}
		out[name.Value] = value.Value
	}
	return out, ""
}

// small holds a list to its bounds.
func small(items []string) bool {
	total := 0
	for _, s := range items[:min(len(items), maxItems)] {
		total += len(s)
	}
	return len(items) <= maxItems && total <= maxListBytes
}

func scalars(n *yaml.Node) (items []string, ok bool) {
	for _, c := range n.Content {
		if c = follow(c); c.Kind != yaml.ScalarNode || isNull(c) {
			return nil, false
		}
		items = append(items, c.Value)
	}
	return items, true
}

// rawOf is a node as one text, the way a variable would hold it.
func rawOf(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		items, _ := scalars(n)
		return strings.Join(items, ",")
	}
	return n.Value
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func describe(n *yaml.Node, secret bool) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a section"
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	if secret {
		return fmt.Sprintf("a value of %d characters", len(n.Value))
	}
	if n.Tag == "!!str" {
		return "the text " + envcat.Quote(n.Value)
	}
	return envcat.Quote(n.Value)
}

// slurp reads a file that has to be small. found is false when there is none.
func slurp(path string) (data []byte, found bool, err error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, true, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, true, fmt.Errorf("read configuration: %s is larger than %d bytes", path, maxFileBytes)
	}
	return data, true, nil
}
