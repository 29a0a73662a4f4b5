package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Role says what a piece of the drawing is, for a Style to colour.
type Role int

// The roles.
const (
	RoleTitle Role = iota
	RoleCaller
	RoleAgent
	RoleTool
	RoleBar
	RoleFaint
	RoleBad
)

// Style dresses a piece of text; it must not change its width. nil leaves it plain.
type Style func(role Role, text string) string

// TimelineOptions shape a drawing.
type TimelineOptions struct {
	Width int // columns, 0 = 80
	Style Style
}

const (
	labelWidth = 14
	timeWidth  = 9 // "12345 ms" and a space
	minWidth   = 48
)

type pen struct {
	bytes.Buffer
	width int
	style Style
}

// Timeline draws a call, turn by turn: what was said, each stage of the answer as a bar from the end of
// the stage before to its own, the tools between, and how it ended. Times count from the end of the
// caller's speech.
func Timeline(w io.Writer, events []Event, o TimelineOptions) error {
	p := &pen{width: o.Width, style: o.Style}
	if p.width <= 0 {
		p.width = 80
	}
	p.width = max(p.width, minWidth)
	if p.style == nil {
		p.style = func(_ Role, s string) string { return s }
	}
	turns := Turns(events)
	if len(turns) == 0 {
		p.line(p.style(RoleFaint, "nothing was recorded"))
	}
	for i, t := range turns {
		if i > 0 {
			p.line("")
		}
		p.turn(t)
	}
	p.end(events)
	_, err := w.Write(p.Bytes())
	return err
}

func (p *pen) line(s string) { p.WriteString(strings.TrimRight(s, " ") + "\n") }

func (p *pen) turn(t Turn) {
	title := "greeting"
	if t.N > 0 {
		title = fmt.Sprintf("turn %d", t.N)
	}
	head := fmt.Sprintf("%s  at %.1f s", p.style(RoleTitle, title), t.Start/1000)
	if r := t.Response(); r != nil {
		head += fmt.Sprintf("  answered after %.0f ms", *r)
	} else if t.N > 0 {
		head += "  " + p.style(RoleBad, "no answer seen")
	}
	if t.Interrupted {
		head += "  " + p.style(RoleBad, "interrupted")
	}
	p.line(head)
	p.words("caller", RoleCaller, t.Heard)
	p.stages(t)
	p.words("agent", RoleAgent, t.Said)
	for _, e := range t.Errors {
		p.words("error", RoleBad, e)
	}
}

func (p *pen) words(who string, role Role, text string) {
	if text == "" {
		return
	}
	lead := fmt.Sprintf("  %-*s", labelWidth, who)
	for _, l := range wrap(printable(text), p.width-utf8.RuneCountInString(lead)) {
		p.line(lead + p.style(role, l))
		lead = strings.Repeat(" ", labelWidth+2)
	}
}

type stage struct {
	label string
	at    *float64
	tool  *Tool
}

func (p *pen) stages(t Turn) {
	rows := []stage{{"final", t.Final, nil}, {"first token", t.FirstToken, nil}}
	for i := range t.Tools {
		rows = append(rows, stage{"", nil, &t.Tools[i]})
	}
	rows = append(rows, stage{"first audio", t.FirstAudio, nil}, stage{"sent", t.Sent, nil}, stage{"heard", t.Arrived, nil})
	span := 0.0
	for _, r := range rows {
		if r.at != nil {
			span = max(span, *r.at)
		}
	}
	before := 0.0
	for _, r := range rows {
		switch {
		case r.tool != nil:
			p.tool(*r.tool)
		case r.at != nil:
			p.line(fmt.Sprintf("    %-*s%*s ", labelWidth-2, r.label, timeWidth, fmt.Sprintf("%.0f ms", *r.at)) + p.bar(before, *r.at, span))
			before = max(before, *r.at)
		}
	}
}

// bar draws from..to on a scale of 0..span.
func (p *pen) bar(from, to, span float64) string {
	room := p.width - labelWidth - timeWidth - 4
	if span <= 0 || room < 4 {
		return ""
	}
	a := min(max(int(from/span*float64(room)), 0), room-1)
	b := min(max(int(to/span*float64(room)), a+1), room)
	return p.style(RoleFaint, strings.Repeat("·", a)) + p.style(RoleBar, strings.Repeat("█", b-a))
}

func (p *pen) tool(t Tool) {
	took := "never ended"
	if t.MS != nil {
		took = fmt.Sprintf("%.0f ms", *t.MS)
		if !t.OK {
			took += " failed"
		}
	}
	role := RoleTool
	if !t.OK {
		role = RoleBad
	}
	p.line("      " + p.style(role, clip(strings.TrimSpace(printable(t.Name)+" "+compact(t.Args)), p.width-6-len(took)-2)) + "  " + took)
	if len(t.Result) > 0 {
		p.line("        " + p.style(RoleFaint, clip(compact(t.Result), p.width-8)))
	}
}

func (p *pen) end(events []Event) {
	warnings := 0
	for _, e := range events {
		if e.Event == Warning {
			warnings++
		}
	}
	if warnings > 0 {
		p.line("")
		p.line(p.style(RoleBad, fmt.Sprintf("the agent broke the protocol, times seen: %d", warnings)))
		for _, e := range events {
			if e.Event == Warning {
				p.line("  " + clip(printable(e.Text), p.width-2))
			}
		}
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		if e.Event == HangUp || e.Event == Closed {
			p.line("")
			p.line(p.style(RoleFaint, clip(fmt.Sprintf("over at %.1f s, %s: %s", e.T/1000, e.Side, printable(e.attr("reason"))), p.width)))
			return
		}
	}
}

// compact is JSON on one line.
func compact(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return printable(string(raw))
	}
	return printable(b.String())
}

// printable takes out what could steer a terminal: the text comes from a caller, a model or a file.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 0)]) + "…"
}

// wrap breaks s at spaces into lines of at most n characters; a longer word is cut.
func wrap(s string, n int) []string {
	n = max(n, 8)
	var lines []string
	var cur []rune
	for _, word := range strings.Fields(s) {
		rs := []rune(word)
		if len(cur) > 0 && len(cur)+1+len(rs) > n {
			lines, cur = append(lines, string(cur)), nil
		}
		for len(rs) > n {
			lines, rs = append(lines, string(rs[:n])), rs[n:]
		}
		if len(cur) > 0 {
			cur = append(cur, ' ')
		}
		cur = append(cur, rs...)
	}
	if len(cur) > 0 {
		lines = append(lines, string(cur))
	}
	return lines
}
