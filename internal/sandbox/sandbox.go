// Package sandbox emulates the services that a voice agent stands on, well enough that their own client
// libraries cannot tell: one process, one port, one path prefix a vendor. Every request is recorded,
// faults can be injected, and each vendor answers at a chosen pace.
//
// Goroutines: Start begins one, which serves, and net/http one a connection; stop waits for all of them.
package sandbox

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// Options shape a Sandbox.
type Options struct {
	Realistic bool // published median latencies in place of fast ones
	Log       *slog.Logger
	Now       func() time.Time
	Seed      uint64    // of jitter and fault probability; 0 = 1
	Record    io.Writer // gets every finished request as a line of JSON; nil = none
	TLS       bool      // Start serves https and wss with a certificate of its own
	CAFile    string    // with TLS: where Start writes the certificate to trust, as PEM; "" = nowhere
	Hosts     []string  // names under which the control routes may be asked, beside loopback
}

// Sandbox serves every vendor below its prefix, and the control routes below /_sandbox/.
type Sandbox struct {
	o       Options
	stage   *stage.Stage
	vendors map[string]http.Handler // by name, prefix stripped, faults applied
	closers []io.Closer
	control http.Handler
	authority
}

// New makes a Sandbox. It serves as an http.Handler at once; Start gives it a port of its own.
func New(o Options) *Sandbox {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sandbox{o: o, vendors: map[string]http.Handler{}}
	so := stage.Options{Realistic: o.Realistic, Log: o.Log, Now: o.Now, Seed: o.Seed}
	if o.Record != nil {
		so.Done = (&journal{w: o.Record, log: o.Log}).write
	}
	s.stage = stage.New(so)
	for _, m := range mounts() {
		h := m.make(s.stage)
		if c, ok := h.(io.Closer); ok {
			s.closers = append(s.closers, c)
		}
		s.vendors[m.vendor] = http.StripPrefix("/"+m.vendor, s.stage.Wrap(m.vendor, h, m.refuse))
	}
	s.control = s.controlRoutes()
	return s
}

// Stage is the recorder, the faults, the paces and the outbox.
func (s *Sandbox) Stage() *stage.Stage { return s.stage }

// Vendors lists the prefixes in use.
func (s *Sandbox) Vendors() []string {
	return slices.DeleteFunc(stage.Vendors(), func(v string) bool { return s.vendors[v] == nil })
}

// Class names the kind of evidence that comes from this sandbox.
func (s *Sandbox) Class() string {
	if s.o.Realistic {
		return "sandbox-realistic"
	}
	return "sandbox-fast"
}

func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if first == "_sandbox" {
		s.control.ServeHTTP(w, r)
		return
	}
	if h, ok := s.vendors[first]; ok {
		h.ServeHTTP(w, r)
		return
	}
	fail(w, r, http.StatusNotFound, "nothing is here", "vendors: /"+strings.Join(s.Vendors(), ", /")+"; control: /_sandbox/")
}
