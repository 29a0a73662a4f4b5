package checks

// Checklist is a document as data: an ordered list of checks.
type Checklist struct {
	ID       string
	Version  string
	Title    string
	Digest   string // sha256 of the file as it was read
	File     string
	Checks   []Check
	Overlays []Overlay
}

// Check is one row: what is looked at, what is expected, and what a failure does.
type Check struct {
	ID        string
	Title     string // what holds when it is green
	Class     Class
	Role      string // who signs it: TL, DO, PO
	Severity  Severity
	Profile   string   // julia, phone, audio or any
	Areas     []string // env repo api model security health logs docker platform monitoring docs
	Tags      []string
	Steps     []Step
	Expect    string   // the threshold in words
	Scope     string   // what kind of thing it is about, for documentation
	Needs     []Need   // beside those of its kinds
	After     []string // ids of checks that must pass first
	Elsewhere string   // the command line that judges it; "" = check itself
	Why, Fix  string   // in place of the kind's own words
	Source    string   // where the demand comes from: "pipecat:12"
	Group     string
	NotApply  string // set by an overlay: the reason why it does not apply

	File string // where it is written
	Line int
}

// Step is one look of a check. A check passes when all its steps do.
type Step struct {
	Uses string
	With map[string]any
	Line int
}

// At is where a check is written, "file:line".
func (c *Check) At() string { return at(c.File, c.Line) }
