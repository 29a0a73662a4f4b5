package checks

// Overlay is a project's own changes to checklists: it may set thresholds, severities and names and say that
// a check does not apply, with the reason. It cannot remove one.
type Overlay struct {
	File    string
	Changes []Change
	Names   map[string]string // logical name -> the backend's own
}

// Change is one entry of an overlay.
type Change struct {
	Check    string
	Severity Severity
	NotApply string         // the reason
	With     map[string]any // laid over the parameters of each step that has them
	Line     int
}
