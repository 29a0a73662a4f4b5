package manifest_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/manifest"
	"github.com/voicectl/voicectl/internal/clock"
)

// look makes one look through the engine, as a check would.
func look(t *testing.T, dir string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range manifest.Kinds() {
		kinds[k.Name] = k
	}
	scope := &checks.Scope{Repo: dir, Clock: clock.Real{}, Mask: checks.NewMask("salt", nil)}
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Severity: checks.Block, Steps: []checks.Step{{Uses: "manifest.lint", With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(context.Background(), p, checks.RunOptions{})[0]
}

func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sample reads a sound manifest, which each case breaks in one place.
func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// broken is one change of a sound repository, and the rule that must see it.
type broken struct {
	rule     string
	file     string
	from, to string            // replaced in the file; from "" appends
	more     map[string]string // further files; "" removes one
	says     string
	line     int
}

// proveRules breaks a sound repository in each way, expects exactly that rule, and in the end that no rule of
// the format was left without a proof.
func proveRules(t *testing.T, format string, sound map[string]string, want map[string]any, cases map[string]broken) {
	t.Helper()
	with := map[string]any{"kind": format}
	if want != nil {
		with["want"] = want
	}
	if f := look(t, repo(t, sound), with); f.State != checks.Pass || f.Saw["looks"].(int) == 0 {
		t.Fatalf("the sound one: %+v", f)
	}
	proved := map[string]bool{}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(sound)
			maps.Copy(files, c.more)
			maps.DeleteFunc(files, func(_, text string) bool { return text == "" })
			if c.from != "" {
				if !strings.Contains(files[c.file], c.from) {
					t.Fatalf("%s does not hold %q", c.file, c.from)
				}
				files[c.file] = strings.Replace(files[c.file], c.from, c.to, 1)
			} else if c.to != "" {
				files[c.file] += c.to
			}
			f := look(t, repo(t, files), with)
			grave := slices.ContainsFunc(manifest.Rules(), func(r manifest.Rule) bool { return r.ID == c.rule && r.Grave })
			if state := map[bool]checks.State{true: checks.Fail, false: checks.Warn}[grave]; f.State != state {
				t.Errorf("got %s, want %s: %+v", f.State, state, f)
			}
			for _, p := range f.Problems {
				if p.Rule != c.rule {
					t.Errorf("%s speaks too: %+v", p.Rule, p)
				}
			}
			if len(f.Problems) == 0 || !strings.Contains(f.Problems[0].Text, c.says) || c.line > 0 && f.Problems[0].Line != c.line || f.Problems[0].File == "" {
				t.Errorf("says %+v, want %q at line %d", f.Problems, c.says, c.line)
			}
			if f.Fix.Text == "" {
				t.Error("there is no word about how to mend it")
			}
		})
		proved[c.rule] = true
	}
	for _, r := range manifest.Rules() {
		if r.Format == format && !proved[r.ID] {
			t.Errorf("no case proves the rule %s", r.ID)
		}
	}
}

func TestRules_EachHasWordsAndANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range manifest.Rules() {
		if r.ID == "" || r.Wants == "" || r.Why == "" || r.Fix == "" || seen[r.ID] {
			t.Errorf("%+v lacks words, or its name is taken", r)
		}
		seen[r.ID] = true
	}
}

func TestDockerfile_EachRuleSeesItsDefect(t *testing.T) {
	sound := map[string]string{
		"Dockerfile": sample(t, "Dockerfile.txt"), ".dockerignore": ".git\n.env\n.venv\n", "requirements.txt": "fastapi==0.1\n", "main.py": "x = 1\n", "app/a.py": "x = 1\n",
		"render.yaml": "services:\n  - buildCommand: pip install -r requirements.txt\n    startCommand: python main.py\n",
	}
	d := "Dockerfile"
	proveRules(t, "dockerfile", sound, nil, map[string]broken{
		"a typo":                              {rule: "dockerfile-syntax", file: d, from: "EXPOSE", to: "EXPOES 1\nEXPOSE", says: "EXPOES"},
		"nothing before FROM":                 {rule: "dockerfile-syntax", file: d, from: "ARG VERSION", to: "RUN true\nARG VERSION", says: "before the first FROM", line: 2},
		"a source under another name":         {rule: "copy-source", file: d, from: "COPY app", to: "COPY pipecat-app", says: "pipecat-app is not in the build context"},
		"a source that is ignored":            {rule: "copy-source", more: map[string]string{".dockerignore": ".git\n.env\n.venv\napp\n"}, says: "app is ignored"},
		"a glob that fits nothing":            {rule: "copy-source", file: d, from: "COPY app", to: "COPY lib/*.txt", says: "fitted by no file"},
		"a requirements file by another name": {rule: "build-file", file: d, from: "-r requirements.txt", to: "-r pipecat-requirements.txt", says: "pipecat-requirements.txt is named here"},
		"a command whose file was not copied": {rule: "build-file", file: d, from: `"main:app"`, to: `"server:app"`, says: "server"},
		"the platform's own build command":    {rule: "build-command", file: "render.yaml", from: "-r requirements.txt", to: "-r pipecat-requirements.txt", says: "pipecat-requirements.txt", line: 2},
		"another port":                        {rule: "expose-matches", file: d, from: "EXPOSE 8000", to: "EXPOSE 8080", says: "listens on 8000, and EXPOSE names 8080"},
		"no port":                             {rule: "expose-matches", file: d, from: "EXPOSE 8000", to: "", says: "EXPOSE names none"},
		"a health check of another port":      {rule: "expose-matches", file: d, from: "127.0.0.1:8000", to: "127.0.0.1:9000", says: "the health check asks 9000"},
		"a key in ENV":                        {rule: "secret-in-image", file: d, from: "ENV PYTHONUNBUFFERED=1", to: "ENV OPENAI_API_KEY=sk-abc123def456", says: "OPENAI_API_KEY is set"},
		"a key as an argument":                {rule: "secret-in-image", file: d, from: "ENV PYTHON", to: "ARG HF_TOKEN\nENV PYTHON", says: "HF_TOKEN stays in the history"},
		"a key in a step":                     {rule: "secret-in-image", file: d, from: "RUN useradd", to: "RUN HF_TOKEN=hf_abcdef123456 true && useradd", says: "HF_TOKEN"},
		"an env file":                         {rule: "secret-in-image", file: d, from: "COPY app", to: "COPY .env.production app", more: map[string]string{".env.production": "A=1"}, says: ".env.production is copied"},
		"the whole context with its env file": {rule: "secret-in-image", file: d, from: "COPY app ./app", to: "COPY . .", more: map[string]string{".env": "A=1", ".dockerignore": ".git\n"}, says: ".env enters the image"},
		"no command":                          {rule: "no-command", file: d, from: `CMD ["uvicorn"`, to: `LABEL cmd=["uvicorn"`, says: "nothing says"},
		"latest":                              {rule: "base-tag", file: d, from: "FROM python:${VERSION}-slim", to: "FROM python:latest", says: "python:latest"},
		"no tag":                              {rule: "base-tag", file: d, from: "FROM python:${VERSION}-slim", to: "FROM python", says: "python has no fixed tag"},
		"root":                                {rule: "root-user", file: d, from: "USER app", to: "USER root", says: "root"},
		"no user":                             {rule: "root-user", file: d, from: "USER app", to: "", says: "root"},
		"no health check":                     {rule: "no-healthcheck", file: d, from: "HEALTHCHECK", to: "# HEALTHCHECK", says: "HEALTHCHECK"},
		"a shell in between":                  {rule: "shell-command", file: d, from: `CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]`, to: "CMD uvicorn main:app --port 8000", says: "CMD runs in a shell"},
		"reloads":                             {rule: "reload-in-image", file: d, from: `"--port", "8000"`, to: `"--port", "8000", "--reload"`, says: "reloads"},
		"the whole context":                   {rule: "dockerignore", file: d, from: "COPY app ./app", to: "COPY . .", more: map[string]string{".dockerignore": ""}, says: "whole context"},
		"fetches":                             {rule: "add-remote", file: d, from: "COPY app", to: "ADD https://example.com/a.txt /a.txt\nCOPY app", says: "ADD fetches"},
		"lists in a step of their own":        {rule: "apt-update", file: d, from: "RUN apt-get update && apt-get", to: "RUN apt-get update\nRUN apt-get", says: "step of their own"},
	})
}

func TestDockerfile_WhatIsSoundElsewhereIsSoundHere(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"stages and a heredoc":  {map[string]string{"Dockerfile": "FROM golang:1.26 AS build\nWORKDIR /src\nCOPY <<EOF /etc/x\nNOT an instruction\nEOF\nCOPY . .\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\nUSER 65532\nEXPOSE 8080\nHEALTHCHECK CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\", \"serve\", \"--addr\", \":8080\"]\n", ".dockerignore": ".git\n", "go.mod": "module x"}, nil, checks.Pass, ""},
		"no port can be told":   {map[string]string{"Dockerfile": "FROM busybox:1\nEXPOSE 80\nCMD [\"serve\"]\n"}, map[string]any{"rules": []any{"expose-matches"}}, checks.Inconclusive, "nothing in Dockerfile to judge by expose-matches"},
		"a port by the script":  {map[string]string{"Dockerfile": "FROM python:3.12\nCOPY main.py .\nEXPOSE 8000\nCMD [\"python\", \"main.py\"]\n", "main.py": "uvicorn.run(app, port=int(os.getenv('PORT', '9000')))"}, map[string]any{"rules": []any{"expose-matches"}}, checks.Fail, "listens on 9000"},
		"a folder of its own":   {map[string]string{"backend/Dockerfile": "FROM python:3.12\nCOPY backend/a.py /a.py\nEXPOSE 1\nCMD [\"python\", \"/a.py\"]\n", "backend/a.py": ""}, map[string]any{"file": "backend/Dockerfile", "rules": []any{"copy-source", "build-file"}}, checks.Pass, ""},
		"there is none":         {map[string]string{"a.txt": ""}, nil, checks.Skip, "no Dockerfile"},
		"the file is not there": {map[string]string{"a.txt": ""}, map[string]any{"file": "docker/Dockerfile"}, checks.Skip, "no Dockerfile"},
		"a rule of another":     {map[string]string{"Dockerfile": "FROM a:1\n"}, map[string]any{"rules": []any{"probes"}}, checks.Error, "not all for a Dockerfile"},
		"a binary":              {map[string]string{"Dockerfile": "\x00\x01"}, nil, checks.Error, "is not text"},
	} {
		t.Run(name, func(t *testing.T) {
			with := map[string]any{"kind": "dockerfile"}
			maps.Copy(with, c.with)
			f := look(t, repo(t, c.files), with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestCompose_EachRuleSeesItsDefect(t *testing.T) {
	sound := map[string]string{
		"docker-compose.yml": sample(t, "compose.txt"), "backend/Dockerfile": "FROM python:3.12\nEXPOSE 8000\nCMD [\"x\"]\n", "Makefile": "up:\n\tdocker compose up -d\n",
	}
	c := "docker-compose.yml"
	proveRules(t, "compose", sound, nil, map[string]broken{
		"no YAML":                     {rule: "compose-syntax", file: c, from: "services:", to: "services: [", says: "line"},
		"neither image nor build":     {rule: "compose-syntax", file: c, from: "image: redis:7.4", to: "restart: always", says: "neither image nor build"},
		"services at the root":        {rule: "compose-v1", more: map[string]string{c: "web:\n  image: nginx:1.27\n"}, says: "stands at the root"},
		"a key of old":                {rule: "compose-v1", file: c, from: "restart: unless-stopped", to: "net: host", says: "network_mode"},
		"a key that does not exist":   {rule: "compose-key", file: c, from: "restart: unless-stopped", to: "healthCheck: {test: x}", says: "did you mean healthcheck"},
		"a folder that is not there":  {rule: "compose-build", file: c, from: "context: ./backend", to: "context: ./server", says: "server"},
		"a Dockerfile that is not":    {rule: "compose-build", more: map[string]string{"backend/Dockerfile": "", "backend/x": "x"}, says: "backend/Dockerfile"},
		"a secret in a mapping":       {rule: "compose-secret", file: c, from: "OPENAI_API_KEY: ${OPENAI_API_KEY}", to: "OPENAI_API_KEY: sk-abc123def456", says: "OPENAI_API_KEY", line: 11},
		"a secret in a list":          {rule: "compose-secret", file: c, from: "image: redis:7.4", to: "image: redis:7.4\n    environment: [REDIS_PASSWORD=hunter2hunter2]", says: "REDIS_PASSWORD"},
		"another port":                {rule: "compose-ports", file: c, from: "8000:8000", to: "8000:8080", says: "its image exposes 8000"},
		"a database for everybody":    {rule: "compose-open-database", file: c, from: "127.0.0.1:6379:6379", to: "6379:6379", says: "every address"},
		"privileged":                  {rule: "compose-docker-socket", file: c, from: "restart: unless-stopped", to: "privileged: true", says: "privileged"},
		"the engine's socket":         {rule: "compose-docker-socket", file: c, from: "restart: unless-stopped", to: "volumes: ['/var/run/docker.sock:/var/run/docker.sock']", says: "socket"},
		"no tag":                      {rule: "compose-tag", file: c, from: "redis:7.4", to: "redis", says: "redis has no fixed tag"},
		"no health check":             {rule: "compose-healthcheck", file: c, from: "healthcheck:", to: "x-healthcheck:", says: "no health check"},
		"a version":                   {rule: "compose-version", file: c, from: "services:", to: "version: '3.8'\nservices:", says: "version"},
		"the old program in a script": {rule: "compose-command", file: "Makefile", from: "docker compose", to: "docker-compose", says: "out of support", line: 2},
	})
	if f := look(t, repo(t, map[string]string{"main.py": ""}), map[string]any{"kind": "compose", "file": c}); f.State != checks.NotApplied {
		t.Errorf("there is none: %+v", f)
	}
}

func TestKubernetes_EachRuleSeesItsDefect(t *testing.T) {
	sound := map[string]string{"k8s/deployment.yaml": sample(t, "deployment.txt"), "k8s/service.yaml": sample(t, "service.txt"), ".github/workflows/ci.yml": "on: push\njobs: {}\n"}
	want := map[string]any{"replicas": 3, "port": 8000, "path": "/health", "initial": 5, "period": 10, "ENVIRONMENT": "production", "LOG_LEVEL": "INFO"}
	d, s := "k8s/deployment.yaml", "k8s/service.yaml"
	proveRules(t, "k8s", sound, want, map[string]broken{
		"no YAML":                       {rule: "k8s-syntax", file: d, to: "\n---\napiVersion: v1\nkind: [\n", says: "line"},
		"no name":                       {rule: "k8s-syntax", file: d, to: "\n---\napiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n", says: "lacks"},
		"a version that is gone":        {rule: "k8s-api-version", file: d, from: "apiVersion: policy/v1", to: "apiVersion: policy/v1beta1", says: "policy/v1 took its place"},
		"a health check at a container": {rule: "k8s-field", file: d, from: "          livenessProbe:", to: "          healthCheck: {path: /health}\n          livenessProbe:", says: "livenessProbe, readinessProbe and startupProbe"},
		"a field with a typo":           {rule: "k8s-field", file: d, from: "imagePullPolicy", to: "imagePullPolcy", says: "did you mean imagePullPolicy"},
		"labels that do not fit":        {rule: "k8s-selector", file: d, from: "    matchLabels: {app: voice}\n  template:", to: "    matchLabels: {app: voice, tier: web}\n  template:", says: "does not fit"},
		"no Service":                    {rule: "k8s-service", more: map[string]string{s: ""}, says: "no Service selects"},
		"a Service of another":          {rule: "k8s-service", file: s, from: "app: voice", to: "app: other", says: "no Service selects"},
		"a Service to another port":     {rule: "k8s-service", file: s, from: "targetPort: http", to: "targetPort: 9000", says: "leads to port 9000"},
		"a probe of another port":       {rule: "port-matches", file: d, from: "readinessProbe:\n            httpGet: {path: /health, port: http}", to: "readinessProbe:\n            httpGet: {path: /health, port: 9000}", says: "asks port 9000"},
		"a container of another port":   {rule: "port-matches", file: d, from: "containerPort: 8000", to: "containerPort: 8080", says: "does not declare port 8000"},
		"development":                   {rule: "env", file: d, from: "value: production", to: "value: development", says: `"development", wanted is production`},
		"a value that is missing":       {rule: "env", file: d, from: "LOG_LEVEL: INFO", to: "OTHER: x", says: "has no LOG_LEVEL"},
		"a secret by value":             {rule: "secretRef", file: d, from: "valueFrom: {secretKeyRef: {name: voice, key: openai}}", to: "value: sk-abc123def456", says: "OPENAI_API_KEY by value"},
		"a Secret with data":            {rule: "secretRef", file: s, to: "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {openai: c2stYWJj}\n", says: "the Secret x holds a value"},
		"no readiness":                  {rule: "probes", file: d, from: "readinessProbe:", to: "startupProbe:", says: "no readinessProbe"},
		"another path":                  {rule: "probes", file: d, from: "livenessProbe:\n            httpGet: {path: /health", to: "livenessProbe:\n            httpGet: {path: /", says: `asks "/"`},
		"another period":                {rule: "probes", file: d, from: "periodSeconds: 10", to: "periodSeconds: 60", says: "periodSeconds 60, wanted is 10"},
		"one replica":                   {rule: "replicas", file: d, from: "replicas: 3", to: "replicas: 2", says: "asks for 2 replicas, wanted are 3"},
		"latest":                        {rule: "k8s-tag", file: d, from: "voice:1.0.0", to: "voice:latest", says: "latest"},
		"no resources":                  {rule: "k8s-resources", file: d, from: "limits: {memory: 512Mi}", to: "limits: {cpu: 1}", says: "limit of memory"},
		"root":                          {rule: "k8s-non-root", file: d, from: "runAsNonRoot: true", to: "runAsNonRoot: false", says: "may run as root"},
		"calls are cut":                 {rule: "k8s-drain", file: d, from: "terminationGracePeriodSeconds: 1830", to: "terminationGracePeriodSeconds: 30", says: "30 s to end"},
		"all at once":                   {rule: "k8s-disruption", file: d, from: "kind: PodDisruptionBudget", to: "kind: PodDisruptionBudge", says: "PodDisruptionBudget"},
	})
	with := func(rules ...any) map[string]any { return map[string]any{"kind": "k8s", "rules": rules, "want": want} }
	if f := look(t, repo(t, map[string]string{"main.py": "", "a.yaml": "a: 1\n"}), with("probes")); f.State != checks.NotApplied {
		t.Errorf("no manifest: %+v", f)
	}
	if f := look(t, repo(t, map[string]string{"k.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n"}), with("env", "secretRef")); f.State != checks.Inconclusive {
		t.Errorf("nothing to look at: %+v", f)
	}
	bomb := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\na: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("b%d: &b%d [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\n", i, i, prev(i), prev(i), prev(i), prev(i), prev(i), prev(i), prev(i), prev(i), prev(i))
	}
	if f := look(t, repo(t, map[string]string{"bomb.yaml": bomb, "k8s/deployment.yaml": sound[d], "k8s/service.yaml": sound[s]}), with("probes")); f.State != checks.Pass && f.State != checks.Fail {
		t.Errorf("a bomb of aliases: %+v", f)
	}
}

func prev(i int) string {
	if i == 0 {
		return "a"
	}
	return fmt.Sprint("b", i-1)
}

func TestCerebrium_EachRuleSeesItsDefect(t *testing.T) {
	sound := map[string]string{
		"cerebrium.toml": sample(t, "cerebrium.txt"), "main.py": "from twilio.request_validator import RequestValidator\n", "requirements.txt": "twilio==9\n",
	}
	c := "cerebrium.toml"
	proveRules(t, "cerebrium", sound, map[string]any{"gpu_gb": 16, "replica_concurrency": 1, "scaling_buffer": 1, "min_replicas": 1}, map[string]broken{
		"no TOML":                    {rule: "cerebrium-syntax", file: c, from: "[cerebrium.scaling]", to: "[cerebrium.scaling", says: "toml"},
		"no name":                    {rule: "cerebrium-syntax", file: c, from: `name = "host"`, to: `log_level = "INFO"`, says: "with a name"},
		"a key with a typo":          {rule: "cerebrium-key", file: c, from: "cooldown =", to: "cooldwn =", says: "did you mean cooldown"},
		"a secret":                   {rule: "cerebrium-secret", file: c, from: "[cerebrium.scaling]", to: "[cerebrium.secrets]\nHF_TOKEN = \"hf_abcdef123456\"\n\n[cerebrium.scaling]", says: "HF_TOKEN"},
		"a token for the hook":       {rule: "cerebrium-auth", file: c, from: "disable_auth = true", to: "disable_auth = false", says: "cannot send"},
		"no signature check":         {rule: "cerebrium-auth", more: map[string]string{"main.py": "import twilio\n"}, says: "nothing in the sources checks"},
		"no runtime of its own":      {rule: "cerebrium-port", file: c, from: "[cerebrium.runtime.custom]\nport = 8765\nentrypoint = [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\", \"--port\", \"8765\"]\n", to: "[cerebrium.dependencies]\n", says: "serves no socket"},
		"another port":               {rule: "cerebrium-port", file: c, from: "port = 8765", to: "port = 8000", says: "listens on 8765, and port is 8000", line: 6},
		"a module that is not there": {rule: "cerebrium-port", file: c, from: "main:app", to: "server:app", says: "server"},
		"no maximum":                 {rule: "scaling", file: c, from: "max_replicas = 5\n", to: "", says: "max_replicas"},
		"the minimum above":          {rule: "scaling", file: c, from: "max_replicas = 5", to: "max_replicas = 0", says: "max_replicas is 0"},
		"nothing warm":               {rule: "warm-spare", file: c, from: "min_replicas = 1", to: "min_replicas = 0", says: "no replica is warm"},
		"no GPU":                     {rule: "gpu", file: c, from: "AMPERE_A10", to: "CPU", says: "no GPU"},
		"a GPU that does not exist":  {rule: "gpu", file: c, from: "AMPERE_A10", to: "AMPERE_A11", says: "did you mean AMPERE_A10"},
		"two calls":                  {rule: "replica-concurrency", file: c, from: "replica_concurrency = 1", to: "replica_concurrency = 4", says: "replica_concurrency is 4, wanted is 1", line: 17},
		"calls are cut":              {rule: "cerebrium-grace", file: c, from: "response_grace_period = 2100", to: "response_grace_period = 900", says: "900 s"},
		"a machine that may go":      {rule: "cerebrium-tier", file: c, from: "protected", to: "interruptible", says: "interruptible"},
	})
}

func TestTwiML_EachRuleSeesItsDefect(t *testing.T) {
	f := "fallback.xml"
	sound := map[string]string{f: sample(t, "fallback.txt"), "pom.xml": "<project/>"}
	proveRules(t, "twiml", sound, map[string]any{"voice": "alice", "maxLength": 120, "transcribe": true, "action": true}, map[string]broken{
		"no XML":                     {rule: "twiml-valid", file: f, from: "</Response>", to: "", says: "12100"},
		"an element by another case": {rule: "twiml-valid", file: f, from: "<Hangup/>", to: "<HangUp/>", says: "HangUp"},
		"another voice":              {rule: "Say", file: f, from: "alice", to: "man", says: `has voice "man"`},
		"nothing is said":            {rule: "Say", file: f, from: `<Say voice="alice">We cannot take your call now. Leave a message after the tone.</Say>`, to: "", says: "nothing is said"},
		"a recording that loops":     {rule: "Record", file: f, from: ` action="https://example.com/done"`, to: "", says: "begins anew", line: 3},
		"a recording too long":       {rule: "Record", file: f, from: `maxLength="120"`, to: `maxLength="600"`, says: `maxLength "600"`},
		"not transcribed":            {rule: "Record", file: f, from: ` transcribe="true"`, to: "", says: "transcribe"},
		"nothing ends the call":      {rule: "Hangup", file: f, from: "<Hangup/>", to: "<Pause/>", says: "nothing ends the call"},
		"behind the end":             {rule: "reachable", file: f, from: "<Hangup/>", to: "<Hangup/><Pause/>", says: "behind <Hangup>"},
	})
	if p := manifest.Document("the fallback", []byte(sound[f]), map[string]any{"voice": "alice"}); len(p) != 0 {
		t.Errorf("got %+v", p)
	}
	if p := manifest.Document("the fallback", []byte(`<Response><Record/></Response>`), nil); len(p) != 4 {
		t.Errorf("got %+v", p)
	}
}

func TestIgnore_AsBuildersReadIt(t *testing.T) {
	g := manifest.ParseIgnore("# x\n.git\n**/*.pyc\n/docs/\n*.md\n!README.md\ndata/*/tmp\n[broken\n")
	for path, want := range map[string]bool{
		".git": true, ".git/config": true, "a/b/c.pyc": true, "c.pyc": true, "docs/a.txt": true, "CHANGES.md": true, "README.md": false, "a/CHANGES.md": false,
		"data/x/tmp/y": true, "data/tmp": false, "main.py": false,
	} {
		if g.Match(path) != want {
			t.Errorf("%s: got %v", path, !want)
		}
	}
}

func FuzzDockerfile(f *testing.F) {
	f.Add("FROM a AS b\nRUN <<E\nx\nE\nCOPY --from=b [\"a\", \"b\"]\n")
	f.Add("# escape=`\nFROM a:1`\n b\nENV A b c\nEXPOSE $P/tcp\nCMD")
	f.Add("FROM \nUSER\nHEALTHCHECK\nCOPY\nRUN \\\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := look(t, dir, map[string]any{"kind": "dockerfile"}); got.State == checks.Pass && !strings.Contains(strings.ToUpper(text), "FROM") {
			t.Errorf("%q passes", text)
		} else if got.State == checks.Error && strings.Contains(fmt.Sprint(got.Saw), "internal error") {
			t.Errorf("%q: %+v", text, got)
		}
	})
}
