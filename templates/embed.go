// Package templates holds the files that voicectl gives out: definitions of agents and the beginnings of
// a project. They travel as an fs.FS from the command line to whoever needs them.
package templates

import "embed"

// FS holds agents/, env/, alerts/, ci/ and models.yaml.
//
//go:embed agents env alerts ci models.yaml
var FS embed.FS
