package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/secret"
)

const sentinel = "SENTINEL-sk-0123456789"

// holder is a secret where secrets usually are: in a field, a pointer, a slice, a map and an interface.
type holder struct {
	Field secret.Secret            `json:"field" yaml:"field"`
	Ptr   *secret.Secret           `json:"ptr" yaml:"ptr"`
	List  []secret.Secret          `json:"list" yaml:"list"`
	Map   map[string]secret.Secret `json:"map" yaml:"map"`
	Any   any                      `json:"any" yaml:"any"`
}

type inXML struct{ Field secret.Secret }

func newHolder() holder {
	s := secret.New(sentinel)
	return holder{Field: s, Ptr: &s, List: []secret.Secret{s}, Map: map[string]secret.Secret{"k": s}, Any: s}
}

func TestSecret_IsRedactedByEveryEncoder(t *testing.T) {
	h := newHolder()
	var logs bytes.Buffer
	slog.New(slog.NewJSONHandler(&logs, nil)).Info("start", "bare", h.Field, "struct", h, "err", fmt.Errorf("dial with %v", h.Field))
	slog.New(slog.NewTextHandler(&logs, nil)).Info("start", "bare", h.Field, "struct", h)

	out := map[string]string{"slog": logs.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out[verb] = fmt.Sprintf(verb, h.Field) + fmt.Sprintf(verb, h.Ptr) + fmt.Sprintf(verb, h.List) + fmt.Sprintf(verb, h.Map)
	}
	out["struct %v"] = fmt.Sprintf("%v %+v %#v", h, h, h)
	out["error"] = errors.Join(fmt.Errorf("key %s", h.Field)).Error()
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal} {
		b, err := marshal(h)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = string(b)
	}
	b, err := xml.Marshal(inXML{h.Field})
	if err != nil {
		t.Fatal(err)
	}
	out["xml"] = string(b)
	for name, text := range out {
		if strings.Contains(text, "SENTINEL") || strings.Contains(strings.ToLower(text), "53454e54494e454c") {
			t.Errorf("%s tells the secret: %s", name, text)
		}
		if !strings.Contains(text, "redacted") {
			t.Errorf("%s does not show that something is there: %s", name, text)
		}
	}
	if got := strings.Count(out["json"], "[redacted]"); got != 5 {
		t.Errorf("json: got %d redactions, want 5: %s", got, out["json"])
	}
}

func TestSecret_ZeroIsNotSetAndShowsNothing(t *testing.T) {
	var s secret.Secret
	if s.Set() || s.Len() != 0 || s.String() != "" || s.Fingerprint("salt") != "" || fmt.Sprintf("%v", s) != "" {
		t.Errorf("zero value: set %v, len %d, text %q", s.Set(), s.Len(), s)
	}
}

func TestSecret_RevealAndText(t *testing.T) {
	var s secret.Secret
	if err := s.UnmarshalText([]byte(sentinel)); err != nil {
		t.Fatal(err)
	}
	if s.Reveal() != sentinel || s.Len() != len(sentinel) || !s.Set() {
		t.Errorf("got %q of %d", s.Reveal(), s.Len())
	}
	var decoded struct{ Key secret.Secret }
	if err := json.Unmarshal([]byte(`{"Key":"`+sentinel+`"}`), &decoded); err != nil || decoded.Key.Reveal() != sentinel {
		t.Errorf("from JSON: %q %v", decoded.Key.Reveal(), err)
	}
}

func TestSecret_FingerprintTellsValuesApartUnderASalt(t *testing.T) {
	a, b := secret.New("a"), secret.New("b")
	if a.Fingerprint("s") != secret.New("a").Fingerprint("s") || len(a.Fingerprint("s")) != 8 {
		t.Error("the same value has two fingerprints")
	}
	if a.Fingerprint("s") == b.Fingerprint("s") || a.Fingerprint("s") == a.Fingerprint("t") {
		t.Error("different values or salts have one fingerprint")
	}
}
