//go:build !linux

package archive

import "errors"

func mountSmall(string) (unmount func() error, err error) { return nil, errors.ErrUnsupported }
