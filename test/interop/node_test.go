//go:build interop

package interop

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	installPatience = 5 * time.Minute
	scriptPatience  = 2 * time.Minute
)

// install brings the pinned libraries once, if they are not here or older than what pins them.
var install = sync.OnceValue(func() error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return errors.New("the interop tests run the vendors' libraries, which need " + program + " (node 20.14 or later): install it, for example by apt-get install npm")
		}
	}
	want, err := os.Stat("package-lock.json")
	if err != nil {
		return err
	}
	have, err := os.Stat("node_modules/.package-lock.json")
	if err == nil && !have.ModTime().Before(want.ModTime()) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installPatience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "npm", "ci").CombinedOutput(); err != nil {
		return errors.New("npm ci: " + err.Error() + "\n" + string(out))
	}
	return nil
})

// plainEnv is what a program needs of this process's environment. What a developer has set beside it must
// not change a test, nor must a key of theirs reach one.
func plainEnv() (env []string) {
	for _, kv := range os.Environ() {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "PATH", "HOME", "TMPDIR":
			env = append(env, kv)
		}
	}
	return env
}

// judge runs one script to its end; the test is as good as the script's exit code. A test within it that
// skips counts as a failure: whatever the libraries can tell, they shall.
func judge(t *testing.T, script string, env ...string) {
	t.Helper()
	if err := install(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test-reporter=tap", "--test-force-exit", script)
	cmd.Env = append(plainEnv(), env...)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	passed := 0
	for line := range strings.Lines(out.String()) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "ok ") {
			passed++
			t.Log(trimmed)
		}
		if strings.Contains(trimmed, "# SKIP") || strings.Contains(trimmed, "# TODO") {
			t.Errorf("%s leaves something out: %s", script, trimmed)
		}
	}
	if err != nil || passed == 0 {
		t.Fatalf("%s: %v, %d passed\n%s", script, err, passed, out.String())
	}
}
