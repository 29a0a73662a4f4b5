package manifest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/envcat"
)

const (
	mostDocuments = 500
	deepestAlias  = 20
)

// documents reads the documents of a YAML file as trees; aliases are not expanded.
func documents(text string) ([]*yaml.Node, error) {
	var out []*yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	for len(out) < mostDocuments {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			out = append(out, n.Content[0])
		}
	}
	return out, fmt.Errorf("more than %d documents", mostDocuments)
}

// real follows aliases, a bounded number of times.
func real(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < deepestAlias; i++ {
		n = n.Alias
	}
	return n
}

// pair is one entry of a mapping.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// entries are those of a mapping, with those that it merges in below its own.
func entries(n *yaml.Node) []pair { return merged(n, 0) }

func merged(n *yaml.Node, depth int) []pair {
	n = real(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > deepestAlias {
		return nil
	}
	var own, from []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" || k.Value == "<<" {
			if r := real(v); r != nil && r.Kind == yaml.SequenceNode {
				for _, one := range r.Content {
					from = append(from, merged(one, depth+1)...)
				}
			} else {
				from = append(from, merged(v, depth+1)...)
			}
			continue
		}
		own = append(own, pair{k.Value, k.Line, real(v)})
	}
	for _, p := range from {
		if !slices.ContainsFunc(own, func(o pair) bool { return o.key == p.key }) && len(own) < 10_000 {
			own = append(own, p)
		}
	}
	return own
}

// at walks down by keys, nil when one is missing.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	n = real(n)
	for _, k := range keys {
		var next *yaml.Node
		for _, p := range entries(n) {
			if p.key == k {
				next = p.value
				break
			}
		}
		if n = next; n == nil {
			return nil
		}
	}
	return n
}

// items are the elements of a list, nil for what is none.
func items(n *yaml.Node) []*yaml.Node {
	n = real(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		out = append(out, real(c))
	}
	return out
}

// str is the text of a scalar, "" for all else.
func str(n *yaml.Node) string {
	if n = real(n); n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// whole is the number of a scalar.
func whole(n *yaml.Node) (int, bool) {
	v, err := strconv.Atoi(str(n))
	return v, err == nil
}

// line is where a node stands, or another when it is not there.
func line(n *yaml.Node, or *yaml.Node) int {
	if n != nil {
		return n.Line
	}
	if or != nil {
		return or.Line
	}
	return 1
}

// lineOf is the line that an error of the YAML reader names.
func lineOf(err error) int {
	_, rest, has := strings.Cut(err.Error(), "line ")
	if !has {
		return 1
	}
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	n, convErr := strconv.Atoi(rest[:max(digits, 0)])
	if convErr != nil {
		return 1
	}
	return n
}

// unknown says a key that does not exist, with the nearest one that does.
func unknown(key string, known []string) string {
	if near := envcat.Nearest(key, known); near != "" {
		return fmt.Sprintf("%s does not exist; did you mean %s?", key, near)
	}
	return key + " does not exist"
}
