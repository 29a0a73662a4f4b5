//go:build unix

package archive

import (
	"os"
	"syscall"
)

// lock takes the file for this process until it is closed, or by death. It does not wait.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }
