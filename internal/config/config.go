// Package config turns defaults, voicectl.yaml, .env, the environment and flags into one typed Config.
// It is the only user of viper.
//
// Decoding is strict: an unknown key, a value of the wrong type, a value out of range and a variable that
// an agent needs but does not have are faults, and all faults are reported at once. Sections are plain
// structs; other packages do not import this one, the command line hands them what they need.
package config

import (
	"time"

	"github.com/voicectl/voicectl/internal/secret"
)

// The tags of a leaf are its whole definition:
//
//	mapstructure  name of the key          default  when nothing sets it
//	flag          "yes": has a flag        doc      one line for help and docs
//	range         "MIN..MAX", inclusive    oneof    allowed words
//
// A leaf that an environment variable of the catalogue sets takes its default and doc from there.

// Config is everything that `voicectl serve` can be told.
type Config struct {
	Profile      string        `mapstructure:"profile" flag:"yes" default:"julia" oneof:"julia" doc:"agent to serve"`
	Host         string        `mapstructure:"host" flag:"yes" default:"127.0.0.1" doc:"address to listen on; 0.0.0.0 when PORT is set"`
	Port         int           `mapstructure:"port" flag:"yes" range:"0..65535"`
	PublicURL    string        `mapstructure:"public_url" flag:"yes"`
	BasePath     string        `mapstructure:"base_path" flag:"yes" doc:"path prefix of every route, such as /v4/PROJECT/APP"`
	AdminAddr    string        `mapstructure:"admin_addr" flag:"yes" default:"127.0.0.1:9090" doc:"address of metrics, profiles and admin routes; off for none"`
	DataDir      string        `mapstructure:"data_dir" flag:"yes" default:"data" doc:"folder of database and recordings"`
	Agent        string        `mapstructure:"agent" flag:"yes" doc:"file with the definition of the agent; empty takes the one that is built in"`
	Sandbox      bool          `mapstructure:"sandbox" flag:"yes" default:"false" doc:"run emulators of all vendors inside the process; nothing needs an account"`
	Dev          bool          `mapstructure:"dev" flag:"yes" default:"false" doc:"for work on this machine: open on loopback, tool details shown"`
	DrainTimeout time.Duration `mapstructure:"drain_timeout" flag:"yes" default:"25s" range:"0s..12h" doc:"how long calls may go on after the first signal"`
	Environment  string        `mapstructure:"environment"`

	Log       Log       `mapstructure:"log"`
	Auth      Auth      `mapstructure:"auth"`
	Limits    Limits    `mapstructure:"limits"`
	Providers Providers `mapstructure:"providers"`
	Turn      Turn      `mapstructure:"turn"`
	Archive   Archive   `mapstructure:"archive"`
	Tools     Tools     `mapstructure:"tools"`
}

// Log shapes the log on stderr.
type Log struct {
	Level  string `mapstructure:"level"`  // debug, info, warn, error
	Format string `mapstructure:"format"` // auto, text, json
}

// Auth says who may come in.
type Auth struct {
	APIKeys        []secret.Secret `mapstructure:"api_keys"`
	AllowedOrigins []string        `mapstructure:"allowed_origins"`
}

// Limits bound what strangers can cost.
type Limits struct {
	MaxSessions       int           `mapstructure:"max_sessions" default:"200" range:"1..100000" doc:"sessions at a time"`
	PerIP             int           `mapstructure:"per_ip" default:"2" range:"0..100000" doc:"browser sessions at a time from one address; 0 for no limit"`
	NewPerMinute      int           `mapstructure:"new_per_minute" default:"10" range:"0..1000000" doc:"new browser sessions a minute from one address; 0 for no limit"`
	APIPerMinute      int           `mapstructure:"api_per_minute" default:"60" range:"0..1000000" doc:"requests a minute to /start, /connect and /api with one access key, or from one address; 0 for no limit"`
	HooksPerMinute    int           `mapstructure:"hooks_per_minute" default:"30" range:"0..1000000" doc:"webhooks a minute for one caller, or of a bad signature from one address; 0 for no limit"`
	TrustedProxies    []string      `mapstructure:"trusted_proxies" doc:"addresses or networks of the fronts whose X-Forwarded-For tells who comes, such as 10.0.0.0/8; empty believes none"`
	HandshakeTimeout  time.Duration `mapstructure:"handshake_timeout" default:"10s" range:"100ms..5m" doc:"each step of opening a session"`
	IdleTimeout       time.Duration `mapstructure:"idle_timeout" default:"5m" range:"1s..24h" doc:"nothing comes from the far end"`
	SessionTimeout    time.Duration `mapstructure:"session_timeout" default:"30m" range:"1s..24h" doc:"longest session"`
	TokenTTL          time.Duration `mapstructure:"token_ttl" default:"1m" range:"1s..1h" doc:"life of a token from /start or from TwiML"`
	FirstMessageBytes int           `mapstructure:"first_message_bytes" default:"65536" range:"1024..16777216" doc:"message on /ws before its protocol is known, and on the phone's socket"`
	MessageBytes      int           `mapstructure:"message_bytes" default:"1048576" range:"1024..16777216" doc:"message on /ws of a browser"`
	BadMessages       int           `mapstructure:"bad_messages" default:"50" range:"1..10000" doc:"broken messages in a row before a session ends"`
	BodyBytes         int           `mapstructure:"body_bytes" default:"65536" range:"1024..16777216" doc:"body of an HTTP request"`
}

// Providers are the outside services.
type Providers struct {
	OpenAI       OpenAI       `mapstructure:"openai"`
	Speechmatics Speechmatics `mapstructure:"speechmatics"`
	Cartesia     Cartesia     `mapstructure:"cartesia"`
	Supabase     Supabase     `mapstructure:"supabase"`
	Twilio       Twilio       `mapstructure:"twilio"`
}

// OpenAI is the language model.
type OpenAI struct {
	BaseURL     string        `mapstructure:"base_url"`
	APIKey      secret.Secret `mapstructure:"api_key"`
	Model       string        `mapstructure:"model"`
	Temperature float64       `mapstructure:"temperature" default:"0.3" range:"0..2" doc:"how freely the model words its answers"`
	MaxTokens   int           `mapstructure:"max_tokens" default:"400" range:"1..16384" doc:"tokens of one answer"`
	Window      int           `mapstructure:"context_window" default:"0" range:"0..100000000" doc:"tokens that the model takes at once: three quarters of them bound the history; 0 takes the figure of the model from the table that is built in"`
	Timeout     time.Duration `mapstructure:"timeout" default:"5s" range:"100ms..10m" doc:"from the question to the first word"`
	Stall       time.Duration `mapstructure:"stall" default:"5s" range:"100ms..5m" doc:"silence inside a streamed answer that counts as a failure"`

	Fallback OpenAIFallback `mapstructure:"fallback"`
}

// OpenAIFallback is the language model that is asked when the first one fails.
type OpenAIFallback struct {
	BaseURL string        `mapstructure:"base_url"`
	APIKey  secret.Secret `mapstructure:"api_key"`
	Model   string        `mapstructure:"model"`
}

// Speechmatics is speech to text.
type Speechmatics struct {
	URL            string        `mapstructure:"url"`
	APIKey         secret.Secret `mapstructure:"api_key"`
	Language       string        `mapstructure:"language" default:"en" doc:"language that is spoken, as ISO 639-1"`
	Model          string        `mapstructure:"model" default:"enhanced" oneof:"standard enhanced" doc:"accuracy against delay"`
	MaxDelay       time.Duration `mapstructure:"max_delay" default:"1s" range:"700ms..4s" doc:"longest wait for a final word"`
	EndOfUtterance time.Duration `mapstructure:"end_of_utterance" default:"500ms" range:"0s..2s" doc:"silence after which the recognizer ends an utterance; 0s for never"`
	Timeout        time.Duration `mapstructure:"timeout" default:"5s" range:"100ms..5m" doc:"opening a stream"`
	Stall          time.Duration `mapstructure:"stall" default:"3s" range:"100ms..5m" doc:"silence of the vendor while it is sent sound that counts as a failure"`

	Fallback SpeechmaticsFallback `mapstructure:"fallback"`
}

// SpeechmaticsFallback is the recognizer that goes on when the first one fails.
type SpeechmaticsFallback struct {
	URL    string        `mapstructure:"url"`
	APIKey secret.Secret `mapstructure:"api_key"`
	Model  string        `mapstructure:"model" oneof:"standard enhanced" doc:"accuracy against delay at the second endpoint; empty takes that of the first"`
}

// Cartesia is text to speech.
type Cartesia struct {
	BaseURL  string        `mapstructure:"base_url"`
	APIKey   secret.Secret `mapstructure:"api_key"`
	Voice    string        `mapstructure:"voice"`
	Model    string        `mapstructure:"model"`
	Language string        `mapstructure:"language" default:"en" doc:"language of the voice, as ISO 639-1"`
	Timeout  time.Duration `mapstructure:"timeout" default:"3s" range:"100ms..5m" doc:"opening the socket"`
	Stall    time.Duration `mapstructure:"stall" default:"3s" range:"100ms..5m" doc:"silence inside an answer that counts as a failure"`

	Fallback CartesiaFallback `mapstructure:"fallback"`
}

// CartesiaFallback is the voice that goes on when the first one fails.
type CartesiaFallback struct {
	BaseURL string        `mapstructure:"base_url"`
	APIKey  secret.Secret `mapstructure:"api_key"`
	Voice   string        `mapstructure:"voice"`
	Model   string        `mapstructure:"model"`
}

// Supabase holds the data functions.
type Supabase struct {
	URL       string            `mapstructure:"url"`
	AnonKey   secret.Secret     `mapstructure:"anon_key"`
	Functions map[string]string `mapstructure:"functions" default:"query_transactions=transaction-query,search_documents=rag-retrieval,web_search=web-search-tool,send_email_report=transaction-email,generate_transaction_chart=transaction-chart" doc:"tool = name of the function that serves it"`
	Timeout   time.Duration     `mapstructure:"timeout" default:"8s" range:"100ms..5m" doc:"one function call"`
}

// Twilio is the telephone.
type Twilio struct {
	AccountSID        string        `mapstructure:"account_sid"`
	AuthToken         secret.Secret `mapstructure:"auth_token"`
	AuthTokenPrevious secret.Secret `mapstructure:"auth_token_previous"`
	APIBaseURL        string        `mapstructure:"api_base_url"`
	Number            string        `mapstructure:"number"`
}

// Turn decides when a turn ends and what interrupts the agent.
type Turn struct {
	EndComplete     time.Duration `mapstructure:"end_complete" default:"150ms" range:"0s..10s" doc:"silence that ends a turn whose words end a sentence"`
	EndOpen         time.Duration `mapstructure:"end_open" default:"400ms" range:"0s..10s" doc:"silence that ends a turn whose words do not"`
	EndDangling     time.Duration `mapstructure:"end_dangling" default:"900ms" range:"0s..10s" doc:"silence that ends a turn whose words ask for more (my number is, digits)"`
	FinalWait       time.Duration `mapstructure:"final_wait" default:"1200ms" range:"0s..10s" doc:"wait for a final transcript that is still owed"`
	Watchdog        time.Duration `mapstructure:"watchdog" default:"5s" range:"1s..1m" doc:"a turn that stays open with nothing happening"`
	BargeIn         bool          `mapstructure:"barge_in" default:"true" doc:"callers may interrupt the agent"`
	BargeInVoice    time.Duration `mapstructure:"barge_in_voice" default:"200ms" range:"0s..5s" doc:"voice over the agent that counts as an interruption"`
	BargeInMinWords int           `mapstructure:"barge_in_min_words" default:"0" range:"0..20" doc:"above 0, so many words interrupt and voice alone does not"`
	FillerAfter     time.Duration `mapstructure:"filler_after" default:"400ms" range:"0s..10s" doc:"a tool still runs and nothing was said: say that it is being looked up"`
	MaxWords        int           `mapstructure:"max_words" default:"60" range:"10..1000" doc:"words spoken in one answer"`
	MaxRounds       int           `mapstructure:"max_rounds" default:"8" range:"1..32" doc:"rounds of tools in one answer"`
	MaxMessages     int           `mapstructure:"max_messages" default:"30" range:"4..1000" doc:"messages kept before the oldest half is condensed"`
}

// Archive is what outlives a call.
type Archive struct {
	Text          bool          `mapstructure:"text" default:"true" doc:"keep the words of finished turns"`
	DatabaseURL   secret.Secret `mapstructure:"database_url"`
	TextRetention time.Duration `mapstructure:"text_retention" default:"90d" range:"1h..3650d" doc:"words are erased after"`
}

// Tools are what the agent may do.
type Tools struct {
	ReportLevel string        `mapstructure:"report_level" default:"name" oneof:"none name full" doc:"what clients are told about a tool call; full under --dev and --sandbox"`
	MailDomains []string      `mapstructure:"mail_domains" doc:"outside production, mail goes only to these domains; empty for any"`
	Timeout     time.Duration `mapstructure:"timeout" default:"8s" range:"100ms..5m" doc:"one tool call"`
}
