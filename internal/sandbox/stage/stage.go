// Package stage is what every emulator of the sandbox stands on: the recorder of requests, the faults
// that a test injects, the pace at which a vendor answers, and the seeded data.
package stage

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Vendors are the names under which emulators are mounted and addressed in faults, paces and records.
const (
	OpenAI       = "openai"
	Speechmatics = "speechmatics"
	Cartesia     = "cartesia"
	Supabase     = "supabase"
	Twilio       = "twilio"
	HuggingFace  = "huggingface"
	Ultravox     = "ultravox"
)

// Options shape a Stage.
type Options struct {
	Realistic bool // published median latencies in place of the fast, fixed ones
	Log       *slog.Logger
	Now       func() time.Time // nil = time.Now
	Seed      uint64           // of jitter and fault probability; 0 = 1
	// Done gets every finished entry, once, outside of the stage's lock. nil = nobody listens.
	Done func(Entry)
}

// Stage is safe for concurrent use.
type Stage struct {
	o  Options
	mu sync.Mutex

	entries []*Entry
	seq     int
	faults  []*Fault
	paces   map[string]Pace
	mails   []Mail
	mailSeq int
	rnd     *rand.Rand
}

// New makes a Stage.
func New(o Options) *Stage {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	//nolint:gosec // jitter, not secrets
	return &Stage{o: o, paces: defaultPaces(o.Realistic), rnd: rand.New(rand.NewPCG(o.Seed, 0))}
}

// Known tells whether an emulator stands under that name.
func Known(vendor string) bool { return slices.Contains(Vendors(), vendor) }

// Vendors lists the names in the order in which a call meets them.
func Vendors() []string {
	return []string{Speechmatics, OpenAI, Supabase, Cartesia, Twilio, HuggingFace, Ultravox}
}

// Now is the stage's clock.
func (s *Stage) Now() time.Time { return s.o.Now() }

// Log is the stage's logger, never nil.
func (s *Stage) Log() *slog.Logger { return s.o.Log }

// Reset forgets requests, faults and mails and goes back to the paces of the start. Sequence numbers go
// on, so that an observer who polls with the last one it saw misses nothing.
func (s *Stage) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries, s.faults, s.mails = nil, nil, nil
	s.paces = defaultPaces(s.o.Realistic)
}

// Entry is one request as it was seen, without keys, tokens and audio.
type Entry struct {
	Seq    int            `json:"seq"`
	Vendor string         `json:"vendor"`
	Route  string         `json:"route"` // path below the vendor's prefix, e.g. /v1/chat/completions
	Method string         `json:"method"`
	At     time.Time      `json:"at"`             // request complete
	First  time.Time      `json:"first,omitzero"` // first byte of the answer proper (token, sound) written
	Done   time.Time      `json:"done,omitzero"`  // answer complete
	Status int            `json:"status"`
	Detail map[string]any `json:"detail,omitempty"` // vendor's own: tools offered, transcript, sequence numbers …
}

// Mail is a mail that was "sent".
type Mail struct {
	ID       string    `json:"id"`
	To       string    `json:"to"`
	ClientID string    `json:"client_id"`
	Subject  string    `json:"subject"`
	Body     string    `json:"body"`
	At       time.Time `json:"at"`
}

// Fault is one injected misbehaviour (contract.md section 6).
type Fault struct {
	Vendor      string  `json:"vendor"`
	Route       string  `json:"route,omitempty"` // prefix of Entry.Route; "" = every route
	Mode        string  `json:"mode"`            // one of Modes
	Status      int     `json:"status,omitempty"`
	Code        string  `json:"code,omitempty"` // vendor's error code, or the close code of a socket
	MS          int     `json:"ms,omitempty"`
	Probability float64 `json:"probability,omitempty"` // 0 = always
	Count       int     `json:"count,omitempty"`       // 0 = until cleared
	After       int     `json:"after,omitempty"`       // pieces of the answer before it strikes; -1 = none, 0 = the usual place
}

// Pace is the latency model of a vendor.
type Pace struct {
	Vendor     string `json:"vendor"`
	FirstMS    int    `json:"first_ms"`
	PerTokenMS int    `json:"per_token_ms"`
	JitterMS   int    `json:"jitter_ms"`
}
