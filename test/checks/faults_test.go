package checks_test

import (
	"os"
	"path/filepath"
	"strings"
)

// fault is one thing that is amiss in an otherwise healthy world, with the rows that must turn red by it.
type fault struct {
	name     string
	rows     []string
	vars     []string          // pairs; "" removes the variable
	switches []string          // of the fixture backend
	args     []string          // of the fixture backend
	files    map[string]string // of the repository; "" removes
	edit     func(w *world)
}

// log replaces the backend's log by these lines.
func log(lines ...string) func(*world) {
	return func(w *world) {
		w.log = filepath.Join(w.t.TempDir(), "foreign.log")
		if err := os.WriteFile(w.log, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func replaced(name, old, new string) func(*world) {
	return func(w *world) {
		w.copied(nil)
		w.edit(name, old, new)
	}
}

// faults is the table.
func faults(s *shared) []fault {
	key := "sk-proj-" + "Hq7Lm2Nv9Xz4Tb6Wd8Rk1Yp3Jc5Gf0Sa"
	return []fault{
		// Environment.
		{name: "no key of the language model", vars: []string{"OPENAI_API_KEY", ""}, rows: []string{"pipecat.setup.dotenv"}},
		{name: "wrong key of the language model", vars: []string{"OPENAI_API_KEY", "bad-key-of-nobody"}, rows: []string{"pipecat.env.openai", "pipecat.rb.keys"}},
		{name: "wrong key of the speech recognition", vars: []string{"SPEECHMATICS_API_KEY", "bad-key-of-nobody"}, rows: []string{"pipecat.env.speechmatics"}},
		{name: "wrong key of the voice", vars: []string{"CARTESIA_API_KEY", "bad-key-of-nobody"}, rows: []string{"pipecat.env.cartesia", "phone.api.cartesia"}},
		{name: "no key of the voice", vars: []string{"CARTESIA_API_KEY", ""}, rows: []string{"phone.env.cartesia", "phone.env.intro"}},
		{name: "a voice that is none", vars: []string{"VOICE_ID", "Hana"}, rows: []string{"pipecat.env.voice"}},
		{name: "an address of data that is none", vars: []string{"SUPABASE_URL", "data.example"}, rows: []string{"pipecat.env.supabase-url"}},
		{name: "the privileged key", vars: []string{"SUPABASE_ANON_KEY", jwt("service_role")}, rows: []string{"pipecat.env.supabase-key", "pipecat.sec.anon-key"}},
		{name: "a key that the data refuse", vars: []string{"SUPABASE_ANON_KEY", "bad-key-of-nobody"}, rows: []string{"pipecat.rb.functions"}},
		{name: "debug in production", vars: []string{"LOG_LEVEL", "DEBUG"}, rows: []string{"pipecat.mon.log-level"}},
		{name: "no sid of an account", vars: []string{"TWILIO_ACCOUNT_SID", "AC123"}, rows: []string{"phone.env.twilio-sid"}},
		{name: "a secret of the wrong form", vars: []string{"TWILIO_AUTH_TOKEN", "bad"}, rows: []string{"phone.env.twilio-token", "phone.api.twilio"}},
		{name: "a token of the wrong form", vars: []string{"HF_TOKEN", "bad"}, rows: []string{"phone.env.hf", "phone.model.login"}},
		{name: "a licence that nobody accepted", vars: []string{"HF_TOKEN", "hf_" + "NogateUiOpAsDfGhJkLzXcVbNm12345678"}, rows: []string{"phone.model.repo", "phone.model.failure"}},
		{name: "a project of the wrong form", vars: []string{"CEREBRIUM_PROJECT_ID", "x-1"}, rows: []string{"phone.env.cerebrium"}},
		{name: "tables without protection, says the advisor", vars: []string{"SUPABASE_PROJECT_REF", "openefghijklmnopqrst"}, rows: []string{"pipecat.sec.rls-on"}},
		{name: "tables without protection, says the database", vars: []string{"SUPABASE_DB_URL", s.open}, rows: []string{"pipecat.sec.rls-tested"}},
		{name: "environments share a key", files: map[string]string{".env.production": environments()[".env.staging"]}, rows: []string{"pipecat.sec.split-keys", "backend.cfg.per-env"}},

		// Platforms.
		{name: "a key that Render refuses", vars: []string{"RENDER_API_KEY", "rnd_bad"}, rows: []string{"pipecat.render.account"}},
		{name: "Render follows another branch", vars: []string{"RENDER_API_KEY", "rnd_branch"}, rows: []string{"pipecat.render.connected"}},
		{name: "Render builds nothing", vars: []string{"RENDER_API_KEY", "rnd_build"}, rows: []string{"pipecat.render.build"}},
		{name: "Render listens on one address", vars: []string{"RENDER_API_KEY", "rnd_start"}, rows: []string{"pipecat.render.start"}},
		{name: "Render lacks a variable", vars: []string{"RENDER_API_KEY", "rnd_vars"}, rows: []string{"pipecat.sign.do-infra"}},
		{name: "a token that Railway refuses", vars: []string{"RAILWAY_TOKEN", "rw_bad"}, rows: []string{"pipecat.railway.account"}},
		{name: "Railway follows another repository", vars: []string{"RAILWAY_TOKEN", "rw_repo"}, rows: []string{"pipecat.railway.connected"}},
		{name: "no warm container", vars: []string{"CEREBRIUM_API_KEY", "cb_cold"}, rows: []string{"phone.limit.cold-fix"}},
		{name: "a commit that was not pushed", rows: []string{"pipecat.render.repo", "pipecat.railway.repo"}, edit: func(w *world) {
			w.copied(nil)
			git(w.t, w.repo, "commit", "-q", "--allow-empty", "-m", "Not pushed")
		}},

		// Sources.
		{name: "a source that does not parse", files: map[string]string{"main.py": "def main(:\n"}, rows: []string{"pipecat.code.entrypoint"}},
		{name: "an import that nobody declared", files: map[string]string{"extra.py": "import flask\n"}, rows: []string{"pipecat.code.deps-file"}},
		{name: "a variable that nobody explained", files: map[string]string{"extra.py": "import os\n\nKEY = os.environ[\"SECRET_SAUCE\"]\n"}, rows: []string{"pipecat.code.env-doc", "backend.cfg.example"}},
		{name: "variables without words", files: map[string]string{".env.example": "OPENAI_API_KEY=\nPORT=\n"}, rows: []string{"backend.cfg.documented"}},
		{name: "an old Python", edit: replaced("Dockerfile", "python:3.11", "python:3.8"), rows: []string{"pipecat.setup.runtime"}},
		{name: "an environment that lets the system in", files: map[string]string{".venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = true\n"}, rows: []string{"pipecat.setup.isolation", "backend.run.venv"}},
		{name: "a package that is not installed", files: map[string]string{"requirements.txt": "no-such-package-of-anybody>=1,<2\n"}, rows: []string{"pipecat.setup.deps", "backend.run.install"}},
		{name: "it does not start", files: map[string]string{"main.py": "import sys\n\nsys.exit(3)\n"}, rows: []string{"pipecat.local.starts"}},
		{name: "it starts without its settings", edit: replaced("main.py", "lacks = missing()", "lacks: list[str] = []"), rows: []string{"backend.cfg.startup-validation", "phone.fix.env-validation"}},
		{name: "a key in the sources", files: map[string]string{"extra.py": "KEY = \"" + key + "\"\n"}, rows: []string{"pipecat.sec.keys-env", "backend.code.no-secrets", "backend.cfg.secrets-env"}},
		{name: "an env file that git takes", files: map[string]string{".gitignore": "__pycache__/\n"}, rows: []string{"pipecat.sec.gitignore"}},
		{name: "a test that fails", edit: replaced("tests/test_main.py", `assert "HF_TOKEN" in`, `assert "HF_TOKEN" not in`), rows: []string{"pipecat.sign.tl-tests", "backend.test.unit"}},
		{name: "an integration test that fails", edit: replaced("tests/integration/test_start.py", "returncode == 1", "returncode == 0"), rows: []string{"backend.test.integration"}},
		{name: "a blank at the end of a line", edit: replaced("main.py", "return 0\n", "return 0 \n"), rows: []string{"backend.code.style"}},
		{name: "a function without types and words", files: map[string]string{"extra.py": "\"\"\"More.\"\"\"\n\n\ndef more(a):\n    return a\n"}, rows: []string{"backend.code.types", "backend.code.docs"}},

		// Documents and manifests.
		{name: "a readme without content", files: map[string]string{"README.md": "# Backend\n\nWords.\n"}, rows: []string{"pipecat.docs.readme", "backend.docs.readme"}},
		{name: "no word about deployment", files: map[string]string{"DEPLOYMENT.md": ""}, rows: []string{"pipecat.sign.tl-docs", "pipecat.docs.deploy", "backend.docs.deployment"}},
		{name: "no word about trouble", files: map[string]string{"TROUBLESHOOTING.md": ""}, rows: []string{"pipecat.docs.trouble"}},
		{name: "no word about the parts", files: map[string]string{"ARCHITECTURE.md": ""}, rows: []string{"backend.docs.architecture"}},
		{name: "a route that nobody documented", files: map[string]string{"extra.py": "@app.get(\"/secret-door\")\ndef door() -> None:\n    \"\"\"Opens.\"\"\"\n"}, rows: []string{"pipecat.docs.api", "backend.docs.endpoints", "backend.maint.m-docs"}},
		{name: "a status that nobody documented", edit: replaced("docs/api.md", "| 429 |", "| 4xx |"), rows: []string{"backend.docs.errors"}},
		{name: "a database without a schema", files: map[string]string{"extra.py": "import sqlite3\n"}, rows: []string{"backend.docs.schema"}},
		{name: "a log without bounds", files: map[string]string{"compose.yaml": ""}, rows: []string{"backend.mon.rotation"}},
		{name: "no door for functions", files: map[string]string{"lambda.py": ""}, rows: []string{"backend.aws.lambda"}},
		{name: "no adapter, and an old framework", files: map[string]string{"deploy/requirements-cloud.txt": "pipecat-ai==0.0.30\n"}, rows: []string{"backend.aws.mangum", "phone.fix.pipecat-version"}},
		{name: "another port", edit: replaced("k8s/deployment.yaml", "8000", "9000"), rows: []string{"backend.k8s.ports"}},
		{name: "no environment in the cluster", edit: replaced("k8s/deployment.yaml", "value: production", "value: test"), rows: []string{"backend.k8s.env"}},
		{name: "slow probes", edit: replaced("k8s/deployment.yaml", "periodSeconds: 10", "periodSeconds: 300"), rows: []string{"backend.k8s.probes"}},
		{name: "no GPU", edit: replaced("cerebrium.toml", "AMPERE_A10", "CPU"), rows: []string{"phone.limit.gpu"}},
		{name: "many calls on one GPU", edit: replaced("cerebrium.toml", "replica_concurrency = 1", "replica_concurrency = 8"), rows: []string{"phone.limit.gpu-fix"}},

		// Logs and metrics.
		{name: "lines that nobody can parse", edit: log("it works", "still works"), rows: []string{
			"pipecat.code.logging", "pipecat.mon.log-config", "backend.code.logging", "backend.mon.logging", "backend.mon.access", "phone.feat.logging",
		}},
		{name: "an error at the start", edit: log(`{"ts":"2026-01-01T00:00:00Z","level":"error","msg":"cannot reach the model"}`, `{"ts":"2026-01-01T00:00:01Z","level":"info","msg":"ready"}`), rows: []string{"pipecat.local.clean-log"}},
		{name: "personal data in the log", switches: []string{"logs_personal_data"}, rows: []string{"pipecat.mon.log-redacted", "backend.sec2.logs"}},
		{name: "metrics that tell half", edit: func(w *world) { w.metrics = w.url + "/metrics" }, rows: []string{"pipecat.sign.do-mon"}},

		// The backend.
		{name: "it says that it is starting", switches: []string{"health_wrong_status"}, rows: []string{"pipecat.local.health-ok"}},
		{name: "health lacks a field", switches: []string{"health_missing_field"}, rows: []string{"phone.mon.health-shape"}},
		{name: "any origin is let in", switches: []string{"cors_reflects"}, rows: []string{"pipecat.sec.cors"}},
		{name: "any origin with credentials", switches: []string{"cors_wildcard_credentials"}, rows: []string{"backend.sec.cors"}},
		{name: "the own origin is not let in", switches: []string{"cors_ignores_list"}, rows: []string{"backend.sec2.cors"}},
		{name: "an answer holds a key", switches: []string{"leaks_key"}, rows: []string{"pipecat.sec.sanitized"}},
		{name: "errors hold the stack", switches: []string{"stack_in_error"}, rows: []string{"pipecat.sec.error-text"}},
		{name: "errors are pages", switches: []string{"errors_not_json"}, rows: []string{"backend.code.errors"}},
		{name: "everything without TLS as well", switches: []string{"plain_http_ok"}, rows: []string{"pipecat.sec.tls", "backend.sec.https"}},
		{name: "a certificate that ends in three days", args: []string{"--cert", s.old}, rows: []string{"pipecat.sec.cert"}},
		{name: "HSTS for an hour", switches: []string{"weak_hsts"}, rows: []string{"backend.sec2.https"}},
		{name: "no headers", switches: []string{"no_headers"}, rows: []string{"backend.sec2.headers"}},
		{name: "no rate limit", switches: []string{"no_rate_limit"}, rows: []string{"pipecat.post.m1-rate", "backend.sec.rate", "backend.sec2.rate"}},
		{name: "no token is asked for", switches: []string{"no_auth"}, rows: []string{"pipecat.post.m1-auth", "backend.sec.auth", "backend.sec2.auth"}},
		{name: "forms of other sites", switches: []string{"csrf_open"}, rows: []string{"backend.sec2.csrf"}},
		{name: "malformed bodies are taken", switches: []string{"accepts_malformed"}, rows: []string{"backend.sec.input"}},
		{name: "uploads of any size", switches: []string{"no_limit_upload"}, rows: []string{"backend.sec.upload-limit"}},
		{name: "a quote breaks the query", switches: []string{"sqli_500"}, rows: []string{"backend.sec.sqli", "backend.sec2.sqli"}},
		{name: "an error in place of words when all lines are busy", switches: []string{"webhook_503"}, rows: []string{"phone.feat.resources"}},
	}
}

// notFlipped are the rows that no fault of the table turns red, with the reason.
var notFlipped = map[string]string{
	"pipecat.docker.built":      noEngine,
	"pipecat.docker.runs-local": noEngine,
	"pipecat.docker.env":        noEngine,
	"pipecat.docker.ports":      noEngine,
	"pipecat.docker.ok-build":   noEngine,
	"pipecat.docker.ok-run":     noEngine,
	"pipecat.docker.ok-health":  noEngine,
	"pipecat.sec.firewall":      "seen from outside only: on loopback it is inconclusive, and says so",
	"backend.ref.links":         "judges the texts of voicectl itself, which only a change of its code takes away",
}

const noEngine = "needs a container engine, which these tests do not use: the kinds are proved beside their package"
