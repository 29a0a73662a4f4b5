package sandbox

import (
	"strings"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/sandbox/ultravox"
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

// AccountSID is the account of the phone network's emulator. Any other of its form will do as well.
const AccountSID = "AC5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

// CheckEnv returns, beside those of Env, the variables that point `voicectl check` at the vendors' other interfaces.
// They are apart because they change what an agent does: a server that knows its account refuses calls of another,
// and one that has a speech model hears with it.
func CheckEnv(base string) []Var {
	base = strings.TrimRight(base, "/")
	return append(Env(base),
		Var{"SPEECHMATICS_MANAGEMENT_URL", base + "/" + stage.Speechmatics + "/v1"},
		Var{"SUPABASE_API_URL", base + "/" + stage.Supabase},
		Var{"TWILIO_ACCOUNT_SID", AccountSID},
		Var{"TWILIO_API_BASE_URL", base + "/" + stage.Twilio},
		Var{"TWILIO_NUMBER", "+15550100002"},
		Var{"HF_TOKEN", "sandbox-huggingface"},
		Var{"HF_ENDPOINT", base + "/" + stage.HuggingFace},
		Var{"ULTRAVOX_BASE_URL", base + "/" + stage.Ultravox + "/v1"},
		Var{"ULTRAVOX_MODEL", ultravox.Model},
	)
}

// Export renders variables for a POSIX shell, one export a line.
func Export(vars []Var) string {
	var b strings.Builder
	for _, v := range vars {
		b.WriteString("export " + v.Name + "='" + strings.ReplaceAll(v.Value, "'", `'\''`) + "'\n")
	}
	return b.String()
}
