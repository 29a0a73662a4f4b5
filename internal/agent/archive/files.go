package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/google/uuid"
)

const (
	fileMode = 0o600
	dirMode  = 0o700

	callsDir      = "calls"
	eventsFile    = "events.jsonl"
	recordingFile = "recording.wav"
)

// EventsWriter opens the call's event file, one JSON object a line, for appending.
func (a *Archive) EventsWriter(id uuid.UUID) (io.WriteCloser, error) {
	return a.create(id, eventsFile, os.O_WRONLY|os.O_APPEND)
}

// Events opens the call's event file for reading.
func (a *Archive) Events(_ context.Context, id uuid.UUID) (io.ReadCloser, error) {
	return a.open(id, eventsFile)
}

// RecordingWriter makes the call's recording, replacing what was there. The file can be sought, so that
// the header of a WAV file can be completed at the end.
func (a *Archive) RecordingWriter(id uuid.UUID) (*os.File, error) {
	return a.create(id, recordingFile, os.O_RDWR|os.O_TRUNC)
}

// Recording opens the call's recording for reading.
func (a *Archive) Recording(_ context.Context, id uuid.UUID) (*os.File, error) {
	return a.open(id, recordingFile)
}

func (a *Archive) create(id uuid.UUID, name string, flags int) (*os.File, error) {
	dir, root := path.Join(callsDir, id.String()), a.folder.now()
	if err := root.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("archive: create %s of %s: %w", name, id, err)
	}
	f, err := root.OpenFile(path.Join(dir, name), flags|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("archive: create %s of %s: %w", name, id, err)
	}
	return f, nil
}

func (a *Archive) open(id uuid.UUID, name string) (*os.File, error) {
	dir, root := path.Join(callsDir, id.String()), a.folder.now()
	// Nothing but plain files is written here: a link or a device was put there by somebody else.
	for at, want := range map[string]fs.FileMode{dir: fs.ModeDir, path.Join(dir, name): 0} {
		if fi, err := root.Lstat(at); err == nil && fi.Mode().Type() != want {
			return nil, fmt.Errorf("%w: %s of call %s", ErrNotFound, name, id)
		}
	}
	f, err := root.Open(path.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s of call %s", ErrNotFound, name, id)
	}
	if err != nil {
		return nil, fmt.Errorf("archive: open %s of %s: %w", name, id, err)
	}
	return f, nil
}

// remove deletes one file of a call, and its folder when that was the last. Absent is fine.
func (a *Archive) remove(id uuid.UUID, name string) error {
	dir, root := path.Join(callsDir, id.String()), a.folder.now()
	if err := root.Remove(path.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("archive: remove %s of %s: %w", name, id, err)
	}
	_ = root.Remove(dir) // fails while it holds something
	return nil
}

// syncDir makes a new name in the folder durable.
func syncDir(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
