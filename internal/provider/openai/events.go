package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

const (
	maxEvent  = 1 << 20  // one event, in bytes
	maxStream = 16 << 20 // all of them
	maxLines  = 64       // of one event: it is checked again with every line
)

// events reads an event stream and hands on only what go-openai reads safely: one "data:" line for each
// event, without comments, blank lines and other fields. An error event, an oversized event and an end
// without [DONE] become the error of Read.
type events struct {
	src   io.ReadCloser
	r     *bufio.Reader
	held  []byte // data lines of an event that is not complete JSON yet
	lines int    // how many they are
	out   []byte
	total int
	done  bool // [DONE] was seen
	err   error
}

func newEvents(src io.ReadCloser) *events {
	return &events{src: src, r: bufio.NewReaderSize(src, 4096)}
}

// Read implements io.Reader.
func (e *events) Read(p []byte) (int, error) {
	for len(e.out) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		e.line()
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

// Close implements io.Closer.
func (e *events) Close() error { return e.src.Close() }

// drain reads what follows [DONE], so that the connection can be used again.
func (e *events) drain() {
	if e.done {
		_, _ = io.CopyN(io.Discard, e.r, 4096)
	}
}

func (e *events) line() {
	line, err := e.read()
	if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			e.data(bytes.TrimSpace(data))
		}
	} else if err == nil && len(e.held) > 0 {
		e.emit(e.held) // the event is over and still no JSON: the reader shall say so
		e.held, e.lines = nil, 0
	}
	if err == nil || e.err != nil {
		return
	}
	e.err = err
	if errors.Is(err, io.EOF) {
		e.err = errCut
	}
}

// read returns one line. Its bytes are valid until the next read.
func (e *events) read() ([]byte, error) {
	line, err := e.r.ReadSlice('\n')
	if e.total += len(line); e.total > maxStream {
		return nil, fmt.Errorf("%w: the answer is larger than %d bytes", errTooLarge, maxStream)
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxEvent {
			return nil, fmt.Errorf("%w: one event is larger than %d bytes", errTooLarge, maxEvent)
		}
		line, err = e.r.ReadSlice('\n')
		e.total += len(line)
		long = append(long, line...)
	}
	return long, err
}

func (e *events) data(data []byte) {
	if bytes.Equal(data, []byte("[DONE]")) {
		e.done, e.err = true, io.EOF
		e.emit(data)
		return
	}
	if len(e.held)+len(data) > maxEvent || e.lines >= maxLines {
		e.err = fmt.Errorf("%w: one event is larger than %d bytes or %d lines", errTooLarge, maxEvent, maxLines)
		return
	}
	if len(data) == 0 {
		return
	}
	if len(e.held) > 0 {
		data = append(append(e.held, ' '), data...)
		e.held = nil
	}
	if !json.Valid(data) {
		e.held = bytes.Clone(data) // an event may lie on several lines
		e.lines++
		return
	}
	e.lines = 0
	if fail := errorEvent(data); fail != nil {
		e.err = fail
		return
	}
	e.emit(data)
}

func (e *events) emit(data []byte) {
	e.out = append(append(append(e.out[:0:0], "data: "...), data...), '\n')
}

var errTooLarge = errors.New("too large")

// errorEvent finds an error in an event, however it is spelled; nil when there is none.
func errorEvent(data []byte) *guard.Error {
	if !bytes.Contains(data, []byte(`"error"`)) {
		return nil
	}
	var top struct {
		Error  json.RawMessage `json:"error"`
		Object string          `json:"object"`
	}
	if err := json.Unmarshal(data, &top); err != nil {
		return nil //nolint:nilerr // no JSON is no error document; the reader of the event says what is wrong
	}
	if top.Object != "error" && (len(top.Error) == 0 || string(top.Error) == "null") {
		return nil
	}
	return readDetail(data).error(0)
}
