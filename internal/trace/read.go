package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Bounds of what is read.
const (
	maxLine   = 256 << 10
	maxEvents = 500_000
	maxName   = 64
)

// Read reads a whole trace. It is strict: a key that is not known, a side or a time that cannot be, or
// anything after the object is an error with its line number.
func Read(r io.Reader) ([]Event, error) {
	sc := bufio.NewScanner(io.LimitReader(r, 4*maxBytes))
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	var out []Event
	line := 0
	for sc.Scan() {
		line++
		raw := bytes.TrimSpace(sc.Bytes())
		if len(raw) == 0 {
			continue
		}
		if len(out) == maxEvents {
			return nil, fmt.Errorf("trace: line %d: more than %d events", line, maxEvents)
		}
		e, err := readLine(raw)
		if err != nil {
			return nil, fmt.Errorf("trace: line %d: %w", line, err)
		}
		out = append(out, e)
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("trace: line %d: longer than %d bytes", line+1, maxLine)
		}
		return nil, fmt.Errorf("trace: line %d: %w", line+1, err)
	}
	return out, nil
}

func readLine(raw []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, err
	}
	switch {
	case dec.More():
		return e, errors.New("something follows the object")
	case !e.Side.Valid():
		return e, fmt.Errorf("side is %.40q, not agent or caller", string(e.Side))
	case e.Event == "" || len(e.Event) > maxName:
		return e, errors.New("event missing or too long")
	case e.T < 0 || math.IsInf(e.T, 0) || e.T > 1e12:
		return e, errors.New("t is not a time since the start")
	case e.MS < 0 || e.MS > 1e12:
		return e, errors.New("ms is not a length of time")
	case e.Turn < 0 || e.Turn > maxEvents:
		return e, errors.New("turn is not a count")
	}
	return e, nil
}

// Merge joins traces of one call into one, ordered by time. When every event has a wall time these
// decide, and T is counted again from the earliest; else T decides as it is.
func Merge(traces ...[]Event) []Event {
	all := slices.Concat(traces...)
	var first time.Time
	wall := true
	for _, e := range all {
		wall = wall && !e.At.IsZero()
		if first.IsZero() || e.At.Before(first) {
			first = e.At
		}
	}
	if wall {
		for i := range all {
			all[i].T = Milliseconds(all[i].At.Sub(first))
		}
	}
	slices.SortStableFunc(all, func(a, b Event) int {
		switch {
		case a.T < b.T:
			return -1
		case a.T > b.T:
			return 1
		}
		return 0
	})
	return all
}
