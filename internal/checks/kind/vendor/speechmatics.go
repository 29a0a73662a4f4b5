package vendor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const (
	speechmaticsKeys       = "portal.speechmatics.com"
	speechmaticsManagement = "https://mp.speechmatics.com/v1"
)

func speechmaticsKey() *checks.Kind {
	return &checks.Kind{
		Name: "speechmatics.key", Title: "Speechmatics accepts the key",
		Passes: "the list of jobs, which is the cheapest question, is answered with 200",
		Why:    "Without a recognizer nobody is understood, and the socket tells so only when the first caller speaks.",
		Fix:    "issue a key at " + speechmaticsKeys, Source: "Speechmatics documentation, Authentication and Batch API",
		Saves: "status, region, milliseconds; never the key and never a job", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedVar("SPEECHMATICS_API_KEY")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "region", Type: checks.Text, OneOf: []string{"eu1", "us1", "au1"}, Doc: "region to ask (default: that of SPEECHMATICS_RT_URL, else eu1)"},
			{Name: "mint", Type: checks.Switch, Default: false, Doc: "make a key of one minute in place of the list, as a browser front end does"},
		},
		Costs: func(with checks.Values) checks.Cost {
			if with.Switch("mint") {
				return checks.Intrusive
			}
			return checks.Passive
		},
		Look: lookSpeechmatics,
	}
}

var realtimeHost = regexp.MustCompile(`^(eu|us|au)\d?\.rt\.speechmatics\.com$`)

// jobsBase is where the list of jobs is: that of the region of the real-time address, or the same server when
// that is one of one's own.
func jobsBase(scope *checks.Scope, region string) string {
	rt, err := url.Parse(strings.TrimRight(scope.Env.Value("SPEECHMATICS_RT_URL"), "/"))
	if err == nil && rt.Host != "" {
		m := realtimeHost.FindStringSubmatch(rt.Hostname())
		switch {
		case m != nil && region == "":
			region = m[1] + "1"
		case m == nil && !strings.HasSuffix(rt.Hostname(), ".speechmatics.com"):
			rt.Scheme = strings.Replace(rt.Scheme, "ws", "http", 1)
			return rt.String()
		}
	}
	if region == "" {
		region = "eu1"
	}
	return "https://" + region + ".asr.api.speechmatics.com/v2"
}

func lookSpeechmatics(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := open(scope, "Speechmatics", jobsBase(scope, with.Text("region")), "SPEECHMATICS_API_URL")
	if err != nil {
		return checks.Observation{}, err
	}
	ask, what, want := probe.Request{URL: a.base + "/jobs"}, "the list of jobs", http.StatusOK
	if with.Switch("mint") {
		if a, err = open(scope, "Speechmatics", speechmaticsManagement, "SPEECHMATICS_MANAGEMENT_URL"); err != nil {
			return checks.Observation{}, err
		}
		ask = probe.Request{
			Method: http.MethodPost, URL: a.base + "/api_keys?type=rt", Body: []byte(`{"ttl":60}`),
			Header: http.Header{"Content-Type": {"application/json"}},
		}
		what, want = "the wish for a short-lived key", http.StatusCreated
	}
	a.bearer(scope.Env.Value("SPEECHMATICS_API_KEY"))
	resp, err := a.do(ctx, ask)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	if u, err := url.Parse(a.base); err == nil {
		saw["host"] = u.Host
	}
	switch {
	case resp.Status == http.StatusForbidden && !with.Switch("mint"):
		return checks.Unclear(saw, "the key is known, but may not list jobs: it may be one for real time alone", checks.Fix{
			Text: "let the check make a short-lived key instead: with: {mint: true}",
		}), nil
	case refused(resp.Status):
		return checks.Failed(saw, "a key that Speechmatics accepts", renew("SPEECHMATICS_API_KEY", speechmaticsKeys),
			checks.Problem{Text: fmt.Sprintf("Speechmatics refuses the key (HTTP %d)", resp.Status)}), nil
	case resp.Status != want:
		return checks.Observation{}, a.odd(resp, what)
	}
	var got struct {
		Jobs []struct{} `json:"jobs"`
		Key  string     `json:"key_value"`
	}
	if err := a.decode(resp, &got); err != nil {
		return checks.Observation{}, err
	}
	if got.Jobs == nil && got.Key == "" {
		return checks.Observation{}, fmt.Errorf("Speechmatics: HTTP %d without what was asked for (%s); %s", resp.Status, what, a.check()) //nolint:staticcheck // a name
	}
	return checks.Passed(saw), nil
}
