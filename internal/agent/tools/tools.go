// Package tools is what the language model may do: five data functions, and the rules that hold whatever the
// model says. A Box belongs to one session; it starts no goroutine and is safe for concurrent use.
//
// The rules, in code rather than in the prompt:
//   - arguments are checked before anything is called, and a refused call goes back to the model in words;
//   - documents come before the web: a web search waits for a document search of the same turn;
//   - a mail goes only to an address that the caller said, about a client, once a turn;
//   - a turn runs eight tools at most, the same read twice costs one call, a run lasts eight seconds;
//   - a call sees fifty clients at most and sends ten mails, and ten numbers without a client end the guessing;
//   - what a vendor says about its failure never reaches the model.
package tools

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/provider/supabase"
)

// Backend runs a data function by its default name (supabase.FnTransactions …): in is encoded as JSON, the
// answer is decoded into out. Errors are sorted by guard.ClassOf.
type Backend interface {
	Call(ctx context.Context, function string, in, out any) error
}

var _ Backend = (*supabase.Client)(nil)

// The limits that a Policy replaces.
const (
	DefaultTimeout    = 8 * time.Second
	DefaultSimilarity = 0.7
	DefaultRuns       = 8
	DefaultContent    = 16 << 10
	DefaultClients    = 50
	DefaultMisses     = 10
	DefaultMails      = 10
)

// Policy holds the limits; zero values are the defaults.
type Policy struct {
	// MailDomains are the domains that mail may go to, subdomains not included. nil = every domain, for
	// a backend that delivers nothing.
	MailDomains []string
	Similarity  float64       // from here on a passage is an answer, 0 to 1
	Runs        int           // tools a turn
	Timeout     time.Duration // of one run, with everything it calls
	Content     int           // bytes of one result for the model
	Clients     int           // different clients a call
	Misses      int           // different client numbers a call for which there was nothing
	Mails       int           // mails a call
}

// Options shape a Box.
type Options struct {
	Backend Backend
	Policy  Policy
	Now     func() time.Time // nil = time.Now
}

// Box holds the tools of one session and what they remember.
type Box struct {
	o Options

	mu    sync.Mutex
	heard heard  // the caller's words
	round *round // the current turn
	seq   int    // numbers the runs
	facts facts
	tally tally
}

// New makes the tools of one session.
func New(o Options) *Box {
	p := &o.Policy
	if p.Similarity <= 0 {
		p.Similarity = DefaultSimilarity
	}
	if p.Runs <= 0 {
		p.Runs = DefaultRuns
	}
	if p.Timeout <= 0 {
		p.Timeout = DefaultTimeout
	}
	if p.Content <= 0 {
		p.Content = DefaultContent
	}
	if p.Clients <= 0 {
		p.Clients = DefaultClients
	}
	if p.Misses <= 0 {
		p.Misses = DefaultMisses
	}
	if p.Mails <= 0 {
		p.Mails = DefaultMails
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Box{o: o, round: newRound()}
}

// Spec describes a tool to the model.
type Spec struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON Schema
}

// Specs returns the tools in a fixed order, so that a prompt stays the same from turn to turn.
func (b *Box) Specs() []Spec {
	out := make([]Spec, 0, len(catalogue))
	for _, t := range catalogue {
		out = append(out, Spec{Name: t.name, Description: t.description, Parameters: t.schema()})
	}
	return out
}

// BeginTurn starts a new turn with the caller's words: the rules that count by turn begin anew. Runs of the
// turn before still end by its rules.
func (b *Box) BeginTurn(userText string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard.add(userText)
	b.round = newRound()
}

// Hear adds words of the caller to the current turn.
func (b *Box) Hear(userText string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard.add(userText)
}

// Forget erases what the session said and found.
func (b *Box) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard, b.round, b.facts, b.tally = heard{}, newRound(), facts{}, tally{}
}

// round is one turn's account.
type round struct {
	runs    int
	reads   map[string]*flight
	mails   map[string]*flight
	docs    []*flight // document searches in the order they began
	refused int       // runs that had begun when a web search was refused; 0 = none was
}

func newRound() *round { return &round{reads: map[string]*flight{}, mails: map[string]*flight{}} }

// heard keeps the caller's words of the whole call, newest kept.
type heard struct{ text string }

const maxHeard = 16 << 10

func (h *heard) add(text string) {
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	h.text += " " + text
	if over := len(h.text) - maxHeard; over > 0 {
		h.text = strings.ToValidUTF8(h.text[over:], "")
		// A word cut in half must not become another address.
		if i := strings.IndexByte(h.text, ' '); i >= 0 {
			h.text = h.text[i:]
		}
	}
}
