//go:build unix

package postgres_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/voicectl/voicectl/test/postgres"
)

// Tier: ci.
func TestServer_KeepsWhatWasCommittedAcrossStops(t *testing.T) {
	s, err := postgres.New()
	if errors.Is(err, postgres.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.SQL("postgres", "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)"); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := s.Stop(sig); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SQL("postgres", "SELECT 1"); err == nil {
			t.Fatal("a stopped server answers")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.SQL("postgres", "SELECT n FROM kept"); err != nil || got != "42" {
			t.Errorf("after %v: got %q, %v", sig, got, err)
		}
	}
}
