package sandbox

import (
	"strings"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// Var is one environment variable.
type Var struct{ Name, Value string }

// AuthToken signs the webhooks of calls against a server that was pointed at a sandbox. It protects
// nothing: everybody knows it.
const AuthToken = "sandbox-auth-token" //nolint:gosec // no credential: everybody knows it

// Env returns the variables that point voicectl, and the vendors' own libraries where they read the same names, at
// the sandbox whose base URL is given, such as http://127.0.0.1:9100.
func Env(base string) []Var {
	base = strings.TrimRight(base, "/")
	socket := "ws" + strings.TrimPrefix(base, "http") // https becomes wss
	return []Var{
		{"OPENAI_API_KEY", "sandbox-openai"},
		{"OPENAI_BASE_URL", base + "/" + stage.OpenAI + "/v1"},
		{"SPEECHMATICS_API_KEY", "sandbox-speechmatics"},
		{"SPEECHMATICS_RT_URL", socket + "/" + stage.Speechmatics + "/v2"},
		{"CARTESIA_API_KEY", "sandbox-cartesia"},
		{"CARTESIA_BASE_URL", base + "/" + stage.Cartesia},
		{"SUPABASE_URL", base + "/" + stage.Supabase},
		{"SUPABASE_ANON_KEY", "sandbox-supabase"},
		{"TWILIO_AUTH_TOKEN", AuthToken},
	}
}

// Export renders variables for a POSIX shell, one export a line.
func Export(vars []Var) string {
	var b strings.Builder
	for _, v := range vars {
		b.WriteString("export " + v.Name + "='" + strings.ReplaceAll(v.Value, "'", `'\''`) + "'\n")
	}
	return b.String()
}
