package checks_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/cartesia"
	"github.com/voicectl/voicectl/test/postgres"
)

// foundation makes what all worlds of a test share.
func foundation(t *testing.T) *shared {
	t.Helper()
	s := &shared{dir: t.TempDir()}
	box := sandbox.New(sandbox.Options{TLS: true})
	base, stop, err := box.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.sandbox = base
	s.repo, s.remote = filepath.Join(s.dir, "repo"), filepath.Join(s.dir, "remote.git")
	scripted := httptest.NewServer(vendors(s.remote))
	t.Cleanup(scripted.Close)
	s.vendors = scripted.URL
	s.ca = filepath.Join(s.dir, "ca.pem")
	ca := issue(t, s)
	if err := os.WriteFile(s.ca, bytes.Join([][]byte{ca, box.CA()}, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	s.database, s.open = database(t)
	write(t, s.dir, map[string]string{"bin/nvidia-smi": "#!/bin/sh\necho '12000, 24564'\n"}) // a machine with a GPU
	if err := os.CopyFS(s.repo, os.DirFS("../fixture/repo")); err != nil {
		t.Fatal(err)
	}
	write(t, s.repo, additions())
	git(t, s.dir, "init", "-q", "--bare", "-b", "main", s.remote)
	git(t, s.repo, "init", "-q", "-b", "main")
	git(t, s.repo, "remote", "add", "origin", s.remote)
	git(t, s.repo, "add", "-A")
	git(t, s.repo, "commit", "-q", "-m", "The backend")
	git(t, s.repo, "push", "-q", "origin", "main")
	write(t, s.repo, environments())
	return s
}

// healthy is a world in which nothing is amiss, without a backend.
func (s *shared) healthy(t *testing.T) *world {
	t.Helper()
	return &world{t: t, shared: s, repo: s.repo, vars: s.vars(), token: token, metrics: s.vendors + "/metrics"}
}

// start gives the world a backend with these faults.
func (w *world) start(faults ...string) {
	w.t.Helper()
	var args []string
	for _, f := range faults {
		args = append(args, "--fault", f)
	}
	w.url, w.plain, w.log = w.shared.backend(w.t, w.vars, args...)
	w.talk()
}

// vars is the environment of a backend that lacks nothing.
func (s *shared) vars() map[string]string {
	socket := "wss" + s.sandbox[len("https"):]
	out := map[string]string{
		"ENVIRONMENT": "production", "LOG_LEVEL": "INFO", "API_TOKEN": token, "ALLOWED_ORIGINS": origin, "REPLICA_CONCURRENCY": "1",
		"OPENAI_API_KEY": "sk-proj-" + "Zk4tR7wq2LmN9xVb", "OPENAI_BASE_URL": s.sandbox + "/openai/v1",
		"SPEECHMATICS_API_KEY": "sm" + "Q8vN2kLx7TzRb4Wd", "SPEECHMATICS_RT_URL": socket + "/speechmatics/v2", "SPEECHMATICS_API_URL": s.vendors + "/speechmatics",
		"CARTESIA_API_KEY": "ca" + "J6mXt9PqLs3VzHnB", "CARTESIA_BASE_URL": s.sandbox + "/cartesia",
		"SUPABASE_URL": s.sandbox + "/supabase", "SUPABASE_ANON_KEY": jwt("anon"),
		"SUPABASE_ACCESS_TOKEN": "sbp_" + "1f2e3d4c5b6a79880716253443526170", "SUPABASE_API_URL": s.vendors + "/supabase",
		"TWILIO_ACCOUNT_SID": "AC" + "0123456789abcdef0123456789abcdef", "TWILIO_AUTH_TOKEN": twilioToken, "TWILIO_API_BASE_URL": s.vendors + "/twilio",
		"HF_TOKEN": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm12345678", "HF_ENDPOINT": s.vendors + "/hf",
		"CEREBRIUM_PROJECT_ID": "p-4f2d9c1b", "SUPABASE_PROJECT_REF": "abcdefghijklmnopqrst", "VOICE_ID": cartesia.DefaultVoice(),
		"RENDER_API_KEY": "rnd_" + "K8s2Lm4Qp6Xv", "RENDER_API_URL": s.vendors + "/render",
		"RAILWAY_TOKEN": "rw_" + "5d7f-9a1c-3e5b", "RAILWAY_API_URL": s.vendors + "/railway",
		"CEREBRIUM_API_KEY": "cb_" + "T3v5N7x9R2w4", "CEREBRIUM_API_URL": s.vendors + "/cerebrium",
	}
	if s.database != "" {
		out["SUPABASE_DB_URL"] = s.database
	}
	return out
}

func jwt(role string) string {
	enc := base64.RawURLEncoding.EncodeToString
	claims := `{"iss":"supabase","ref":"abcdefghijklmnopqrst","role":"` + role + `","iat":1700000000,"exp":4102444800}`
	return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("this is no real signature, 32 by"))
}

// environments are the env files that lie in the repository and are not committed.
func environments() map[string]string {
	one := func(key string) string {
		return dotenv(map[string]string{"ENVIRONMENT": "x", "OPENAI_API_KEY": "sk-proj-" + key + "Lq7Xw2", "API_TOKEN": key + "8Vn4Tz"})
	}
	return map[string]string{".env.dev": one("DevKjH3s"), ".env.staging": one("StgPm9dR"), ".env.production": one("PrdWx5yU")}
}

// additions make of the fixture's repository one in which every row is green.
func additions() map[string]string {
	return map[string]string{
		"README.md":                       readme,
		"ARCHITECTURE.md":                 "# Architecture\n\n## Components\n\nOne process: `main.py` reads the settings, `backend.py` serves.\n\n## Data flow\n\nA socket brings sound in, and takes sound back.\n",
		"DEPLOYMENT.md":                   "# Deployment\n\n## Targets\n\nDocker and Kubernetes.\n\n## Rollback\n\n    kubectl rollout undo deployment/fixture-backend\n",
		"TROUBLESHOOTING.md":              "# Troubleshooting\n\n## It does not start\n\nRead the last line of the log: it names the setting that is missing.\n",
		"requirements.txt":                "pip>=20,<99\n",
		"deploy/requirements-cloud.txt":   "mangum>=0.17,<1\npipecat-ai>=0.0.50,<1\n",
		"lambda.py":                       "\"\"\"The door for functions.\"\"\"\n",
		"alerts.yml":                      alerts,
		".env.example":                    example,
		"tests/integration/__init__.py":   "\"\"\"Tests that need a backend.\"\"\"\n",
		"tests/integration/test_start.py": integration,
		"tests/__init__.py":               "\"\"\"All tests.\"\"\"\n",
		"k8s/deployment.yaml":             deployment,
		"cerebrium.toml":                  cerebriumTOML,
		"compose.yaml":                    compose,
		"main.py":                         program,
		"tests/test_main.py":              unit,
		".venv/bin/pycodestyle":           linter,
		".gitignore":                      ".env\n.env.*\n!.env.example\n__pycache__/\n*.log\n.venv/\n.pytest_cache/\n",
	}
}

// issue makes an authority, writes a certificate of it for loopback, and returns the authority as PEM.
func issue(t *testing.T, s *shared) []byte {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "backend"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 80), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf.NotAfter = time.Now().AddDate(0, 0, 3)
	old, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.cert, s.old, s.key = filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "old.pem"), filepath.Join(s.dir, "key.pem")
	for path, block := range map[string]*pem.Block{s.old: {Type: "CERTIFICATE", Bytes: old}, s.cert: {Type: "CERTIFICATE", Bytes: der}, s.key: {Type: "PRIVATE KEY", Bytes: pk}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
}

// database gives two databases of a PostgreSQL as a Supabase project's is: roles, one table with rows, and in the
// first alone a policy for their owner. Both are "" where there is no PostgreSQL.
func database(t *testing.T) (good, bad string) {
	t.Helper()
	s, err := postgres.New("max_connections=12")
	if errors.Is(err, postgres.ErrAbsent) {
		return "", ""
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	for _, db := range []string{"good", "open"} {
		if _, err := s.SQL("postgres", "CREATE DATABASE "+db); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.SQL("postgres", "CREATE ROLE anon NOLOGIN", "CREATE ROLE authenticated NOLOGIN"); err != nil {
		t.Fatal(err)
	}
	tables := []string{
		"CREATE TABLE orders (id int, owner text)", "INSERT INTO orders VALUES (1, 'a'), (2, 'b')", "GRANT SELECT, INSERT ON orders TO anon, authenticated",
	}
	guarded := append(append([]string{}, tables...), "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "CREATE POLICY own ON orders TO authenticated USING (owner = current_user)")
	for db, statements := range map[string][]string{"good": guarded, "open": tables} {
		if _, err := s.SQL(db, statements...); err != nil {
			t.Fatal(err)
		}
	}
	return s.URL("good"), s.URL("open")
}

// with returns a copy of variables with some changed; "" removes one.
func with(vars map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(vars)
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}
