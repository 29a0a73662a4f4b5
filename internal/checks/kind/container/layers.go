package container

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// Bounds of the layers of an image.
const (
	mostEntries = 1_000_000
	mostLayers  = 16 << 30 // bytes, unpacked
)

// ErrTooLarge says that an image was not looked at whole.
var ErrTooLarge = errors.New("the image is too large to be looked at whole")

// File is one regular file of a layer, also of those that a later layer hides.
type File struct {
	Layer string // name of the layer in the archive of the engine
	Path  string // in the image, without a leading slash; "config.json" in no layer: configuration and history
	Size  int64
}

// Layers streams all files of an image to a callback: every layer, and the configuration with variables and
// history (its Layer is ""). name "" is the repository's own image, built now. fault is what stood in the way,
// nil = nothing. The reader is valid during the call only.
func Layers(ctx context.Context, scope *checks.Scope, name string, do func(File, io.Reader) error) (fault *checks.Observation, err error) {
	c, err := open(ctx, scope)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	id, fault, err := image(ctx, scope, c, name)
	if fault != nil || err != nil {
		return fault, err
	}
	body, err := c.ImageSave(ctx, []string{id})
	if err != nil {
		return nil, fmt.Errorf("read the layers of the image: %w", err)
	}
	defer func() { _ = body.Close() }()
	return nil, archive(&bounded{body, mostLayers}, do)
}

// bounded is a reader that says so when it met its bound.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// archive reads what an engine saves: layers as archives in the archive, under their old names
// (ID/layer.tar) or as blobs, whose content tells what they are.
func archive(r io.Reader, do func(File, io.Reader) error) error {
	t := tar.NewReader(r)
	layers := 0
	for range mostEntries {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if layers == 0 {
				return errors.New("read the layers of the image: the archive holds none")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layers of the image: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Name == "manifest.json" || h.Name == "repositories" || h.Name == "index.json" || h.Name == "oci-layout" || h.Name == "VERSION" || path.Base(h.Name) == "VERSION" {
			continue
		}
		b := bufio.NewReaderSize(t, 1024)
		head, err := b.Peek(512)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the layers of the image: %w", err)
		}
		switch {
		case len(head) > 2 && head[0] == 0x1f && head[1] == 0x8b:
			z, err := gzip.NewReader(b)
			if err != nil {
				return fmt.Errorf("read the layer %s: %w", h.Name, err)
			}
			layers++
			if err := layer(h.Name, &bounded{z, mostLayers}, do); err != nil {
				return err
			}
		case path.Base(h.Name) == "layer.tar" || len(head) > 262 && bytes.Equal(head[257:262], []byte("ustar")):
			layers++
			if err := layer(h.Name, b, do); err != nil {
				return err
			}
		case len(head) > 0 && head[0] == '{':
			if err := do(File{Path: "config.json", Size: h.Size}, b); err != nil {
				return err
			}
		}
	}
	return ErrTooLarge
}

func layer(name string, r io.Reader, do func(File, io.Reader) error) error {
	t := tar.NewReader(r)
	for range mostEntries {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layer %s: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(path.Base(h.Name), ".wh.") {
			continue
		}
		if err := do(File{Layer: name, Path: strings.TrimPrefix(path.Clean("/"+h.Name), "/"), Size: h.Size}, t); err != nil {
			return err
		}
	}
	return ErrTooLarge
}
