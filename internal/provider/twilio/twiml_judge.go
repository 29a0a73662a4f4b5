package twilio

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// rule says what one element may hold. An attribute maps to the shape of its value: "" any, "url",
// "int", "bool", or words separated by |.
type rule struct {
	attrs    map[string]string
	children []string // names; nil = none
	text     bool     // may hold text
	open     bool     // not described here: everything passes
}

const (
	methods   = "GET|POST"
	recording = "do-not-record|record-from-answer|record-from-ringing|record-from-answer-dual|record-from-ringing-dual"
)

// rules follow the vendor's schema (twilio-node VoiceResponse): the verbs in use in full, the others by
// name, so that somebody else's document is not called wrong for what is right.
//
//nolint:gochecknoglobals // constant table
var rules = map[string]rule{
	"Response": {children: []string{
		"Connect", "Start", "Stop", "Say", "Play", "Pause", "Hangup", "Reject", "Redirect", "Record", "Dial", "Gather",
		"Enqueue", "Leave", "Pay", "Refer", "Sms", "Message", "Prompt", "Queue", "Echo",
	}},
	"Connect":   {attrs: map[string]string{"action": "url", "method": methods}, children: []string{"Stream", "VirtualAgent", "ConversationRelay", "Room", "Conversation", "Autopilot", "AiSession", "Assistant"}},
	"Start":     {attrs: map[string]string{"action": "url", "method": methods}, children: []string{"Stream", "Siprec", "Transcription"}},
	"Stop":      {children: []string{"Stream", "Siprec", "Transcription"}},
	"Stream":    {attrs: map[string]string{"url": "", "name": "", "track": "inbound_track|outbound_track|both_tracks", "statusCallback": "url", "statusCallbackMethod": methods, "connectorName": ""}, children: []string{"Parameter"}},
	"Parameter": {attrs: map[string]string{"name": "", "value": ""}},
	"Say": {attrs: map[string]string{"voice": "", "language": "", "loop": "int"}, text: true, children: []string{
		"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w", "amazon:effect", "amazon:domain",
	}},
	"Pause":    {attrs: map[string]string{"length": "int"}},
	"Hangup":   {children: []string{"Parameter"}},
	"Reject":   {attrs: map[string]string{"reason": "rejected|busy"}, children: []string{"Parameter"}},
	"Redirect": {attrs: map[string]string{"method": methods}, text: true},
	"Record": {attrs: map[string]string{
		"action": "url", "method": methods, "timeout": "int", "finishOnKey": "", "maxLength": "int", "playBeep": "bool",
		"trim": "trim-silence|do-not-trim", "recordingStatusCallback": "url", "recordingStatusCallbackMethod": methods,
		"recordingStatusCallbackEvent": "", "transcribe": "bool", "transcribeCallback": "url", "recordingTrack": "",
	}},
	"Dial": {attrs: map[string]string{
		"action": "url", "method": methods, "timeout": "int", "timeLimit": "int", "callerId": "", "record": recording,
		"answerOnBridge": "bool", "hangupOnStar": "bool", "ringTone": "", "sequential": "bool", "trim": "trim-silence|do-not-trim",
		"recordingTrack": "", "referUrl": "url", "referMethod": methods, "recordingStatusCallback": "url",
		"recordingStatusCallbackMethod": methods, "recordingStatusCallbackEvent": "", "events": "",
	}, text: true, children: []string{"Number", "Sip", "Client", "Queue", "Conference", "Sim", "Application", "WhatsApp"}},
	"Number":     {open: true},
	"Sip":        {open: true},
	"Client":     {open: true},
	"Conference": {open: true},
	"Gather":     {open: true},
}

func judge(root Verb, o TwiMLOptions) []Fault {
	if root.Name != "Response" {
		return []Fault{{root.Line, CodeSchema, fmt.Sprintf("the root is <%.40s>, not <Response>%s", root.Name, otherCase(root.Name, []string{"Response"}))}}
	}
	var faults []Fault
	add := func(v Verb, code int, format string, a ...any) {
		faults = append(faults, Fault{v.Line, code, fmt.Sprintf(format, a...)})
	}
	var walk func(v Verb, parent string)
	walk = func(v Verb, parent string) {
		r, known := rules[v.Name]
		if !known || r.open {
			return
		}
		for _, a := range v.Attrs {
			shape, ok := r.attrs[a.Name]
			switch {
			case !ok:
				add(v, CodeSchema, "<%s> has no attribute %.40q", v.Name, a.Name)
			case !fits(a.Value, shape):
				add(v, CodeSchema, "<%s %s> is %.80q, not %s", v.Name, a.Name, a.Value, said(shape))
			}
		}
		if v.Text != "" && !r.text {
			add(v, CodeSchema, "<%s> holds no text", v.Name)
		}
		if v.Name == "Stream" {
			judgeStream(v, parent, o, add)
		}
		judgeContent(v, add)
		for _, c := range v.Verbs {
			if !slices.Contains(r.children, c.Name) {
				add(c, CodeSchema, "<%.40s> does not belong in <%s>%s", c.Name, v.Name, otherCase(c.Name, r.children))
				continue
			}
			walk(c, v.Name)
		}
	}
	walk(root, "")
	return faults
}

func judgeContent(v Verb, add func(Verb, int, string, ...any)) {
	switch v.Name {
	case "Connect", "Start", "Stop":
		if len(v.Verbs) != 1 {
			add(v, CodeSchema, "<%s> holds %d elements, not 1", v.Name, len(v.Verbs))
		}
	case "Say":
		if v.Text == "" && len(v.Verbs) == 0 {
			add(v, CodeSchema, "<Say> has nothing to say")
		}
	case "Redirect":
		if u, err := url.Parse(v.Text); v.Text == "" || err != nil || !(u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https") {
			add(v, CodeSchema, "<Redirect> to %.80q, which is no web address", v.Text)
		}
	case "Dial":
		if (v.Text == "") == (len(v.Verbs) == 0) {
			add(v, CodeSchema, "<Dial> needs a number or nouns, one of them")
		}
	case "Parameter":
		if v.Attr("name") == "" {
			add(v, CodeSchema, "<Parameter> without a name")
		}
		if n := len([]rune(v.Attr("name"))) + len([]rune(v.Attr("value"))); n > MaxParameter {
			add(v, CodeSchema, "<Parameter> of %d characters; name and value share %d", n, MaxParameter)
		}
	}
}

// MaxParameter is how many characters the name and the value of a <Parameter> may have together.
const MaxParameter = 500

func judgeStream(v Verb, parent string, o TwiMLOptions, add func(Verb, int, string, ...any)) {
	if parent == "Stop" {
		if v.Attr("name") == "" {
			add(v, CodeSchema, "<Stop><Stream> needs the name of the stream")
		}
		return
	}
	if parent == "Connect" {
		if t := v.Attr("track"); t != "" && t != "inbound_track" {
			add(v, CodeTrack, "<Connect><Stream> takes the inbound_track only, not %.40q", t)
		}
	}
	raw := v.Attr("url")
	if raw == "" && v.Attr("connectorName") != "" {
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		add(v, CodeURL, "<Stream url> is %.80q, not an absolute wss:// address", raw)
		return
	case u.Scheme == "wss":
	case u.Scheme == "ws" && o.LoopbackStreams && Loopback(u.Hostname()):
	default:
		add(v, CodeScheme, "<Stream url> has scheme %.40q, not wss", u.Scheme)
	}
	if u.RawQuery != "" || u.ForceQuery {
		add(v, CodeSchema, "<Stream url> has a query, which is dropped; use <Parameter>")
	}
	if u.Fragment != "" || u.User != nil {
		add(v, CodeURL, "<Stream url> has a fragment or credentials")
	}
}

// Loopback tells whether host (no port) is this machine by its very spelling; no name is resolved.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func fits(value, shape string) bool {
	switch shape {
	case "":
		return true
	case "int":
		n, err := strconv.Atoi(value)
		return err == nil && n >= 0
	case "bool":
		return value == "true" || value == "false"
	case "url":
		u, err := url.Parse(value)
		return err == nil && value != "" && (u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https")
	}
	return slices.Contains(strings.Split(shape, "|"), value)
}

func said(shape string) string {
	switch shape {
	case "int":
		return "a whole number"
	case "bool":
		return "true or false"
	case "url":
		return "a web address"
	}
	return "one of " + strings.ReplaceAll(shape, "|", ", ")
}

func otherCase(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return fmt.Sprintf(" (case matters: <%s>)", k)
		}
	}
	return ""
}
