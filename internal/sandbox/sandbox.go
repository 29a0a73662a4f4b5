// Package sandbox emulates the services that a voice agent stands on, well enough that their own client
// libraries cannot tell: one process, one port, one path prefix a vendor. Every request is recorded,
// faults can be injected, and each vendor answers at a chosen pace.
package sandbox

import (
	"log/slog"
	"net/http"
	"time"
)

// Options shape a Sandbox.
type Options struct {
	Realistic bool // published median latencies in place of fast ones
	Log       *slog.Logger
	Now       func() time.Time
}

// Emulator is one vendor, mounted under /NAME. Routes get the request with the prefix stripped.
type Emulator interface {
	http.Handler
	Name() string
}
