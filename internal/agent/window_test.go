package agent

import (
	"testing"
	"testing/fstest"

	"github.com/voicectl/voicectl/templates"
)

func TestWindow_OfModels(t *testing.T) {
	for model, want := range map[string]int{
		"gpt-4o-mini": 128000, "gpt-4.1-mini": 1047576, "gpt-4": 8192, "gpt-4-0613": 8192, "gpt-3.5-turbo": 16385, "GPT-4o": 128000,
		"openai/gpt-4": 8192, "some-model-of-tomorrow": 128000, "": 128000,
	} {
		if got, err := Window(templates.FS, model); err != nil || got != want {
			t.Errorf("Window(%q) = %d, %v; want %d", model, got, err, want)
		}
	}
}

func TestWindow_RefusesABrokenTable(t *testing.T) {
	for name, text := range map[string]string{
		"no entry": `[]`, "no number": `[{model: "*"}]`, "no pattern": `[{model: "[", window: 5}]`, "another key": `[{model: "*", window: 5, price: 1}]`, "not a list": `5`,
	} {
		if n, err := Window(fstest.MapFS{"models.yaml": {Data: []byte(text)}}, "x"); err == nil {
			t.Errorf("%s: got %d", name, n)
		}
	}
	if _, err := Window(fstest.MapFS{}, "x"); err == nil {
		t.Error("no file: got no error")
	}
}
