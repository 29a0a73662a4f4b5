package reliability

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The real binary, built once when the first test wants it, removed by TestMain.
var built struct {
	once sync.Once
	dir  string
	err  error
	said []byte
}

func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "voicectl-reliability"); built.err != nil {
			return
		}
		built.said, built.err = exec.Command("go", "build", "-o", filepath.Join(built.dir, "voicectl"), "../../cmd/voicectl").CombinedOutput()
	})
	if built.err != nil {
		t.Fatalf("build: %v\n%s", built.err, built.said)
	}
	return filepath.Join(built.dir, "voicectl")
}

func removeBinary() { _ = os.RemoveAll(built.dir) } // of the system's folder for such things

// process is a running voicectl.
type process struct {
	*house
	cmd  *exec.Cmd
	gone chan struct{} // closed at its end
}

// start runs the binary with an environment of its own: nothing of the machine's leaks in. The first line on
// stdout names the address.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{house: &house{t: t, logs: &journal{}}, gone: make(chan struct{})}
	dir := t.TempDir()
	p.cmd = exec.CommandContext(t.Context(), program(t), args...)
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stderr = p.logs
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait() // the log says why
		t.Fatalf("no ready line: %v\n%s", err, p.logs)
	}
	p.url = strings.TrimSpace(line[strings.Index(line, "http"):])
	go func() {
		defer close(p.gone)
		_ = p.cmd.Wait() // the state has the code
	}()
	t.Cleanup(p.kill)
	return p
}

// serve runs the server with its sandbox inside on a data folder.
func serve(t *testing.T, data string, args ...string) *process {
	t.Helper()
	return start(t, []string{"TWILIO_AUTH_TOKEN=" + authToken().Reveal(), "TWILIO_ACCOUNT_SID=" + account, "LOG_FORMAT=json"},
		append([]string{"serve", "--port", "0", "--sandbox", "--dev", "--admin-addr", "off", "--data-dir", data}, args...)...)
}

// box starts a sandbox in a process of its own, and gives the environment that points to it.
func box(t *testing.T) (env []string) {
	t.Helper()
	b := start(t, nil, "sandbox", "--addr", "127.0.0.1:0")
	out, err := exec.CommandContext(t.Context(), program(t), "sandbox", "env", "--url", b.url).Output()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env = append(env, name+"="+strings.Trim(value, "'"))
	}
	return append(env, "TWILIO_ACCOUNT_SID="+account)
}

// serveOn runs the server alone, on vendors that the environment names, for as many sessions as come.
func serveOn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return start(t, append(env, "LOG_FORMAT=json", "VOICECTL_LIMITS_MAX_SESSIONS=10000", "VOICECTL_LIMITS_PER_IP=0", "VOICECTL_LIMITS_NEW_PER_MINUTE=0"),
		append([]string{"serve", "--port", "0", "--dev", "--data-dir", t.TempDir()}, args...)...)
}

// kill is kill -9, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
	<-p.gone
}

// exit waits for the process to end by itself.
func (p *process) exit(most time.Duration) int {
	p.t.Helper()
	select {
	case <-p.gone:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(most):
		p.t.Fatalf("still running after %v\n%s", most, p.logs)
		return -1
	}
}

// busyPort is an address that is taken: a server that is told to use it takes another and says which.
func busyPort(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

var reAdmin = regexp.MustCompile(`admin are at (http://[0-9.:]+)`)

// admin is the address of the admin listener of a process that was told to use a busy port.
func (p *process) admin() string {
	p.t.Helper()
	var m []string
	until(p.t, patience, "the admin listener's address", func() bool {
		m = reAdmin.FindStringSubmatch(p.logs.String())
		return m != nil
	})
	return m[1]
}

// rss is the memory that the process holds, in bytes.
func (p *process) rss() int {
	p.t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/statm")
	must(p.t, err)
	n, err := strconv.Atoi(strings.Fields(string(raw))[1])
	must(p.t, err)
	return n * os.Getpagesize()
}

// files is how many descriptors the process holds.
func (p *process) files() int {
	p.t.Helper()
	list, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	must(p.t, err)
	return len(list)
}
