package archive

import (
	"bufio"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What a process does to its files, as strace saw it, in the order in which the kernel was asked. A write
// counts from the moment it is asked for, because from then on it may reach the disk; a sync covers what
// was answered before it was asked for, and only once it is answered itself.

type deed struct {
	kind  string // write, truncate, sync, syncdir, create, rename, unlink, ack
	path  string
	to    string // of a rename
	off   int64  // of a write; size of a truncate
	data  []byte
	begun int // line of the log that asked for it
	ended int // line that answered it, -1 when none did
}

const traced = "open,openat,lseek,pwrite64,write,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat"

// strace returns the command that runs another under strace.
func strace(t testing.TB, cmd *exec.Cmd, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("strace")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no strace on this machine: apt-get install strace")
	}
	if err != nil {
		t.Fatal(err)
	}
	args = append(append([]string{"-f", "-qq", "-e", "signal=none"}, args...), cmd.Args...)
	out := exec.CommandContext(t.Context(), path, args...)
	out.Env, out.Stderr = cmd.Env, cmd.Stderr
	return out
}

// deeds runs the command and returns what it did in dir, and its writes to the file named acks there.
func deeds(t testing.TB, cmd *exec.Cmd, dir, acks string) (all []deed, lines int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd = strace(t, cmd, "-y", "-xx", "-s", "1048576", "-e", "trace="+traced, "-o", log)
	if err := cmd.Run(); err != nil {
		t.Fatalf("child under strace: %v", err)
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p := reading{dir: dir, acks: acks, pending: map[string]half{}, at: map[string]int64{}, known: map[string]bool{}}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 16<<20)
	for ; scan.Scan(); lines++ {
		if err := p.line(lines, scan.Text()); err != nil {
			t.Fatalf("strace line %d: %v: %.200s", lines, err, scan.Text())
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return p.deeds, lines
}

// half is a call that was asked for and not answered yet.
type half struct {
	text string
	deed int // its index, -1 when it is none
}

type reading struct {
	dir, acks string
	deeds     []deed
	pending   map[string]half  // by thread
	at        map[string]int64 // offset of a descriptor
	known     map[string]bool  // names that exist
}

var resumed = regexp.MustCompile(`^<\.\.\. \w+ resumed>`)

func (p *reading) line(n int, text string) error {
	thread, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case strings.HasSuffix(rest, "<unfinished ...>"):
		text := strings.TrimSuffix(rest, "<unfinished ...>")
		i, err := p.asked(n, text)
		p.pending[thread] = half{text, i}
		return err
	case resumed.MatchString(rest):
		first := p.pending[thread]
		delete(p.pending, thread)
		return p.answered(n, first.text+resumed.ReplaceAllString(rest, ""), first.deed)
	case strings.HasPrefix(rest, "+++"), strings.HasPrefix(rest, "---"):
		return nil
	}
	i, err := p.asked(n, rest)
	if err != nil {
		return err
	}
	return p.answered(n, rest, i)
}

var (
	descriptor = regexp.MustCompile(`^\w+\((\d+)<((?:\\x[0-9a-f]{2})*)>(?:\(deleted\))?`)
	texts      = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	tailNumber = regexp.MustCompile(`, (\d+)\)? *(?:=|$)`)
	result     = regexp.MustCompile(`\) += (-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?`)
	folderArg  = regexp.MustCompile(`(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>`)
)

func unhex(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	if err != nil {
		panic(err) // the expressions let nothing else through
	}
	return string(b)
}

// ours tells the files whose loss would be one: not the index of the log, which is rebuilt.
func (p *reading) ours(path string) bool {
	return filepath.Dir(path) == p.dir && !strings.HasSuffix(path, "-shm")
}

// asked notes a deed that counts from its beginning and returns its index.
func (p *reading) asked(n int, text string) (int, error) {
	name, _, _ := strings.Cut(text, "(")
	fd := descriptor.FindStringSubmatch(text)
	if fd == nil {
		return -1, nil
	}
	path := unhex(fd[2])
	switch name {
	case "write", "pwrite64":
		if !p.ours(path) && path != p.acks {
			return -1, nil
		}
		data := texts.FindStringSubmatch(text)
		if data == nil {
			return -1, errors.New("no data")
		}
		d := deed{kind: "write", path: path, data: []byte(unhex(data[1])), begun: n, ended: -1}
		switch {
		case path == p.acks:
			d.kind = "ack"
		case name == "write":
			d.off = p.at[fd[1]]
			p.at[fd[1]] += int64(len(d.data))
		default:
			off := tailNumber.FindStringSubmatch(text)
			if off == nil {
				return -1, errors.New("no offset")
			}
			d.off, _ = strconv.ParseInt(off[1], 10, 64)
		}
		p.deeds = append(p.deeds, d)
		return len(p.deeds) - 1, nil
	case "ftruncate":
		if size := tailNumber.FindStringSubmatch(text); p.ours(path) && size != nil {
			to, err := strconv.ParseInt(size[1], 10, 64)
			p.deeds = append(p.deeds, deed{kind: "truncate", path: path, off: to, begun: n, ended: -1})
			return len(p.deeds) - 1, err
		}
	case "fsync", "fdatasync":
		kind := "sync"
		if path == p.dir {
			kind = "syncdir"
		} else if !p.ours(path) {
			return -1, nil
		}
		p.deeds = append(p.deeds, deed{kind: kind, path: path, begun: n, ended: -1})
		return len(p.deeds) - 1, nil
	}
	return -1, nil
}

// answered completes a deed, and notes those that count only once they are done: changes of names.
func (p *reading) answered(n int, text string, index int) error {
	res := result.FindStringSubmatch(text)
	if res == nil || strings.HasPrefix(res[1], "-") {
		if index >= 0 && p.deeds[index].kind != "ack" {
			return errors.New("a deed failed")
		}
		return nil
	}
	if index >= 0 {
		p.deeds[index].ended = n
		if d := p.deeds[index]; (d.kind == "write" || d.kind == "ack") && res[1] != strconv.Itoa(len(d.data)) {
			return errors.New("a short write")
		}
		return nil
	}
	name, _, _ := strings.Cut(text, "(")
	switch name {
	case "lseek":
		if fd := descriptor.FindStringSubmatch(text); fd != nil {
			p.at[fd[1]], _ = strconv.ParseInt(res[1], 10, 64)
		}
	case "open", "openat":
		p.at[res[1]] = 0
		if path := unhex(res[2]); p.ours(path) && strings.Contains(text, "O_CREAT") && !p.known[path] {
			p.known[path] = true
			p.deeds = append(p.deeds, deed{kind: "create", path: path, begun: n, ended: n})
		}
	case "unlink", "unlinkat", "rename", "renameat", "renameat2":
		paths := p.paths(text)
		if len(paths) == 0 || !p.ours(paths[0]) {
			return nil
		}
		delete(p.known, paths[0])
		d := deed{kind: "unlink", path: paths[0], begun: n, ended: n}
		if len(paths) == 2 {
			d.kind, d.to = "rename", paths[1]
			p.known[paths[1]] = true
		}
		p.deeds = append(p.deeds, d)
	}
	return nil
}

// paths are the names in a call, each below the folder that is named before it.
func (p *reading) paths(text string) (out []string) {
	folders := folderArg.FindAllStringSubmatch(text, -1)
	for i, m := range texts.FindAllStringSubmatch(text, -1) {
		path := unhex(m[1])
		if !filepath.IsAbs(path) && i < len(folders) {
			path = filepath.Join(unhex(folders[i][1]), path)
		}
		out = append(out, path)
	}
	return out
}
