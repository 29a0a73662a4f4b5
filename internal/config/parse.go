package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/secret"
)

var tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// parse turns text into the value of a key. wanted says in words what would have been right; "" = fine.
func (k *Key) parse(text string) (value any, wanted string) {
	switch k.Kind {
	case Text:
		return k.text(text)
	case Number:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, "a whole number" + k.bounds()
		}
		return n, k.inRange(float64(n))
	case Decimal:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != n { //nolint:gocritic // NaN is the only value that differs from itself
			return nil, "a number" + k.bounds()
		}
		return n, k.inRange(n)
	case Switch:
		switch strings.ToLower(text) {
		case "true", "1", "yes", "on":
			return true, ""
		case "false", "0", "no", "off":
			return false, ""
		}
		return nil, "true or false"
	case Duration:
		d, err := parseDuration(text)
		if err != nil {
			return nil, "a duration such as 500ms, 25s, 5m or 30d" + k.bounds()
		}
		return d, k.inRange(float64(d))
	case List:
		return k.list(strings.Split(text, ",")), ""
	case Table:
		return k.table(text)
	}
	return nil, "a known kind of value"
}

func (k *Key) text(text string) (any, string) {
	if strings.ContainsAny(text, "\x00\n\r") {
		return nil, "one line of text"
	}
	if k.Secret {
		return secret.New(text), ""
	}
	if len(k.OneOf) > 0 && !slices.Contains(k.OneOf, text) {
		return nil, "one of " + strings.Join(k.OneOf, ", ")
	}
	return text, ""
}

func (k *Key) list(items []string) any {
	var texts []string
	for _, item := range items {
		if item = strings.TrimSpace(item); item != "" {
			texts = append(texts, item)
		}
	}
	if !k.Secret {
		return texts
	}
	var secrets []secret.Secret
	for _, t := range texts {
		secrets = append(secrets, secret.New(t))
	}
	return secrets
}

// table reads "name=value,name=value"; only defaults are written so.
func (k *Key) table(text string) (any, string) {
	out := map[string]any{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, "name=value pairs, separated by commas"
		}
		out[name] = value
	}
	return out, ""
}

func (k *Key) bounds() string {
	if k.Range == "" {
		return ""
	}
	low, high, _ := strings.Cut(k.Range, "..")
	return " from " + low + " to " + high
}

func (k *Key) inRange(n float64) string {
	if k.Range == "" {
		return ""
	}
	low, high, _ := strings.Cut(k.Range, "..")
	if n < k.edge(low) || n > k.edge(high) {
		return fmt.Sprintf("a %s%s", k.Kind, k.bounds())
	}
	return ""
}

func (k *Key) edge(text string) float64 {
	if k.Kind == Duration {
		d, _ := parseDuration(text) // a test holds that every range can be read
		return float64(d)
	}
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// parseDuration is time.ParseDuration that also knows whole days: 30d.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("parse days: %w", err)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}
