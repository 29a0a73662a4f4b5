package vendor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/openai"
)

func ultravoxModels() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "ultravox.models", Title: "The speech model's server is up and serves the model",
		Passes: "the server of ULTRAVOX_BASE_URL lists the wanted model, and, where it is asked to, answers a piece of sound",
		Why:    "The port of such a server stays shut for minutes while weights are loaded, and its health says nothing of the model and the key.",
		Fix:    "start the server, and set ULTRAVOX_BASE_URL (with /v1) and ULTRAVOX_MODEL",
		Source: "vLLM documentation, OpenAI-compatible server", Saves: "status, models, milliseconds; never the key and no sound",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedVar("ULTRAVOX_BASE_URL")}, Timeout: patience,
		Params: []checks.Param{
			{Name: "want", Type: checks.Text, Default: configured, Doc: "model that must be served; configured: that of ULTRAVOX_MODEL, else any"},
			{Name: "audio", Type: checks.Switch, Default: false, Doc: "let the model answer half a second of silence with a few tokens, which costs a moment of a graphics card"},
		},
		Costs: func(with checks.Values) checks.Cost {
			if with.Switch("audio") {
				return checks.Paid
			}
			return checks.Passive
		},
		Look: lookUltravox,
	}
}

func openUltravox(scope *checks.Scope) (*account, error) {
	a, err := open(scope, "Ultravox", "", "ULTRAVOX_BASE_URL")
	if err != nil {
		return nil, err
	}
	if key, _ := first(scope, "ULTRAVOX_API_KEY"); key != "" {
		a.bearer(key)
	}
	return a, nil
}

func lookUltravox(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := openUltravox(scope)
	if err != nil {
		return checks.Observation{}, err
	}
	want := with.Text("want")
	if want == configured {
		want, _ = first(scope, "ULTRAVOX_MODEL")
	}
	var list openai.ModelList
	resp, err := a.read(ctx, "/models", &list)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	var names []string
	for _, m := range list.Data {
		names = append(names, clip(m.ID, 120))
	}
	saw["models"], saw["model"] = names, want
	switch {
	case refused(resp.Status):
		return checks.Failed(saw, "a key that the server accepts", set("ULTRAVOX_API_KEY"), checks.Problem{Text: fmt.Sprintf("the server refuses the key (HTTP %d)", resp.Status)}), nil
	case resp.Status != http.StatusOK:
		return checks.Observation{}, a.odd(resp, "the list of models")
	case list.Data == nil:
		return checks.Observation{}, fmt.Errorf("Ultravox: HTTP 200 without a list of models; %s", a.check()) //nolint:staticcheck // a name
	case len(names) == 0:
		return checks.Failed(saw, "one model or more", checks.Fix{Text: "start the server with a model"}, checks.Problem{Text: "the server serves no model"}), nil
	case want != "" && !slices.Contains(names, want):
		near := nearest(want, names)
		return checks.Failed(saw, "the model "+want, checks.Fix{Text: "set ULTRAVOX_MODEL to a served name" + near}, checks.Problem{Text: fmt.Sprintf("the server does not serve %q%s", want, near)}), nil
	}
	if !with.Switch("audio") {
		return checks.Passed(saw), nil
	}
	if want == "" {
		want = names[0]
	}
	return hears(ctx, a, saw, want)
}

// hears lets the model answer half a second of silence.
func hears(ctx context.Context, a *account, saw map[string]any, model string) (checks.Observation, error) {
	const rate = 16_000
	sound := media.AppendWAV(nil, rate, 1, make([]int16, rate/2))
	body, err := json.Marshal(map[string]any{
		"model": model, "max_tokens": 4, "messages": []map[string]any{{"role": "user", "content": []map[string]any{
			{"type": "text", "text": "Say yes."},
			{"type": "input_audio", "input_audio": map[string]string{"data": base64.StdEncoding.EncodeToString(sound), "format": "wav"}},
		}}},
	})
	if err != nil {
		return checks.Observation{}, fmt.Errorf("Ultravox: %w", err) //nolint:staticcheck // a name
	}
	resp, err := a.do(ctx, probe.Request{Method: http.MethodPost, URL: a.base + "/chat/completions", Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
	if err != nil {
		return checks.Observation{}, err
	}
	saw["sound"] = seen(resp)
	if resp.Status == http.StatusBadRequest || resp.Status == http.StatusNotFound {
		return checks.Failed(saw, "an answer to sound", checks.Fix{Text: "serve a model that takes sound, with the audio extra of the server installed"},
			checks.Problem{Text: fmt.Sprintf("the server refuses sound (HTTP %d)", resp.Status)}), nil
	}
	if resp.Status != http.StatusOK {
		return checks.Observation{}, a.odd(resp, "a piece of sound")
	}
	var got openai.Completion
	if err := a.decode(resp, &got); err != nil {
		return checks.Observation{}, err
	}
	if len(got.Choices) == 0 {
		return checks.Observation{}, fmt.Errorf("Ultravox: HTTP 200 to a piece of sound without an answer; %s", a.check()) //nolint:staticcheck // a name
	}
	return checks.Passed(saw), nil
}

func ultravoxMetrics() *checks.Kind {
	return &checks.Kind{
		Name: "ultravox.metrics", Title: "The speech model's server tells its load",
		Passes: "running and waiting requests and the use of the cache are among its metrics",
		Why:    "A server whose cache is full lets callers wait. Without its figures nobody knows before they hang up.",
		Fix:    "let the server serve /metrics to whoever watches it", Source: "vLLM documentation, Metrics",
		Saves: "names and values of the figures", Severity: checks.Warns, Needs: []checks.Need{checks.NeedVar("ULTRAVOX_BASE_URL")}, Timeout: patience,
		Params: []checks.Param{{Name: "max_waiting", Type: checks.Whole, Default: 100, Doc: "requests that may wait at the moment"}},
		Look:   lookUltravoxMetrics,
	}
}

// figures are the metrics that are looked for, with the names of newer and older versions.
var figures = []struct { //nolint:gochecknoglobals // a table
	fact  string
	names []string
}{
	{"running", []string{"vllm:num_requests_running"}},
	{"waiting", []string{"vllm:num_requests_waiting"}},
	{"cache", []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"}},
}

var sample = regexp.MustCompile(`(?m)^(vllm:[a-z_]+)(?:\{[^}\n]*\})? ([-+.0-9eE]+)(?: [0-9]+)?$`)

func lookUltravoxMetrics(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	a, err := openUltravox(scope)
	if err != nil {
		return checks.Observation{}, err
	}
	resp, err := a.do(ctx, probe.Request{URL: strings.TrimSuffix(a.base, "/v1") + "/metrics", Header: http.Header{"Accept": {"text/plain"}}, Most: 4 << 20})
	if err != nil {
		return checks.Observation{}, err
	}
	saw := seen(resp)
	switch {
	case resp.Status == http.StatusNotFound:
		return checks.Failed(saw, "metrics at /metrics", checks.Fix{}, checks.Problem{Text: "the server has no /metrics"}), nil
	case resp.Status != http.StatusOK || resp.Cut:
		return checks.Observation{}, a.odd(resp, "the metrics")
	}
	sums := figuresOf(string(resp.Body))
	var problems []checks.Problem
	for _, f := range figures {
		i := slices.IndexFunc(f.names, func(n string) bool { _, has := sums[n]; return has })
		if i < 0 {
			problems = append(problems, checks.Problem{Text: "there is no " + f.names[0]})
			continue
		}
		saw[f.fact] = sums[f.names[i]]
	}
	if most := with.Whole("max_waiting"); len(problems) == 0 && sums["vllm:num_requests_waiting"] > float64(most) {
		problems = append(problems, checks.Problem{Text: fmt.Sprintf("%.0f requests wait", sums["vllm:num_requests_waiting"])})
	}
	if len(problems) > 0 {
		return checks.Failed(saw, fmt.Sprintf("the figures of load, and at most %d requests that wait", with.Whole("max_waiting")), checks.Fix{}, problems...), nil
	}
	return checks.Passed(saw), nil
}

// figuresOf sums the server's own metrics by name: there is one a model and engine.
func figuresOf(body string) map[string]float64 {
	sums := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(body, -1) {
		if v, err := strconv.ParseFloat(m[2], 64); err == nil && !math.IsInf(v, 0) {
			sums[m[1]] += v
		}
	}
	return sums
}
