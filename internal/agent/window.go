package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

const modelsFile = "models.yaml"

// Window looks up how many tokens a model takes at once in a tree of templates (models.yaml). A name with a
// maker in front ("openai/gpt-4o") is looked up without it.
func Window(fsys fs.FS, model string) (int, error) {
	b, err := fs.ReadFile(fsys, modelsFile)
	if err != nil {
		return 0, fmt.Errorf("read models: %w", err)
	}
	var table []struct {
		Model  string `yaml:"model"`
		Window int    `yaml:"window"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&table); err != nil {
		return 0, fmt.Errorf("read models: %w", err)
	}
	name := strings.ToLower(path.Base(model))
	for _, m := range table {
		ok, err := path.Match(m.Model, name)
		if err != nil || m.Window <= 0 {
			return 0, fmt.Errorf("read models: entry %q with window %d: %w", m.Model, m.Window, errors.Join(errBadEntry, err))
		}
		if ok {
			return m.Window, nil
		}
	}
	return 0, fmt.Errorf("read models: no entry for %q", model)
}

var errBadEntry = errors.New("not a pattern with a number of tokens")
