// Package chain is an append-only log of which every record holds the hash of the one before. Changing,
// removing or reordering a record breaks the chain at that place, and whoever keeps the last hash notices
// when the end was cut off.
//
// A record is one line of JSON. It is on the disk before Append returns. A line that a crash left unfinished
// is no record: Open cuts it off.
package chain

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// longest bounds one record in bytes.
const longest = 4 << 20

// Record is one link.
type Record struct {
	Seq  int64           `json:"seq"` // from 1
	At   time.Time       `json:"at"`
	Prev string          `json:"prev"` // hash of the record before, 64 zeros for the first
	Body json.RawMessage `json:"body"`
	Hash string          `json:"hash"` // sha256 over seq, at, prev and body
}

// origin stands before the first record.
var origin = hex.EncodeToString(make([]byte, sha256.Size)) //nolint:gochecknoglobals // a constant

// hash covers everything of the record but itself.
func (r *Record) hash() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d\n%s\n%s\n", r.Seq, r.At.UTC().Format(time.RFC3339Nano), r.Prev)
	_, _ = h.Write(r.Body)
	return hex.EncodeToString(h.Sum(nil))
}

// BrokenError says where a chain does not hold.
type BrokenError struct {
	Line int
	Why  string
}

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("chain is broken at line %d: %s", e.Line, e.Why)
}

// Read calls do for each record of a chain and checks every link on the way. It returns the hash of the last
// record and whether the log ends in an unfinished line, as a crash leaves it.
func Read(r io.Reader, do func(Record) error) (last string, torn bool, err error) {
	last, _, torn, err = read(r, do)
	return last, torn, err
}

func read(r io.Reader, do func(Record) error) (last string, good int64, torn bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	last = origin
	for line := 1; ; line++ {
		text, err := readLine(in)
		switch {
		case errors.Is(err, io.EOF):
			return last, good, len(text) > 0, nil
		case err != nil:
			return last, good, false, err
		}
		var rec Record
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&rec); err != nil {
			return last, good, false, &BrokenError{line, "no record: " + err.Error()}
		}
		switch {
		case rec.Seq != int64(line):
			return last, good, false, &BrokenError{line, fmt.Sprintf("number %d, want %d", rec.Seq, line)}
		case rec.Prev != last:
			return last, good, false, &BrokenError{line, "it does not follow the record before"}
		case rec.Hash != rec.hash():
			return last, good, false, &BrokenError{line, "its content was changed"}
		}
		if do != nil {
			if err := do(rec); err != nil {
				return last, good, false, err
			}
		}
		last = rec.Hash
		good += int64(len(text))
	}
}

// readLine reads up to and with the newline; io.EOF with text is an unfinished line.
func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > longest {
			return nil, fmt.Errorf("read chain: a record is longer than %d bytes", longest)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return text, err
	}
}

// Log is a chain in a file, open for appending.
type Log struct {
	mu   sync.Mutex
	file *os.File
	last string
	seq  int64
	now  func() time.Time
}

// Open opens or makes a log, checks the whole chain and cuts an unfinished last line off.
func Open(path string, now func() time.Time) (_ *Log, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, fmt.Errorf("open chain: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	l := &Log{file: f, now: now}
	last, good, torn, err := read(f, func(r Record) error { l.seq = r.Seq; return nil })
	if err != nil {
		return nil, fmt.Errorf("open chain %s: %w", path, err)
	}
	if torn {
		if err := f.Truncate(good); err != nil {
			return nil, fmt.Errorf("open chain %s: cut unfinished line: %w", path, err)
		}
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return nil, fmt.Errorf("open chain %s: %w", path, err)
	}
	l.last = last
	return l, nil
}

// Append adds a record and returns its hash once it is on the disk.
func (l *Log) Append(body any) (string, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("append to chain: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := Record{Seq: l.seq + 1, At: l.now().UTC(), Prev: l.last, Body: raw}
	rec.Hash = rec.hash()
	line, err := json.Marshal(rec)
	if err != nil {
		return "", fmt.Errorf("append to chain: %w", err)
	}
	if len(line)+1 > longest {
		return "", fmt.Errorf("append to chain: a record of %d bytes is longer than %d", len(line), longest)
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return "", fmt.Errorf("append to chain: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return "", fmt.Errorf("append to chain: %w", err)
	}
	l.seq, l.last = rec.Seq, rec.Hash
	return rec.Hash, nil
}

// Last is the hash of the newest record.
func (l *Log) Last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Close closes the file.
func (l *Log) Close() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close chain: %w", err)
	}
	return nil
}
