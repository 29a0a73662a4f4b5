package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// wrongToken is one that nobody issued.
const wrongToken = "voicectl-wrong-token-0000000000000000" //nolint:gosec // no credential: it must be refused

func auth() *checks.Kind {
	return &checks.Kind{
		Name: "auth.required", Title: "The door is shut for strangers and open for friends",
		Passes: "without a token and with a wrong one 401 or 403 at every route, and with the right one not",
		Why:    "A route without a door is found by the first scanner; calls, recordings and the bill of the vendors are behind it.",
		Fix:    "ask for the token in a middleware before every route, and list the exceptions by name", Source: "OWASP API Security Top 10, API2 and API5; Twilio: Webhooks Security",
		Saves: "route to status without, with a wrong and with the right token", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 60 * time.Second,
		Costs: func(v checks.Values) checks.Cost {
			if v.Text("mode") == "csrf" {
				return checks.Intrusive // a form that is taken acts
			}
			return checks.Passive
		},
		Params: []checks.Param{
			{Name: "routes", Type: checks.List, Default: []string{"api"}, Doc: "groups (api, audio, sockets, webhooks, profile, all) or paths"},
			{Name: "except", Type: checks.List, Doc: "groups or paths that may be open; pages and the description always may"},
			{Name: "mode", Type: checks.Text, Default: "token", OneOf: []string{"token", "csrf", "ws", "signature"}, Doc: "csrf: a form of another site; ws: sockets; signature: webhooks of the phone network"},
			{Name: "friend", Type: checks.Text, Default: "required", OneOf: []string{"required", "optional"}, Doc: "optional: that the right token gets in is judged only when there is one"},
			{Name: "cross_site_form", Type: checks.Text, Default: "refused", OneOf: []string{"refused"}, Doc: "what must become of a form of another site"},
			{Name: "waiver", Type: checks.Text, OneOf: []string{"allowed"}, Doc: "an open route may be accepted by a waiver"},
		},
		Look: lookAuth,
	}
}

// shut tells whether a status keeps somebody out.
func shut(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// missing tells whether a status says that the route is not there, or not so.
func missing(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

func lookAuth(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	words, except := with.List("routes"), append([]string{"docs", "pages", "webhooks"}, with.List("except")...)
	switch with.Text("mode") {
	case "ws":
		words = []string{"sockets"}
	case "signature":
		return lookSignature(ctx, scope)
	}
	routes, mute, err := routesOf(ctx, scope, words, except)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{}
	if len(mute) > 0 {
		saw["not asked"] = shortList(mute)
	}
	j := &door401{scope: scope, with: with, saw: saw}
	for _, r := range routes {
		if err := j.judge(ctx, r); err != nil {
			return checks.Observation{}, err
		}
	}
	return j.verdict(), nil
}

// door401 gathers what was seen at the doors of routes.
type door401 struct {
	scope        *checks.Scope
	with         checks.Values
	saw          map[string]any
	problems     []checks.Problem
	judged       int
	unclear      []string
	friend, gone int
}

func (j *door401) judge(ctx context.Context, r route) error {
	if r.takes == takesSocket {
		return j.socket(ctx, r)
	}
	if j.with.Text("mode") == "csrf" {
		return j.form(ctx, r)
	}
	without, err := j.knock(ctx, r, "")
	if err != nil {
		return err
	}
	if missing(without) && !r.described || without == http.StatusNotFound && r.templated && !r.described {
		j.gone++
		return nil
	}
	wrong, err := j.knock(ctx, r, wrongToken)
	if err != nil {
		return err
	}
	row := map[string]any{"without": without, "wrong": wrong}
	j.saw[r.String()] = row
	j.judged++
	for who, status := range map[string]int{"without a token": without, "with a wrong token": wrong} {
		switch {
		case shut(status):
		case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusNotFound:
			j.unclear = append(j.unclear, r.String())
		default:
			j.problems = append(j.problems, problemf("%s answers %d %s", r, status, who))
		}
	}
	if j.scope.Token == "" {
		return nil
	}
	right, err := j.knock(ctx, r, j.scope.Token)
	if err != nil {
		return err
	}
	row["right"] = right
	if shut(right) {
		j.problems = append(j.problems, problemf("%s answers %d with the right token", r, right))
	} else if right < 500 {
		j.friend++
	}
	return nil
}

// knock asks a route. A body goes along where one is taken, of a type and form that no function acts on, and
// that a framework reads after the door and not before it.
func (j *door401) knock(ctx context.Context, r route, token string) (int, error) {
	req := probe.Request{Method: r.method, URL: at(j.scope, r.path), Header: bearer(token), Most: 64 << 10}
	if r.takes != "" {
		req.Header.Set("Content-Type", "text/plain")
		req.Body = []byte("voicectl looks whether the door is shut")
	}
	resp, err := ask(ctx, j.scope, req)
	if broke(err) {
		return http.StatusForbidden, nil // cut off: nobody gets in that way either
	}
	if err != nil {
		return 0, err
	}
	return resp.Status, nil
}

// socket tries the upgrade as nobody. A backend may also close right after it.
func (j *door401) socket(ctx context.Context, r route) error {
	for who, token := range map[string]string{"without a token": "", "with a wrong token": wrongToken} {
		c, status, err := dialPatient(ctx, j.scope, r.path, bearer(token))
		switch {
		case broke(err):
			status = http.StatusForbidden
		case err != nil:
			return err
		}
		if c != nil {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, _, err := c.Read(nil)
			code := ws.CloseCode(err)
			_ = c.Close(ws.CloseNormal, "looked")
			if code == ws.ClosePolicy || code >= 4400 && code < 4500 {
				status = http.StatusForbidden
			}
		}
		if missing(status) {
			j.gone++
			return nil
		}
		j.judged++
		j.saw[r.String()+" "+who] = status
		switch status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			j.unclear = append(j.unclear, r.String())
		case http.StatusSwitchingProtocols:
			j.problems = append(j.problems, problemf("the socket %s opens %s", r.path, who))
		}
	}
	return nil
}

// form sends what a page of another site can make a browser send.
func (j *door401) form(ctx context.Context, r route) error {
	if r.method != http.MethodPost {
		return nil
	}
	h := http.Header{}
	h.Set("Origin", "https://evil.example")
	h.Set("Referer", "https://evil.example/prize")
	h.Set("Sec-Fetch-Site", "cross-site")
	h.Set("Sec-Fetch-Mode", "navigate")
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := ask(ctx, j.scope, probe.Request{Method: r.method, URL: at(j.scope, r.path), Header: h, Body: []byte("voicectl=probe"), Most: 64 << 10})
	status := http.StatusForbidden
	switch {
	case broke(err):
	case err != nil:
		return err
	default:
		status = resp.Status
	}
	if missing(status) {
		j.gone++
		return nil
	}
	j.saw[r.String()] = status
	j.judged++
	switch {
	case status/100 == 2:
		j.problems = append(j.problems, problemf("%s takes a form of another site (%d)", r, status))
	case status/100 != 4:
		j.unclear = append(j.unclear, r.String())
	}
	return nil
}

func (j *door401) verdict() checks.Observation {
	fix := checks.Fix{}
	wanted := "401 without a token, 401 with a wrong one, in with the right one"
	if j.with.Text("mode") == "csrf" {
		wanted = "a form of another site is refused"
	}
	slices.SortFunc(j.problems, func(a, b checks.Problem) int { return strings.Compare(a.Text, b.Text) })
	switch {
	case len(j.problems) > 0:
		if j.with.Text("waiver") == "allowed" {
			fix.Text = "ask for a token, or accept it by name and until a day in voicectl.waivers.yaml"
		}
		return checks.Failed(j.saw, wanted, fix, j.problems...)
	case j.judged == 0:
		return checks.Unclear(j.saw, "the target has none of these routes", checks.Fix{Text: "map the routes of the backend by names, or serve /openapi.json"})
	case len(j.unclear) > 0:
		return checks.Unclear(j.saw, "could not be told for "+strings.Join(shortList(j.unclear), ", "), checks.Fix{Text: "ask again when the backend is not busy"})
	case j.with.Text("mode") == "token" && j.with.Text("friend") == "required" && j.friend == 0:
		return checks.Unclear(j.saw, "strangers are refused; whether a friend gets in was not seen", checks.Fix{Text: "set VOICECTL_TOKEN to a test token of the target"})
	}
	return checks.Passed(j.saw)
}

// lookSignature asks the voice webhook without a signature, with a wrong one, and with the right one when the
// token of the account is known. No call is placed by that.
func lookSignature(ctx context.Context, scope *checks.Scope) (checks.Observation, error) {
	saw := map[string]any{}
	path := ""
	var problems []checks.Problem
	for _, p := range []string{"/twilio/voice", "/"} {
		r := call(scope, p, newCall())
		r.Header.Del(twilio.SignatureHeader)
		resp, err := ask(ctx, scope, r)
		if err != nil {
			return checks.Observation{}, err
		}
		if missing(resp.Status) {
			continue
		}
		path, saw["path"], saw["unsigned"] = p, p, resp.Status
		if !shut(resp.Status) {
			problems = append(problems, problemf("POST %s answers %d without a signature", p, resp.Status))
		}
		break
	}
	if path == "" {
		return checks.Unclear(saw, "the target has no voice webhook at /twilio/voice or /", checks.Fix{Text: "map /twilio/voice by names"}), nil
	}
	r := call(scope, path, newCall())
	r.Header.Set(twilio.SignatureHeader, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	resp, err := ask(ctx, scope, r)
	if err != nil {
		return checks.Observation{}, err
	}
	if saw["wrong"] = resp.Status; !shut(resp.Status) {
		problems = append(problems, problemf("POST %s answers %d to a wrong signature", path, resp.Status))
	}
	token := scope.Env.Value("TWILIO_AUTH_TOKEN")
	if token != "" {
		if resp, err = ask(ctx, scope, call(scope, path, newCall())); err != nil {
			return checks.Observation{}, err
		}
		saw["signed"] = resp.Status
		if _, err := twilio.ParseTwiML(resp.Body, twilio.TwiMLOptions{LoopbackStreams: true}); resp.Status != http.StatusOK || err != nil {
			problems = append(problems, problemf("POST %s answers a signed webhook with %d and no TwiML that the phone network takes", path, resp.Status))
		}
	}
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, "403 without the right signature, TwiML with it", checks.Fix{Text: "check X-Twilio-Signature against PUBLIC_URL and TWILIO_AUTH_TOKEN before anything else"}, problems...), nil
	case token == "":
		return checks.Unclear(saw, "strangers are refused; whether the phone network gets in was not seen", checks.Fix{Text: "set TWILIO_AUTH_TOKEN"}), nil
	}
	return checks.Passed(saw), nil
}
