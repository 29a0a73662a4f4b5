// Package archive keeps what must survive a process: calls, finished turns, event files, recordings.
//
// Rows live in one SQLite file (WAL, synchronous FULL), or in the PostgreSQL database that Options names;
// events and recordings are files in Options.Dir in both cases. Everything under it is private to the user
// (files 0600, folders 0700) and every path goes through os.Root, so that no id can lead outside.
//
// One goroutine, started by Open and awaited by Close, owns the writing connection and the spool file.
// It commits in groups whatever has gathered while the last commit was in flight. A caller waits 50 ms
// at most: what is not on disk by then stays in a bounded queue (ErrSpooled). When the trouble lasts over
// a second, or the queue fills, it goes to an append-only file, where it is as safe as in the database.
// All of it lands later, once, by its key (call, seq). A second, short goroutine checks a large database
// in the background after Open.
//
// Several processes may share a folder, as an old one that drains and its successor do, or a PostgreSQL
// database from folders of their own. Each has an id and tells every 15 seconds that it lives. A call that
// is open while its process has not been heard of for 90 seconds is given the end "lost", at the time when
// the process was last heard of. That end is a guess: a process that was only cut off overrules it with
// the true one.
package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/secret"
)

// DatabaseFile is the name of the database in Options.Dir.
const DatabaseFile = "voicectl.db"

const (
	patience     = 50 * time.Millisecond  // a caller waits so long for the disk
	busyTimeout  = 250 * time.Millisecond // one attempt waits so long for another process's lock
	retryFirst   = 50 * time.Millisecond
	retryMost    = 2 * time.Second
	spillAfter   = time.Second      // of trouble: from then on records go to the spool file at once
	startWait    = 10 * time.Second // for a server that is coming up
	pulseEvery   = 15 * time.Second
	pulseAgain   = time.Second // after one that did not get through
	silentFor    = 90 * time.Second
	maxQueue     = 10_000
	maxBatch     = 256
	maxSpoolSize = 256 << 20
)

// What an operation of the archive can answer beside nil.
var (
	// ErrSpooled says that the record is accepted but not yet on disk: it lands later. Nothing is to be
	// done about it but to know that a crash now would lose it.
	ErrSpooled = errors.New("archive: accepted, not yet on disk")
	// ErrFull says that neither the database nor the queue nor the spool file could take the record.
	ErrFull = errors.New("archive: queue and spool are full, record dropped: free space in the data folder")
	// ErrNotFound says that there is no such call, or no such file of it.
	ErrNotFound = errors.New("archive: not found")
	// ErrClosed says that the archive was closed.
	ErrClosed = errors.New("archive: closed")
	// ErrInvalid says that a record breaks a bound; it is never retried.
	ErrInvalid = errors.New("archive: invalid record")
)

// Options shape an Archive.
type Options struct {
	Dir       string        // data folder, made when absent
	Database  secret.Secret // URL of a PostgreSQL database; not set: SQLite in Dir
	Log       *slog.Logger
	Now       func() time.Time
	Retention Retention

	queueLimit int           // 0 = maxQueue; tests make it small
	startWait  time.Duration // 0 = startWait
	pulse      time.Duration // 0 = pulseEvery
}

// Archive is open storage. Its methods may be called from any goroutine.
type Archive struct {
	o       Options
	folder  *folder
	engine  engine
	read    atomic.Pointer[sql.DB]
	write   *writer
	stopped chan struct{} // closed by the writer's goroutine
	checked chan struct{} // closed by the background check
	cancel  context.CancelFunc
	damaged atomic.Bool
	once    sync.Once
}

// Open opens or makes the archive in o.Dir and brings its schema up to date. A damaged database is an
// error that names the file; it is never replaced.
func Open(o Options) (*Archive, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.queueLimit <= 0 {
		o.queueLimit = maxQueue
	}
	if o.startWait <= 0 {
		o.startWait = startWait
	}
	if o.pulse <= 0 {
		o.pulse = pulseEvery
	}
	e, f, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	a := &Archive{o: o, folder: f, engine: e, stopped: make(chan struct{}), checked: make(chan struct{})}
	if err := a.start(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return a, nil
}

func (a *Archive) start() error {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	db, err := a.openWrite(ctx)
	if err != nil {
		cancel()
		return err
	}
	if err := a.openRead(); err != nil {
		cancel()
		return errors.Join(err, db.Close())
	}
	a.write = &writer{engine: a.engine, db: db, queue: newQueue(a.o.queueLimit), log: a.o.Log, id: uuid.NewString(), every: a.o.pulse, replaced: a.openRead}
	if err := a.write.open(ctx, a.folder); err != nil {
		cancel()
		return errors.Join(err, a.write.letGo(), a.read.Load().Close())
	}
	go func() { defer close(a.stopped); a.write.run() }()
	go func() { defer close(a.checked); a.check(ctx) }()
	return nil
}

// openWrite gives a server that is coming up, or full, some time.
func (a *Archive) openWrite(ctx context.Context) (*sql.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.startWait)
	defer cancel()
	var last error
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		db, err := a.engine.openWrite(ctx)
		switch {
		case err == nil:
			return db, nil
		case last != nil && ctx.Err() != nil:
			return nil, last // says more than that the time was over
		case !transient(err):
			return nil, err
		}
		last = err
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, last
		}
	}
}

// openRead opens the reads, in place of those of a database that was replaced.
func (a *Archive) openRead() error {
	db, err := a.engine.openRead()
	if err != nil {
		return err
	}
	if old := a.read.Swap(db); old != nil {
		return old.Close()
	}
	return nil
}

// check reads a database too large to be checked at start.
func (a *Archive) check(ctx context.Context) {
	if err := a.engine.check(ctx, a.read.Load()); err != nil && ctx.Err() == nil {
		a.damaged.Store(true)
		a.o.Log.Error("database is damaged: restore a copy of it", "component", "archive", "err", err)
	}
}

// Degraded tells that finished turns are not reaching the database, that it did not answer when it was
// last asked, or that it is damaged.
func (a *Archive) Degraded() bool {
	return a.write.degraded.Load() || a.write.silent.Load() || a.damaged.Load()
}

// Waiting is the number of records in memory that are not on disk yet.
func (a *Archive) Waiting() int { return a.write.queue.len() }

// Flush waits until everything accepted so far, spooled or not, is in the database.
func (a *Archive) Flush(ctx context.Context) error {
	return a.write.do(ctx, func(context.Context, *sql.Conn) error { return nil })
}

// Close writes out what is waiting, to the spool file if the database does not take it, and closes. It
// may be called more than once. The error counts records that were lost.
func (a *Archive) Close() error {
	var err error
	a.once.Do(func() {
		a.cancel()
		a.write.stop()
		<-a.stopped
		<-a.checked
		err = errors.Join(a.write.closeErr, a.read.Load().Close(), a.folder.close())
		if err != nil {
			err = fmt.Errorf("archive: close %s: %w", a.o.Dir, err)
		}
	})
	return err
}
