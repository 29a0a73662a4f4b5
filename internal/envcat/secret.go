package envcat

import "regexp"

// secretName is how people name variables that nobody else may see.
var secretName = regexp.MustCompile(`(?i)(^|_)(keys?|tokens?|secret|secrets|password|passwd|pass|pwd|credential|credentials|private|dsn|auth)(_|$)|database_url|apikey|webhook_url`)

// LooksSecret tells whether the name of a variable says that its value is a secret. It holds for the
// variables of any backend, not only for those in the catalogue.
func LooksSecret(name string) bool { return secretName.MatchString(name) }
