package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/voicectl/voicectl/internal/secret"
)

// migrateOnce is the child that is killed: it brings a database one version up, on one thread, by which
// strace counts.
func migrateOnce(o Options) error {
	runtime.LockOSThread()
	to, err := strconv.Atoi(os.Getenv("ARCHIVE_TEST_TO"))
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(filepath.Join(o.Dir, DatabaseFile), "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	e := &sqliteEngine{}
	return errors.Join(migrate(context.Background(), db, upTo{e, e.steps()[:to]}), db.Close())
}

// killPoints are the calls at which a migration is killed: all that touch a file.
const killPoints = "open,pread64,pwrite64,fsync,fdatasync,ftruncate,unlink,fcntl,lseek"

// wantBeforeOrAfter sees that a migration that was broken off has happened whole or not at all, and that an
// archive opens on it.
func wantBeforeOrAfter(t *testing.T, s store, from int, shapes map[int]string) (version int) {
	t.Helper()
	e, db := schemaOf(t, s)
	version, err := e.version(t.Context(), db)
	if err != nil || (version != from && version != from+1) {
		t.Fatalf("version %d, %v, want %d or %d", version, err, from, from+1)
	}
	if got := shape(t, e, db); got != shapes[version] {
		t.Fatalf("neither before nor after: version %d has\n%s\nwant\n%s", version, got, shapes[version])
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return version
}

// shapesOf are the schemas of each version.
func shapesOf(t *testing.T, newStore func() store) map[int]string {
	t.Helper()
	out := map[int]string{}
	for version := range len(embedded("sqlite")) + 1 {
		s := newStore()
		atVersion(t, s, version)
		e, db := schemaOf(t, s)
		out[version] = shape(t, e, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Tier: ci with 6 kills a migration, nightly with 50.
func TestR18_AKillDuringAMigrationLeavesBeforeOrAfter(t *testing.T) {
	kills := 6
	if nightly() {
		kills = 50
	}
	shapes := shapesOf(t, func() store { return fileStore{t.TempDir()} })
	for from := range embedded("sqlite") {
		t.Run(fmt.Sprintf("from version %d", from), func(t *testing.T) {
			total := countCalls(t, from)
			seen := map[int]int{}
			for made, tries := 0, 0; made < kills; tries++ {
				s := fileStore{t.TempDir()}
				id := atVersion(t, s, from)
				n := 1 + rand.IntN(total)
				cmd := childCommand(t, "migrate", s.options())
				cmd.Env = append(cmd.Env, "ARCHIVE_TEST_TO="+strconv.Itoa(from+1))
				cmd = strace(t, cmd, "-e", "trace="+killPoints, "-o", os.DevNull, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", killPoints, n))
				if err := cmd.Run(); err == nil { // its start made fewer calls on this thread
					if tries > 5*kills {
						t.Fatalf("children outlive their kills, the last at call %d of %d", n, total)
					}
					continue
				}
				made++
				seen[wantBeforeOrAfter(t, s, from, shapes)]++
				wantHead(t, s, from, id)
			}
			t.Logf("%d kills at random ones of %d calls: %d left version %d, %d left version %d", kills, total, seen[from], from, seen[from+1], from+1)
		})
	}
}

// countCalls tells how many calls a migration makes that is not killed.
func countCalls(t *testing.T, from int) int {
	t.Helper()
	s := fileStore{t.TempDir()}
	atVersion(t, s, from)
	log := filepath.Join(t.TempDir(), "log")
	cmd := childCommand(t, "migrate", s.options())
	cmd.Env = append(cmd.Env, "ARCHIVE_TEST_TO="+strconv.Itoa(from+1))
	if err := strace(t, cmd, "-e", "trace="+killPoints, "-o", log).Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	perThread, most := map[string]int{}, 0
	for line := range strings.Lines(string(text)) {
		thread, rest, _ := strings.Cut(line, " ")
		if !strings.Contains(rest, "<...") {
			perThread[thread]++
			most = max(most, perThread[thread])
		}
	}
	return most
}

// proxy stands between an archive and its server.
type proxy struct {
	t      *testing.T
	l      net.Listener
	target string
	wg     sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
	sent   atomic.Int64 // messages from the client
	cutAt  atomic.Int64 // after so many the connection is cut, the answer not delivered
	silent atomic.Bool  // nothing passes, and nobody is told
	shut   atomic.Bool  // new connections are refused
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, l: l, target: target, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

// through is the store behind the proxy.
func (p *proxy) through(s serverStore) serverStore {
	return serverStore{s.dir, strings.Replace(s.url, hostOf(p.t, s), p.l.Addr().String(), 1)}
}

func hostOf(t *testing.T, s serverStore) string {
	t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (p *proxy) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		if p.shut.Load() {
			_ = in.Close()
			continue
		}
		out, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { p.carry(in, out, true) })
		p.wg.Go(func() { p.carry(out, in, false) })
	}
}

func (p *proxy) carry(from, to net.Conn, asks bool) {
	defer func() { _ = from.Close(); _ = to.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		at := p.cutAt.Load()
		last := asks && at > 0 && p.sent.Add(1) == at
		if last {
			p.shut.Store(true)
		} else if !asks && p.shut.Load() {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil || last {
			return
		}
	}
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// A client that dies during a migration is, for the server, a connection that ends. Tier: ci with 6 cuts a
// migration, nightly with one after each message.
func TestR18_AClientThatDiesDuringAMigrationLeavesBeforeOrAfter(t *testing.T) {
	shapes := shapesOf(t, func() store { return newServerStore(t) })
	for from := range embedded("postgres") {
		t.Run(fmt.Sprintf("from version %d", from), func(t *testing.T) {
			s := newServerStore(t)
			atVersion(t, s, from)
			total := int(cutMigration(t, s, from, 1<<40))
			points := rand.Perm(total)
			if !nightly() {
				points = points[:min(6, total)]
			}
			seen := map[int]int{}
			for _, n := range points {
				s := newServerStore(t)
				id := atVersion(t, s, from)
				cutMigration(t, s, from, int64(n+1))
				seen[wantBeforeOrAfter(t, s, from, shapes)]++
				wantHead(t, s, from, id)
			}
			t.Logf("%d cuts after random ones of %d messages: %d left version %d, %d left version %d", len(points), total, seen[from], from, seen[from+1], from+1)
		})
	}
}

// cutMigration runs one step and cuts the connection after n messages; it tells how many were sent.
func cutMigration(t *testing.T, s serverStore, from int, n int64) int64 {
	t.Helper()
	p := newProxy(t, hostOf(t, s))
	p.cutAt.Store(n)
	o := p.through(s).options()
	e, err := newPostgres(secret.New(o.Database.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	db := p.through(s).open(t)
	db.SetMaxOpenConns(1)
	err = migrate(t.Context(), db, upTo{e, e.steps()[:from+1]})
	if n >= 1<<40 && err != nil {
		t.Fatal(err)
	}
	if n < 1<<40 && err == nil && p.sent.Load() < n {
		t.Fatalf("only %d messages", p.sent.Load())
	}
	sent := p.sent.Load()
	_ = db.Close() // of a connection that was cut
	return sent
}
