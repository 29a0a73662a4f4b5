package config

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/joho/godotenv"

	"github.com/voicectl/voicectl/internal/envcat"
)

// variable is one environment variable and where it was set.
type variable struct {
	value, origin string
}

// readEnv joins a .env file with the environment, which wins; a variable that is set to nothing in the
// environment hides the one in the file.
func readEnv(environ []string, file string, data []byte) (map[string]variable, Faults) {
	out := map[string]variable{}
	var faults Faults
	pairs, err := godotenv.UnmarshalBytes(data)
	if err != nil { // the library's message quotes the file, which may hold a key
		faults = append(faults, Fault{
			At: fmt.Sprintf("%s:%d", file, brokenLine(data)), What: "cannot be read as NAME=value lines",
			Fix: "put values with spaces or # in quotes",
		})
	}
	lines := assignments(data)
	for name, value := range pairs {
		out[name] = variable{value, fmt.Sprintf("%s:%d", file, max(1, lines[name]))}
	}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			out[name] = variable{value, "environment"}
		}
	}
	return out, faults
}

// assignments finds the line of every name; the last one counts.
func assignments(data []byte) map[string]int {
	out := map[string]int{}
	for i, line := range strings.Split(string(data), "\n") {
		if at := strings.IndexAny(line, "=:"); at > 0 {
			name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line[:at]), "export "))
			out[name] = i + 1
		}
	}
	return out
}

// brokenLine finds the first line after which the file stays unreadable.
func brokenLine(data []byte) int {
	lines := bytes.Split(data, []byte("\n"))
	return max(1, sort.Search(len(lines), func(n int) bool {
		_, err := godotenv.UnmarshalBytes(bytes.Join(lines[:n], []byte("\n")))
		return err != nil
	}))
}

// settingsFromEnv picks, for every key, the first of its variables that is set.
func (s *schema) settingsFromEnv(env map[string]variable) ([]setting, Faults) {
	var out []setting
	var faults Faults
	for i := range s.keys {
		k := &s.keys[i]
		for _, name := range k.Env {
			v := env[name]
			if v.value == "" {
				continue
			}
			set, fault := s.fromText(k, name, v.value, v.origin)
			if fault != nil {
				faults = append(faults, *fault)
			}
			out = append(out, set)
			break
		}
	}
	return out, faults
}

// fromText parses the text of a variable or a flag. A value that cannot be read gives a fault and a
// setting without value, which marks the key as faulty.
func (s *schema) fromText(k *Key, name, text, origin string) (setting, *Fault) {
	set := setting{key: k, raw: text, name: name, origin: origin}
	if len(s.env.ForKey(k.Path)) == 0 || (k.Kind != Text && k.Kind != List) {
		text = strings.TrimSpace(text)
	}
	value, wanted := k.parse(text)
	if wanted != "" {
		shown := envcat.Quote(text)
		if k.Secret {
			shown = fmt.Sprintf("a value of %d characters", len(text))
		}
		return set, &Fault{At: origin, Key: name, What: "is " + shown + ", want " + wanted}
	}
	set.value = value
	return set, nil
}

// strangers warns of VOICECTL_ variables that nothing reads.
func (s *schema) strangers(env map[string]variable, alsoKnown []string) []string {
	known := append(s.env.Names(), alsoKnown...)
	for _, k := range s.keys {
		known = append(known, k.Env...)
	}
	isKnown := map[string]bool{}
	for _, name := range known {
		isKnown[name] = true
	}
	var out []string
	for name, v := range env {
		if !strings.HasPrefix(name, "VOICECTL_") || isKnown[name] {
			continue
		}
		w := fmt.Sprintf("%s: %s is not a variable that voicectl reads", v.origin, name)
		if near := envcat.Nearest(name, known); near != "" {
			w += "; did you mean " + near + "?"
		}
		out = append(out, w)
	}
	sort.Strings(out)
	return out
}
