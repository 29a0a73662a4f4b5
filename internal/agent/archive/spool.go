package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/google/uuid"
)

const (
	spoolPrefix = "spool-"
	spoolSuffix = ".jsonl"
	spoolFresh  = ".new"      // not yet locked by its maker
	spoolBad    = ".rejected" // held lines that are no records; kept for a person to look at
)

// spoolFile is one open, locked file of records, one JSON object a line.
type spoolFile struct {
	f     appendFile
	name  string
	size  int64 // bytes known to be whole lines
	read  int64 // bytes already landed
	wrong int   // lines that are no records
}

// appendFile is what the spool asks of a file.
type appendFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
}

// spool is records on disk outside the database: this process's own file, made when first needed, and
// those left by processes that have died. Only the writer uses it.
type spool struct {
	folder *folder
	log    *slog.Logger
	create func(name string) (appendFile, error)
	own    *spoolFile
	left   []*spoolFile
}

// openSpool takes over the files whose makers are dead, which their locks tell.
func openSpool(f *folder, log *slog.Logger) (*spool, error) {
	s := &spool{folder: f, log: log}
	s.create = s.createFile
	entries, err := fs.ReadDir(f.now().FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("archive: read spool: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), spoolPrefix) || !strings.HasSuffix(e.Name(), spoolSuffix) {
			continue
		}
		if err := s.adopt(e.Name()); err != nil {
			return nil, errors.Join(fmt.Errorf("archive: read spool %s: %w", e.Name(), err), s.close())
		}
	}
	return s, nil
}

func (s *spool) adopt(name string) error {
	f, err := s.folder.now().OpenFile(name, os.O_RDWR, fileMode)
	if errors.Is(err, fs.ErrNotExist) { // landed meanwhile by another process
		return nil
	}
	if err != nil {
		return err
	}
	if !lock(f) {
		return f.Close()
	}
	st, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.left = append(s.left, &spoolFile{f: f, name: name, size: st.Size()})
	return nil
}

// createFile makes this process's file. It gets its final name after its lock, so that no other process
// can take it for a dead one's.
func (s *spool) createFile(name string) (appendFile, error) {
	root := s.folder.now()
	f, err := root.OpenFile(name+spoolFresh, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if !lock(f) {
		return nil, errors.Join(errors.New("cannot lock a new file"), f.Close())
	}
	if err := errors.Join(root.Rename(name+spoolFresh, name), syncDir(root)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *spool) empty() bool { return len(s.left) == 0 && (s.own == nil || s.own.size == 0) }

// add appends records and returns when they are on disk.
func (s *spool) add(recs []record) error {
	if len(recs) == 0 {
		return nil
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, r := range recs {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("archive: spool: %w", err)
		}
	}
	s.missing()
	if s.own == nil {
		name := spoolPrefix + uuid.NewString() + spoolSuffix
		f, err := s.create(name)
		if err != nil {
			return fmt.Errorf("archive: spool: %w", err)
		}
		s.own = &spoolFile{f: f, name: name}
	}
	if s.own.size+int64(lines.Len()) > maxSpoolSize {
		return fmt.Errorf("archive: spool %s: over %d bytes", s.own.name, maxSpoolSize)
	}
	return s.own.add(lines.Bytes())
}

// missing gives up a file that somebody has removed: what is in it is still read, but nothing goes into it
// that is to survive this process.
func (s *spool) missing() {
	if s.own == nil {
		return
	}
	if _, err := s.folder.now().Stat(s.own.name); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.left, s.own = append(s.left, s.own), nil
}

func (f *spoolFile) add(lines []byte) error {
	_, err := f.f.Seek(f.size, io.SeekStart)
	if err == nil {
		_, err = f.f.Write(lines)
	}
	if err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		// The next attempt begins at size again, so half a line is overwritten even if this fails.
		return errors.Join(fmt.Errorf("archive: spool %s: %w", f.name, err), f.f.Truncate(f.size))
	}
	f.size += int64(len(lines))
	return nil
}

// drain lands one batch, and puts the file away when it was the last. A crash in between lands a batch
// twice, which the rows' keys make harmless.
func (s *spool) drain(most int, land func([]record) error) error {
	f := s.own
	if len(s.left) > 0 {
		f = s.left[0]
	}
	recs, next, wrong := f.next(most)
	if len(recs) > 0 {
		if err := land(recs); err != nil {
			return err
		}
	}
	f.read, f.wrong = next, f.wrong+wrong
	if f.read < f.size {
		return nil
	}
	return s.finish(f)
}

// next reads a batch of records and tells where the one after it begins. A torn last line was never
// acknowledged and is passed over.
func (f *spoolFile) next(most int) (recs []record, offset int64, wrong int) {
	r := bufio.NewReader(io.NewSectionReader(f.f, f.read, f.size-f.read))
	offset = f.read
	for len(recs) < most {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return recs, f.size, wrong
		}
		offset += int64(len(line))
		var rec record
		if json.Unmarshal(line, &rec) != nil || rec.validate() != nil {
			wrong++
			continue
		}
		recs = append(recs, rec)
	}
	return recs, offset, wrong
}

func (s *spool) finish(f *spoolFile) error {
	switch {
	case f.wrong > 0:
		s.log.Error("spool file held lines that are no records, kept beside the database", "component", "archive", "target", f.name+spoolBad)
		if err := s.folder.now().Rename(f.name, f.name+spoolBad); err != nil {
			return fmt.Errorf("archive: spool: %w", err)
		}
	case f == s.own:
		if err := errors.Join(f.f.Truncate(0), f.f.Sync()); err != nil {
			return fmt.Errorf("archive: spool %s: %w", f.name, err)
		}
		f.size, f.read = 0, 0
		return nil
	default:
		if err := s.folder.now().Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("archive: spool: %w", err)
		}
	}
	if f == s.own {
		s.own = nil
	} else {
		s.left = s.left[1:]
	}
	return f.f.Close()
}

// close keeps what has not landed for the next Open.
func (s *spool) close() error {
	var err error
	for _, f := range s.left {
		err = errors.Join(err, f.f.Close())
	}
	s.left = nil
	if s.own != nil {
		if s.own.size == 0 {
			err = errors.Join(err, s.folder.now().Remove(s.own.name))
		}
		err = errors.Join(err, s.own.f.Close())
		s.own = nil
	}
	return err
}

func (r record) validate() error {
	switch {
	case r.Begin != nil:
		return r.Begin.validate()
	case r.End != nil && r.End.ID != uuid.Nil:
		return nil
	case r.Turn != nil:
		return r.Turn.validate()
	}
	return fmt.Errorf("%w: empty", ErrInvalid)
}
