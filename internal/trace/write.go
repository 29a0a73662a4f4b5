package trace

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds of what is written.
const (
	maxText  = 8 << 10
	maxJSON  = 16 << 10
	maxBytes = 64 << 20
)

// WriterOptions shape a Writer.
type WriterOptions struct {
	Side Side
	// Start is where T counts from; zero = the first event.
	Start time.Time
	Now   func() time.Time // nil = time.Now
	// Hash writes a keyed hash and a length in place of everything that was said, typed, or handed to a
	// tool. The key is made for this Writer and forgotten, so equal texts of one trace look equal and
	// nothing can be guessed.
	Hash bool
	// Limit is the size of the trace in bytes, 0 = 64 MiB. What comes after it is counted, not written.
	Limit int64
}

// Writer writes events. It is safe for concurrent use; a nil *Writer takes everything and writes nothing.
type Writer struct {
	o   WriterOptions
	key []byte

	mu      sync.Mutex
	w       io.Writer
	start   time.Time
	written int64
	dropped int
	err     error
}

// NewWriter makes a Writer to w, which it does not close.
func NewWriter(w io.Writer, o WriterOptions) *Writer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit <= 0 {
		o.Limit = maxBytes
	}
	t := &Writer{o: o, w: w, start: o.Start}
	if o.Hash {
		t.key = make([]byte, 16)
		_, _ = rand.Read(t.key) // never fails
	}
	return t
}

// Emit writes one event. Side, At and T are filled when they are not set. A trace never stops a call:
// what goes wrong is told by Err.
func (t *Writer) Emit(e Event) {
	if t == nil {
		return
	}
	if e.Side == "" {
		e.Side = t.o.Side
	}
	if e.At.IsZero() {
		e.At = t.o.Now()
	}
	e.Args, e.Result = sound(e.Args), sound(e.Result)
	if t.key != nil {
		e = t.hash(e)
	}
	e.Text = cut(e.Text, maxText)

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.start.IsZero() {
		t.start = e.At
	}
	if e.T == 0 {
		e.T = Milliseconds(e.At.Sub(t.start))
	}
	e.T = max(e.T, 0)
	e.At = e.At.Round(0).UTC()
	buf, _ := lineBuffers.Get().(*[]byte)
	defer lineBuffers.Put(buf)
	line, ok := appendEvent((*buf)[:0], &e)
	if ok {
		*buf = line[:0]
	} else {
		var err error
		if line, err = json.Marshal(e); err != nil {
			t.fail(fmt.Errorf("trace: write %s: %w", e.Event, err))
			return
		}
	}
	if t.err != nil || t.written+int64(len(line))+1 > t.o.Limit {
		t.dropped++
		return
	}
	n, err := t.w.Write(append(line, '\n'))
	t.written += int64(n)
	if err != nil {
		t.fail(fmt.Errorf("trace: write: %w", err))
	}
}

func (t *Writer) fail(err error) {
	t.dropped++
	if t.err == nil {
		t.err = err
	}
}

// Err returns the first failure, and a note when the trace is not whole.
func (t *Writer) Err() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.dropped > 0 {
		return fmt.Errorf("trace: limit of %d bytes reached, %d events left out", t.o.Limit, t.dropped)
	}
	return t.err
}

// Milliseconds is d as T counts it, to the microsecond.
func Milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// sound keeps JSON that can stand in a line; what cannot is kept as a string, cut when it is long.
func sound(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || (len(raw) <= maxJSON && json.Valid(raw)) {
		return raw
	}
	b, err := json.Marshal(cut(string(raw), maxJSON))
	if err != nil {
		return nil
	}
	return b
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

func (t *Writer) hash(e Event) Event {
	e.Text = t.hashText(e.Text, e.Event == Mark || e.Event == Message)
	if len(e.Args) > 0 {
		e.Args = json.RawMessage(`"` + t.hashText(string(e.Args), false) + `"`)
	}
	if len(e.Result) > 0 {
		e.Result = json.RawMessage(`"` + t.hashText(string(e.Result), false) + `"`)
	}
	if len(e.Attrs) > 0 {
		attrs := make(map[string]any, len(e.Attrs))
		for k, v := range e.Attrs {
			switch v := v.(type) {
			case bool, int, int64, float64:
				attrs[k] = v
			case string:
				attrs[k] = t.hashText(v, plainAttr(k))
			default:
				attrs[k] = t.hashText(fmt.Sprint(v), false)
			}
		}
		e.Attrs = attrs
	}
	return e
}

// plainAttr lists the attributes that are words of ours or of a vendor, never of a caller.
func plainAttr(name string) bool {
	switch name {
	case "class", "vendor", "reason", "line", "model", "status", "code", "call", "stream", "kind":
		return true
	}
	return false
}

func (t *Writer) hashText(s string, plain bool) string {
	if s == "" || plain {
		return s
	}
	h := hmac.New(sha256.New, t.key)
	_, _ = io.WriteString(h, s) // a hash never fails
	return fmt.Sprintf("[%s %d]", hex.EncodeToString(h.Sum(nil)[:4]), len(s))
}
