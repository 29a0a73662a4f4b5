package huggingface

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const commit = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

// model is one repository of the hub.
type model struct {
	id, base string
	gated    any               // false, "auto" or "manual"
	files    map[string]string // "" = large
	disabled bool
}

// models are a speech model that is free, the language model below it, which is gated, and one that was taken down.
var models = []model{ //nolint:gochecknoglobals // a table
	{id: "fixie-ai/ultravox-v0_4_1-llama-3_1-8b", base: "meta-llama/Llama-3.1-8B-Instruct", gated: false, files: map[string]string{
		"config.json":       `{"model_type":"ultravox","text_model_id":"meta-llama/Llama-3.1-8B-Instruct","audio_model_id":"openai/whisper-large-v3-turbo"}`,
		"model.safetensors": "",
	}},
	{id: "fixie-ai/ultravox-plain", base: "", gated: false, files: map[string]string{"config.json": `{"model_type":"ultravox"}`}},
	{id: "meta-llama/Llama-3.1-8B-Instruct", gated: "manual", files: map[string]string{
		"config.json": `{"model_type":"llama"}`, "model-00001-of-00004.safetensors": "",
	}},
	{id: "openai/whisper-large-v3-turbo", gated: false, files: map[string]string{"config.json": `{"model_type":"whisper"}`, "model.safetensors": ""}},
	{id: "sandbox/disabled", gated: false, disabled: true, files: map[string]string{"config.json": `{}`}},
}

// find returns a model by its name; names are the same in any case. A private one of somebody else is not found.
func find(id string) (model, bool) {
	for _, m := range models {
		if strings.EqualFold(m.id, id) {
			return m, true
		}
	}
	return model{}, false
}

func (m model) revision(name string) bool { return name == "main" || name == commit }

// deny refuses who may not have the files of a model. It returns 0 for who may.
func (m model) deny(w http.ResponseWriter, r *http.Request, who asker) int {
	gated := m.gated != false
	switch {
	case m.disabled:
		return refuse(w, r, http.StatusForbidden, "", "Access to this resource is disabled.")
	case gated && who.anonymous:
		return refuse(w, r, http.StatusUnauthorized, "GatedRepo", "Access to model "+m.id+" is restricted. You must have access to it and be authenticated to access it. Please log in.")
	case gated && (!who.licence || !who.gated):
		return refuse(w, r, http.StatusForbidden, "GatedRepo", "Access to model "+m.id+" is restricted and you are not in the authorized list. Visit https://huggingface.co/"+m.id+" to ask for access.")
	}
	return 0
}

// noRepo: to a stranger a missing model looks as one that he would have to log in for.
func noRepo(w http.ResponseWriter, r *http.Request, who asker) int {
	if who.anonymous {
		return refuse(w, r, http.StatusUnauthorized, "RepoNotFound", "Invalid username or password.")
	}
	return refuse(w, r, http.StatusNotFound, "RepoNotFound", "Repository not found")
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) int {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	return write(w, r, status, map[string]string{"error": message})
}

// Refuse answers as the hub does when it fails with the fault's status.
func Refuse(w http.ResponseWriter, r *http.Request, f stage.Fault) {
	status, message := f.Status, "Internal Error - We're working hard to fix this as soon as possible!"
	switch status {
	case 0:
		status = http.StatusInternalServerError
	case http.StatusUnauthorized:
		message = "Invalid credentials in Authorization header"
	case http.StatusForbidden:
		message = "Forbidden"
	case http.StatusTooManyRequests:
		message = "We had to rate limit you"
		w.Header().Set("RateLimit", `"api";r=0;t=`+strconv.Itoa(max(f.MS/1000, 1)))
		w.Header().Set("RateLimit-Policy", `"fixed window";"api";q=500;w=300`)
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
	case http.StatusServiceUnavailable:
		message = "Service Unavailable"
	}
	refuse(w, r, status, f.Code, message)
}

func clip(s string) string {
	if len(s) > 60 {
		s = s[:60]
	}
	return strings.ToValidUTF8(s, "")
}
