package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/secret"
)

// Sources tells where every value came from.
type Sources struct {
	Files    []string // that were read
	Warnings []string // worth saying, not worth stopping
	Values   []Source // one a key, in the order of the documentation
}

// Source is the origin of one value.
type Source struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // a secret shows its length only
	Source string `json:"source"` // "default", "voicectl.yaml:3", ".env:7 PORT", "environment PORT", "flag --port"
}

func (l *loader) sources(cfg *Config) *Sources {
	out := &Sources{Files: l.files, Warnings: l.warnings}
	root := reflect.ValueOf(cfg).Elem()
	for _, k := range l.s.keys {
		src := Source{Key: k.Path, Value: show(leafOf(root, k.Path)), Source: "default"}
		if set, ok := l.final[k.Path]; ok {
			src.Source = set.origin
			if set.name != k.Path {
				src.Source += " " + set.name
			}
		}
		out.Values = append(out.Values, src)
	}
	return out
}

// leafOf finds a field by the path of its key.
func leafOf(v reflect.Value, path string) reflect.Value {
	name, rest, deeper := strings.Cut(path, ".")
	for field, value := range v.Fields() {
		if field.Tag.Get("mapstructure") != name {
			continue
		}
		if deeper {
			return leafOf(value, rest)
		}
		return value
	}
	return reflect.Value{} // unreachable: every path was made from these fields
}

func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case secret.Secret:
		if !x.Set() {
			return ""
		}
		return fmt.Sprintf("%s %d characters", secret.Redacted, x.Len())
	case []secret.Secret:
		if len(x) == 0 {
			return ""
		}
		return fmt.Sprintf("%s %d keys", secret.Redacted, len(x))
	case []string:
		return strings.Join(x, ", ")
	case map[string]string:
		var pairs []string
		for _, name := range sortedKeys(x) {
			pairs = append(pairs, name+"="+x[name])
		}
		return strings.Join(pairs, ", ")
	case time.Duration:
		return formatDuration(x)
	case string:
		return strings.Trim(envcat.Quote(x), `"`)
	}
	return fmt.Sprint(v.Interface())
}

// formatDuration writes 30d, 25s and 5m as they are written in files, not as 720h0m0s.
func formatDuration(d time.Duration) string {
	if day := 24 * time.Hour; d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
