// Package archive keeps what must survive a process: calls, finished turns, event files, recordings.
//
// Rows live in one SQLite file (WAL, synchronous FULL); events and recordings are files beside it.
// Everything under Options.Dir is private to the user (files 0600, folders 0700) and every path goes
// through os.Root, so that no id can lead outside.
//
// One goroutine, started by Open and awaited by Close, owns the writing connection and the spool file.
// It commits in groups whatever has gathered while the last commit was in flight. A caller waits 50 ms
// at most: what is not on disk by then stays in a bounded queue (ErrSpooled), what the queue cannot hold
// goes to an append-only file, and all of it lands later, once, by its key (call, seq). A second, short
// goroutine checks a large database in the background after Open. Several processes may share a folder,
// as an old one that drains and its successor do.
package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// DatabaseFile is the name of the database in Options.Dir.
const DatabaseFile = "voicectl.db"

const (
	patience     = 50 * time.Millisecond  // a caller waits so long for the disk
	busyTimeout  = 250 * time.Millisecond // one attempt waits so long for another process's lock
	retryFirst   = 50 * time.Millisecond
	retryMost    = 2 * time.Second
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
	Dir       string // data folder, made when absent
	Log       *slog.Logger
	Now       func() time.Time
	Retention Retention

	queueLimit int // 0 = maxQueue; tests make it small
}

// Archive is open storage. Its methods may be called from any goroutine.
type Archive struct {
	o       Options
	root    *os.Root
	read    *sql.DB
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
	root, err := openRoot(o.Dir)
	if err != nil {
		return nil, err
	}
	a := &Archive{o: o, root: root, stopped: make(chan struct{}), checked: make(chan struct{})}
	if err := a.start(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return a, nil
}

func (a *Archive) start() error {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	db, read, err := openDatabase(ctx, a.root, a.o.Dir)
	if err != nil {
		cancel()
		return err
	}
	a.read = read
	a.write, err = newWriter(ctx, db, a.root, a.o)
	if err != nil {
		cancel()
		return errors.Join(err, db.Close(), read.Close())
	}
	go func() { defer close(a.stopped); a.write.run() }()
	go func() { defer close(a.checked); a.check(ctx) }()
	return nil
}

// check reads a database too large to be checked at start.
func (a *Archive) check(ctx context.Context) {
	st, err := a.root.Stat(DatabaseFile)
	if err != nil || st.Size() <= checkAtOpen {
		return
	}
	if err := quickCheck(ctx, a.read); err != nil && ctx.Err() == nil {
		a.damaged.Store(true)
		a.o.Log.Error("database is damaged: restore a copy of it", "component", "archive", "err", err)
	}
}

// Degraded tells that finished turns are not reaching the database, or that it is damaged.
func (a *Archive) Degraded() bool { return a.write.degraded.Load() || a.damaged.Load() }

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
		err = errors.Join(a.write.closeErr, a.read.Close(), a.root.Close())
		if err != nil {
			err = fmt.Errorf("archive: close %s: %w", a.o.Dir, err)
		}
	})
	return err
}
