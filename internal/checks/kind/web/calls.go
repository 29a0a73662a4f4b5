package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

// mostCalls bounds the webhooks of one look.
const mostCalls = 51

func calls() *checks.Kind {
	return &checks.Kind{
		Name: "load.calls", Title: "One call too many is told so in words",
		Passes: "every webhook is answered with TwiML, and the one beyond the limit with words in place of a stream",
		Why:    "A caller who meets a full backend must hear a sentence. An error makes the phone network say that an application error has occurred, or nothing.",
		Fix:    "count the calls that were let in when the webhook answers, and answer <Say> and <Hangup> when all places are taken",
		Source: "Twilio: TwiML for Programmable Voice", Saves: "status and verbs of each answer", Severity: checks.Block,
		Cost: checks.Intrusive, Exclusive: true, Needs: []checks.Need{checks.NeedTarget}, Timeout: 60 * time.Second,
		Params: []checks.Param{
			{Name: "n", Type: checks.Any, Default: "limit+1", Doc: `webhooks to send: a number, or "limit+1" of the limit`},
			{Name: "expect", Type: checks.Text, Default: "busy-twiml", OneOf: []string{"busy-twiml"}, Doc: "what those beyond the limit get"},
			{Name: "limit", Type: checks.Whole, Doc: "calls at once (default: REPLICA_CONCURRENCY, else replica_concurrency of cerebrium.toml)"},
		},
		Look: lookCalls,
	}
}

// newCall is what the phone network says of a new call; the numbers are of the range that is kept for
// fiction.
func newCall() url.Values {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return url.Values{
		"CallSid": {"CA" + hex.EncodeToString(id)}, "From": {"+12025550142"}, "To": {"+12025550143"},
		"CallStatus": {"ringing"}, "Direction": {"inbound"}, "ApiVersion": {"2010-04-01"},
	}
}

// call is a webhook of the phone network, signed when the token of the account is known. What is signed is the
// address by which the outside world calls the backend.
func call(scope *checks.Scope, path string, form url.Values) probe.Request {
	form.Set("AccountSid", "AC"+strings.Repeat("0", 32))
	if sid := scope.Env.Value("TWILIO_ACCOUNT_SID"); sid != "" {
		form.Set("AccountSid", sid)
	}
	r := probe.Request{Method: http.MethodPost, URL: at(scope, path), Header: http.Header{}, Body: []byte(form.Encode())}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "TwilioProxy/1.1 (voicectl)")
	if token := scope.Env.Value("TWILIO_AUTH_TOKEN"); token != "" {
		signed := r.URL
		if public := strings.TrimRight(scope.Env.Value("PUBLIC_URL"), "/"); public != "" {
			signed = public + own(scope, path)
		}
		r.Header.Set(twilio.SignatureHeader, twilio.Sign(secret.New(token), signed, form))
	}
	return r
}

var replicaConcurrency = regexp.MustCompile(`(?m)^\s*replica_concurrency\s*=\s*(\d{1,6})\s*(?:#.*)?$`)

// limitOf is how many calls the backend takes, and where that was read; 0 = it was not said.
func limitOf(scope *checks.Scope, with checks.Values) (int, string, error) {
	if n := with.Whole("limit"); n > 0 {
		return n, "the checklist", nil
	}
	if n, err := strconv.Atoi(scope.Env.Value("REPLICA_CONCURRENCY")); err == nil && n > 0 {
		return n, "REPLICA_CONCURRENCY", nil
	}
	if scope.Repo == "" {
		return 0, "", nil
	}
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = t.Close() }()
	if !t.Has("cerebrium.toml") {
		return 0, "", nil
	}
	text, err := t.Read("cerebrium.toml")
	if err != nil {
		return 0, "", err
	}
	if m := replicaConcurrency.FindSubmatch(text); m != nil {
		n, err := strconv.Atoi(string(m[1]))
		return n, "cerebrium.toml", err
	}
	return 0, "", nil
}

// answer is what the phone network is told to do with a call.
type answer struct {
	status int
	stream bool // the call is let in
	words  bool // the caller hears something
	bad    string
}

func lookCalls(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	limit, from, err := limitOf(scope, with)
	if err != nil {
		return checks.Observation{}, err
	}
	n := limit + 1
	switch v := with["n"].(type) {
	case int:
		n = v
	case string:
		if v != "limit+1" {
			return checks.Observation{}, fmt.Errorf(`load.calls: n must be a number or "limit+1", got %.40q`, v)
		}
	default:
		return checks.Observation{}, fmt.Errorf(`load.calls: n must be a number or "limit+1", got %v`, v)
	}
	switch {
	case limit == 0:
		return checks.Skipped("how many calls the backend takes is not said", checks.Fix{Text: "set REPLICA_CONCURRENCY, or replica_concurrency in cerebrium.toml"}), nil
	case n > mostCalls || n < 1:
		return checks.Unclear(map[string]any{"limit": limit, "n": n}, fmt.Sprintf("a check sends at most %d webhooks", mostCalls), checks.Fix{Commands: []string{"voicectl load calls"}}), nil
	}
	saw := map[string]any{"limit": limit, "from": from, "sent": n}
	first := newCall()
	path, obs, err := hook(ctx, scope, saw, first)
	if path == "" || err != nil {
		return obs, err
	}
	var answers []answer
	for i := range n {
		form := first
		if i > 0 {
			form = newCall()
		}
		resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, call(scope, path, form))
		if err != nil && !broke(err) {
			return checks.Observation{}, err
		}
		answers = append(answers, readAnswer(resp, err))
	}
	return judgeCalls(saw, answers, limit), nil
}

// hook finds the voice webhook; "" comes with the reason why there is none to call. Where signatures do not
// count, first is let in by that already; it comes again as the first of the calls.
func hook(ctx context.Context, scope *checks.Scope, saw map[string]any, first url.Values) (string, checks.Observation, error) {
	for _, p := range []string{"/twilio/voice", "/"} {
		r := call(scope, p, first)
		r.Header.Set(twilio.SignatureHeader, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=") // refused where signatures count
		resp, err := ask(ctx, scope, r)
		if err != nil {
			return "", checks.Observation{}, err
		}
		if missing(resp.Status) {
			continue
		}
		saw["path"] = p
		if shut(resp.Status) && scope.Env.Value("TWILIO_AUTH_TOKEN") == "" {
			return "", checks.Skipped("the webhook wants signatures", checks.Fix{Text: "set TWILIO_AUTH_TOKEN to the one of the backend"}), nil
		}
		return p, checks.Observation{}, nil
	}
	return "", checks.Unclear(saw, "the target has no voice webhook at /twilio/voice or /", checks.Fix{Text: "map /twilio/voice by names"}), nil
}

func readAnswer(resp *probe.Response, err error) answer {
	if err != nil {
		return answer{bad: err.Error()}
	}
	a := answer{status: resp.Status}
	verbs, err := twilio.ParseTwiML(resp.Body, twilio.TwiMLOptions{LoopbackStreams: true})
	switch {
	case resp.Status != http.StatusOK:
		a.bad = fmt.Sprintf("status %d", resp.Status)
	case err != nil:
		a.bad = err.Error()
	default:
		a.stream = hasVerb(verbs, "Stream")
		a.words = hasVerb(verbs, "Say") || hasVerb(verbs, "Play") || hasVerb(verbs, "Enqueue") || hasVerb(verbs, "Dial")
	}
	return a
}

// judgeCalls reads the answers in the order in which the calls came. Streams for all of them prove nothing:
// a backend may count a call when its stream opens, and no stream is opened here.
func judgeCalls(saw map[string]any, answers []answer, limit int) checks.Observation {
	let, told, refused := 0, 0, 0
	var problems []checks.Problem
	for i, a := range answers {
		switch {
		case a.bad != "":
			problems = append(problems, problemf("call %d of %d: %s in place of TwiML", i+1, len(answers), a.bad))
			refused += map[bool]int{true: 1}[a.status == http.StatusForbidden]
		case a.stream:
			let++
		case a.words:
			told++
		default:
			problems = append(problems, problemf("call %d of %d: neither a stream nor a word", i+1, len(answers)))
		}
	}
	saw["let in"], saw["told in words"] = let, told
	switch {
	case refused == len(answers):
		return checks.Unclear(saw, "no webhook was let in: the signature did not fit", checks.Fix{Text: "TWILIO_AUTH_TOKEN and PUBLIC_URL must be those of the backend"})
	case len(problems) > 0:
		return checks.Failed(saw, "TwiML for every call", checks.Fix{}, problems...)
	case let > limit && told > 0:
		return checks.Failed(saw, fmt.Sprintf("at most %d calls let in", limit), checks.Fix{}, problemf("%d calls were let in, and the limit is %d", let, limit))
	case let > limit:
		return checks.Unclear(saw, fmt.Sprintf("all %d calls were let in at the webhook; the backend may count them when their streams open, and a check opens none", let),
			checks.Fix{Text: "place the calls", Commands: []string{"voicectl load calls --calls " + strconv.Itoa(limit+1)}})
	case let == 0:
		return checks.Unclear(saw, "the backend was full before the first call", checks.Fix{Text: "ask again when it is idle"})
	case told == 0:
		return checks.Unclear(saw, "too few calls to reach the limit", checks.Fix{})
	}
	return checks.Passed(saw)
}
