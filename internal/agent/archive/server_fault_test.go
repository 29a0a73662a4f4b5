package archive

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/test/postgres"
)

// ownServer is a server that the test may stop, and a database on it.
func ownServer(t *testing.T, settings ...string) (*postgres.Server, serverStore) {
	t.Helper()
	server, err := postgres.New(settings...)
	if errors.Is(err, postgres.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	return server, serverStore{t.TempDir(), server.URL("postgres")}
}

// talk is a conversation that stores its turns while until holds, at least one more. A turn costs it no more
// than the patience, whatever the database does; it returns how many there are now and how many of these
// were acknowledged.
func talk(t *testing.T, a *Archive, id uuid.UUID, from int, until func() bool) (n, acked int) {
	t.Helper()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n = from; n == from || !until(); n++ {
		start := time.Now()
		err := a.AddTurn(t.Context(), turn(id, n))
		if took := time.Since(start); took > patience+2*time.Second { // the machine may be busy; a stuck database would be for ever
			t.Fatalf("turn %d held the talk up for %v", n, took)
		}
		switch {
		case err == nil:
			acked++
		case !errors.Is(err, ErrSpooled):
			t.Fatalf("turn %d: %v", n, err)
		}
		<-pace.C
	}
	return n, acked
}

func lasting(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// outage is how long trouble lasts: long enough that turns go to the spool file.
func outage() time.Duration {
	if nightly() {
		return 30 * time.Second
	}
	return 4 * time.Second
}

// throughTrouble talks before, during and after trouble, and sees that degraded is shown during it alone and
// that all turns land, once each.
func throughTrouble(t *testing.T, a *Archive, spools bool, begin, end func()) {
	t.Helper()
	id := uuid.New()
	n, _ := talk(t, a, id, 0, lasting(100*time.Millisecond))
	settle(t, a)
	wantHealthy(t, a)
	begin()
	n, _ = talk(t, a, id, n, a.Degraded)
	n, acked := talk(t, a, id, n, lasting(outage()))
	if !a.Degraded() {
		t.Error("degraded is not shown during the trouble")
	}
	if spools != (acked > 0) {
		t.Errorf("%d turns were durable during the trouble, the spool file can be written: %v", acked, spools)
	}
	end()
	settle(t, a)
	n, _ = talk(t, a, id, n, lasting(100*time.Millisecond))
	settle(t, a)
	wantOnce(t, a, id, n)
	wantHealthy(t, a)
	t.Logf("%d turns, %d of them acknowledged from the spool file, %v of trouble, all landed once", n, acked, outage())
}

// Tier: ci with 4 s a stop, nightly with 30 s.
func TestR17_S2_AServerThatIsStoppedAndStartedLosesNoTurn(t *testing.T) {
	t.Parallel()
	server, s := ownServer(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			a := open(t, s.options())
			throughTrouble(t, a, true,
				func() { must(t, server.Stop(sig)) },
				func() { must(t, server.Start()) })
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Tier: ci with 4 s, nightly with 30 s.
func TestR17_S3_AFailoverToAReadOnlyServerLosesNoTurn(t *testing.T) {
	t.Parallel()
	server, s := ownServer(t)
	set := func(value string) {
		_, err := server.SQL("postgres", "ALTER SYSTEM SET default_transaction_read_only = "+value, "SELECT pg_reload_conf()")
		must(t, err)
	}
	a := open(t, s.options())
	throughTrouble(t, a, true, func() { set("on") }, func() { set("off") })
}

// Tier: ci with 4 s, nightly with 30 s.
func TestR17_S4_AServerWithoutRoomForAConnectionLosesNoTurn(t *testing.T) {
	t.Parallel()
	server, s := ownServer(t)
	_, err := server.SQL("postgres", "CREATE ROLE app LOGIN PASSWORD 'app-password'", "GRANT CREATE ON DATABASE postgres TO app")
	must(t, err)
	s.url = strings.Replace(s.url, postgres.User+":"+postgres.Password, "app:app-password", 1)
	a := open(t, s.options())
	throughTrouble(t, a, true,
		func() {
			_, err := server.SQL("postgres", "ALTER ROLE app CONNECTION LIMIT 0", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
			must(t, err)
		},
		func() {
			_, err := server.SQL("postgres", "ALTER ROLE app CONNECTION LIMIT 10")
			must(t, err)
		})
}

// Tier: ci.
func TestR17_S4_ReadersThatHoldEveryConnectionDoNotStopTheWriter(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, id := open(t, s.options()), uuid.New()
		for range 4 {
			conn, err := a.read.Load().Conn(t.Context())
			must(t, err)
			defer func() { must(t, conn.Close()) }()
		}
		for seq := range 20 {
			put(t, a.AddTurn(t.Context(), turn(id, seq)))
		}
		settle(t, a)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := a.Turns(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v: the readers were not exhausted", err)
		}
	})
}

// A network that swallows everything is noticed by time alone. Tier: ci with 4 s, nightly with 30 s.
func TestR17_AServerThatFallsSilentLosesNoTurn(t *testing.T) {
	t.Parallel()
	s := newServerStore(t)
	p := newProxy(t, hostOf(t, s))
	a := open(t, p.through(s).options())
	throughTrouble(t, a, true, func() { p.silent.Store(true) }, func() { p.silent.Store(false); p.cut() })
}

// A commit whose answer was lost is made again and stands once. Tier: ci.
func TestR17_ALostAnswerStoresATurnOnce(t *testing.T) {
	t.Parallel()
	s := newServerStore(t)
	p := newProxy(t, hostOf(t, s))
	a, id := open(t, p.through(s).options()), uuid.New()
	settle(t, a)
	for n := range 40 {
		p.sent.Store(0)
		p.cutAt.Store(1 + rand.Int64N(5)) // BEGIN, the rows, COMMIT: one of these, or the pulse's
		put(t, a.AddTurn(t.Context(), turn(id, n)))
		p.cutAt.Store(0)
		p.shut.Store(false)
	}
	settle(t, a)
	wantOnce(t, a, id, 40)
}

// A server that has gone is shown even when nobody talks. Tier: ci.
func TestArchive_ShowsASilentDatabaseWithoutATurn(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.pulse = 50 * time.Millisecond
		a := open(t, o)
		settle(t, a)
		unlock := s.lock(t)
		if _, ok := s.(serverStore); ok {
			unlock()
			db := s.(serverStore).open(t)
			unlock = hold(t, db, "BEGIN; LOCK TABLE instances IN ACCESS EXCLUSIVE MODE")
		}
		within(t, 10*time.Second, "degraded", a.Degraded)
		unlock()
		within(t, 10*time.Second, "healthy", func() bool { return !a.Degraded() })
	})
}

// Tier: ci.
func TestOpen_NamesTheServerAndNeverThePassword(t *testing.T) {
	const word = "s3ntinel-p@ss/w:rd"
	escaped := url.QueryEscape(word)
	s := newServerStore(t)
	good, err := url.Parse(s.url)
	must(t, err)
	with := func(change func(u *url.URL)) string {
		u := *good
		u.User = url.UserPassword("voicectl", word)
		change(&u)
		return u.String()
	}
	for name, text := range map[string]string{
		"wrong password":      with(func(*url.URL) {}),
		"nobody listens":      with(func(u *url.URL) { u.Host = "127.0.0.1:1" }),
		"no such host":        with(func(u *url.URL) { u.Host = "nobody.invalid:5432" }),
		"no such database":    strings.Replace(s.url, good.Path, "/absent", 1),
		"port of letters":     "postgres://voicectl:" + escaped + "@127.0.0.1:port/db",
		"bad escape":          "postgres://voicectl:" + word + "%zz@127.0.0.1:5432/db",
		"other scheme":        "mysql://voicectl:" + escaped + "@127.0.0.1/db",
		"unknown sslmode":     with(func(u *url.URL) { u.RawQuery = "sslmode=sometimes" }),
		"password in query":   "postgres://127.0.0.1:1/db?user=voicectl&password=" + escaped + "&sslmode=sometimes",
		"absent certificate":  with(func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=/absent" }),
		"server without TLS":  with(func(u *url.URL) { u.RawQuery = "sslmode=require" }),
		"words, not a URL":    "host=127.0.0.1 password=" + word,
		"unknown setting":     with(func(u *url.URL) { u.RawQuery += "&no_such_setting=1" }),
		"only a user":         "postgres://" + escaped,
		"password and no end": "postgres://voicectl:" + escaped + "@",
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Open(Options{Dir: t.TempDir(), Database: secret.New(text), startWait: 50 * time.Millisecond})
			if err == nil {
				t.Fatal(errors.Join(errors.New("opened"), a.Close()))
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if _, isHidden := e.(hidden); isHidden { //nolint:errorlint // each layer by itself
					break
				}
				for _, p := range []string{word, escaped, postgres.Password, "s3ntinel"} {
					if strings.Contains(e.Error(), p) {
						t.Errorf("the error tells the password: %v", strings.ReplaceAll(e.Error(), p, "<HERE>"))
					}
				}
			}
			if !strings.Contains(err.Error(), "PostgreSQL") && !strings.Contains(err.Error(), "DATABASE_URL") {
				t.Errorf("the error does not say what was opened: %v", err)
			}
			t.Log(err)
		})
	}
}

// Tier: ci.
func TestOpen_WaitsForAServerThatIsComingUp(t *testing.T) {
	server, s := ownServer(t)
	must(t, server.Stop(syscall.SIGINT))
	done := make(chan error, 1)
	go func() {
		a, err := Open(s.options())
		if err == nil {
			err = a.Close()
		}
		done <- err
	}()
	must(t, server.Start())
	must(t, <-done)
}

// A database that is set not to wait for its disk does so for turns. Tier: ci.
func TestOpen_CommitsAreDurableWhateverTheDatabaseIsSetTo(t *testing.T) {
	server, s := ownServer(t)
	for set, want := range map[string]string{"off": "on", "local": "local", "remote_apply": "remote_apply"} {
		_, err := server.SQL("postgres", "ALTER DATABASE postgres SET synchronous_commit = "+set)
		must(t, err)
		a := open(t, s.options())
		var got string
		must(t, a.write.do(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
			return conn.QueryRowContext(ctx, "SHOW synchronous_commit").Scan(&got)
		}))
		if got != want {
			t.Errorf("set to %s: got %s, want %s", set, got, want)
		}
	}
}

// Two instances on one database: what one removes, the other does not bring back. Tier: ci.
func TestArchive_AnEraseIsNotOverrunByAnotherInstance(t *testing.T) {
	s := newServerStore(t)
	a := open(t, s.options())
	b := open(t, Options{Dir: t.TempDir(), Database: s.options().Database})
	for round := range 20 {
		c := call(round)
		put(t, a.BeginCall(t.Context(), c))
		settle(t, a)
		done := make(chan error, 1)
		go func() {
			for seq := range 20 {
				if err := b.AddTurn(t.Context(), turn(c.ID, seq)); err != nil && !errors.Is(err, ErrSpooled) {
					done <- err
					return
				}
			}
			done <- nil
		}()
		must(t, a.Erase(t.Context(), c.ID))
		must(t, <-done)
		settle(t, b)
		if got := turns(t, a, c.ID); len(got) != 0 {
			t.Fatalf("round %d: %d turns came back", round, len(got))
		}
	}
}
