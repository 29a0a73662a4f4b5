package twilio

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of a document.
const (
	MaxTwiML      = 64 << 10 // bytes; the vendor's limit for a fetched document
	maxTwiMLDepth = 6
	maxTwiMLNodes = 500
)

// Codes of the vendor for documents.
const (
	CodeDocument = 12100 // the document cannot be parsed
	CodeSchema   = 12200 // parsed, but not TwiML
	CodeScheme   = 31922 // stream url is not wss
	CodeURL      = 31923 // stream url is malformed
	CodeTrack    = 31941 // track not allowed here
)

// TwiMLOptions shape the judgement.
type TwiMLOptions struct {
	// LoopbackStreams lets a stream's url be ws:// when its host is this machine. The vendor refuses it.
	LoopbackStreams bool
}

// Fault is one thing wrong with a document.
type Fault struct {
	Line   int
	Code   int
	Reason string
}

func (f Fault) String() string { return fmt.Sprintf("line %d: %s (%d)", f.Line, f.Reason, f.Code) }

// TwiMLError is a document that the phone network would not carry out, with all that is wrong with it.
type TwiMLError struct{ Faults []Fault }

func (e *TwiMLError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return "twilio: twiml: " + strings.Join(lines, "; ")
}

// ParseTwiML reads a document and judges it: its verbs in order, or a *TwiMLError. An empty <Response/>
// is sound and hangs up.
func ParseTwiML(doc []byte, o TwiMLOptions) ([]Verb, error) {
	root, err := parseXML(doc)
	if err != nil {
		return nil, err
	}
	if faults := judge(root, o); len(faults) > 0 {
		return nil, &TwiMLError{Faults: faults}
	}
	return root.Verbs, nil
}

func documentFault(line int, format string, a ...any) error {
	return &TwiMLError{Faults: []Fault{{line, CodeDocument, fmt.Sprintf(format, a...)}}}
}

func parseXML(doc []byte) (Verb, error) {
	if len(doc) > MaxTwiML {
		return Verb{}, documentFault(1, "larger than %d bytes", MaxTwiML)
	}
	if i := bytes.Index(doc, []byte("<?xml")); i > 0 {
		return Verb{}, documentFault(1, "the XML declaration is not at the first byte")
	}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	var (
		stack []*Verb
		root  *Verb
		nodes int
	)
	for {
		t, err := dec.RawToken()
		line, _ := dec.InputPos()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var se *xml.SyntaxError
			if errors.As(err, &se) {
				return Verb{}, documentFault(se.Line, "%s", se.Msg)
			}
			return Verb{}, documentFault(line, "%s", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if nodes++; nodes > maxTwiMLNodes || len(stack) >= maxTwiMLDepth {
				return Verb{}, documentFault(line, "too many or too deeply nested elements")
			}
			v, ferr := element(t, line)
			if ferr != nil {
				return Verb{}, ferr
			}
			switch {
			case len(stack) > 0:
				parent := stack[len(stack)-1]
				parent.Verbs = append(parent.Verbs, v)
				stack = append(stack, &parent.Verbs[len(parent.Verbs)-1])
			case root != nil:
				return Verb{}, documentFault(line, "more than one root element")
			default:
				root = &v
				stack = append(stack, root)
			}
		case xml.EndElement:
			if len(stack) == 0 || t.Name.Space != "" || stack[len(stack)-1].Name != t.Name.Local {
				return Verb{}, documentFault(line, "</%.40s> does not close what is open", t.Name.Local)
			}
			top := stack[len(stack)-1]
			top.Text = strings.TrimSpace(top.Text)
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return Verb{}, documentFault(line, "text outside the root element")
			}
		case xml.Directive:
			return Verb{}, documentFault(line, "a document type is not allowed")
		case xml.ProcInst, xml.Comment:
		}
	}
	if root == nil || len(stack) > 0 {
		line, _ := dec.InputPos()
		return Verb{}, documentFault(line, "the document ends too early")
	}
	return *root, nil
}

func element(t xml.StartElement, line int) (Verb, error) {
	if t.Name.Space != "" {
		return Verb{}, documentFault(line, "prefix %.40q is not bound", t.Name.Space)
	}
	v := Verb{Name: t.Name.Local, Line: line}
	for _, a := range t.Attr {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		for _, have := range v.Attrs {
			if have.Name == name {
				return Verb{}, documentFault(line, "attribute %.40q twice in <%.40s>", name, v.Name)
			}
		}
		v.Attrs = append(v.Attrs, Attr{name, a.Value})
	}
	return v, nil
}
