package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks/kind/git"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repository is a work tree with one commit.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "--allow-empty", "-m", "first"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return dir
}

func TestRead_TellsTheCodeAndTheComplaint(t *testing.T) {
	dir := repository(t)
	if head, code, err := git.Text(t.Context(), dir, "rev-parse", "HEAD"); err != nil || code != 0 || len(head) != 40 {
		t.Errorf("got %q %d %v", head, code, err)
	}
	if _, code, err := git.Text(t.Context(), dir, "rev-parse", "--verify", "-q", "nothing"); err == nil || code != 1 {
		t.Errorf("got %d %v", code, err)
	}
	if _, err := git.Remote(t.Context(), dir, "origin"); !errors.Is(err, git.ErrNoRemote) {
		t.Errorf("got %v", err)
	}
	if _, _, err := git.Text(t.Context(), dir, "fetch", "https://127.0.0.1:1/x"); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("the network is open: %v", err)
	}
}

func TestRemotes_ListsWhatTheRemoteHas(t *testing.T) {
	dir := repository(t)
	head, _, err := git.Text(t.Context(), dir, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{dir, "file://" + dir} {
		refs, err := git.Remotes(t.Context(), "/", address)
		if err != nil || len(refs) != 1 || refs[0] != (git.Ref{Name: "refs/heads/main", Commit: head}) {
			t.Errorf("%s: %v %v", address, refs, err)
		}
	}
	if refs, err := git.Remotes(t.Context(), filepath.Dir(dir), "./"+filepath.Base(dir)); err != nil || len(refs) != 1 {
		t.Errorf("a relative folder: %v %v", refs, err)
	}
}

func TestRemotes_SpeaksToNothingElse(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	for _, address := range []string{"ext::sh -c touch% " + mark, "--upload-pack=touch " + mark, "ftp://127.0.0.1/x", "fd::17", "git://127.0.0.1/x"} {
		if _, err := git.Remotes(t.Context(), "/", address); !errors.Is(err, git.ErrScheme) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program ran")
	}
}
