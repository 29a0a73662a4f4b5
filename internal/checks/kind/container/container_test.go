package container_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/container"
	"github.com/voicectl/voicectl/internal/clock"
)

// engine is a daemon of the tests' own, with a socket and a data folder of its own; it is started when the
// first test wants it and never the machine's.
var engine = struct {
	once sync.Once
	cmd  *exec.Cmd
	dir  string
	app  []byte // the backend as a static binary
	why  string // it could not be started
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if engine.cmd != nil {
		_ = engine.cmd.Process.Signal(syscall.SIGTERM)
		_ = engine.cmd.Wait()
	}
	if engine.dir != "" {
		_ = os.RemoveAll(engine.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// daemon returns the address of the engine, and skips loudly where none can be had.
func daemon(t *testing.T) string {
	t.Helper()
	engine.once.Do(start)
	if engine.why != "" {
		t.Skipf("no container engine: %s (apt-get install docker.io, and run as root)", engine.why)
	}
	return "unix://" + engine.dir + "/docker.sock"
}

func start() {
	exe, err := exec.LookPath("dockerd")
	if err != nil || os.Getuid() != 0 {
		engine.why = fmt.Sprintf("dockerd as root is needed: %v", err)
		return
	}
	if engine.dir, err = os.MkdirTemp("", "dk"); err != nil { // short: a socket's path has 107 bytes
		engine.why = err.Error()
		return
	}
	build := exec.Command("go", "build", "-o", engine.dir+"/app", "./testdata/app/main.go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	if out, err := build.CombinedOutput(); err != nil {
		engine.why = string(out)
		return
	}
	if engine.app, err = os.ReadFile(engine.dir + "/app"); err != nil {
		engine.why = err.Error()
		return
	}
	log, err := os.Create(engine.dir + "/log")
	if err != nil {
		engine.why = err.Error()
		return
	}
	defer log.Close()
	cmd := exec.Command(exe, "--data-root", engine.dir+"/data", "--exec-root", engine.dir+"/exec", "--pidfile", engine.dir+"/pid", "-H", "unix://"+engine.dir+"/docker.sock")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		engine.why = err.Error()
		return
	}
	engine.cmd = cmd
	c, err := client.New(client.WithHost("unix://" + engine.dir + "/docker.sock"))
	if err != nil {
		engine.why = err.Error()
		return
	}
	defer c.Close()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) { // another process tells nobody when it listens
		if _, err := c.Ping(context.Background(), client.PingOptions{}); err == nil {
			return
		} else if time.Now().After(end) {
			text, _ := os.ReadFile(engine.dir + "/log")
			engine.why = fmt.Sprintf("%v: %s", err, text[max(0, len(text)-1500):])
			return
		}
	}
}

func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range container.Kinds() {
		kinds[k.Name] = k
	}
	secrets := map[string]string{}
	for n, v := range scope.Env {
		secrets[n] = v.Value
	}
	scope.Clock, scope.Mask, scope.Consent.Exec = clock.Real{}, checks.NewMask("salt", secrets), true
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Severity: checks.Block, Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(context.Background(), p, checks.RunOptions{})[0]
}

const dockerfile = "FROM scratch\nCOPY app /app\nEXPOSE 8000\nUSER 65532\nENTRYPOINT [\"/app\"]\n"

func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"Dockerfile": dockerfile}
	maps.Copy(all, files)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if all[name] == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(all[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "app"), engine.app, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDockerBuild_RedGreenAndUnclear(t *testing.T) {
	address := daemon(t)
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"builds":                       {nil, map[string]any{"tag": []any{"pipecat-backend"}, "within": "10m"}, checks.Pass, "tags:[pipecat-backend]"},
		"builds under its own name":    {nil, map[string]any{"tag": []any{"configured"}}, checks.Pass, "voicectl-check/"},
		"builds with BuildKit":         {map[string]string{"Dockerfile": strings.Replace(dockerfile, "COPY app", "COPY --chmod=755 app", 1)}, nil, checks.Pass, "buildkit:true"},
		"another file and context":     {map[string]string{"Dockerfile": "", "backend/Dockerfile.prod": "FROM scratch\nCOPY x.txt /\n", "backend/x.txt": "x"}, map[string]any{"file": "backend/Dockerfile.prod", "context": "backend/"}, checks.Pass, ""},
		"a source that is not there":   {map[string]string{"Dockerfile": "FROM scratch\nCOPY nowhere.txt /\n"}, nil, checks.Fail, "nowhere.txt"},
		"a source that is ignored":     {map[string]string{".dockerignore": "app\n"}, nil, checks.Fail, "app"},
		"an unknown instruction":       {map[string]string{"Dockerfile": "FROM scratch\nCOPPY a b\n"}, nil, checks.Fail, "COPPY"},
		"a step that fails, BuildKit":  {map[string]string{"Dockerfile": "FROM scratch\nCOPY --chmod=755 app /app\nRUN [\"/app\", \"crash\"]\n"}, nil, checks.Fail, "exit code: 3"},
		"a step that fails":            {map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"crash\"]\n"}, nil, checks.Fail, "non-zero code: 3"},
		"a step that hangs":            {map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"deaf\"]\n"}, map[string]any{"within": "3s"}, checks.Fail, "did not end within 3s"},
		"too large":                    {nil, map[string]any{"max_mb": 1}, checks.Fail, "MB"},
		"a registry that is not there": {map[string]string{"Dockerfile": "FROM registry.invalid/base:1\n"}, nil, checks.Inconclusive, "could not be fetched"},
		"no Dockerfile":                {map[string]string{"Dockerfile": ""}, nil, checks.Skip, "no Dockerfile"},
	} {
		t.Run(name, func(t *testing.T) {
			scope := &checks.Scope{Repo: repo(t, c.files), Engine: address, Dir: t.TempDir()}
			f := look(t, scope, "docker.build", c.with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
			if f.State == checks.Fail && len(f.Evidence) == 0 {
				t.Error("the output is not kept")
			}
			if strings.HasPrefix(name, "a step that fails") {
				kept, err := os.ReadFile(filepath.Join(scope.Dir, f.Evidence[0].Path))
				if err != nil || !strings.Contains(string(kept), "no module named nothing") {
					t.Errorf("the step's own words are not kept: %q, %v", kept, err)
				}
			}
		})
	}
}

func TestKinds_WithoutAnEngine(t *testing.T) {
	for _, kind := range []string{"docker.build", "docker.run_health"} {
		f := look(t, &checks.Scope{Repo: t.TempDir(), Engine: "unix:///nonexistent/docker.sock"}, kind, nil)
		if f.State != checks.Error || !strings.Contains(fmt.Sprint(f.Saw), "connect to the container engine") {
			t.Errorf("%s with an engine that is gone: %+v", kind, f)
		}
		f = look(t, &checks.Scope{Repo: t.TempDir()}, kind, nil)
		if f.State != checks.Skip || f.Fix.Text == "" {
			t.Errorf("%s without an engine: %+v", kind, f)
		}
	}
	f := look(t, &checks.Scope{Repo: t.TempDir(), Engine: "tcp://192.0.2.1:2375"}, "docker.run_health", nil)
	if f.State != checks.Skip || !strings.Contains(f.Reason, "another machine") {
		t.Errorf("an engine elsewhere: %+v", f)
	}
}

func TestDockerRunHealth_RedGreenAndUnclear(t *testing.T) {
	address := daemon(t)
	mode := func(m string) map[string]string {
		return map[string]string{"Dockerfile": strings.Replace(dockerfile, `["/app"]`, `["/app", "`+m+`"]`, 1)}
	}
	check := "HEALTHCHECK --interval=1s --retries=2 CMD [\"/app\", \"health\"]\n"
	secret := checks.Env{"OPENAI_API_KEY": {Value: "sk-a-key-of-a-test-1234"}}
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		env   checks.Env
		want  checks.State
		says  string
	}{
		"healthy":                      {nil, map[string]any{"dialect": "auto", "within": "60s"}, nil, checks.Pass, "user:65532"},
		"through the declared port":    {nil, map[string]any{"port": 8000, "path": "/health"}, nil, checks.Pass, "path:/health"},
		"with its own check":           {map[string]string{"Dockerfile": dockerfile + check}, nil, nil, checks.Pass, "healthcheck:healthy"},
		"with variables":               {nil, map[string]any{"env_file": ".env", "assert": "config-ok"}, secret, checks.Pass, "healthy_ms"},
		"ends at once":                 {mode("crash"), nil, nil, checks.Fail, "ended with exit code 3"},
		"listens on another port":      {mode("elsewhere"), map[string]any{"within": "2s"}, nil, checks.Fail, "not healthy through the published port 8000"},
		"answers 503":                  {mode("sick"), map[string]any{"within": "2s"}, nil, checks.Fail, "/health answers 503"},
		"its own check says no":        {map[string]string{"Dockerfile": strings.Replace(mode("sick")["Dockerfile"], "USER", check+"USER", 1)}, map[string]any{"within": "20s"}, nil, checks.Fail, "HEALTHCHECK says unhealthy"},
		"no status in the answer":      {mode("bare"), map[string]any{"within": "2s", "dialect": "pipecat"}, nil, checks.Fail, "without a status"},
		"a secret in the image":        {map[string]string{"Dockerfile": strings.Replace(dockerfile, "USER", "ENV HF_TOKEN=hf_abcdef1234\nUSER", 1)}, map[string]any{"env_file": ".env", "assert": "config-ok"}, secret, checks.Fail, "HF_TOKEN has a value in the image"},
		"no variables given":           {nil, map[string]any{"env_file": ".env"}, nil, checks.Skip, "no variables were given"},
		"an image that is not there":   {nil, map[string]any{"image": "no-such-image:1"}, nil, checks.Skip, "no image no-such-image:1"},
		"an image that does not build": {map[string]string{"Dockerfile": "FROM scratch\nCOPY nowhere /\n"}, nil, nil, checks.Inconclusive, "does not build"},
	} {
		t.Run(name, func(t *testing.T) {
			scope := &checks.Scope{Repo: repo(t, c.files), Engine: address, Env: c.env, Dir: t.TempDir()}
			f := look(t, scope, "docker.run_health", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) || strings.Contains(text, "sk-a-key") || strings.Contains(text, "hf_abcdef") {
				t.Errorf("got %s", text)
			}
			nothingIsLeft(t, address)
		})
	}
}

func nothingIsLeft(t *testing.T, address string) {
	t.Helper()
	c, err := client.New(client.WithHost(address))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.ContainerList(context.Background(), client.ContainerListOptions{All: true})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("%d containers are left, %v", len(list.Items), err)
	}
}

func TestStartup_ReturnsTheLinesOfTheFirstMoments(t *testing.T) {
	address := daemon(t)
	for mode, alive := range map[string]bool{"deaf": true, "crash": false} {
		dir := repo(t, map[string]string{"Dockerfile": strings.Replace(dockerfile, `["/app"]`, `["/app", "`+mode+`"]`, 1)})
		scope := &checks.Scope{Repo: dir, Engine: address, Clock: clock.Real{}, Mask: checks.NewMask("s", nil)}
		lines, living, fault, err := container.Startup(t.Context(), scope, 2*time.Second)
		if err != nil || fault != nil || living != alive || !slices.Contains(lines, "starting") || alive == slices.Contains(lines, "ERROR no module named nothing") {
			t.Errorf("%s: %q, alive %v, %+v, %v", mode, lines, living, fault, err)
		}
	}
	nothingIsLeft(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	scope := &checks.Scope{Repo: repo(t, nil), Engine: address, Clock: clock.Real{}, Mask: checks.NewMask("s", nil)}
	if _, _, _, err := container.Startup(ctx, scope, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a look that is cancelled: %v", err)
	}
	nothingIsLeft(t, address)
}

func TestLayers_ShowWhatALaterLayerHides(t *testing.T) {
	address := daemon(t)
	dir := repo(t, map[string]string{"Dockerfile": "FROM scratch\nENV HF_TOKEN=hf_of_the_image\nCOPY .env /srv/.env\nCOPY empty /srv/.env\nCMD [\"x\"]\n", ".env": "KEY=first", "empty": "\n"})
	scope := &checks.Scope{Repo: dir, Engine: address, Clock: clock.Real{}, Mask: checks.NewMask("s", nil)}
	var seen []string
	config := ""
	fault, err := container.Layers(t.Context(), scope, "", func(f container.File, r io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if f.Layer == "" {
			config += string(b)
			return err
		}
		seen = append(seen, f.Path+"="+strings.TrimSpace(string(b)))
		return err
	})
	slices.Sort(seen)
	if err != nil || fault != nil || !slices.Equal(seen, []string{"srv/.env=", "srv/.env=KEY=first"}) || !strings.Contains(config, "HF_TOKEN=hf_of_the_image") {
		t.Errorf("saw %q, config %q, %+v, %v", seen, config, fault, err)
	}
	enough := errors.New("enough")
	if _, err := container.Layers(t.Context(), scope, "", func(container.File, io.Reader) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the callback's error is lost: %v", err)
	}
	if fault, err := container.Layers(t.Context(), scope, "no-such-image:1", nil); err != nil || fault == nil || fault.State != checks.Skip {
		t.Errorf("no image: %+v, %v", fault, err)
	}
}
