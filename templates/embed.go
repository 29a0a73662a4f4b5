// Package templates holds the files that voicectl gives out: definitions of agents and the beginnings of
// a project. They travel as an fs.FS from the command line to whoever needs them.
package templates

import "embed"

// FS holds agents/ and env/.
//
//go:embed agents env
var FS embed.FS
