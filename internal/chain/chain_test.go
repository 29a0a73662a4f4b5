package chain_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/chain"
)

func now() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC) }

func written(t *testing.T, bodies ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l, err := chain.Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies {
		if _, err := l.Append(map[string]string{"say": b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLog_ReopensAndGoesOn(t *testing.T) {
	path := written(t, "one", "two")
	l, err := chain.Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := l.Append(map[string]string{"say": "three"})
	if err != nil {
		t.Fatal(err)
	}
	if l.Last() != hash {
		t.Errorf("last is %s, want %s", l.Last(), hash)
	}
	_ = l.Close()
	var said []string
	last, torn, err := chain.Read(bytes.NewReader(read(t, path)), func(r chain.Record) error {
		said = append(said, string(r.Body))
		return nil
	})
	if err != nil || torn || last != hash || len(said) != 3 || !strings.Contains(said[2], "three") {
		t.Errorf("read %v, torn %v, last %s, err %v", said, torn, last, err)
	}
}

func TestRead_TellsWhereItIsBroken(t *testing.T) {
	lines := strings.SplitAfter(string(read(t, written(t, "one", "two", "three"))), "\n")[:3]
	for name, c := range map[string]struct {
		log  []string
		line int
		why  string
	}{
		"content changed":   {[]string{lines[0], strings.Replace(lines[1], "two", "TWO", 1), lines[2]}, 2, "changed"},
		"time changed":      {[]string{strings.Replace(lines[0], "2026", "2025", 1), lines[1]}, 1, "changed"},
		"record removed":    {[]string{lines[0], lines[2]}, 2, "number 3"},
		"records swapped":   {[]string{lines[1], lines[0]}, 1, "number 2"},
		"first one removed": {[]string{strings.Replace(lines[1], `"seq":2`, `"seq":1`, 1)}, 1, "follow"},
		"a field added":     {[]string{strings.Replace(lines[0], `{"seq"`, `{"x":1,"seq"`, 1)}, 1, "unknown field"},
		"no JSON":           {[]string{lines[0], "nonsense\n"}, 2, "no record"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := chain.Read(strings.NewReader(strings.Join(c.log, "")), nil)
			var broken *chain.BrokenError
			if !errors.As(err, &broken) || broken.Line != c.line || !strings.Contains(broken.Why, c.why) {
				t.Errorf("got %v, want line %d: %s", err, c.line, c.why)
			}
		})
	}
}

func TestOpen_CutsAnUnfinishedLineAtAnyByte(t *testing.T) {
	whole := read(t, written(t, "one", "two"))
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := first; cut < len(whole); cut++ {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := chain.Open(path, now)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err := l.Append("again"); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		n := 0
		if _, torn, err := chain.Read(bytes.NewReader(read(t, path)), func(chain.Record) error { n++; return nil }); err != nil || torn || n != 2 {
			t.Fatalf("cut at %d: %d records, torn %v, %v", cut, n, torn, err)
		}
	}
}

func TestOpen_RefusesABrokenChain(t *testing.T) {
	path := written(t, "one", "two")
	if err := os.WriteFile(path, bytes.Replace(read(t, path), []byte("one"), []byte("eno"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Open(path, now); err == nil {
		t.Error("a changed record was accepted")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"seq":1,"at":"2026-03-04T05:06:07Z","prev":"","body":{},"hash":""}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		last, _, err := chain.Read(bytes.NewReader(b), func(chain.Record) error { n++; return nil })
		if err == nil && n == 0 && strings.Trim(last, "0") != "" {
			t.Errorf("an empty chain ends in %s", last)
		}
	})
}
