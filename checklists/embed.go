// Package checklists holds the three checklists as data.
package checklists

import "embed"

// FS holds the checklists by file name: pipecat.yaml, backend.yaml, phone.yaml and schema.json.
//
//go:embed *.yaml schema.json
var FS embed.FS
