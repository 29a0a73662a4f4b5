package repo

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// imported is a module that sources import.
type imported struct {
	name, file string
	line       int
}

var pyImport = regexp.MustCompile(`(?m)^[ \t]*(?:from[ \t]+([A-Za-z_][A-Za-z0-9_]*)(?:\.[\w.]*)?[ \t]+import\b|import[ \t]+([A-Za-z_][A-Za-z0-9_.]*(?:[ \t]*(?:as[ \t]+\w+)?[ \t]*,[ \t]*[A-Za-z_][A-Za-z0-9_.]*)*))`)

// pythonImports finds the third-party modules that Python sources import: neither the standard library nor the
// repository's own. An import that only type checkers see, or that may be missing, counts as well.
func pythonImports(ctx context.Context, t *tree.Tree) ([]imported, error) {
	var out []imported
	local := map[string]bool{}
	err := t.Files(ctx, func(f tree.File) error {
		if path.Ext(f.Path) != ".py" {
			return nil
		}
		local[strings.TrimSuffix(path.Base(f.Path), ".py")] = true
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			local[path.Base(dir)] = true
		}
		text, err := t.Read(f.Path)
		if err != nil {
			return err
		}
		for _, m := range pyImport.FindAllSubmatchIndex(text, -1) {
			line := 1 + strings.Count(string(text[:m[0]]), "\n")
			if m[2] >= 0 {
				out = append(out, imported{string(text[m[2]:m[3]]), f.Path, line})
				continue
			}
			for name := range strings.SplitSeq(string(text[m[4]:m[5]]), ",") {
				name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
				name, _, _ = strings.Cut(name, ".")
				out = append(out, imported{name, f.Path, line})
			}
		}
		return nil
	})
	seen := map[string]bool{}
	out = slices.DeleteFunc(out, func(i imported) bool {
		drop := seen[i.name] || local[i.name] || slices.Contains(stdlib, i.name) || strings.HasPrefix(i.name, "_")
		seen[i.name] = true
		return drop
	})
	return out, err
}

// stdlib are the top-level modules of Python's standard library, 3.8 to 3.14.
var stdlib = strings.Fields( //nolint:gochecknoglobals // a table
	`abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii
binhex bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall compression concurrent
configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email
encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt getpass
gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword
lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib
nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix
posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter
runpy sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile
sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile
telnetlib tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo
types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile
zipimport zlib zoneinfo`)
