// Package tree reads a repository of somebody else: bounded in files and bytes, never outside its root, never
// through a symbolic link, and without what is installed or built there.
package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Bounds of a walk.
const (
	MostFiles = 50_000
	MostBytes = 2 << 20 // of one file; a longer one is looked at up to here
	mostTotal = 512 << 20
	mostDepth = 40
)

// skipped are folders that hold what others wrote, or what was built.
var skipped = []string{ //nolint:gochecknoglobals // a table
	".git", ".hg", ".svn", "node_modules", "vendor", "__pycache__", ".venv", "venv", "env", ".tox", ".nox", ".mypy_cache", ".pytest_cache",
	".ruff_cache", "site-packages", "dist", "build", ".next", ".cache", "target", ".terraform", ".voicectl", ".idea", ".gradle",
}

// File is one regular file of a tree.
type File struct {
	Path string // relative to the root, with forward slashes
	Size int64
	Mode fs.FileMode
}

// Tree is an opened root. Nothing outside it can be read, whatever its links say.
type Tree struct {
	root  *os.Root
	Cut   bool // a bound was met: what follows it was not looked at
	total int64
}

// Open opens a folder.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return &Tree{root: root}, nil
}

// Close closes the root.
func (t *Tree) Close() error { return t.root.Close() }

// Files calls do for every regular file, in order of names. A folder that cannot be read is passed over.
func (t *Tree) Files(ctx context.Context, do func(File) error) error {
	n := 0
	err := fs.WalkDir(t.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			if name != "." && slices.Contains(skipped, d.Name()) && !(d.Name() == "env" && !t.Has(name+"/pyvenv.cfg")) || strings.Count(name, "/") > mostDepth {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		if n++; n > MostFiles {
			t.Cut = true
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it went away meanwhile
		}
		return do(File{Path: name, Size: info.Size(), Mode: info.Mode()})
	})
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

// Has tells whether a regular file or folder is there.
func (t *Tree) Has(name string) bool {
	_, err := t.root.Lstat(name)
	return err == nil
}

// Read returns the text of a file up to MostBytes; nil for what is not text.
func (t *Tree) Read(name string) ([]byte, error) {
	b, err := t.Bytes(name)
	if err != nil || bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 {
		return nil, err
	}
	return b, nil
}

// Bytes returns a file up to MostBytes.
func (t *Tree) Bytes(name string) ([]byte, error) {
	info, err := t.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	if t.total += min(info.Size(), MostBytes); t.total > mostTotal {
		t.Cut = true
		return nil, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MostBytes))
}

// Glob returns the files that fit one of the patterns (path.Match; "a/" stands for everything below a), in
// order.
func (t *Tree) Glob(ctx context.Context, patterns ...string) ([]string, error) {
	var out []string
	err := t.Files(ctx, func(f File) error {
		for _, p := range patterns {
			if Fits(p, f.Path) {
				out = append(out, f.Path)
				return nil
			}
		}
		return nil
	})
	return out, err
}

// Fits tells whether a pattern means a path. A pattern that names a folder means everything below it, and one
// without a slash a file of that name at the root. Names are told apart by case only where the pattern is.
func Fits(pattern, name string) bool {
	if ok, err := path.Match(pattern, name); ok && err == nil {
		return true
	}
	if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name)); ok && err == nil {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if ok, err := path.Match(strings.TrimSuffix(pattern, "/"), dir); ok && err == nil {
			return true
		}
	}
	return false
}
