package server

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/secret"
)

// Config is what an operator sets.
type Config struct {
	Profile   string // julia
	Addr      string // host:port; port 0 takes a free one
	AdminAddr string // "" = no admin listener
	// AdminFree lets a busy admin port be replaced by a free one (default port under --dev or --sandbox).
	AdminFree bool
	PublicURL *url.URL // what the outside world calls us; nil = derived from a loopback bind
	BasePath  string   // "" or "/v4/PROJECT/APP"
	Dev       bool
	Sandbox   bool

	APIKeys        []secret.Secret
	AllowedOrigins []string
	TwilioAccount  string
	TwilioTokens   []secret.Secret // the current one, and during a rotation the one before

	MaxSessions   int // 0 = 100
	MaxPerIP      int // sessions at once; 0 = no limit
	NewPerMinute  int // new sessions of one address; 0 = no limit
	APIPerMinute  int // requests of one access key or address to /start, /connect and /api; 0 = no limit
	HookPerMinute int // webhooks of one caller; 0 = no limit
	// TrustedProxies are the fronts whose X-Forwarded-For tells who comes; nil = none is believed.
	TrustedProxies []netip.Prefix
	SessionTime    time.Duration // 0 = 2 h
	DrainTimeout   time.Duration
	Line           line.Limits
	NoContent      bool          // neither turns nor journals keep words: times, outcomes and hashes only
	TokenTTL       time.Duration // of the one-use tokens; 0 = 1 min
	FirstMessage   int64         // bytes of a socket's message until its protocol is known; 0 = 64 KiB
	Message        int64         // bytes of a browser's message; 0 = 1 MiB
	Body           int64         // bytes of a request's body; 0 = 64 KiB
	ReadTime       time.Duration // for a whole request, head and body; 0 = 15 s
	ReportLevel    string        // none, name or full: what a client is told of tools; full under Dev and Sandbox

	Version, Commit string
}

// Engines are what a session of any agent is made of.
type Engines struct {
	Recognizer  session.Recognizer
	Responder   session.Responder
	Synthesizer session.Synthesizer
	// Clip is a recorded apology for a session that fails while its voice does not speak; nil = none.
	Clip func(media.Format) []byte
	// Tools are made anew for each session; the logger is the session's.
	Tools func(names []string, log *slog.Logger) (session.Tools, error)
	// Down names the vendors whose circuit is open now; All is how many vendors there are.
	Down func() []string
	All  int
	// Warm is done once before readiness; an error is logged and does not stop the start.
	Warm func() error
	// Forget drops idle connections to vendors: their buffers hold the last words of a session. Called when a
	// session has ended and no other one lives, and once a minute else; nil = nothing to drop.
	Forget func()
}

// Options are what a Server is made of.
type Options struct {
	Config    Config
	Agents    map[string]agent.Definition
	Agent     string // the default one
	Turn      turn.Config
	Engines   Engines
	Archive   *archive.Archive
	Scheduler session.Scheduler
	Pages     http.Handler // the browser console: "/" and "/console/"
	Outbox    http.Handler // mails of the sandbox, nil without one
	Phrase    http.Handler // a phrase as sound, nil without the sandbox
	Registry  *prometheus.Registry
	Clock     clock.Clock
	Log       *slog.Logger
	Notice    func(string) // talk for a person: a replaced port
}
