package vendor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
)

const (
	cartesiaKeys = "play.cartesia.ai/keys"
	mostPages    = 20
	pageSize     = 100
)

func cartesiaVoices() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "cartesia.voices", Title: "Cartesia accepts the key and knows the voice",
		Passes: "the list of voices is answered with 200, is long enough, and the wanted voice exists",
		Why:    "A voice that was deleted, or is a number of another account, makes an agent that hears and never speaks.",
		Fix:    "issue a key at " + cartesiaKeys + " and choose a voice that the account may use",
		Source: "Cartesia API reference, Voices", Saves: "status, names of the first voices, count, version of the interface; never the key",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedVar("CARTESIA_API_KEY")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "voice_id", Type: checks.Text, Doc: "id of a voice that must exist; configured: that of CARTESIA_VOICE_ID or VOICE_ID"},
			{Name: "min", Type: checks.Whole, Default: 1, Doc: "voices that must be listed at least"},
			{Name: "show", Type: checks.Whole, Default: 0, Doc: "names of voices to show"},
			{Name: "version", Type: checks.Text, Default: cartesia.DefaultVersion, Doc: "version of the interface to ask for, a date"},
		},
		Look: lookCartesia,
	}
}

func lookCartesia(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	voice, from := with.Text("voice_id"), ""
	if voice == configured {
		if voice, from = first(scope, "CARTESIA_VOICE_ID", "VOICE_ID"); voice == "" {
			return checks.DoesNotApply("no voice is chosen (CARTESIA_VOICE_ID, VOICE_ID): the backend speaks with its default one"), nil
		}
	}
	a, err := open(scope, "Cartesia", cartesia.DefaultBaseURL, "CARTESIA_BASE_URL")
	if err != nil {
		return checks.Observation{}, err
	}
	a.bearer(scope.Env.Value("CARTESIA_API_KEY"))
	a.header.Set("Cartesia-Version", with.Text("version"))
	saw := map[string]any{"version": with.Text("version")}
	if voice != "" {
		return cartesiaVoice(ctx, a, saw, voice, from)
	}
	return cartesiaList(ctx, a, saw, with)
}

// cartesiaVoice asks for one voice.
func cartesiaVoice(ctx context.Context, a *account, saw map[string]any, voice, from string) (checks.Observation, error) {
	var got cartesia.Voice
	resp, err := a.read(ctx, "/voices/"+url.PathEscape(voice), &got)
	if err != nil {
		return checks.Observation{}, err
	}
	saw["answer"], saw["voice"] = seen(resp), clip(voice, 64)
	switch {
	case refused(resp.Status):
		return cartesiaRefuses(saw, resp.Status), nil
	case resp.Status == http.StatusNotFound, resp.Status == http.StatusBadRequest && !bytes.Contains(resp.Body, []byte("ersion")):
		if from == "" {
			from = "CARTESIA_VOICE_ID or VOICE_ID"
		}
		return checks.Failed(saw, "a voice that exists", checks.Fix{
			Text: "set " + from + " to the id of a voice at play.cartesia.ai/voices", Commands: []string{"voicectl check api --only phone.api.cartesia"},
		}, checks.Problem{Text: fmt.Sprintf("Cartesia has no voice %s for this account", clip(voice, 64))}), nil
	case resp.Status != http.StatusOK:
		return checks.Observation{}, a.odd(resp, "the question for a voice")
	case got.ID != voice:
		return checks.Observation{}, fmt.Errorf("Cartesia: HTTP 200 without the voice that was asked for; %s", a.check()) //nolint:staticcheck // a name
	}
	saw["name"] = clip(got.Name, 80)
	return checks.Passed(saw), nil
}

// cartesiaList reads pages until enough voices are known. Older versions answer with a bare list.
func cartesiaList(ctx context.Context, a *account, saw map[string]any, with checks.Values) (checks.Observation, error) {
	enough := max(with.Whole("min"), with.Whole("show"), 1)
	var names []string
	count, after := 0, ""
	for range mostPages {
		q := url.Values{"limit": {fmt.Sprint(pageSize)}}
		if after != "" {
			q.Set("starting_after", after)
		}
		resp, err := a.get(ctx, "/voices?"+q.Encode())
		if err != nil {
			return checks.Observation{}, err
		}
		saw["answer"] = seen(resp)
		switch {
		case refused(resp.Status):
			return cartesiaRefuses(saw, resp.Status), nil
		case resp.Status != http.StatusOK:
			return checks.Observation{}, a.odd(resp, "the list of voices")
		}
		page, err := voicePage(resp)
		if err != nil {
			return checks.Observation{}, fmt.Errorf("Cartesia: %w; %s", err, a.check()) //nolint:staticcheck // a name
		}
		count += len(page.Data)
		for _, v := range page.Data {
			if len(names) < with.Whole("show") {
				names = append(names, clip(v.Name, 80))
			}
		}
		if count >= enough || len(page.Data) == 0 || !page.HasMore || page.Data[len(page.Data)-1].ID == after {
			break
		}
		after = page.Data[len(page.Data)-1].ID
	}
	saw["voices"], saw["names"] = count, names
	if count < enough && count < with.Whole("min") || count == 0 {
		return checks.Failed(saw, fmt.Sprintf("%d voices or more", max(with.Whole("min"), 1)), checks.Fix{Text: "look at play.cartesia.ai/voices whether the account may use voices"},
			checks.Problem{Text: fmt.Sprintf("the account lists %d voices", count)}), nil
	}
	return checks.Passed(saw), nil
}

// voicePage reads either shape: a page, or the bare list of the first version.
func voicePage(resp *probe.Response) (cartesia.VoicePage, error) {
	var page cartesia.VoicePage
	if resp.Cut {
		return page, fmt.Errorf("the list of voices is longer than is read")
	}
	body := bytes.TrimSpace(resp.Body)
	if bytes.HasPrefix(body, []byte("[")) {
		if err := json.Unmarshal(body, &page.Data); err != nil {
			return page, fmt.Errorf("the list of voices is not understood: %w", err)
		}
		return page, nil
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return page, fmt.Errorf("the list of voices is not understood: %w", err)
	}
	if page.Data == nil {
		return page, fmt.Errorf("HTTP 200 without a list of voices")
	}
	return page, nil
}

func cartesiaRefuses(saw map[string]any, status int) checks.Observation {
	return checks.Failed(saw, "a key that Cartesia accepts", renew("CARTESIA_API_KEY", cartesiaKeys),
		checks.Problem{Text: fmt.Sprintf("Cartesia refuses the key (HTTP %d)", status)})
}
