// Package evidence keeps runs: the report, the files that kinds left, and a hash-chained line for each
// finding, written as it is made, so that a run that was cut off still tells what it saw.
//
//	STATE/runs/ID/findings.jsonl   the chain: run, then each finding, then the end
//	STATE/runs/ID/report.json      the whole report, when the run came to its end
//	STATE/runs/ID/*                what kinds kept, named by the start of its hash
//	STATE/salt                     what fingerprints of secrets are made with
package evidence

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/chain"
	"github.com/voicectl/voicectl/internal/checks"
)

// Store is the state folder of a project.
type Store struct{ dir string }

// Open makes the folder when it is not there, and keeps what is private to a machine out of git.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "runs"), 0o750); err != nil {
		return nil, fmt.Errorf("open state folder: %w", err)
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("runs/\nsalt\n"), 0o600); err != nil {
			return nil, fmt.Errorf("open state folder: %w", err)
		}
	}
	return &Store{dir}, nil
}

// Salt returns the salt of the project, made at the first call.
func (s *Store) Salt() (string, error) {
	path := filepath.Join(s.dir, "salt")
	b, err := os.ReadFile(path) //nolint:gosec // a fixed name in the state folder
	if err == nil && len(bytes.TrimSpace(b)) >= 16 {
		return string(bytes.TrimSpace(b)), nil
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	text := hex.EncodeToString(salt)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	return text, nil
}

var runID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$`)

// NewID names a run: the moment to the millisecond, then chance, so that names sort by time.
func NewID(now time.Time) string {
	tail := make([]byte, 2)
	_, _ = rand.Read(tail) // never fails (crypto/rand)
	return now.UTC().Format("20060102-150405") + fmt.Sprintf("-%03d%s", now.UTC().Nanosecond()/1e6, hex.EncodeToString(tail)[:3])
}

// Run is a run that is being written.
type Run struct {
	Dir string
	log *chain.Log
}

// Begin makes the folder of a run and the first record.
func (s *Store) Begin(info checks.RunInfo, lists []checks.ListInfo, now func() time.Time) (*Run, error) {
	dir := filepath.Join(s.dir, "runs", info.ID)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("begin run: %w", err)
	}
	log, err := chain.Open(filepath.Join(dir, "findings.jsonl"), now)
	if err != nil {
		return nil, fmt.Errorf("begin run: %w", err)
	}
	if _, err := log.Append(map[string]any{"type": "run", "run": info, "checklists": lists}); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &Run{Dir: dir, log: log}, nil
}

// Add keeps a finding. Those judged elsewhere are not kept.
func (r *Run) Add(f *checks.Finding) error {
	if f.State == checks.Elsewhere {
		return nil
	}
	_, err := r.log.Append(map[string]any{"type": "finding", "finding": f})
	return err
}

// End writes the report whole or not at all, and closes the chain with its hash.
func (r *Run) End(report *checks.Report) error {
	defer func() { _ = r.log.Close() }()
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("end run: %w", err)
	}
	path := filepath.Join(r.Dir, "report.json")
	if err := os.WriteFile(path+".tmp", b, 0o600); err != nil {
		return fmt.Errorf("end run: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("end run: %w", err)
	}
	_, err = r.log.Append(map[string]any{"type": "end", "verdict": report.Verdict, "exit_code": report.ExitCode, "counts": report.Counts})
	return err
}

// Runs lists the ids of finished runs, the newest first.
func (s *Store) Runs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.dir, "runs", e.Name(), "report.json")); err == nil && runID.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out, nil
}

// Load reads a report by the id of its run, "last" or "last~N" (N before the last), or the path of a file.
func (s *Store) Load(name string) (*checks.Report, error) {
	path := name
	switch back, isLast := strings.CutPrefix(name, "last"); {
	case isLast:
		ids, err := s.Runs()
		if err != nil {
			return nil, err
		}
		n := 0
		if back != "" {
			if _, err := fmt.Sscanf(back, "~%d", &n); err != nil {
				return nil, fmt.Errorf("%q is no run: say last, last~1, an id of `voicectl runs` or a file", name)
			}
		}
		if n < 0 || n >= len(ids) {
			return nil, fmt.Errorf("%q: there are %d runs", name, len(ids))
		}
		path = filepath.Join(s.dir, "runs", ids[n], "report.json")
	case runID.MatchString(name):
		path = filepath.Join(s.dir, "runs", name, "report.json")
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	var r checks.Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read run %s: %w", path, err)
	}
	if r.SchemaVersion != 1 {
		return nil, fmt.Errorf("read run %s: schema version %d is not known", path, r.SchemaVersion)
	}
	return &r, nil
}
