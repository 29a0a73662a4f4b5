package vendor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

// git runs a command in a folder, as a developer would.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.invalid", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.invalid", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// clone is a work tree with one commit, whose remote is a bare repository beside it.
func clone(t *testing.T) (work, bare string) {
	t.Helper()
	root := t.TempDir()
	work, bare = filepath.Join(root, "work"), filepath.Join(root, "owner", "voice.git")
	git(t, root, "init", "-q", "--bare", "-b", "main", bare)
	git(t, root, "init", "-q", "-b", "main", work)
	write(t, work, "main.py", "print(1)\n")
	write(t, work, "requirements.txt", "fastapi\n")
	commit(t, work, "first")
	git(t, work, "remote", "add", "origin", bare)
	return work, bare
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir, message string) {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
}

func TestGit_WhetherTheRemoteHoldsTheCommit(t *testing.T) {
	pushed := with{"platform": "git", "expect": []any{"remote-has-commit"}}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, work, bare string)
		want    checks.State
		says    string
	}{
		"it was pushed": {func(t *testing.T, work, _ string) { git(t, work, "push", "-q", "origin", "main") }, checks.Pass, "refs/heads/main"},
		"it was not":    {func(*testing.T, string, string) {}, checks.Fail, "git push origin HEAD"},
		"a later commit was not": {func(t *testing.T, work, _ string) {
			git(t, work, "push", "-q", "origin", "main")
			commit(t, work, "second")
		}, checks.Fail, "no branch and no tag of origin holds HEAD"},
		"an older commit is checked out": {func(t *testing.T, work, _ string) {
			commit(t, work, "second")
			git(t, work, "push", "-q", "origin", "main")
			git(t, work, "checkout", "-q", "HEAD~1")
		}, checks.Pass, "refs/heads/main"},
		"it is on another branch, by a tag": {func(t *testing.T, work, _ string) {
			git(t, work, "tag", "-a", "v1", "-m", "v1")
			git(t, work, "push", "-q", "origin", "v1")
		}, checks.Pass, "refs/tags/v1"},
		"the remote went on without us": {func(t *testing.T, work, bare string) {
			git(t, work, "push", "-q", "origin", "main")
			other := filepath.Join(t.TempDir(), "other")
			git(t, work, "clone", "-q", bare, other)
			commit(t, other, "theirs")
			git(t, other, "push", "-q", "origin", "HEAD:main")
		}, checks.Inconclusive, "git fetch origin"},
		"there is no remote": {func(t *testing.T, work, _ string) { git(t, work, "remote", "remove", "origin") }, checks.Fail, "no remote origin"},
		"the remote is away": {func(t *testing.T, _, bare string) { _ = os.RemoveAll(bare) }, checks.Error, "ls-remote"},
		"there is no commit": {func(t *testing.T, work, _ string) { git(t, work, "checkout", "-q", "--orphan", "new") }, checks.Inconclusive, "no commit yet"},
		"the remote is a program": {func(t *testing.T, work, _ string) {
			git(t, work, "remote", "set-url", "origin", "ext::sh -c touch% "+work+"/ran")
		}, checks.Error, "neither https, ssh nor a folder"},
		"the configuration would run a program": {func(t *testing.T, work, bare string) {
			git(t, work, "push", "-q", "origin", "main")
			git(t, work, "config", "remote.origin.uploadpack", "touch "+work+"/ran; git-upload-pack")
			git(t, work, "config", "core.sshCommand", "touch "+work+"/ran")
			git(t, work, "config", "core.fsmonitor", "touch "+work+"/ran")
			git(t, work, "config", "url.ext::sh.insteadOf", bare)
		}, checks.Pass, "refs/heads/main"},
	} {
		t.Run(name, func(t *testing.T) {
			work, bare := clone(t)
			c.prepare(t, work, bare)
			f := look(t, &checks.Scope{Repo: work, Git: true}, "platform.state", pushed)
			if text := fmt.Sprintf("%+v", f); f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
			if _, err := os.Stat(filepath.Join(work, "ran")); err == nil {
				t.Error("a program of the repository ran")
			}
		})
	}
	if f := look(t, &checks.Scope{Repo: t.TempDir()}, "platform.state", pushed); f.State != checks.Skip {
		t.Errorf("outside of a work tree: %+v", f)
	}
}

// scripted is an interface that answers what is scripted and refuses everything else, so that a question that it
// does not know is seen at once.
func scripted(t *testing.T, token string, answers map[string]any) (string, *atomic.Int32) {
	t.Helper()
	var status atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case status.Load() != 0:
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(int(status.Load()))
			_, _ = fmt.Fprint(w, `{"message":"scripted"}`)
			return
		case r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"id":"1","message":"unauthorized"}`)
			return
		}
		body, known := answers[r.Method+" "+r.URL.RequestURI()]
		if !known {
			t.Errorf("an unknown question: %s %s", r.Method, r.URL.RequestURI())
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		if body == nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"message":"not found"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, &status
}

type (
	list   = []any
	object = map[string]any
)

// webService is a service of Render's, as its interface tells it.
func webService(repo, branch, runtime, build, start string) object {
	return object{
		"id": "srv-one", "name": "voice", "type": "web_service", "repo": repo, "branch": branch, "rootDir": "", "autoDeploy": "yes", "suspended": "not_suspended",
		"serviceDetails": object{"runtime": runtime, "env": runtime, "numInstances": 2, "plan": "starter", "healthCheckPath": "/health", "envSpecificDetails": object{"buildCommand": build, "startCommand": start}},
	}
}

func TestRender_LiveAgainstDeclared(t *testing.T) {
	work, bare := clone(t)
	git(t, work, "push", "-q", "origin", "main")
	git(t, work, "remote", "set-url", "origin", "git@github.com:Owner/voice.git")
	_ = bare
	const (
		repo  = "https://github.com/owner/voice"
		build = "pip install -r requirements.txt"
		start = "uvicorn main:app --host 0.0.0.0 --port ${PORT}"
	)
	expect := func(fields ...any) with { return with{"platform": "render", "expect": fields} }
	bound := with{"platform": "render", "expect": list{"start-command"}, "contains": list{"0.0.0.0", "$PORT"}}
	owners := list{object{"owner": object{"id": "tea-1", "name": "Team"}, "cursor": "a"}}
	page := func(services ...any) list {
		out := list{}
		for _, s := range services {
			out = append(out, object{"service": s, "cursor": "c"})
		}
		return out
	}
	other := webService("https://github.com/owner/other", "main", "python", build, start)
	other["id"], other["name"] = "srv-two", "other"
	const all, named = "GET /services?limit=100&type=web_service", "GET /services?limit=100&name=voice&type=web_service"
	vars1 := object{"cursor": "e", "envVar": object{"key": "OPENAI_API_KEY", "value": "value-that-nobody-may-see"}}
	blueprint := "services:\n  - type: web\n    name: voice\n    branch: release\n    buildCommand: make\n    startCommand: ./voice\n    numInstances: 2\n    envVars:\n      - key: OPENAI_API_KEY\n"
	for name, c := range map[string]struct {
		with    with
		answers object
		yaml    string
		env     vars
		want    checks.State
		says    string
	}{
		"the key is good":              {with: expect("auth"), want: checks.Pass, says: "live:200"},
		"the key is wrong":             {with: expect("auth"), env: vars{"RENDER_API_KEY": "rnd_of_nobody_at_all"}, want: checks.Fail, says: "refuses the key (HTTP 401)"},
		"the key is not set":           {with: expect("auth"), env: vars{"RENDER_API_KEY": ""}, want: checks.Skip, says: "RENDER_API_KEY"},
		"repository and branch":        {with: expect("repo", "branch"), answers: object{all: page(webService(repo, "main", "python", build, start), other)}, want: checks.Pass, says: "github.com/owner/voice"},
		"another branch":               {with: expect("repo", "branch"), answers: object{all: page(webService(repo, "develop", "python", build, start))}, want: checks.Fail, says: "branch is develop, declared is main"},
		"another repository":           {with: expect("repo"), answers: object{all: page(other)}, want: checks.Fail, says: "repo is github.com/owner/other, declared is github.com/owner/voice"},
		"no service":                   {with: expect("repo"), answers: object{all: list{}}, want: checks.Fail, says: "no web service"},
		"which service cannot be told": {with: expect("repo"), answers: object{all: page(other, other)}, want: checks.Inconclusive, says: "RENDER_SERVICE_ID"},
		"a service by its id":          {with: expect("branch"), env: vars{"RENDER_SERVICE_ID": "srv-one"}, answers: object{"GET /services/srv-one": webService(repo, "main", "python", build, start)}, want: checks.Pass, says: "srv-one"},
		"an id that is none":           {with: expect("branch"), env: vars{"RENDER_SERVICE_ID": "srv-nine"}, answers: object{"GET /services/srv-nine": nil}, want: checks.Fail, says: "no service srv-nine"},
		"a build that fits":            {with: expect("build-command"), answers: object{all: page(webService(repo, "main", "python", build, start))}, want: checks.Pass, says: "requirements.txt"},
		"a build of a missing file":    {with: expect("build-command"), answers: object{all: page(webService(repo, "main", "python", "pip install -r deps.txt", start))}, want: checks.Fail, says: "deps.txt, which the repository does not have"},
		"no build":                     {with: expect("build-command"), answers: object{all: page(webService(repo, "main", "python", "", start))}, want: checks.Fail, says: "there is no build command"},
		"an image needs no build":      {with: expect("build-command"), answers: object{all: page(webService(repo, "main", "docker", "", ""))}, want: checks.Pass, says: "an image is deployed"},
		"a start on all interfaces":    {with: bound, answers: object{all: page(webService(repo, "main", "python", build, start))}, want: checks.Pass, says: "uvicorn"},
		"a start on loopback":          {with: bound, answers: object{all: page(webService(repo, "main", "python", build, "uvicorn main:app --port 8000"))}, want: checks.Fail, says: "does not hold 0.0.0.0, $PORT"},
		"an image's own start":         {with: bound, answers: object{all: page(webService(repo, "main", "docker", "", ""))}, want: checks.Inconclusive, says: "the image's own command"},
		"as render.yaml declares": {
			with: expect("all"), yaml: blueprint, env: vars{"PROFILE": "audio"}, want: checks.Pass, says: "declared:release",
			answers: object{named: page(webService(repo, "release", "go", "make", "./voice")), "GET /services/srv-one/env-vars?limit=100": list{vars1}},
		},
		"not as render.yaml declares": {
			with: expect("all"), yaml: blueprint, env: vars{"PROFILE": "audio"}, want: checks.Fail, says: "start-command is ./other, declared is ./voice",
			answers: object{named: page(webService(repo, "release", "go", "make", "./other")), "GET /services/srv-one/env-vars?limit=100": list{vars1}},
		},
		"a variable is missing": {
			with: expect("env-names"), want: checks.Fail, says: "missing: CARTESIA_API_KEY, SPEECHMATICS_API_KEY, SUPABASE_ANON_KEY, SUPABASE_URL",
			answers: object{all: page(webService(repo, "main", "go", build, start)), "GET /services/srv-one/env-vars?limit=100": list{vars1}},
		},
		"an answer that is no list":   {with: expect("repo"), answers: object{all: object{"services": list{}}}, want: checks.Error, says: "Render: HTTP 200"},
		"a field that it cannot tell": {with: expect("rollout"), want: checks.Skip, says: "render tells no rollout"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := object{"GET /owners?limit=1": owners}
			for k, v := range c.answers {
				answers[k] = v
			}
			base, _ := scripted(t, "rnd_good_key_of_ours", answers)
			e := env(vars{"RENDER_API_KEY": "rnd_good_key_of_ours", "RENDER_API_URL": base}, c.env)
			if c.yaml != "" {
				write(t, work, "render.yaml", c.yaml)
				defer func() { _ = os.Remove(filepath.Join(work, "render.yaml")) }()
			}
			scope := &checks.Scope{Env: e, Repo: work, Git: true, Profile: "julia"}
			if p := e.Value("PROFILE"); p != "" {
				scope.Profile = p
			}
			f := look(t, scope, "platform.state", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) || strings.Contains(text, "nobody-may-see") {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
		})
	}
	for status, says := range map[int32]string{429: "patience", 500: "cannot answer now", 503: "cannot answer now"} {
		base, failing := scripted(t, "rnd_good_key_of_ours", nil)
		failing.Store(status)
		scope := &checks.Scope{Env: env(vars{"RENDER_API_KEY": "rnd_good_key_of_ours", "RENDER_API_URL": base}, nil)}
		if f := look(t, scope, "platform.state", expect("auth")); f.State != checks.Error || !strings.Contains(fmt.Sprint(f.Saw), says) {
			t.Errorf("%d: %+v", status, f)
		}
	}
}

func TestCerebrium_LiveAgainstDeclared(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cerebrium.toml", "[cerebrium.deployment]\nname = \"voice\"\n[cerebrium.scaling]\nmin_replicas = 1\nmax_replicas = 4\nresponse_grace_period = 2100\n")
	bare := t.TempDir()
	ask := func(fields ...any) with { return with{"platform": "cerebrium", "expect": fields} }
	apps := list{object{"id": "p-12345678-voice", "status": "ready"}, object{"id": "p-12345678-old", "status": "cold"}}
	app := func(least, most any, more ...any) object {
		o := object{"id": "p-12345678-voice", "minReplicaCount": least, "maxReplicaCount": most, "responseGracePeriodSeconds": "2100", "status": "ready"}
		for i := 0; i+1 < len(more); i += 2 {
			o[more[i].(string)] = more[i+1]
		}
		return o
	}
	const listing, one = "GET /v2/projects/p-12345678/apps", "GET /v2/projects/p-12345678/apps/p-12345678-voice"
	for name, c := range map[string]struct {
		with    with
		repo    string
		env     vars
		answers object
		want    checks.State
		says    string
	}{
		"the token is good":        {with: ask("auth"), answers: object{listing: apps}, want: checks.Pass, says: "live:200"},
		"the token is wrong":       {with: ask("auth"), env: vars{"CEREBRIUM_API_KEY": "token-of-nobody"}, want: checks.Fail, says: "refuses the token for project p-12345678 (HTTP 401)"},
		"no project":               {with: ask("auth"), env: vars{"CEREBRIUM_PROJECT_ID": ""}, want: checks.Skip, says: "CEREBRIUM_PROJECT_ID"},
		"another name of the key":  {with: ask("auth"), env: vars{"CEREBRIUM_API_KEY": "", "CEREBRIUM_SERVICE_ACCOUNT_TOKEN": "cerebrium-good"}, answers: object{listing: apps}, want: checks.Pass, says: "live:200"},
		"one is warm":              {with: ask("scaling"), repo: dir, answers: object{listing: apps, one: app("1", "4")}, want: checks.Pass, says: "min_replicas:1"},
		"numbers as numbers":       {with: ask("scaling"), repo: dir, answers: object{listing: apps, one: app(1, 4)}, want: checks.Pass, says: "min_replicas:1"},
		"none is warm":             {with: ask("scaling"), repo: dir, answers: object{listing: apps, one: app("0", "4")}, want: checks.Fail, says: "no container is always warm"},
		"a buffer is warm":         {with: ask("scaling"), repo: bare, env: vars{"CEREBRIUM_APP": "voice"}, answers: object{listing: apps, one: app("0", "4", "scalingBuffer", "1")}, want: checks.Pass, says: "scaling_buffer:1"},
		"not as declared":          {with: ask("scaling"), repo: dir, answers: object{listing: apps, one: app("1", "9")}, want: checks.Fail, says: "max_replicas is 9, declared is 4"},
		"no such app":              {with: ask("scaling"), repo: dir, answers: object{listing: list{}}, want: checks.Fail, says: "the project has no app voice"},
		"which app cannot be told": {with: ask("scaling"), repo: bare, answers: object{listing: apps}, want: checks.Inconclusive, says: "CEREBRIUM_APP"},
		"an app without figures":   {with: ask("scaling"), repo: dir, answers: object{listing: apps, one: object{"id": "p-12345678-voice"}}, want: checks.Error, says: "replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			base, _ := scripted(t, "cerebrium-good", c.answers)
			e := env(vars{"CEREBRIUM_API_KEY": "cerebrium-good", "CEREBRIUM_PROJECT_ID": "p-12345678", "CEREBRIUM_API_URL": base}, c.env)
			f := look(t, &checks.Scope{Env: e, Repo: c.repo}, "platform.state", c.with)
			if text := fmt.Sprintf("%+v", f); f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
		})
	}
	base, failing := scripted(t, "cerebrium-good", nil)
	failing.Store(502)
	e := env(vars{"CEREBRIUM_API_KEY": "cerebrium-good", "CEREBRIUM_PROJECT_ID": "p-12345678", "CEREBRIUM_API_URL": base}, nil)
	if f := look(t, &checks.Scope{Env: e}, "platform.state", ask("auth")); f.State != checks.Error {
		t.Errorf("down: %+v", f)
	}
}

// schema are the fields of Railway's interface that exist, with the variables that each takes.
var schema = map[string]string{
	"projectToken": "", "projectId": "", "environmentId": "", "apiToken": "", "workspaces": "", "id": "", "name": "", "project": "id", "services": "first", "edges": "", "node": "",
	"serviceInstance": "environmentId serviceId", "startCommand": "", "numReplicas": "", "source": "", "repo": "", "image": "",
	"deploymentTriggers": "projectId environmentId serviceId first", "branch": "", "repository": "", "variables": "projectId environmentId serviceId",
}

var selection = regexp.MustCompile(`([a-zA-Z]+)(?:\(([^)]*)\))?`)

// backboard is a GraphQL server that refuses fields and arguments which the real one does not have.
func backboard(t *testing.T, data object) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		say := func(message string) {
			_, _ = fmt.Fprintf(w, `{"data":null,"errors":[{"message":%q,"extensions":{}}]}`, message)
		}
		raw, err := io.ReadAll(r.Body)
		var q struct {
			Query     string         `json:"query"`
			Variables map[string]any `json:"variables"`
		}
		if err != nil || json.Unmarshal(raw, &q) != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("no question: %s %s", r.Method, raw)
			return
		}
		account := r.Header.Get("Authorization") == "Bearer railway-account"
		if !account && r.Header.Get("Project-Access-Token") != "railway-project" {
			say("Not Authorized")
			return
		}
		if status, fails := data["status"].(int); fails {
			w.WriteHeader(status)
			return
		}
		if message, fails := data["message"].(string); fails {
			say(message)
			return
		}
		_, body, _ := strings.Cut(q.Query, "{")
		for _, m := range selection.FindAllStringSubmatch(body, -1) {
			arguments, known := schema[m[1]]
			if !known {
				t.Errorf("Cannot query field %q", m[1])
				say(fmt.Sprintf("Cannot query field %q", m[1]))
				return
			}
			for a := range strings.SplitSeq(m[2], ",") {
				name, _, _ := strings.Cut(strings.TrimSpace(a), ":")
				if name != "" && !slices.Contains(strings.Fields(arguments), name) {
					t.Errorf("Unknown argument %q of %q", name, m[1])
				}
			}
		}
		out := object{}
		for _, top := range []string{"projectToken", "apiToken", "serviceInstance", "deploymentTriggers", "variables"} {
			if strings.Contains(body, top) {
				out[top] = data[top]
			}
		}
		if strings.Contains(body, "project(id") {
			out["project"] = data["project"]
		}
		_ = json.NewEncoder(w).Encode(object{"data": out})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRailway_LiveAgainstDeclared(t *testing.T) {
	work, _ := clone(t)
	git(t, work, "push", "-q", "origin", "main")
	git(t, work, "remote", "set-url", "origin", "https://user:pass-word-of-ours@github.com/owner/voice.git")
	edges := func(nodes ...any) object {
		out := list{}
		for _, n := range nodes {
			out = append(out, object{"node": n})
		}
		return object{"edges": out}
	}
	data := func(changes object) object {
		d := object{
			"projectToken": object{"projectId": "prj", "environmentId": "env"}, "apiToken": object{"workspaces": list{object{"id": "w"}}},
			"project":            object{"services": edges(object{"id": "svc", "name": "voice"})},
			"serviceInstance":    object{"startCommand": "./voice --port $PORT", "numReplicas": 1, "source": object{"repo": "owner/voice", "image": nil}},
			"deploymentTriggers": edges(object{"branch": "main", "repository": "owner/voice"}),
			"variables":          object{"OPENAI_API_KEY": "value-that-nobody-may-see"},
		}
		for k, v := range changes {
			d[k] = v
		}
		return d
	}
	ask := func(fields ...any) with { return with{"platform": "railway", "expect": fields} }
	for name, c := range map[string]struct {
		with with
		data object
		env  vars
		want checks.State
		says string
	}{
		"the token is good":                {ask("auth"), nil, nil, checks.Pass, "accepted"},
		"the token is wrong":               {ask("auth"), nil, vars{"RAILWAY_TOKEN": "token-of-nobody"}, checks.Fail, "Railway refuses the token: Not Authorized"},
		"an account's token":               {ask("auth"), nil, vars{"RAILWAY_TOKEN": "", "RAILWAY_API_TOKEN": "railway-account"}, checks.Pass, "accepted"},
		"an account's token leads nowhere": {ask("repo"), nil, vars{"RAILWAY_TOKEN": "", "RAILWAY_API_TOKEN": "railway-account"}, checks.Inconclusive, "RAILWAY_PROJECT_ID"},
		"and somewhere when it is said":    {ask("repo"), nil, vars{"RAILWAY_TOKEN": "", "RAILWAY_API_TOKEN": "railway-account", "RAILWAY_PROJECT_ID": "prj", "RAILWAY_ENVIRONMENT_ID": "env"}, checks.Pass, "owner/voice"},
		"no token":                         {ask("auth"), nil, vars{"RAILWAY_TOKEN": ""}, checks.Skip, "RAILWAY_TOKEN"},
		"repository and branch":            {ask("repo", "branch"), nil, nil, checks.Pass, "owner/voice"},
		"another branch":                   {ask("repo", "branch"), object{"deploymentTriggers": edges(object{"branch": "dev", "repository": "owner/voice"})}, nil, checks.Fail, "branch is dev, declared is main"},
		"another repository":               {ask("repo"), object{"serviceInstance": object{"source": object{"repo": "other/voice"}}}, nil, checks.Fail, "repo is other/voice"},
		"no service":                       {ask("repo"), object{"project": object{"services": edges()}}, nil, checks.Fail, "no service"},
		"two services":                     {ask("repo"), object{"project": object{"services": edges(object{"id": "a", "name": "a"}, object{"id": "b", "name": "b"})}}, nil, checks.Inconclusive, "RAILWAY_SERVICE_ID"},
		"two services, one is named":       {ask("repo"), object{"project": object{"services": edges(object{"id": "a", "name": "a"}, object{"id": "b", "name": "b"})}}, vars{"RAILWAY_SERVICE": "b"}, checks.Pass, "name:b"},
		"a start that takes the port":      {with{"platform": "railway", "expect": list{"start-command"}, "contains": list{"$PORT"}}, nil, nil, checks.Pass, "./voice"},
		"a variable is missing":            {ask("env-names"), nil, nil, checks.Fail, "missing: CARTESIA_API_KEY"},
		"an error in words":                {ask("auth"), object{"message": "Problem processing request"}, nil, checks.Error, "Problem processing request"},
		"it asks for patience":             {ask("auth"), object{"status": 429}, nil, checks.Error, "patience"},
		"it is down":                       {ask("auth"), object{"status": 503}, nil, checks.Error, "cannot answer now"},
	} {
		t.Run(name, func(t *testing.T) {
			e := env(vars{"RAILWAY_TOKEN": "railway-project", "RAILWAY_API_URL": backboard(t, data(c.data))}, c.env)
			f := look(t, &checks.Scope{Env: e, Repo: work, Git: true, Profile: "julia"}, "platform.state", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) || strings.Contains(text, "nobody-may-see") || strings.Contains(text, "pass-word") {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
		})
	}
}

// Everything that is declared, on every platform whose credentials are there.
func TestPlatforms_AllOfThemTogether(t *testing.T) {
	work, _ := clone(t)
	git(t, work, "push", "-q", "origin", "main")
	write(t, work, "cerebrium.toml", "[cerebrium.deployment]\nname = \"voice\"\n[cerebrium.scaling]\nmin_replicas = 0\n")
	base, _ := scripted(t, "cerebrium-good", object{
		"GET /v2/projects/p-12345678/apps":                  list{object{"id": "p-12345678-voice"}},
		"GET /v2/projects/p-12345678/apps/p-12345678-voice": object{"id": "p-12345678-voice", "minReplicaCount": "0", "maxReplicaCount": "1"},
	})
	e := vars{"CEREBRIUM_API_KEY": "cerebrium-good", "CEREBRIUM_PROJECT_ID": "p-12345678", "CEREBRIUM_API_URL": base}
	all := with{"expect": list{"all"}}
	if f := look(t, &checks.Scope{Env: env(e, nil), Repo: work, Git: true}, "platform.state", all); f.State != checks.Pass || f.Saw["git"] == nil || f.Saw["cerebrium"] == nil {
		t.Errorf("no drift: %+v", f)
	}
	commit(t, work, "not pushed")
	if f := look(t, &checks.Scope{Env: env(e, nil), Repo: work, Git: true}, "platform.state", all); f.State != checks.Fail || !strings.Contains(fmt.Sprint(f.Problems), "git: no branch") {
		t.Errorf("a commit that was not pushed: %+v", f)
	}
	if f := look(t, &checks.Scope{Repo: work, Git: true}, "platform.state", all); f.State != checks.Skip || !strings.Contains(fmt.Sprint(f.Fix), "RENDER_API_KEY") {
		t.Errorf("without a platform: %+v", f)
	}
	if f := look(t, &checks.Scope{Repo: work, Git: true}, "platform.state", with{"platform": "k8s", "expect": list{"rollout"}, "replicas": 3}); f.State != checks.Skip || !strings.Contains(fmt.Sprint(f.Fix), "voicectl deploy status k8s") {
		t.Errorf("a platform of another command: %+v", f)
	}
}
