// Package telemetry holds the kinds that look at what a running backend tells: log lines, metrics, alerts, and
// the load of the machine it runs on.
package telemetry

import "github.com/voicectl/voicectl/internal/checks"

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{logPattern(), logFormat(), metricPresent(), alertRule(), hostResource()}
}
