package archive

import "syscall"

// mountSmall puts a file system of three megabytes at a folder, where this process may.
func mountSmall(dir string) (unmount func() error, err error) {
	err = syscall.Mount("archive-test", dir, "tmpfs", 0, "size=3m,mode=700")
	return func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }, err
}
