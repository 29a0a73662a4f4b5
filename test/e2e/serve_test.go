//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The console and the whole server behind it, the real binary with its sandbox.

const root = "../.."

var (
	buildDir string
	build    = sync.OnceValues(func() (string, error) {
		path := filepath.Join(buildDir, "voicectl")
		out, err := exec.Command("go", "build", "-o", path, root+"/cmd/voicectl").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return path, nil
	})
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "voicectl-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	buildDir = dir
	return m.Run()
}

var readyLine = regexp.MustCompile(`^voicectl serve: listening on (http://\S+)$`)

// lockedBuffer takes a process's talk while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve runs the server until the test ends and returns its URL, without a last slash.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := append([]string{"serve", "--sandbox", "--dev", "--port", "0", "--data-dir", filepath.Join(dir, "data")}, flags...)
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context())) // it must outlive the browser
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	for _, kv := range os.Environ() { // what a developer has set must not change the test
		name, _, _ := strings.Cut(kv, "=")
		if name == "PATH" || name == "HOME" || name == "TMPDIR" {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	var talk lockedBuffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		defer kill()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-read:
		case <-time.After(patience):
			t.Errorf("serve has not left %v after its first signal", patience)
			kill()
		}
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("serve ended with %v, want 0 after its first signal", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", talk.String())
		}
	})
	select {
	case url, ok := <-ready:
		if !ok {
			t.Fatalf("serve ended without its ready line")
		}
		return strings.TrimSuffix(url, "/")
	case <-time.After(patience):
		t.Fatalf("no ready line within %v", patience)
	}
	return ""
}

type mail struct {
	To       string `json:"to"`
	ClientID string `json:"client_id"`
	Subject  string `json:"subject"`
	Body     string `json:"body"`
}

// outbox is what the sandbox's mail service was asked to send.
func outbox(t *testing.T, url string) (mails []mail) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/console/outbox.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&mails); err != nil {
		t.Fatalf("outbox: %d: %v", resp.StatusCode, err)
	}
	return mails
}

// shownTransactions are count and total of the last query as the tool card shows its result.
func (b *tab) shownTransactions() (count int, total float64) {
	b.t.Helper()
	text := eval[string](b, `(() => {
		const card = [...document.querySelectorAll('#tools .card')].find((c) => c.querySelector('.name').textContent === 'query_transactions');
		return card?.querySelector('pre')?.textContent ?? '';
	})()`)
	var result struct {
		Transactions []struct {
			Amount float64 `json:"amount"`
		} `json:"transactions"`
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil || len(result.Transactions) == 0 {
		b.t.Fatalf("the tool card shows no transactions (%v): %q", err, text)
	}
	for _, tr := range result.Transactions {
		total += tr.Amount
	}
	return len(result.Transactions), total
}

var numberWords = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

// answersWith waits for the agent's last bubble to state the count, as figure or word.
func (b *tab) answersWith(count int) string {
	b.t.Helper()
	word := fmt.Sprint(count)
	if count < len(numberWords) {
		word += "|" + numberWords[count]
	}
	b.wait("the answer's count "+word, fmt.Sprintf(`new RegExp('\\b(%s)\\b', 'i').test([...document.querySelectorAll('.agent .words')].at(-1)?.innerText ?? '')`, word))
	b.says("#state", "listening")
	return eval[string](b, `[...document.querySelectorAll('.agent .words')].at(-1).innerText`)
}

func TestServe_TheConsoleAnswersATypedQuestionThenMailsIt(t *testing.T) {
	url := serve(t)
	b := open(t, url+"/")
	b.size(1440, 1000)
	b.dark(false)
	b.says("#agent", "Julia")
	b.ask(question)
	b.says("#tools", "query_transactions", "5001", "done")
	count, total := b.shownTransactions()
	answer := b.answersWith(count)
	t.Logf("%d transactions, %.2f in all; the answer: %s", count, total, answer)
	if sum := fmt.Sprintf("%.2f", total); !strings.Contains(answer, "5001") || !strings.Contains(strings.ReplaceAll(answer, ",", ""), sum) {
		t.Errorf("the answer does not name the client and the total %s: %s", sum, answer)
	}
	b.says("#latency", "first token", "first audio")
	b.shot("serve-typed")

	b.ask("Send that to john@example.com")
	b.says("#tools", "send_email_report")
	b.says("#outbox", "john@example.com", "client 5001")
	b.says("#state", "listening")
	b.shot("serve-mail")
	if mails := outbox(t, url); len(mails) != 1 || mails[0].To != "john@example.com" || mails[0].ClientID != "5001" {
		t.Errorf("outbox %+v, want one mail for 5001", mails)
	}

	b.ask("Show me a chart for client 5001")
	b.wait("a chart", `document.querySelectorAll('#charts svg :is(.bar, .point)').length > 0`)
	b.says("#charts", "5001")
	b.says("#state", "listening")
	b.shot("serve-light")
	b.dark(true)
	b.shot("serve-dark")
	b.wait("a session id (JUL-02)", `/[0-9a-f]{8}-[0-9a-f]{4}-4/.test(document.querySelector('#session').innerText)`)
}

func TestServe_TheConsoleAnswersASamplePhraseAsSound(t *testing.T) {
	b := open(t, serve(t)+"/")
	b.says("#voice-note", "only machines read")
	b.wait("the phrases", `[...document.querySelectorAll('.phrase')].some((p) => p.innerText.includes('5001'))`)
	chosen := eval[string](b, `(() => {
		const p = [...document.querySelectorAll('.phrase')].find((e) => /transactions.*5001/i.test(e.innerText));
		p.click();
		return p.innerText;
	})()`)
	b.says(".user", chosen)
	b.says("#tools", "query_transactions", "done")
	count, _ := b.shownTransactions()
	b.answersWith(count)
	b.says("#latency", "end of speech", "final words", "first token", "first audio", "heard")
	b.shot("serve-phrase")
}

func TestServe_TheConsoleHearsTheMicrophone(t *testing.T) {
	b := open(t, serve(t)+"/", fakeVoice(t, question, 2*time.Second, 30*time.Second)...)
	b.click("#talk")
	b.says(".user", question)
	b.says("#tools", "query_transactions", "done")
	count, _ := b.shownTransactions()
	b.answersWith(count)
	b.shot("serve-microphone")
}

func TestServe_TheConsoleWorksUnderABasePathByKeyboard(t *testing.T) {
	const base = "/v4/p-1/app"
	url := serve(t, "--base-path", base)
	if !strings.HasSuffix(url, base) {
		url += base
	}
	b := open(t, url) // without the last slash
	b.says("#agent", "Julia")
	b.ask("What is the refund policy?")
	b.says("#tools", "search_documents", "done")
	b.says(".agent", "refund")
	b.says("#state", "listening")
	b.run(chromedp.KeyEvent("\u001b"))
	b.says("#state", "ended")
}
