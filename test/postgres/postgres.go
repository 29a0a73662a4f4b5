//go:build unix

// Package postgres starts real PostgreSQL servers for tests, from the Debian package or whatever version is
// found. A server listens on 127.0.0.1 and a free port, asks for a password, keeps fsync on, lives in a
// folder of its own, and ends with the test process however that ends.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// User and Password are the superuser's of every server.
const (
	User     = "voicectl"
	Password = "sentinel-database-password"
)

// ErrAbsent says that there is no PostgreSQL on this machine.
var ErrAbsent = errors.New("no PostgreSQL on this machine: apt-get install postgresql")

const patience = 60 * time.Second // for a server to start or to stop

// Server is one PostgreSQL server. URL and SQL may be called from any goroutine, the rest from one.
type Server struct {
	bin, dir string
	port     int
	settings []string
	cred     *syscall.SysProcAttr
	cmd      *exec.Cmd
	life     io.Closer // the server ends when this does
}

// New makes a database cluster and starts its server with the settings given, such as max_connections=12.
func New(settings ...string) (_ *Server, err error) {
	s := &Server{settings: settings}
	if s.bin, err = find(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o600); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // initdb and postgres refuse root
		if err := s.demote(secret); err != nil {
			return nil, err
		}
	}
	if _, err := s.run("initdb", "-D", s.data(), "-U", User, "--pwfile="+secret, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

func find() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrAbsent
	}
	return filepath.Dir(path), nil
}

func (s *Server) demote(secret string) error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	if err := errors.Join(uerr, gerr, os.Chown(s.dir, uid, gid), os.Chown(secret, uid, gid)); err != nil {
		return err
	}
	s.cred = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return nil
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.cred
	cmd.Env = append(os.Environ(), "PGPASSWORD="+Password)
	return cmd
}

func (s *Server) run(name string, args ...string) (string, error) {
	cmd := s.command(filepath.Join(s.bin, name), args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// URL names a database of the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", User, Password, s.port, database)
}

// Start starts the server after a Stop and waits until it takes connections.
func (s *Server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	args := []string{
		"-c", `"$@" & pid=$!; cat >/dev/null; kill -QUIT $pid 2>/dev/null; wait $pid`, "sh", // ends when its input does
		filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=on",
	}
	for _, set := range s.settings {
		args = append(args, "-c", set)
	}
	s.cmd = s.command("sh", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.life, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err = s.SQL("postgres", "SELECT 1"); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return errors.Join(fmt.Errorf("server does not start: %w\n%s", err, said), s.Stop(syscall.SIGQUIT))
		}
	}
}

// Stop ends the server: SIGINT breaks off what runs and shuts down in order, SIGQUIT leaves without. It does
// nothing when the server does not run.
func (s *Server) Stop(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	var err error
	if text, rerr := os.ReadFile(filepath.Join(s.data(), "postmaster.pid")); rerr == nil {
		first, _, _ := bytes.Cut(text, []byte("\n"))
		pid, perr := strconv.Atoi(string(first))
		if err = perr; err == nil {
			err = syscall.Kill(pid, sig)
		}
		for deadline := time.Now().Add(patience); err == nil && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if _, serr := os.Stat(filepath.Join(s.data(), "postmaster.pid")); errors.Is(serr, os.ErrNotExist) || syscall.Kill(pid, 0) != nil {
				break
			}
		}
	}
	_ = s.life.Close()
	_ = s.cmd.Wait() // the code of a server that was told to end says nothing
	s.cmd = nil
	return err
}

// Remove ends the server and deletes what it stored.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(syscall.SIGINT), os.RemoveAll(s.dir))
}

// SQL runs statements in a database as the superuser and returns what the last one says.
func (s *Server) SQL(database string, statements ...string) (string, error) {
	args := []string{"-h", s.dir, "-p", strconv.Itoa(s.port), "-U", User, "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtX"}
	for _, text := range statements {
		args = append(args, "-c", text)
	}
	return s.run("psql", args...)
}
