package manifest

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/provider/twilio"
)

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

type twimlJudge struct {
	*input
	file string
	out  []checks.Problem
}

func (j *twimlJudge) check(id string, ok bool, line int, format string, a ...any) {
	j.out = append(j.out, j.found(id, ok, j.file, line, format, a...)...)
}

func judgeTwiML(in *input) ([]checks.Problem, error) {
	var all []checks.Problem
	for _, file := range in.files {
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		all = append(all, in.twiml(file, []byte(text))...)
	}
	return all, nil
}

// Document judges one TwiML document that stands in no repository, such as a fallback before it is set, by
// the rules of the table. name is what its problems call it; want compares as the parameter of the kind does.
func Document(name string, doc []byte, want map[string]any) []checks.Problem {
	in := &input{want: want, seen: map[string]int{}}
	for _, r := range Rules() {
		if r.Format == "twiml" {
			in.rules = append(in.rules, r)
		}
	}
	return in.twiml(name, doc)
}

func (in *input) twiml(file string, doc []byte) []checks.Problem {
	j := &twimlJudge{input: in, file: file}
	verbs, err := twilio.ParseTwiML(doc, twilio.TwiMLOptions{})
	var bad *twilio.TwiMLError
	switch {
	case errors.As(err, &bad):
		for _, f := range bad.Faults {
			j.check("twiml-valid", false, f.Line, "%s (%d)", f.Reason, f.Code)
		}
	case err != nil:
		j.check("twiml-valid", false, 1, "%v", err)
	default:
		j.check("twiml-valid", true, 1, "")
		j.document(verbs)
	}
	return j.out
}

// ends tells of a verb after which nothing of the document is carried out. A recording is none: what stands
// behind it is carried out when nothing was recorded.
func ends(v twilio.Verb) bool {
	return v.Name == "Hangup" || v.Name == "Redirect" || v.Name == "Reject"
}

func (j *twimlJudge) document(verbs []twilio.Verb) {
	said, ended, over := false, false, ""
	for _, v := range verbs {
		j.check("reachable", over == "", v.Line, "<%s> stands behind <%s>, and is never carried out", v.Name, over)
		if over != "" {
			continue
		}
		switch v.Name {
		case "Say":
			said = true
			if want, has := j.want["voice"].(string); has {
				j.check("Say", v.Attr("voice") == want, v.Line, "<Say> has voice %q, wanted is %q", v.Attr("voice"), want)
			}
		case "Play", "Dial":
			said = true
		case "Record":
			j.record(v)
		}
		// A redirect and a stream hand the call on to somebody else, who ends it.
		ended = ended || ends(v) || v.Name == "Connect"
		if ends(v) {
			over = v.Name
		}
	}
	if _, has := j.want["voice"]; has || len(verbs) > 0 && verbs[0].Name != "Connect" {
		j.check("Say", said, 1, "nothing is said")
	}
	if len(verbs) > 0 {
		j.check("Hangup", ended, verbs[len(verbs)-1].Line, "nothing ends the call by name")
	}
}

// record looks at a recording. Without an address to go on with, the network asks for this document again:
// it begins anew, and verbs after it are carried out only when nothing was recorded.
func (j *twimlJudge) record(v twilio.Verb) {
	j.check("Record", v.Attr("action") != "", v.Line, "<Record> has no action: the same document is asked for again, and the recording begins anew")
	limit, err := strconv.Atoi(v.Attr("maxLength"))
	if want, has := j.number("maxLength"); has {
		j.check("Record", err == nil && limit > 0 && limit <= want, v.Line, "<Record> has maxLength %q, wanted is %d at most", v.Attr("maxLength"), want)
	} else {
		j.check("Record", err == nil && limit > 0, v.Line, "<Record> has no maxLength: it takes up to an hour")
	}
	if want, has := j.want["transcribe"]; has {
		got := v.Attr("transcribe")
		if got == "" {
			got = "false"
		}
		j.check("Record", got == fmt.Sprint(want), v.Line, "<Record> has transcribe %q, wanted is %v", got, want)
	}
}
