// Package hook holds the kind that looks at a phone backend as the phone network does: the voice webhook,
// unsigned and signed, the TwiML that it answers, and whether the socket that it names can be opened. It goes
// no further: no stream is started and nobody is spoken to.
package hook

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

// Paths are where phone backends usually answer the voice webhook.
var Paths = []string{"/twilio/voice", "/", "/voice", "/incoming", "/incoming-call", "/twiml", "/twilio", "/api/twilio/voice", "/webhook/voice"} //nolint:gochecknoglobals // a table

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{{ //nolint:gosec // words about tokens, none itself
		Name: "webhook.twiml", Title: "The voice webhook answers the phone network, and nobody else",
		Passes: "an unsigned request is refused; a signed one is answered by TwiML that the phone network carries out, and its socket opens",
		Why:    "Whoever can ask an unsigned webhook gets a call on your account: toll fraud, and the vendors' bill with it.",
		Fix:    "verify X-Twilio-Signature before anything else, with the public URL as Twilio knows it",
		Source: "Twilio, Validating requests; Media Streams", Saves: "statuses, verbs of the TwiML, the socket's answer", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 30 * time.Second,
		Params: []checks.Param{
			{Name: "path", Type: checks.Text, Doc: "path of the webhook; the usual ones are tried when absent"},
			{Name: "unsigned", Type: checks.Text, Default: "refused", OneOf: []string{"refused", "allowed"}, Doc: "what happens to a request without a signature"},
		},
		Look: lookHook,
	}}
}

// Answer is what a webhook said.
type Answer struct {
	Path   string
	Status int
	Verbs  []string
	Stream string // URL of the stream, "" = none
	Faults []string
}

// Ask sends a call to a webhook as the phone network does; without a token, unsigned.
func Ask(ctx context.Context, scope *checks.Scope, path string, token secret.Secret) (Answer, error) {
	address := scope.Target.JoinPath(path).String()
	sid := make([]byte, 16)
	_, _ = rand.Read(sid) // never fails (crypto/rand)
	account := scope.Env.Value("TWILIO_ACCOUNT_SID")
	if account == "" {
		account = "AC" + strings.Repeat("0", 32)
	}
	form := url.Values{
		"CallSid": {"CA" + hex.EncodeToString(sid)}, "AccountSid": {account}, "From": {"+15005550006"}, "To": {"+15005550001"},
		"CallStatus": {"ringing"}, "Direction": {"inbound"}, "ApiVersion": {"2010-04-01"},
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"TwilioProxy/1.1"}}
	if token.Set() {
		header.Set("X-Twilio-Signature", twilio.Sign(token, address, form))
	}
	resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, probe.Request{Method: http.MethodPost, URL: address, Header: header, Body: []byte(form.Encode()), Most: 64 << 10})
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Path: path, Status: resp.Status}
	if resp.Status != http.StatusOK || !strings.Contains(string(resp.Body), "<Response") {
		return a, nil
	}
	verbs, err := twilio.ParseTwiML(resp.Body, twilio.TwiMLOptions{LoopbackStreams: twilio.Loopback(scope.Target.Hostname())})
	var bad *twilio.TwiMLError
	if errors.As(err, &bad) {
		for _, f := range bad.Faults {
			a.Faults = append(a.Faults, f.String())
		}
	} else if err != nil {
		a.Faults = append(a.Faults, err.Error())
	}
	walk(verbs, &a)
	return a, nil
}

func walk(verbs []twilio.Verb, a *Answer) {
	for _, v := range verbs {
		a.Verbs = append(a.Verbs, v.Name)
		if v.Name == "Stream" {
			a.Stream = v.Attr("url")
		}
		walk(v.Verbs, a)
	}
}

// IsTwiML tells whether the answer is a document of the phone network.
func (a Answer) IsTwiML() bool { return len(a.Verbs) > 0 || len(a.Faults) > 0 }

// Find returns the first usual path at which something answers a webhook, or refuses it as one would.
func Find(ctx context.Context, scope *checks.Scope, paths []string, token secret.Secret) (found Answer, ok bool, err error) {
	for _, p := range paths {
		a, err := Ask(ctx, scope, p, token)
		if err != nil {
			return Answer{}, false, err
		}
		if a.IsTwiML() || !token.Set() && (a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized) && p != "/" {
			return a, true, nil
		}
	}
	return Answer{}, false, nil
}

func lookHook(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	paths := Paths
	if p := with.Text("path"); p != "" {
		paths = []string{p}
	}
	token := secret.New(scope.Env.Value("TWILIO_AUTH_TOKEN"))
	unsigned, found, err := Find(ctx, scope, paths, secret.Secret{})
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"tried": paths}
	if !found && !token.Set() {
		if with.Text("path") != "" {
			return checks.Failed(saw, "a voice webhook at "+with.Text("path"), checks.Fix{Text: "check the path"}, checks.Problem{Text: "nothing there answers as a voice webhook"}), nil
		}
		return checks.DoesNotApply("no voice webhook was found at the usual paths; name it with the parameter path if there is one"), nil
	}
	var problems []checks.Problem
	if found {
		saw["unsigned"] = map[string]any{"path": unsigned.Path, "status": unsigned.Status, "verbs": unsigned.Verbs}
		if unsigned.IsTwiML() && with.Text("unsigned") == "refused" {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s answers an unsigned request with TwiML (%s)", unsigned.Path, strings.Join(unsigned.Verbs, " "))})
		}
		paths = []string{unsigned.Path}
	}
	fix := checks.Fix{Text: "verify X-Twilio-Signature before anything else"}
	judged := unsigned
	if token.Set() {
		signed, ok, err := Find(ctx, scope, paths, token)
		if err != nil {
			return checks.Observation{}, err
		}
		if !ok {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("a signed request to %s is not answered with TwiML: the backend signs another URL, or has another token", strings.Join(paths, ", "))})
			fix = checks.Fix{Text: "build the URL that is verified from the public address, and set the same TWILIO_AUTH_TOKEN"}
		}
		saw["signed"] = map[string]any{"path": signed.Path, "status": signed.Status, "verbs": signed.Verbs, "stream": host(signed.Stream)}
		judged = signed
	}
	for _, f := range judged.Faults {
		problems = append(problems, checks.Problem{Text: "the phone network would not carry out the TwiML: " + f})
	}
	if judged.Stream != "" {
		text, err := open(ctx, scope, judged.Stream, token)
		if err != nil {
			return checks.Observation{}, err
		}
		saw["socket"] = text
		if strings.HasPrefix(text, "no ") {
			problems = append(problems, checks.Problem{Text: "the socket that the TwiML names: " + text})
		}
	}
	wanted := "unsigned refused, signed answered with sound TwiML, its socket opens"
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, wanted, fix, problems...), nil
	case !token.Set():
		return checks.Observation{State: checks.Pass, Saw: saw, Wanted: wanted + "; only the refusal was looked at, since there is no TWILIO_AUTH_TOKEN to sign with"}, nil
	}
	return checks.Passed(saw), nil
}

// open tries the upgrade of a stream's socket and closes it at once. An address that is not the target's own
// comes from elsewhere: it must be a public one.
func open(ctx context.Context, scope *checks.Scope, raw string, token secret.Secret) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "no URL", nil //nolint:nilerr // that is what was seen
	}
	o := ws.DialOptions{Timeout: 10 * time.Second, Header: http.Header{}, NoProxy: true}
	if u.Hostname() != scope.Target.Hostname() {
		if _, err := probe.Foreign(raw); err != nil {
			return "no public address: " + err.Error(), nil //nolint:nilerr // that is what was seen
		}
		if t, ok := scope.Guarded.Transport.(*http.Transport); ok {
			o.Dialer = t.DialContext
		}
	}
	if t, ok := scope.HTTP.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		o.TLS = t.TLSClientConfig.Clone()
		o.TLS.NextProtos = []string{"http/1.1"} // an upgrade is HTTP/1.1
	}
	if token.Set() {
		o.Header.Set("X-Twilio-Signature", twilio.Sign(token, raw, nil))
	}
	c, err := ws.Dial(ctx, raw, o)
	var refused *ws.HandshakeError
	switch {
	case errors.As(err, &refused) && !token.Set() && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		return fmt.Sprintf("refused without a signature (%d)", refused.Status), nil
	case errors.As(err, &refused):
		return fmt.Sprintf("no upgrade: status %d", refused.Status), nil
	case err != nil:
		return "no connection: " + err.Error(), nil //nolint:nilerr // that is what was seen
	}
	_ = c.Close(1000, "looked")
	return "opened", nil
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}
