package container

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/manifest"
)

// Bounds of a build context.
const (
	mostFiles = 200_000
	mostBytes = 4 << 30
)

var errTooLarge = errors.New("the build context is larger than 4 GiB or 200000 files: write a .dockerignore")

// source is a build context: a folder, without what its .dockerignore names.
type source struct {
	root   *os.Root
	ignore manifest.Ignore
	always map[string]bool // sent even when ignored: the builder itself needs them
}

func openSource(dir, file string) (*source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	s := &source{root: root, always: map[string]bool{file: true, ".dockerignore": true}}
	for _, name := range []string{file + ".dockerignore", ".dockerignore"} {
		if text, err := root.ReadFile(name); err == nil {
			s.ignore = manifest.ParseIgnore(string(text))
			break
		}
	}
	return s, nil
}

// write writes the context as a tar archive. Links are written as links: what they point at outside of the
// context is not followed.
func (s *source) write(ctx context.Context, w io.Writer) error {
	t := tar.NewWriter(w)
	files, total := 0, int64(0)
	err := fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("read the build context: %w", err)
		case name == ".":
			return nil
		}
		if s.ignore.Match(name) && !s.always[name] {
			if d.IsDir() && !s.ignore.Keeps() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return fmt.Errorf("read the build context: %w", err)
		}
		if files++; files > mostFiles || total+info.Size() > mostBytes {
			return errTooLarge
		}
		n, err := s.one(t, name, info)
		total += n
		return err
	})
	if err != nil {
		return err
	}
	return t.Close()
}

func (s *source) one(t *tar.Writer, name string, info fs.FileInfo) (int64, error) {
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := s.root.Readlink(name)
		if err != nil {
			return 0, fmt.Errorf("read the build context: %w", err)
		}
		link = to
	case !info.Mode().IsRegular() && !info.IsDir():
		return 0, nil // a socket or a device is no source
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return 0, fmt.Errorf("read the build context: %w", err)
	}
	h.Name = path.Clean(name)
	if info.IsDir() {
		h.Name += "/"
	}
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
	if err := t.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return 0, err
	}
	f, err := s.root.Open(name)
	if err != nil {
		return 0, fmt.Errorf("read the build context: %w", err)
	}
	defer func() { _ = f.Close() }()
	n, err := io.CopyN(t, f, h.Size)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("read the build context: %s became shorter meanwhile", strings.Trim(name, "/"))
	}
	return n, err
}
