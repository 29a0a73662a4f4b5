package vendor

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// blueprint is a service as render.yaml declares it.
type blueprint struct {
	Type         string `yaml:"type"`
	Name         string `yaml:"name"`
	Repo         string `yaml:"repo"`
	Branch       string `yaml:"branch"`
	BuildCommand string `yaml:"buildCommand"`
	StartCommand string `yaml:"startCommand"`
	Docker       string `yaml:"dockerCommand"`
	Instances    int    `yaml:"numInstances"`
	EnvVars      []struct {
		Key string `yaml:"key"`
	} `yaml:"envVars"`
}

// fromRepo reads a file of the repository; nil when there is none.
func fromRepo(repo, name string) ([]byte, error) {
	if repo == "" {
		return nil, nil
	}
	t, err := tree.Open(repo)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	raw, err := t.Read(name)
	if err != nil {
		return nil, nil // no such file: nothing is declared
	}
	return raw, nil
}

// renderYAML reads the web service that render.yaml declares: the one of that name, or the only one.
func renderYAML(repo, name string) (blueprint, error) {
	raw, err := fromRepo(repo, "render.yaml")
	if err != nil || raw == nil {
		return blueprint{}, err
	}
	var doc struct {
		Services []blueprint `yaml:"services"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return blueprint{}, fmt.Errorf("render.yaml: %w", err)
	}
	var found []blueprint
	for _, s := range doc.Services {
		if (s.Type == "web" || s.Type == "") && (name == "" || s.Name == name) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return blueprint{}, nil
	}
	return found[0], nil
}

// cerebriumTOML is the part of cerebrium.toml that can be compared.
type cerebriumTOML struct {
	Cerebrium struct {
		Deployment struct {
			Name string `toml:"name"`
		} `toml:"deployment"`
		Scaling map[string]any `toml:"scaling"`
	} `toml:"cerebrium"`
}

func readCerebrium(repo string) (cerebriumTOML, error) {
	var doc cerebriumTOML
	raw, err := fromRepo(repo, "cerebrium.toml")
	if err != nil || raw == nil {
		return doc, err
	}
	if err := toml.Unmarshal(raw, &doc); err != nil {
		return doc, fmt.Errorf("cerebrium.toml: %w", err)
	}
	return doc, nil
}

var requirementFile = regexp.MustCompile(`(?:^|\s)(?:-r|--requirement)[ =]?(\S+)`)

// builds tells what is wrong with a build command, "" when it is one that builds this repository.
func builds(command, repo, root string) string {
	switch {
	case strings.TrimSpace(command) == "":
		return "there is no build command"
	case strings.Contains(command, "pip install"):
		for _, m := range requirementFile.FindAllStringSubmatch(command, -1) {
			file := path.Join(root, strings.Trim(m[1], `"'`))
			if raw, err := fromRepo(repo, file); repo != "" && err == nil && raw == nil {
				return fmt.Sprintf("the build command installs %s, which the repository does not have", file)
			}
		}
		return ""
	}
	for _, known := range []string{"go build", "go install", "uv sync", "uv pip", "poetry install", "pdm install", "pipenv install", "npm ", "pnpm ", "yarn", "make", "docker build", "bundle install", "cargo build"} {
		if strings.Contains(command, known) {
			return ""
		}
	}
	return "the build command installs nothing that is known"
}

// without returns the texts that a command does not hold. A variable may be written with braces.
func without(command string, texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(t string) bool {
		name, variable := strings.CutPrefix(t, "$")
		return strings.Contains(command, t) || variable && strings.Contains(command, "${"+name)
	})
}
