package calls_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/config"
)

// runIn runs the binary in a folder and returns what it said.
func runIn(t *testing.T, dir string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	var out, talk bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &talk
	cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	_ = cmd.Run() // the exit code is what is asked for
	return cmd.ProcessState.ExitCode(), out.String(), talk.String()
}

// H100: a file with a secret that everybody can read is warned of, by name and with what to do; one that only
// its owner can read, or without a secret, is not. (tier: ci)
func TestHostile_H100_ReadableSecrets(t *testing.T) {
	t.Parallel()
	const key = "sk-SENTINELopenai0123456789abcdef0123456789"
	for _, c := range []struct {
		name, file, text string
		mode             os.FileMode
		warned           bool
	}{
		{".env for all", ".env", "OPENAI_API_KEY=" + key + "\n", 0o644, true},
		{".env for all to write", ".env", "OPENAI_API_KEY=" + key + "\n", 0o606, true},
		{".env for its owner", ".env", "OPENAI_API_KEY=" + key + "\n", 0o600, false},
		{".env for the group", ".env", "OPENAI_API_KEY=" + key + "\n", 0o640, false},
		{".env without a secret", ".env", "LOG_LEVEL=debug\n", 0o644, false},
		{"voicectl.yaml for all", "voicectl.yaml", "providers:\n  openai:\n    api_key: " + key + "\n", 0o644, true},
		{"voicectl.yaml for its owner", "voicectl.yaml", "providers:\n  openai:\n    api_key: " + key + "\n", 0o600, false},
		{"voicectl.yaml without a secret", "voicectl.yaml", "log:\n  level: debug\n", 0o644, false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.file)
		must(t, os.WriteFile(path, []byte(c.text), 0o600))
		must(t, os.Chmod(path, c.mode))
		for _, args := range [][]string{{"config", "check", "--sandbox"}, {"serve", "--sandbox", "--check-config"}} {
			code, out, said := runIn(t, dir, nil, args...)
			if code != 0 || strings.Contains(said, "every user of this machine can read it") != c.warned || c.warned && !strings.Contains(said, "chmod 600 "+c.file) {
				t.Errorf("%s, %v: exit %d, said %q; want a warning: %v", c.name, args, code, said, c.warned)
			}
			if strings.Contains(out+said, "SENTINEL") {
				t.Errorf("%s, %v: the secret is shown: %s%s", c.name, args, out, said)
			}
		}
	}
}

// H100: no flag of any command takes a secret, since every user of a machine sees arguments; who tries is
// refused, and the value is not repeated.
func TestHostile_H100_SecretsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	keys, err := config.Keys()
	must(t, err)
	secrets := 0
	for _, k := range keys {
		if !k.Secret {
			continue
		}
		secrets++
		if k.Flag != "" {
			t.Errorf("the flag --%s takes the secret %s", k.Flag, k.Path)
		}
		for _, args := range [][]string{
			{"serve", "--" + strings.NewReplacer(".", "-", "_", "-").Replace(k.Path) + "=SENTINEL-value"},
			{"serve", "--" + strings.ToLower(strings.ReplaceAll(k.Env[0], "_", "-")), "SENTINEL-value"},
		} {
			if code, out, said := run(t, nil, args...); code != 2 || strings.Contains(out+said, "SENTINEL") {
				t.Errorf("%v: exit %d, said %s%s", args[:2], code, out, said)
			}
		}
	}
	if secrets < 5 {
		t.Fatalf("only %d secrets are known", secrets)
	}
	flag := regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z0-9-]+)`)
	secretive := regexp.MustCompile(`key|token|secret|password|passwd|credential|auth`)
	for _, c := range []string{"serve", "call", "sandbox", "config check", "config explain", "config env", "init", "replay", "version", "docs"} {
		code, out, said := run(t, nil, append(strings.Fields(c), "--help")...)
		if code != 0 {
			t.Errorf("%s --help: exit %d %s", c, code, said)
		}
		for _, m := range flag.FindAllStringSubmatch(out+said, -1) {
			if secretive.MatchString(m[1]) {
				t.Errorf("voicectl %s has the flag --%s, which sounds like a secret", c, m[1])
			}
		}
	}
}

// H101: a hostile configuration or agent ends with exit 2 in little time, whatever it would grow to.
func TestHostile_H101_Files(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	long := strings.Repeat("x", 500<<10)
	for name, text := range map[string]string{
		"billion laughs":           bomb,
		"billion laughs in a list": "tools:\n  mail_domains: &d [x]\n" + bomb,
		"many of a long text":      "tools:\n  mail_domains: [&x \"" + long + "\"" + strings.Repeat(",*x", 100000) + "]\n",
		"many names, a long text":  "providers:\n  supabase:\n    functions:\n      a: &x \"" + long + "\"\n" + strings.Repeat("      b: *x\n", 2000),
		"holds itself":             "limits: &l\n  per_ip: *l\n",
		"a section that is itself": "limits: &l {limits: *l}\n",
		"nested for ever":          "limits: " + strings.Repeat("[", 200000),
		"2 MiB":                    "# " + strings.Repeat("x", 2<<20),
		"NUL":                      "profile: \"a\\0b\"\n",
		"binary":                   "\x7fELF\x00\x01\x02",
		"a tag of a language":      "profile: !!python/object/apply:os.system [id]\n",
	} {
		for _, file := range []string{"voicectl.yaml", "agent.yaml"} {
			t.Run(name+" "+file, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
				args := []string{"serve", "--sandbox", "--check-config"}
				if file == "agent.yaml" {
					args = append(args, "--agent", file)
				}
				begun := time.Now()
				code, out, said := runIn(t, dir, []string{"GOMEMLIMIT=64MiB"}, args...)
				if code != 2 || len(out)+len(said) > 64<<10 || strings.Contains(said, "goroutine") {
					t.Errorf("exit %d, %d bytes said: %.500s", code, len(said), said)
				}
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("took %v", took)
				}
			})
		}
	}
	for _, device := range []string{"/dev/zero", "/dev/full", "/proc/self/mem", "."} {
		for _, flag := range []string{"--agent", "--config", "--env-file"} {
			if code, _, said := run(t, nil, "serve", "--sandbox", "--check-config", flag, device); code != 2 || strings.Contains(said, "goroutine") {
				t.Errorf("%s %s: exit %d %.300s", flag, device, code, said)
			}
		}
	}
}

// H102, a sample of what else a file can do: its words move the terminal of whoever checks it. What is shown
// of a file or a variable holds no control character.
func TestHostile_H102_TerminalOrders(t *testing.T) {
	t.Parallel()
	const order = `\e[2J\e]0;owned\a\u202e`
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a key":         "\"" + order + "\": 1\n",
		"a section":     "limits:\n  \"" + order + "\": 1\n",
		"a value":       "profile: \"" + order + "\"\n",
		"a number":      "port: \"" + order + "\"\n",
		"an address":    "public_url: \"https://" + order + ".example\"\n",
		"a list":        "auth:\n  allowed_origins: [\"" + order + "\"]\n",
		"a table":       "providers:\n  supabase:\n    functions:\n      query_transactions: \"" + order + "\"\n",
		"a free text":   "data_dir: \"" + order + "\"\n",
		"a model":       "providers:\n  openai:\n    model: \"" + order + "\"\n",
		"agent: a key":  "name: ann\nprompt: x\n\"" + order + "\": 1\n",
		"agent: a name": "name: \"" + order + "\"\nprompt: x\n",
		"agent: a tool": "name: ann\nprompt: x\ntools: [\"" + order + "\"]\n",
		"agent: twice":  "name: ann\nprompt: x\ntools: [\"" + order + "\", \"" + order + "\"]\n",
	} {
		file, args := "voicectl.yaml", [][]string{{"config", "check", "--sandbox"}, {"serve", "--sandbox", "--check-config"}, {"config", "explain", "--sandbox"}}
		if strings.HasPrefix(name, "agent") {
			file, args = "agent.yaml", [][]string{{"serve", "--sandbox", "--check-config", "--agent", "agent.yaml"}}
		}
		path := filepath.Join(dir, file)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		for _, a := range args {
			_, out, said := runIn(t, dir, []string{"CLICOLOR_FORCE=0", "NO_COLOR=1"}, a...)
			for _, bad := range []string{"\x1b", "\x07", "\u202e", "\u009b"} {
				if i := strings.Index(out+said, bad); i >= 0 {
					t.Errorf("%s, %v: %q is shown: %.300q", name, a, bad, (out + said)[max(0, i-100):])
				}
			}
		}
		must(t, os.Remove(path))
	}
	for _, env := range []string{"VOICECTL_\x1b[2J=x", "VOICECTL_PORT=\x1b[2J", "PUBLIC_URL=https://\x1b[2J", "LOG_LEVEL=\x1b[2J\x07"} {
		if _, out, said := run(t, []string{env, "NO_COLOR=1"}, "config", "check", "--sandbox"); strings.ContainsAny(out+said, "\x1b\x07") {
			t.Errorf("%q: %q", env, out+said)
		}
	}
	if _, out, said := run(t, []string{"NO_COLOR=1"}, "serve", "--\x1b[2J\x07"); strings.ContainsAny(out+said, "\x1b\x07") {
		t.Errorf("an unknown flag is shown as %q", out+said)
	}
}
