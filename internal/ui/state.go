package ui

// State is the outcome of something. It is shown as a glyph and a word.
type State string

// The states of findings, and two for things that go on.
const (
	Pass         State = "pass"
	Fail         State = "fail"
	Warn         State = "warn"
	Error        State = "error"
	Inconclusive State = "inconclusive"
	Skip         State = "skip"
	Blocked      State = "blocked"
	NotApplied   State = "n/a"
	Waived       State = "waived"
	Stale        State = "stale"
	Busy         State = "busy"
	Done         State = "done"
)

func (st State) look() (glyph string, tone Tone) {
	switch st {
	case Pass, Done:
		return "✓", Green
	case Fail:
		return "✗", Red
	case Warn:
		return "▲", Yellow
	case Error:
		return "!", Red
	case Inconclusive:
		return "?", Yellow
	case Skip:
		return "–", Faint
	case Blocked:
		return "■", Yellow
	case NotApplied:
		return "·", Faint
	case Waived:
		return "◌", Blue
	case Stale:
		return "~", Yellow
	case Busy:
		return "…", Cyan
	}
	return "?", Plain
}

// Cell is the state for a table.
func (st State) Cell() Cell {
	glyph, tone := st.look()
	return Cell{Text: glyph + " " + string(st), Tone: tone}
}

// State renders glyph and word for Out.
func (s *Streams) State(st State) string {
	c := st.Cell()
	return s.Paint(c.Tone, c.Text)
}

// StateErr renders glyph and word for Err.
func (s *Streams) StateErr(st State) string {
	c := st.Cell()
	return s.PaintErr(c.Tone, c.Text)
}
