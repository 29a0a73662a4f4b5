package web_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/web"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token       = "fixture-token-5f1c9d2a"
	twilioToken = "fixture-twilio-7b3e"
	origin      = "https://app.example"
)

// fixture starts the foreign backend of test/fixture with these arguments and returns its URLs. It is ended
// with the test, and must leave with 0.
func fixture(t *testing.T, env []string, args ...string) []string {
	t.Helper()
	script, err := filepath.Abs("../../../../test/fixture/backend.py")
	if err != nil {
		t.Fatal(err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatalf("the fixture backend needs Python 3: %v", err)
	}
	cmd := exec.Command(python, append([]string{script, "--port", "0", "--log", filepath.Join(t.TempDir(), "backend.log")}, args...)...)
	cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the fixture did not leave as it should: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	list, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("the fixture said %q: %v", line, err)
	}
	return strings.Split(list, " and ")
}

// faulty starts the fixture without TLS, with all of its profiles and these faults.
func faulty(t *testing.T, faults ...string) string {
	t.Helper()
	args := []string{"--profile", "all"}
	for _, f := range faults {
		args = append(args, "--fault", f)
	}
	return fixture(t, nil, args...)[0]
}

// scopeOf is a scope for a target, with the token of the fixture.
func scopeOf(t *testing.T, target string) *checks.Scope {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	s := &checks.Scope{Target: u, Token: token, Profile: "any", Env: checks.Env{}, Origins: []string{origin}}
	client(t, s, nil)
	return s
}

func client(t *testing.T, s *checks.Scope, roots *x509.CertPool) {
	t.Helper()
	s.HTTP = probe.NewClient(probe.ClientOptions{Roots: roots})
	t.Cleanup(s.HTTP.CloseIdleConnections)
}

// look makes one look through the engine, as a check would.
func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range web.Kinds() {
		kinds[k.Name] = k
	}
	secrets := map[string]string{"VOICECTL_TOKEN": scope.Token}
	for n, v := range scope.Env {
		secrets[n] = v.Value
	}
	scope.Clock, scope.Mask = clock.Real{}, checks.NewMask("salt", secrets)
	scope.Consent.Load = true
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Severity: checks.Block, Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	f := checks.Run(context.Background(), p, checks.RunOptions{})[0]
	if text := fmt.Sprintf("%+v", f); scope.Token != "" && strings.Contains(text, scope.Token) {
		t.Errorf("the token is told: %s", text)
	}
	return f
}

// judge wants a state and words of a finding.
func judge(t *testing.T, f checks.Finding, want checks.State, says ...string) {
	t.Helper()
	text := fmt.Sprintf("%+v", f)
	if f.State != want {
		t.Errorf("got %s, want %s: %s", f.State, want, text)
		return
	}
	for _, s := range says {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not said: %s", s, text)
		}
	}
}

func vars(pairs ...string) checks.Env {
	e := checks.Env{}
	for i := 0; i+1 < len(pairs); i += 2 {
		e[pairs[i]] = checks.Variable{Value: pairs[i+1], Source: "process"}
	}
	return e
}

// authority is a certificate authority of this test.
type authority struct {
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	Roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{Roots: x509.NewCertPool()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.Roots.AddCert(a.cert)
	return a
}

// issue writes a certificate for 127.0.0.1 that is good for so long, and returns the files.
func (a *authority) issue(t *testing.T, good time.Duration, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "backend"}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(good), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "localhost" {
		tmpl.IPAddresses = []net.IP{net.ParseIP("127.0.0.1")}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pk}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// gone is a URL where nothing listens.
func gone(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

// stub serves one handler.
func stub(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return "http://" + ln.Addr().String()
}
