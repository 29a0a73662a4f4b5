package vendor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

func twilioWebhook() *checks.Kind {
	return &checks.Kind{
		Name: "twilio.webhook", Title: "The phone number calls the backend's webhook",
		Passes: "exactly one number matches, its webhook is the wanted one, and no application or trunk takes its place",
		Why:    "A number that still calls yesterday's address, or whose webhook is overruled by an application, answers with a stranger's words or with none.",
		Fix:    "set the number's webhook", Source: "Twilio API reference, IncomingPhoneNumbers",
		Saves: "number (masked), webhook, method, fallback, date of the last change; never the token", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedVar("TWILIO_ACCOUNT_SID"), checks.NeedVar("TWILIO_AUTH_TOKEN")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "op", Type: checks.Text, Default: "equal", OneOf: []string{"list", "equal"}, Doc: "list: the numbers of the account; equal: one number is as wanted"},
			{Name: "number", Type: checks.Text, Doc: "number as +15550100001, or its sid PN…; configured: that of TWILIO_NUMBER"},
			{Name: "url", Type: checks.Text, Doc: "webhook that the number must call; configured: the voice route below PUBLIC_URL, or below the target"},
			{Name: "method", Type: checks.Text, OneOf: []string{"GET", "POST"}, Doc: "method of the webhook"},
			{Name: "fallback", Type: checks.Text, Doc: "webhook for when the first fails; set: any will do"},
			{Name: "equal", Type: checks.Text, OneOf: []string{"saved"}, Doc: "saved: the fields are those that were kept before the last change"},
		},
		Look: lookTwilioWebhook,
	}
}

// phoneNumber is the part of a number's record that decides who answers.
type phoneNumber struct {
	SID            string `json:"sid"`
	Number         string `json:"phone_number"`
	Name           string `json:"friendly_name"`
	VoiceURL       string `json:"voice_url"`
	VoiceMethod    string `json:"voice_method"`
	FallbackURL    string `json:"voice_fallback_url"`
	FallbackMethod string `json:"voice_fallback_method"`
	ApplicationSID string `json:"voice_application_sid"`
	TrunkSID       string `json:"trunk_sid"`
	Updated        string `json:"date_updated,omitempty"`
}

const mostNumbers = 1000

// numbers lists the numbers of the account; only filters by the number when it is not "".
func numbers(ctx context.Context, a *account, path, only string, saw map[string]any) ([]phoneNumber, *checks.Observation, error) {
	q := url.Values{"PageSize": {"200"}}
	if only != "" {
		q.Set("PhoneNumber", only)
	}
	next := path + "/IncomingPhoneNumbers.json?" + q.Encode()
	var all []phoneNumber
	for page := 0; next != "" && len(all) < mostNumbers && page < 20; page++ {
		var got struct {
			Numbers []phoneNumber `json:"incoming_phone_numbers"`
			Next    string        `json:"next_page_uri"`
		}
		resp, err := a.read(ctx, next, &got)
		if err != nil {
			return nil, nil, err
		}
		saw["answer"] = seen(resp)
		if obs := twilioRefuses(resp, saw); obs != nil {
			return nil, obs, nil
		}
		if resp.Status != http.StatusOK || got.Numbers == nil {
			return nil, nil, a.odd(resp, "the list of numbers")
		}
		all = append(all, got.Numbers...)
		if next = got.Next; next != "" && !strings.HasPrefix(next, "/") {
			return nil, nil, fmt.Errorf("Twilio: the next page is no path; %s", a.check()) //nolint:staticcheck // a name
		}
	}
	return all, nil, nil
}

func lookTwilioWebhook(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	number := with.Text("number")
	if number == configured || number == "" && with.Text("op") == "equal" {
		if number, _ = first(scope, "TWILIO_NUMBER"); number == "" {
			return checks.Skipped("no number is named", set("TWILIO_NUMBER")), nil
		}
	}
	a, path, obs, err := openTwilio(scope)
	if err != nil || obs != nil {
		return value(obs), err
	}
	saw := map[string]any{}
	filter := number
	if strings.HasPrefix(number, "PN") {
		filter = ""
	}
	all, obs, err := numbers(ctx, a, path, filter, saw)
	if err != nil || obs != nil {
		return value(obs), err
	}
	if with.Text("op") == "list" {
		return listed(saw, all), nil
	}
	var match []phoneNumber
	for _, n := range all {
		if n.Number == number || n.SID == number {
			match = append(match, n)
		}
	}
	saw["matches"] = len(match)
	if len(match) != 1 {
		return checks.Failed(saw, "exactly one number", checks.Fix{Text: "set TWILIO_NUMBER to a number of the account, with + and the code of the country, without spaces", Commands: []string{"voicectl twilio show"}},
			checks.Problem{Text: fmt.Sprintf("%d numbers of the account are %s", len(match), number)}), nil
	}
	return judgeNumber(scope, saw, match[0], with)
}

func listed(saw map[string]any, all []phoneNumber) checks.Observation {
	var rows []map[string]any
	for _, n := range all {
		if len(rows) < 50 {
			rows = append(rows, n.facts())
		}
	}
	saw["numbers"], saw["count"] = rows, len(all)
	if len(all) == 0 {
		return checks.Failed(saw, "one number or more", checks.Fix{Text: "buy a number at " + twilioKeys}, checks.Problem{Text: "the account has no phone number"})
	}
	return checks.Passed(saw)
}

func (n phoneNumber) facts() map[string]any {
	return map[string]any{
		"sid": n.SID, "number": n.Number, "voice_url": n.VoiceURL, "voice_method": n.VoiceMethod, "fallback_url": n.FallbackURL,
		"application": n.ApplicationSID, "trunk": n.TrunkSID, "updated": n.Updated,
	}
}

// judgeNumber holds a number against what is wanted.
func judgeNumber(scope *checks.Scope, saw map[string]any, n phoneNumber, with checks.Values) (checks.Observation, error) {
	saw["number"] = n.facts()
	var wanted []string
	var problems []checks.Problem
	differs := func(field, has, want string) {
		wanted = append(wanted, field+" "+want)
		if has != want {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s is %s, wanted %s", field, orNothing(has), orNothing(want))})
		}
	}
	for _, over := range [][2]string{{"trunk", n.TrunkSID}, {"application", n.ApplicationSID}} {
		if over[1] != "" {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("the %s %s answers in place of the webhook, which is not called at all", over[0], over[1])})
		}
	}
	if with.Text("equal") == "saved" {
		before, err := savedNumber(scope, n.Number)
		if errors.Is(err, fs.ErrNotExist) {
			return checks.Skipped("nothing was kept of this number", checks.Fix{Text: "a change by voicectl keeps what was there before", Commands: []string{"voicectl twilio set"}}), nil
		}
		if err != nil {
			return checks.Observation{}, err
		}
		problems = nil // an application that was there before shall be there again
		for _, f := range [][3]string{
			{"webhook", n.VoiceURL, before.VoiceURL},
			{"method", n.VoiceMethod, before.VoiceMethod},
			{"fallback", n.FallbackURL, before.FallbackURL},
			{"fallback method", n.FallbackMethod, before.FallbackMethod},
			{"application", n.ApplicationSID, before.ApplicationSID},
			{"trunk", n.TrunkSID, before.TrunkSID},
		} {
			differs(f[0], f[1], f[2])
		}
	}
	if want := with.Text("url"); want != "" {
		if want == configured {
			if want = voiceURL(scope); want == "" {
				return checks.Skipped("the backend's public URL is not known", set("PUBLIC_URL")), nil
			}
		}
		differs("webhook", bare(n.VoiceURL), bare(want))
	}
	if want := with.Text("method"); want != "" {
		differs("method", n.VoiceMethod, want)
	}
	switch want := with.Text("fallback"); {
	case want == "set" && !absolute(n.FallbackURL):
		problems = append(problems, checks.Problem{Text: "there is no fallback: when the backend fails, the caller hears an error message of the network"})
	case want != "" && want != "set":
		differs("fallback", n.FallbackURL, want)
	}
	if len(problems) > 0 {
		return checks.Failed(saw, strings.Join(append(wanted, "no application or trunk over it"), ", "), checks.Fix{
			Text: "set the number's webhook and clear what stands over it", Commands: []string{"voicectl twilio set"},
		}, problems...), nil
	}
	return checks.Passed(saw), nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// bare is a webhook without the part behind #, which holds settings of the network and is never sent.
func bare(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return s
}

// voiceURL is the webhook of the backend: its voice route below its public address.
func voiceURL(scope *checks.Scope) string {
	base, _ := first(scope, "PUBLIC_URL")
	if base == "" && scope.Target != nil {
		base = scope.Target.String()
	}
	route := scope.Names["/twilio/voice"]
	if route == "" {
		route = "/twilio/voice"
	}
	if base == "" {
		return ""
	}
	return strings.TrimRight(base, "/") + route
}

// savedNumber reads what was kept of a number before it was changed: STATE/twilio/DIGITS.json.
func savedNumber(scope *checks.Scope, number string) (phoneNumber, error) {
	var n phoneNumber
	digits := strings.TrimPrefix(number, "+")
	if scope.State == "" || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return n, fs.ErrNotExist
	}
	raw, err := os.ReadFile(filepath.Join(scope.State, "twilio", digits+".json")) //nolint:gosec // digits alone, below the state folder
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return n, fmt.Errorf("what was kept of the number: %w", err)
	}
	return n, nil
}
