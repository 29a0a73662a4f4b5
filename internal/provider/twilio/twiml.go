package twilio

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"time"
)

// Verb is one element of a TwiML document: a verb, or a noun within one.
type Verb struct {
	Name  string // case matters
	Attrs []Attr
	Text  string // character data, trimmed
	Verbs []Verb
	Line  int // in the parsed document; 0 when built
}

// Attr is one attribute.
type Attr struct{ Name, Value string }

// Attr returns the value of an attribute, "" when absent.
func (v Verb) Attr(name string) string {
	for _, a := range v.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// With returns the verb with an attribute added; an empty value adds nothing.
func (v Verb) With(name, value string) Verb {
	if value != "" {
		v.Attrs = append(v.Attrs[:len(v.Attrs):len(v.Attrs)], Attr{name, value})
	}
	return v
}

// Parameters returns the <Parameter> names and values within a <Stream>.
func (v Verb) Parameters() map[string]string {
	out := map[string]string{}
	for _, p := range v.Verbs {
		if p.Name == "Parameter" {
			out[p.Attr("name")] = p.Attr("value")
		}
	}
	return out
}

// Parameter is one name and value handed to the stream's server in its start message.
type Parameter struct{ Name, Value string }

// Connect hands the call to a media stream until its server closes the socket; then the next verb
// runs. url is wss:// without a query, which the vendor would drop.
func Connect(url string, params ...Parameter) Verb {
	stream := Verb{Name: "Stream"}.With("url", url)
	for _, p := range params {
		stream.Verbs = append(stream.Verbs, Verb{Name: "Parameter", Attrs: []Attr{{"name", p.Name}, {"value", p.Value}}})
	}
	return Verb{Name: "Connect", Verbs: []Verb{stream}}
}

// Say speaks a text. voice and language may be empty.
func Say(text, voice, language string) Verb {
	return Verb{Name: "Say", Text: text}.With("voice", voice).With("language", language)
}

// Pause is silence, in whole seconds.
func Pause(d time.Duration) Verb {
	return Verb{Name: "Pause"}.With("length", seconds(d))
}

// Dial calls a number and joins it to the caller. callerID may be empty; timeout 0 is the vendor's 30 s.
func Dial(number, callerID string, timeout time.Duration) Verb {
	v := Verb{Name: "Dial", Text: number}.With("callerId", callerID)
	if timeout > 0 {
		v = v.With("timeout", seconds(timeout))
	}
	return v
}

// Redirect goes on with another document.
func Redirect(url string) Verb { return Verb{Name: "Redirect", Text: url} }

// Hangup ends the call.
func Hangup() Verb { return Verb{Name: "Hangup"} }

// Reject refuses a call that was not answered yet, without charge: reason "busy" or "rejected".
func Reject(reason string) Verb { return Verb{Name: "Reject"}.With("reason", reason) }

// Record takes a message of the caller. Without an action the vendor asks for the same document again
// when it is done, which loops.
func Record(action string, limit time.Duration, transcribe bool) Verb {
	v := Verb{Name: "Record"}.With("action", action)
	if limit > 0 {
		v = v.With("maxLength", seconds(limit))
	}
	if transcribe {
		v = v.With("transcribe", "true")
	}
	return v
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Round(time.Second) / time.Second)) }

// RenderTwiML writes a document of the verbs and refuses one that Parse would not take, so nothing
// leaves that the phone network would drop.
func RenderTwiML(o TwiMLOptions, verbs ...Verb) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	if err := encodeVerb(enc, Verb{Name: "Response", Verbs: verbs}); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	if _, err := ParseTwiML(b.Bytes(), o); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encodeVerb(enc *xml.Encoder, v Verb) error {
	start := xml.StartElement{Name: xml.Name{Local: v.Name}}
	for _, a := range v.Attrs {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: a.Name}, Value: a.Value})
	}
	if err := enc.EncodeToken(start); err != nil {
		return err
	}
	if v.Text != "" {
		if err := enc.EncodeToken(xml.CharData(v.Text)); err != nil {
			return err
		}
	}
	for _, c := range v.Verbs {
		if err := encodeVerb(enc, c); err != nil {
			return err
		}
	}
	return enc.EncodeToken(start.End())
}
