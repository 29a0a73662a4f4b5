package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

const (
	watchEvery = time.Second
	mostWatch  = 20_000 // files of a repository that are looked at for changes
)

// watchAndRun runs again whenever a file changed, until the first signal.
func (o *CheckOptions) watchAndRun(ctx context.Context) error {
	p := o.proc
	for {
		before := o.fingerprint()
		if _, err := o.once(ctx); ctx.Err() != nil {
			return err
		} else if err != nil && !errors.Is(err, errJudged) {
			p.report(ctx, nil, err) // a file that is being edited may be broken for a moment
		}
		p.UI.Say("waiting for a change; Ctrl-C ends")
		for o.fingerprint() == before {
			t := p.Clock.NewTimer(watchEvery)
			select {
			case <-ctx.Done():
				t.Stop()
				return ctx.Err()
			case <-t.C():
			}
		}
	}
}

// fingerprint is the newest change and the number of the files that a run reads.
func (o *CheckOptions) fingerprint() [2]int64 {
	p := o.proc
	var newest, n int64
	look := func(path string, d fs.DirEntry, err error) error {
		if err != nil || n > mostWatch {
			return nil //nolint:nilerr // what cannot be read is no change
		}
		name := d.Name()
		if d.IsDir() {
			if name == "node_modules" || name == "__pycache__" || strings.HasPrefix(name, ".") && name != "." && name != ".github" {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n++
			newest = max(newest, info.ModTime().UnixNano())
		}
		return nil
	}
	var roots []string
	if o.scope.repo != "" || o.scope.target == "" {
		roots = append(roots, p.path(o.scope.repo))
	}
	for _, f := range append(append([]string{o.scope.envFile, o.waivers}, o.checklists...), o.overlays...) {
		if f != "" && strings.ContainsAny(f, "./") {
			roots = append(roots, p.path(f))
		}
	}
	for _, r := range roots {
		_ = filepath.WalkDir(r, look) // never fails: look takes every error
	}
	return [2]int64{newest, n}
}
