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

// openRoot makes the data folder when absent and takes it away from others.
func openRoot(dir string) (*os.Root, error) {
	if dir == "" {
		return nil, errors.New("archive: open: no data folder named")
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("archive: open: %w", err)
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		return nil, fmt.Errorf("archive: open: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("archive: open: %w", err)
	}
	return root, nil
}

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
	dir := path.Join(callsDir, id.String())
	if err := a.root.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("archive: create %s of %s: %w", name, id, err)
	}
	f, err := a.root.OpenFile(path.Join(dir, name), flags|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("archive: create %s of %s: %w", name, id, err)
	}
	return f, nil
}

func (a *Archive) open(id uuid.UUID, name string) (*os.File, error) {
	f, err := a.root.Open(path.Join(callsDir, id.String(), name))
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
	dir := path.Join(callsDir, id.String())
	if err := a.root.Remove(path.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("archive: remove %s of %s: %w", name, id, err)
	}
	_ = a.root.Remove(dir) // fails while it holds something
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
