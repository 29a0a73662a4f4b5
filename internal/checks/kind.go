package checks

import (
	"context"
	"time"
)

// Kind is one way of looking, declared as data around one function.
type Kind struct {
	Name   string // "health.probe"
	Title  string // one line: what it looks at
	Passes string // when it passes, in words
	Why    string // why anyone should care
	Fix    string // how to mend it, in general; an observation says it in particular
	Source string // where the rule comes from: a standard, a vendor's document
	Saves  string // what is recorded as evidence

	Params    []Param
	Needs     []Need
	Severity  Severity // when a check does not say
	Cost      Cost     // "" is Passive
	Costs     func(Values) Cost
	Timeout   time.Duration // a look takes at most this; 0 = 10 s
	Exclusive bool          // nothing else may talk to the target meanwhile

	// Look performs one look. The same kind with the same parameters and scope is looked at once a run, and
	// all checks that name it share the observation.
	Look func(ctx context.Context, scope *Scope, with Values) (Observation, error)
}

// cost is what a look with these parameters does to the world.
func (k *Kind) cost(with Values) Cost {
	if k.Costs != nil {
		return k.Costs(with)
	}
	if k.Cost == "" {
		return Passive
	}
	return k.Cost
}

// Kinds is the closed set of kinds by name.
type Kinds map[string]*Kind

// Need is something that the scope must hold before a kind can look.
type Need string

// The needs. A variable is needed by NeedVar.
const (
	NeedTarget   Need = "url"      // a target URL
	NeedRepo     Need = "repo"     // a folder with the sources of the backend
	NeedGit      Need = "git"      // that folder is a git work tree
	NeedEnv      Need = "env"      // variables: an env file, or declared ones of the process
	NeedLogs     Need = "logs"     // a source of log lines
	NeedMetrics  Need = "metrics"  // a URL with Prometheus metrics
	NeedEngine   Need = "engine"   // a container engine
	NeedToken    Need = "token"    // a test token for the target
	NeedPlatform Need = "platform" // credentials of a hosting platform
	NeedState    Need = "state"    // the state folder
	NeedHost     Need = "host"     // the machine itself is the one to look at
	NeedSandbox  Need = "sandbox"  // the control URL of the sandbox that the backend's vendors are pointed at
	NeedStart    Need = "start"    // the command that starts the backend
)

// NeedVar is the need for a variable with a value.
func NeedVar(name string) Need { return Need("$" + name) }
