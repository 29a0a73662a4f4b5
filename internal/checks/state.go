package checks

import "slices"

// State is the outcome of one check.
type State string

// The states of a finding. Only Pass, Warn, NotApplied and Waived let a blocking check through.
const (
	Pass         State = "pass"
	Fail         State = "fail"
	Warn         State = "warn"         // not as wanted, but the check does not block
	Error        State = "error"        // could not look
	Inconclusive State = "inconclusive" // looked, cannot tell
	Skip         State = "skip"         // in scope, but something it needs is missing
	Blocked      State = "blocked"      // a check that it needs did not pass
	NotApplied   State = "n/a"          // the profile or an overlay says that it does not apply, with the reason
	Waived       State = "waived"       // a named person accepts it until a day
	Stale        State = "stale"        // evidence older than allowed
	Elsewhere    State = "elsewhere"    // outside the scope, or judged by another command: enters no count
)

// States lists the states of findings that are counted, worst first.
func States() []State {
	return []State{Fail, Error, Blocked, Stale, Skip, Inconclusive, Warn, Waived, Pass, NotApplied}
}

// Executed tells whether a probe ran and told something.
func (s State) Executed() bool {
	switch s {
	case Pass, Fail, Warn, Inconclusive, Error, Waived:
		return true
	case Skip, Blocked, NotApplied, Stale, Elsewhere:
		return false
	}
	return false
}

// worse returns the state that stands for both.
func worse(a, b State) State {
	order := States()
	if slices.Index(order, b) < slices.Index(order, a) {
		return b
	}
	return a
}

// Severity is what a failure of a check does to the verdict.
type Severity string

// The severities.
const (
	Block Severity = "block" // fails the run
	Warns Severity = "warn"  // is shown, and fails the run with --fail-on warn
	Info  Severity = "info"  // is shown
)

// Class says who or what decides a check.
type Class string

// The classes.
const (
	Auto    Class = "auto"     // a probe decides
	Measure Class = "measure"  // a run is compared with a threshold
	Act     Class = "act"      // a command does it and verifies itself
	Attest  Class = "attest"   // only a named person can vouch
	BuiltIn Class = "built-in" // a property of the bundled agent, proved by a named Go test
)

// Cost is what looking does to the world; anything above Passive needs consent.
type Cost string

// The costs.
const (
	Passive   Cost = "passive"
	Intrusive Cost = "intrusive" // hostile inputs, bursts, write probes: --allow-load beyond loopback
	Executes  Cost = "executes"  // runs a repository's own commands: --allow-exec
	Paid      Cost = "paid"      // a vendor charges for it: --allow-paid
)
