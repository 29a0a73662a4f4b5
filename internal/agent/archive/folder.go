package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// folder is the data folder, whose mount or directory may go away and come back while the process lives.
type folder struct {
	dir   string
	holds string // file without which a folder at dir is not ours: an unmounted one's empty mount point, say

	mu   sync.Mutex
	root *os.Root
	is   os.FileInfo
}

// openFolder makes the data folder when absent and takes it away from others. Its name and its parent's
// are on disk before anything in it can be acknowledged.
func openFolder(dir, holds string) (*folder, error) {
	if dir == "" {
		return nil, errors.New("archive: open: no data folder named")
	}
	f := &folder{dir: dir, holds: holds}
	if err := f.make(); err != nil {
		return nil, err
	}
	var err error
	if f.root, f.is, err = f.look(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *folder) make() error {
	_, gone := os.Stat(f.dir)
	if err := os.MkdirAll(f.dir, dirMode); err != nil {
		return fmt.Errorf("archive: open: %w", err)
	}
	if err := os.Chmod(f.dir, dirMode); err != nil {
		return fmt.Errorf("archive: open: %w", err)
	}
	if gone == nil {
		return nil
	}
	parent, err := os.OpenRoot(filepath.Dir(filepath.Clean(f.dir)))
	if err != nil {
		return fmt.Errorf("archive: open: %w", err)
	}
	return errors.Join(syncDir(parent), parent.Close())
}

func (f *folder) look() (*os.Root, os.FileInfo, error) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("archive: open: %w", err)
	}
	st, err := root.Stat(".")
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("archive: open: %w", err), root.Close())
	}
	return root, st, nil
}

// now is the folder as it is at its path: the one that was opened, or another that has taken its place.
// While there is none, the old one answers, and what is done in it fails.
func (f *folder) now() *os.Root {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.dir)
	if err == nil && os.SameFile(st, f.is) {
		return f.root
	}
	if f.holds == "" {
		if err := f.make(); err != nil {
			return f.root
		}
	} else if _, err := os.Stat(filepath.Join(f.dir, f.holds)); err != nil {
		return f.root
	}
	root, is, err := f.look()
	if err != nil {
		return f.root
	}
	_ = f.root.Close() // of a folder that is gone
	f.root, f.is = root, is
	return root
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.root.Close()
}
