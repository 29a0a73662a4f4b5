package server

import (
	"bytes"
	"strings"
	"testing"
)

// A file of lines is read while it is written: after every single write to it, it ends with a whole line.
func TestLines_WritesWholeLinesOnly(t *testing.T) {
	var file bytes.Buffer
	writes := 0
	l := &lines{to: writerFunc(func(b []byte) (int, error) {
		writes++
		if b[len(b)-1] != '\n' {
			t.Errorf("write %d ends in the middle of a line", writes)
		}
		return file.Write(b)
	})}
	var want strings.Builder
	for n := range 400 {
		line := strings.Repeat("x", n%97) + "\n"
		want.WriteString(line)
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if file.String() != want.String() || writes < 2 || writes > 20 {
		t.Errorf("%d bytes in %d writes, want %d bytes in a few", file.Len(), writes, want.Len())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
