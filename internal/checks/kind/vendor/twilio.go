package vendor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/twilio"
)

const twilioKeys = "console.twilio.com"

func twilioAccount() *checks.Kind {
	return &checks.Kind{
		Name: "twilio.account", Title: "The Twilio account is there and active",
		Passes: "the account's record is answered with 200 and has the wanted status",
		Why:    "A suspended account takes no call, and a test credential takes none either, however well the backend runs.",
		Fix:    "look at the account's state and credentials at " + twilioKeys,
		Source: "Twilio API reference, Accounts", Saves: "ends of the account's id, status, type; never the token",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedVar("TWILIO_ACCOUNT_SID"), checks.NeedVar("TWILIO_AUTH_TOKEN")}, Timeout: patience,
		Params: []checks.Param{{Name: "status", Type: checks.Text, Default: "active", OneOf: []string{"active", "suspended", "closed"}, Doc: "status that the account must have"}},
		Look:   lookTwilioAccount,
	}
}

var accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)

// openTwilio opens the account of TWILIO_ACCOUNT_SID. A non-nil observation says why that cannot be.
func openTwilio(scope *checks.Scope) (*account, string, *checks.Observation, error) {
	sid, _ := first(scope, "TWILIO_ACCOUNT_SID")
	if !accountSID.MatchString(sid) {
		obs := checks.Failed(map[string]any{"account": ends(sid)}, "an account sid: AC and 32 hexadecimal digits", set("TWILIO_ACCOUNT_SID"),
			checks.Problem{Text: "TWILIO_ACCOUNT_SID is no account sid"})
		return nil, "", &obs, nil
	}
	a, err := open(scope, "Twilio", twilio.DefaultAPI, "TWILIO_API_BASE_URL")
	if err != nil {
		return nil, "", nil, err
	}
	r := http.Request{Header: a.header}
	r.SetBasicAuth(sid, scope.Env.Value("TWILIO_AUTH_TOKEN"))
	return a, "/2010-04-01/Accounts/" + sid, nil, nil
}

// twilioSaid is the vendor's own code of a refusal.
func twilioSaid(resp *probe.Response) string {
	var said struct {
		Code any `json:"code"`
	}
	if resp.JSON(&said) != nil || said.Code == nil {
		return ""
	}
	return clip(fmt.Sprint(said.Code), 16)
}

// twilioRefuses sorts a refusal. nil: it is none.
func twilioRefuses(resp *probe.Response, saw map[string]any) *checks.Observation {
	if resp.Status < 400 {
		return nil
	}
	code := twilioSaid(resp)
	saw["code"] = code
	fail := func(text, fix string) *checks.Observation {
		obs := checks.Failed(saw, "credentials that Twilio accepts", checks.Fix{Text: fix}, checks.Problem{Text: text})
		return &obs
	}
	switch {
	case code == "20008":
		saw["credentials"] = "test"
		return fail("these are test credentials: with them nothing is called and no number is reached", "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the live credentials at "+twilioKeys)
	case refused(resp.Status):
		return fail(fmt.Sprintf("Twilio refuses the credentials (HTTP %d)", resp.Status), "copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN again from "+twilioKeys+"; a token that was rotated is no longer good")
	case resp.Status == http.StatusNotFound:
		return fail("Twilio has no such account", "copy TWILIO_ACCOUNT_SID again from "+twilioKeys)
	}
	return nil
}

func lookTwilioAccount(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, path, obs, err := openTwilio(scope)
	if err != nil || obs != nil {
		return value(obs), err
	}
	var got struct {
		SID    string `json:"sid"`
		Status string `json:"status"`
		Type   string `json:"type"`
	}
	resp, err := a.read(ctx, path+".json", &got)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	saw["account"] = ends(scope.Env.Value("TWILIO_ACCOUNT_SID"))
	if obs := twilioRefuses(resp, saw); obs != nil {
		return *obs, nil
	}
	switch {
	case resp.Status != http.StatusOK:
		return checks.Observation{}, a.odd(resp, "the account's record")
	case got.Status == "" || got.SID == "":
		return checks.Observation{}, fmt.Errorf("Twilio: HTTP 200 without an account; %s", a.check()) //nolint:staticcheck // a name
	}
	saw["state"], saw["type"] = got.Status, got.Type
	want := with.Text("status")
	if got.Status != want {
		return checks.Failed(saw, "an account that is "+want, checks.Fix{Text: "look at " + twilioKeys + " why the account is " + got.Status}, checks.Problem{Text: "the account is " + got.Status}), nil
	}
	return checks.Passed(saw), nil
}

// ends are the first and last characters of an id that names an account.
func ends(id string) string {
	if len(id) < 10 {
		return "too short"
	}
	return id[:4] + "…" + id[len(id)-4:]
}

// absolute tells whether s is an http or https URL.
func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
