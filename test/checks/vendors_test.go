package checks_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// vendors scripts the vendors that the sandbox does not emulate, each below its prefix. A key that holds "bad" is
// refused, as in the sandbox.
//
// The word after the prefix of a platform's key says what has drifted there: rnd_branch, rw_repo, cb_cold.
func vendors(repo string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hf/", hub)
	mux.HandleFunc("GET /twilio/2010-04-01/Accounts/{file}", func(w http.ResponseWriter, r *http.Request) {
		sid, secret, _ := r.BasicAuth()
		switch {
		case strings.HasPrefix(secret, "bad"):
			answer(w, http.StatusUnauthorized, map[string]any{"code": 20003, "message": "Authenticate"})
		case strings.HasPrefix(sid, "ACdead"):
			answer(w, http.StatusOK, map[string]any{"sid": sid, "status": "suspended", "type": "Full"})
		default:
			answer(w, http.StatusOK, map[string]any{"sid": sid, "status": "active", "type": "Full"})
		}
	})
	mux.HandleFunc("GET /supabase/v1/projects/{ref}/advisors/security", func(w http.ResponseWriter, r *http.Request) {
		lints := []any{}
		if strings.HasPrefix(r.PathValue("ref"), "open") {
			lints = append(lints, map[string]any{"name": "rls_disabled_in_public", "level": "ERROR", "metadata": map[string]any{"schema": "public", "name": "orders"}})
		}
		answer(w, http.StatusOK, map[string]any{"lints": lints})
	})
	mux.HandleFunc("GET /speechmatics/jobs", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(bearer(r), "bad") {
			answer(w, http.StatusUnauthorized, map[string]any{"code": 401, "error": "Permission Denied"})
			return
		}
		answer(w, http.StatusOK, map[string]any{"jobs": []any{}})
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, metrics)
	})
	render(mux, repo)
	mux.HandleFunc("POST /railway", func(w http.ResponseWriter, r *http.Request) { railway(w, r, repo) })
	cerebrium(mux)
	return mux
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func render(mux *http.ServeMux, repo string) {
	service := func(key string) map[string]any {
		s := map[string]any{"build": "pip install -r requirements.txt", "start": "HOST=0.0.0.0 PORT=$PORT python3 main.py"}
		branch := "main"
		switch {
		case strings.Contains(key, "branch"):
			branch = "stale"
		case strings.Contains(key, "build"):
			s["build"] = "true"
		case strings.Contains(key, "start"):
			s["start"] = "python3 main.py"
		}
		return map[string]any{
			"id": "srv-1", "name": "fixture-backend", "type": "web_service", "repo": repo, "branch": branch,
			"serviceDetails": map[string]any{"runtime": "python", "numInstances": 1, "envSpecificDetails": map[string]any{"buildCommand": s["build"], "startCommand": s["start"]}},
		}
	}
	mux.HandleFunc("GET /render/owners", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(bearer(r), "bad") {
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
			return
		}
		answer(w, http.StatusOK, []any{map[string]any{"owner": map[string]any{"id": "tea-1"}}})
	})
	mux.HandleFunc("GET /render/services", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, []any{map[string]any{"service": service(bearer(r)), "cursor": "c"}})
	})
	mux.HandleFunc("GET /render/services/srv-1/env-vars", func(w http.ResponseWriter, r *http.Request) {
		list := []any{}
		for _, name := range required {
			if !(strings.Contains(bearer(r), "vars") && name == "HF_TOKEN") {
				list = append(list, map[string]any{"envVar": map[string]any{"key": name, "value": "x"}, "cursor": "c"})
			}
		}
		answer(w, http.StatusOK, list)
	})
}

// railway answers the questions that are asked of it, by the fields that they name.
func railway(w http.ResponseWriter, r *http.Request, repo string) {
	key := r.Header.Get("Project-Access-Token")
	if strings.Contains(key, "bad") {
		answer(w, http.StatusOK, map[string]any{"errors": []any{map[string]any{"message": "Not Authorized"}}, "data": nil})
		return
	}
	var q struct {
		Query string `json:"query"`
	}
	if json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&q) != nil {
		answer(w, http.StatusBadRequest, map[string]any{})
		return
	}
	edges := func(node any) map[string]any {
		return map[string]any{"edges": []any{map[string]any{"node": node}}}
	}
	if strings.Contains(key, "repo") {
		repo = "somebody/else"
	}
	var data map[string]any
	switch {
	case strings.Contains(q.Query, "projectToken"):
		data = map[string]any{"projectToken": map[string]any{"projectId": "p", "environmentId": "e"}}
	case strings.Contains(q.Query, "services("):
		data = map[string]any{"project": map[string]any{"services": edges(map[string]any{"id": "s", "name": "fixture-backend"})}}
	case strings.Contains(q.Query, "serviceInstance"):
		data = map[string]any{
			"serviceInstance":    map[string]any{"startCommand": "", "numReplicas": 1, "source": map[string]any{"repo": repo}},
			"deploymentTriggers": edges(map[string]any{"branch": "main", "repository": repo}),
		}
	default:
		all := map[string]any{}
		for _, name := range required {
			all[name] = "x"
		}
		data = map[string]any{"variables": all}
	}
	answer(w, http.StatusOK, map[string]any{"data": data})
}

func cerebrium(mux *http.ServeMux) {
	mux.HandleFunc("GET /cerebrium/v2/projects/{project}/apps", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, []any{map[string]any{"id": r.PathValue("project") + "-fixture-backend", "status": "ready"}})
	})
	mux.HandleFunc("GET /cerebrium/v2/projects/{project}/apps/{app}", func(w http.ResponseWriter, r *http.Request) {
		least := 1
		if strings.Contains(bearer(r), "cold") {
			least = 0
		}
		answer(w, http.StatusOK, map[string]any{
			"id": r.PathValue("app"), "minReplicaCount": least, "maxReplicaCount": 10, "cooldownPeriodSeconds": 60, "scalingBuffer": 1, "replicaConcurrency": 1,
		})
	})
}

// required are the variables without which the backend cannot work.
var required = []string{
	"CARTESIA_API_KEY", "CEREBRIUM_PROJECT_ID", "HF_TOKEN", "OPENAI_API_KEY", "SPEECHMATICS_API_KEY", "SUPABASE_ANON_KEY", "SUPABASE_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
}

const (
	speech = "fixie-ai/ultravox-v0_4_1-llama-3_1-8b"
	below  = "meta-llama/Meta-Llama-3.1-8B-Instruct"
)

// hub is Hugging Face: a token, a public model and the gated one below it. A token that holds "Nogate" has not
// accepted the licence.
func hub(w http.ResponseWriter, r *http.Request) {
	key := bearer(r)
	path := strings.TrimPrefix(r.URL.Path, "/hf")
	refuse := func(status int, code, message string) {
		w.Header().Set("X-Error-Code", code)
		w.Header().Set("X-Error-Message", message)
		answer(w, status, map[string]any{"error": message})
	}
	known := strings.HasPrefix(key, "hf_") && !strings.Contains(key, "NoToken") && !strings.Contains(key, "bad")
	if key != "" && !known {
		refuse(http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return
	}
	if path == "/api/whoami-v2" {
		answer(w, http.StatusOK, map[string]any{"name": "fixture", "type": "user", "auth": map[string]any{"accessToken": map[string]any{"role": "read"}}})
		return
	}
	closed := key == "" || strings.Contains(key, "Nogate")
	for _, model := range []struct {
		name  string
		gated any
	}{{speech, false}, {below, "manual"}} {
		gated := model.gated != false && closed
		switch {
		case path == "/api/models/"+model.name:
			answer(w, http.StatusOK, map[string]any{"id": model.name, "gated": model.gated, "cardData": map[string]any{"base_model": below}})
		case path == "/api/models/"+model.name+"/auth-check" && !gated, path == "/"+model.name+"/resolve/main/config.json" && !gated:
			answer(w, http.StatusOK, map[string]any{"text_model_id": below})
		case strings.Contains(path, model.name) && gated:
			refuse(http.StatusForbidden, "GatedRepo", "Access to model "+model.name+" is restricted")
		case strings.HasPrefix(path, "/"+model.name+"/resolve/"):
			refuse(http.StatusNotFound, "EntryNotFound", "Entry not found")
		default:
			continue
		}
		return
	}
	refuse(http.StatusNotFound, "RepoNotFound", "Repository not found")
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away
}
