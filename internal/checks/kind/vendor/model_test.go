package vendor_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	speech = "fixie-ai/ultravox-v0_4_1-llama-3_1-8b"
	llama  = "meta-llama/Llama-3.1-8B-Instruct"
)

func TestHuggingFace_TellsTheReasonsApart(t *testing.T) {
	v := serve(t)
	given := with{"repo": speech, "file": "config.json", "base": "auto"}
	samples := troubles(t, stage.HuggingFace, "HF_ENDPOINT", given)
	maps.Copy(samples, map[string]sample{
		"the token is good":                   {with{"op": "whoami"}, nil, nil, checks.Pass, "user:sandbox"},
		"the token is wrong":                  {with{"op": "whoami"}, vars{"HF_TOKEN": "bad-token-of-nobody"}, nil, checks.Fail, "does not accept HF_TOKEN"},
		"there is no token":                   {with{"op": "whoami"}, vars{"HF_TOKEN": ""}, nil, checks.Skip, "HF_TOKEN"},
		"model and base may be downloaded":    {given, nil, nil, checks.Pass, "base:" + llama},
		"a large file lies elsewhere":         {with{"repo": speech, "file": "model.safetensors"}, nil, nil, checks.Pass, "file:302"},
		"the licence is not accepted":         {given, vars{"HF_TOKEN": "sandbox-no-licence"}, nil, checks.Fail, llama + " (leave): gated"},
		"the token may not read gated models": {given, vars{"HF_TOKEN": "sandbox-no-gated"}, nil, checks.Fail, "accept the licence; a fine-grained token also needs"},
		"without a look at the base":          {with{"repo": speech, "base": "none"}, vars{"HF_TOKEN": "sandbox-no-licence"}, nil, checks.Pass, "status:200"},
		"the model does not exist":            {with{"repo": "fixie-ai/ultravox-v9"}, nil, nil, checks.Fail, "not found, or private to others"},
		"the file does not exist":             {with{"repo": speech, "file": "weights.bin"}, nil, nil, checks.Fail, "(weights.bin): file missing"},
		"the revision does not exist":         {with{"repo": speech, "revision": "v9"}, nil, nil, checks.Fail, "revision missing"},
		"the model was taken down":            {with{"repo": "sandbox/disabled", "base": "none"}, nil, nil, checks.Fail, "access disabled by the hub"},
		"the base is named nowhere":           {with{"repo": "fixie-ai/ultravox-plain"}, nil, nil, checks.Inconclusive, "names the model below it"},
		"the base is named by the checklist":  {with{"repo": "fixie-ai/ultravox-plain", "base": llama}, vars{"HF_TOKEN": "sandbox-no-licence"}, nil, checks.Fail, "gated"},
		"four reasons, told apart":            {with{"explain": true}, nil, nil, checks.Pass, "told_apart:map["},
		"a refusal is explained":              {with{"explain": true}, vars{"HF_TOKEN": "sandbox-no-licence"}, nil, checks.Fail, "gated, and its licence"},
		"no gated base to show it with":       {with{"explain": true, "base": "none"}, nil, nil, checks.Inconclusive, "no gated model is known"},
		"a name that is none":                 {with{"repo": "../../etc"}, nil, nil, checks.Error, "no name of a model"},
		"the file's host fails":               {given, nil, &stage.Fault{Vendor: stage.HuggingFace, Route: "/" + llama + "/resolve", Mode: stage.ModeStatus, Status: 504}, checks.Error, "cannot answer now"},
	})
	try(t, v, "hf.model_access", samples)
}

func TestUltravox_Models(t *testing.T) {
	v := serve(t)
	samples := troubles(t, stage.Ultravox, "ULTRAVOX_BASE_URL", nil)
	maps.Copy(samples, map[string]sample{
		"the model is served":         {nil, nil, nil, checks.Pass, speech},
		"another one is served":       {nil, vars{"ULTRAVOX_MODEL": "fixie-ai/ultravox-v0_5-llama-3_1-8b"}, nil, checks.Fail, "does not serve"},
		"any model will do":           {nil, vars{"ULTRAVOX_MODEL": ""}, nil, checks.Pass, "status:200"},
		"the key is wrong":            {nil, vars{"ULTRAVOX_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"its address is not set":      {nil, vars{"ULTRAVOX_BASE_URL": ""}, nil, checks.Skip, "ULTRAVOX_BASE_URL"},
		"a piece of sound":            {with{"audio": true}, nil, nil, checks.Pass, "sound:map"},
		"the engine dies over it":     {with{"audio": true}, nil, &stage.Fault{Vendor: stage.Ultravox, Route: "/v1/chat", Mode: stage.ModeStatus, Status: 500}, checks.Error, "cannot answer now"},
		"the answer cannot be parsed": {with{"audio": true}, nil, &stage.Fault{Vendor: stage.Ultravox, Mode: stage.ModeMalformed}, checks.Error, "no JSON"},
	})
	try(t, v, "ultravox.models", samples)
	if f := look(t, v.scope(nil), "ultravox.models", with{"audio": true}); f.State != checks.Elsewhere || !strings.Contains(fmt.Sprint(f.Fix), "--allow-paid") {
		t.Errorf("a piece of sound without leave: %+v", f)
	}
	if calls, _ := v.stage.Calls(stage.Ultravox, 0); len(calls) != 0 {
		t.Errorf("%d questions were asked without leave", len(calls))
	}
}

func TestUltravox_ATextModelIsRed(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"object":"error","message":"At most 0 audio(s) may be provided in one request.","type":"BadRequestError","param":null,"code":400}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"object":"list","data":[{"id":"llama","object":"model"}]}`)
	}))
	defer srv.Close()
	scope := &checks.Scope{Env: env(nil, vars{"ULTRAVOX_BASE_URL": srv.URL + "/v1"}), Consent: checks.Consent{Paid: true}}
	if f := look(t, scope, "ultravox.models", with{"audio": true}); f.State != checks.Fail || !strings.Contains(fmt.Sprint(f.Problems), "refuses sound (HTTP 400)") {
		t.Errorf("got %+v", f)
	}
}

func TestUltravox_Metrics(t *testing.T) {
	v := serve(t)
	samples := troubles(t, stage.Ultravox, "ULTRAVOX_BASE_URL", nil)
	delete(samples, "it answers 200 with error")
	maps.Copy(samples, map[string]sample{
		"the figures are there":       {nil, nil, nil, checks.Pass, "cache:0"},
		"an answer without a figure":  {nil, nil, &stage.Fault{Vendor: stage.Ultravox, Mode: stage.ModeDisguised}, checks.Warn, "there is no vllm:num_requests_running"},
		"its address leads elsewhere": {nil, vars{"ULTRAVOX_BASE_URL": v.env["HF_ENDPOINT"]}, nil, checks.Warn, "no /metrics"},
	})
	try(t, v, "ultravox.metrics", samples)

	body := "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_running{a=\"1\"} 4.0\nvllm:num_requests_waiting{a=\"1\"} 70\nvllm:num_requests_waiting{a=\"2\"} 71 1700000000\nvllm:gpu_cache_usage_perc 9.7e-01\n"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }))
	defer srv.Close()
	scope := &checks.Scope{Env: env(nil, vars{"ULTRAVOX_BASE_URL": srv.URL + "/v1"})}
	if f := look(t, scope, "ultravox.metrics", nil); f.State != checks.Warn || !strings.Contains(fmt.Sprint(f.Problems), "141 requests wait") {
		t.Errorf("the queue is long: %+v", f)
	}
	if f := look(t, scope, "ultravox.metrics", with{"max_waiting": 200}); f.State != checks.Pass || f.Saw["cache"] != 0.97 {
		t.Errorf("with the older name of a figure: %+v", f)
	}
}
