package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/secret"
)

// box serves a sandbox until the test ends.
func box(t *testing.T) (*sandbox.Sandbox, string) {
	t.Helper()
	s := sandbox.New(sandbox.Options{})
	base, stop, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, base
}

// at is the address of an emulator, as the vendor's library takes it.
func at(base, vendor string) Target {
	t := Target{URL: base + "/" + vendor, Key: secret.New("sandbox-key-of-this-test"), Patience: 5 * time.Second}
	switch vendor {
	case "openai":
		t.URL += "/v1"
	case "speechmatics":
		t.Management = t.URL
		t.URL += "/v2"
	}
	return t
}

// Tier: ci.
func TestConformance_EveryEmulatorDoesWhatItsVendorIsKnownToDo(t *testing.T) {
	_, base := box(t)
	for _, vendor := range Vendors() {
		doc, err := Load(vendor)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(vendor, func(t *testing.T) {
			for _, c := range doc.Cases {
				t.Run(c.Name, func(t *testing.T) {
					r := doc.Run(t.Context(), c, at(base, vendor))
					for _, d := range r.Differences {
						t.Errorf("%s: wanted %s, saw %s", d.Path, d.Wanted, d.Saw)
					}
					if r.State != Pass {
						t.Errorf("got %s %s", r.State, r.Reason)
					}
				})
			}
		})
	}
}
