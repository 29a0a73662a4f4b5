package checks

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/envcat"
)

// Scope is what was given to be judged, and all that a kind may touch: nothing is read from the process.
type Scope struct {
	Target   *url.URL // nil = none given
	Token    string   // bearer token for the target, "" = none
	Repo     string   // absolute folder, "" = none given
	Git      bool     // Repo is inside a git work tree
	Env      Env      // variables that were given, by name
	EnvFiles map[string]Env
	Profile  string // julia, phone, audio, or any
	Stage    string // development, staging, production
	Consent  Consent
	Strict   bool // no tolerance for a framework's own habits, such as 422

	Logs    []LogSource
	Metrics *url.URL
	Engine  string            // address of a container engine, "" = none
	State   string            // folder of runs and sign-offs
	Sandbox *url.URL          // root of a sandbox that stands for the backend's vendors
	Start   []string          // command that starts the backend in Repo
	Names   map[string]string // logical name -> the backend's own name of a metric, log event or route
	Origins []string          // browser origins that the target should accept

	HTTP    *http.Client // for what the operator typed; follows no redirect
	Guarded *http.Client // for addresses that came from elsewhere: never private ones
	Clock   clock.Clock
	Mask    *Mask
	Host    bool   // the machine itself may be looked at
	Dir     string // folder of this run, for evidence; "" = keep none
}

// Env is a set of variables.
type Env map[string]Variable

// Variable is one variable with the place where it came from.
type Variable struct {
	Value  string
	Source string // ".env:12", "process", "voicectl.yaml"
}

// Value returns a variable's value, "" when it is not set.
func (e Env) Value(name string) string { return e[name].Value }

// Names returns the names in order.
func (e Env) Names() []string { return slices.Sorted(maps.Keys(e)) }

// LogSource is where log lines come from.
type LogSource struct {
	Kind string // file, stdout, docker, k8s, render, railway, cerebrium
	At   string // path or address
}

// Consent is what the operator allowed beyond looking.
type Consent struct {
	Load, Exec, Paid bool
	Skip             bool // a skip does not make the run inconclusive
}

// has tells whether the scope meets a need.
func (s *Scope) has(n Need) bool {
	if name, isVar := strings.CutPrefix(string(n), "$"); isVar {
		return s.Env.Value(name) != ""
	}
	switch n {
	case NeedTarget:
		return s.Target != nil
	case NeedRepo:
		return s.Repo != ""
	case NeedGit:
		return s.Repo != "" && s.Git
	case NeedEnv:
		return s.Env != nil
	case NeedLogs:
		return len(s.Logs) > 0
	case NeedMetrics:
		return s.Metrics != nil
	case NeedEngine:
		return s.Engine != ""
	case NeedToken:
		return s.Token != ""
	case NeedState:
		return s.State != ""
	case NeedHost:
		return s.Host
	case NeedSandbox:
		return s.Sandbox != nil
	case NeedStart:
		return len(s.Start) > 0
	case NeedPlatform:
		return true // each platform kind names its own variables
	}
	return false
}

// how says how a need is met.
func (n Need) how() Fix {
	if name, isVar := strings.CutPrefix(string(n), "$"); isVar {
		return Fix{Text: "set " + name + " in the environment or in the env file"}
	}
	switch n {
	case NeedTarget:
		return Fix{Text: "give the URL of the backend", Commands: []string{"voicectl check https://agent.example.com"}}
	case NeedRepo:
		return Fix{Text: "give the folder with the sources", Commands: []string{"voicectl check --repo ."}}
	case NeedGit:
		return Fix{Text: "run it in a git work tree", Commands: []string{"voicectl check --repo PATH"}}
	case NeedEnv:
		return Fix{Text: "give the environment of the backend", Commands: []string{"voicectl check --env-file .env"}}
	case NeedLogs:
		return Fix{Text: "say where the log lines are", Commands: []string{"voicectl check --logs backend.log"}}
	case NeedMetrics:
		return Fix{Text: "give the URL with the metrics", Commands: []string{"voicectl check --metrics-url http://127.0.0.1:9090/metrics"}}
	case NeedEngine:
		return Fix{Text: "start a container engine, or set DOCKER_HOST"}
	case NeedToken:
		return Fix{Text: "set VOICECTL_TOKEN to a test token of the target"}
	case NeedState:
		return Fix{Text: "give a state folder", Commands: []string{"voicectl check --state .voicectl"}}
	case NeedHost:
		return Fix{Text: "allow a look at this machine", Commands: []string{"voicectl check --host-checks"}}
	case NeedPlatform:
		return Fix{Text: "set the credentials of the platform"}
	case NeedSandbox:
		return Fix{Text: "start the sandbox, point the backend at it, and give its URL", Commands: []string{"voicectl sandbox", "voicectl check --sandbox-url http://127.0.0.1:9100"}}
	case NeedStart:
		return Fix{Text: "say how the backend is started", Commands: []string{`voicectl check --start-cmd "python main.py" --allow-exec`}}
	}
	return Fix{Text: fmt.Sprintf("give %s", n)}
}

// didYouMean is `; did you mean "x"?` for the name that a person most likely meant, else "".
func didYouMean(name string, names []string) string {
	if near := envcat.Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
