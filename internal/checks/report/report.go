// Package report writes a report in the formats that machines and people read. Every encoder is a pure
// function of the report: the verdict was made before, and no format can change it.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/voicectl/voicectl/internal/checks"
)

// Encoder writes one format.
type Encoder func(w io.Writer, r *checks.Report) error

// Encoders are all formats but text, which is for a terminal and belongs to internal/ui.
func Encoders() map[string]Encoder {
	return map[string]Encoder{
		"json": JSON, "junit": JUnit, "sarif": SARIF, "markdown": Markdown, "html": HTML, "github": GitHub,
	}
}

// JSON writes the result JSON of schema version 1. Numbers that were not measured are null.
func JSON(w io.Writer, r *checks.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}
