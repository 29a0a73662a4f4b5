package manifest

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
)

// platformFiles are files in which a platform is told how to build and start.
var platformFiles = []string{"render.yaml", "railway.json", "railway.toml", "nixpacks.toml", "Procfile", "app.json"} //nolint:gochecknoglobals // a table

var commandLine = regexp.MustCompile(`(?i)(?:buildCommand|startCommand|preDeployCommand|^\s*(?:web|worker|release)|cmds?)["']?\s*[:=]\s*(.+)$`)

// buildCommands looks at the commands that platforms are told, and whether the files in them exist.
func (in *input) buildCommands() ([]checks.Problem, error) {
	if !in.on("build-command") {
		return nil, nil
	}
	var out []checks.Problem
	for _, file := range platformFiles {
		if !in.tree.Has(file) {
			continue
		}
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		root := platformRoot(file, text)
		n := 0
		for line := range strings.Lines(text) {
			n++
			m := commandLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
			if m == nil || strings.Contains(m[1], "cd ") {
				continue
			}
			for _, re := range []*regexp.Regexp{requirement, script, direct} {
				for _, f := range re.FindAllStringSubmatch(strings.Trim(strings.TrimSpace(m[1]), `"',[]`), 20) {
					name := strings.Trim(f[1], `"',`)
					if strings.ContainsAny(name, "$*<") || strings.HasPrefix(name, "/") {
						continue
					}
					out = append(out, in.found("build-command", in.tree.Has(path.Join(root, name)), file, n, "%s is named here and is not in the repository", name)...)
				}
			}
		}
	}
	return out, nil
}

// platformRoot is the folder in which the platform runs its commands.
func platformRoot(file, text string) string {
	var doc struct {
		Services []struct {
			RootDir string `yaml:"rootDir" json:"rootDir"`
		} `yaml:"services" json:"services"`
	}
	var err error
	switch path.Ext(file) {
	case ".yaml":
		err = yaml.Unmarshal([]byte(text), &doc)
	case ".json":
		err = json.Unmarshal([]byte(text), &doc)
	}
	if err != nil || len(doc.Services) == 0 {
		return "."
	}
	return path.Clean("/" + doc.Services[0].RootDir)[1:]
}
