package archive

import (
	"context"
	"errors"
	"fmt"
)

// open makes a writer that has its handle ready to run.
func (w *writer) open(ctx context.Context, f *folder) error {
	var err error
	if w.spool, err = openSpool(f, w.log); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return errors.Join(fmt.Errorf("archive: open writer: %w", err), w.spool.close())
	}
	w.degraded.Store(!w.spool.empty())
	return nil
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	if w.stmts, err = prepareStatements(ctx, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	w.conn = conn
	return nil
}

// letGo closes the connection and its handle.
func (w *writer) letGo() error {
	err := w.stmts.close()
	w.stmts = statements{}
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
		w.conn = nil
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
		w.db = nil
	}
	return err
}

// ready sees that there is a connection, and to the database that is named.
func (w *writer) ready(ctx context.Context) error {
	if w.conn != nil {
		err := w.engine.there()
		if !errors.Is(err, errReplaced) {
			return err
		}
		w.log.Warn("another database has taken the place of the one that was open, it is opened", "component", "archive")
		_ = w.letGo() // of a file that is gone
		if err := w.replaced(); err != nil {
			return err
		}
	}
	if w.db == nil {
		var err error
		if w.db, err = w.engine.openWrite(ctx); err != nil {
			return err
		}
	}
	return w.connect(ctx)
}

// attempt is one try to write, within the engine's time. After trouble, a connection that may be dead is
// let go; a commit whose answer was lost is made again, which the rows' keys make harmless.
func (w *writer) attempt(ctx context.Context, f func(context.Context) error) error {
	if d := w.engine.limit(); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	err := w.ready(ctx)
	if err == nil {
		err = f(ctx)
	}
	if err != nil && w.engine.hangsUp() && !w.engine.faulty(err) {
		_ = w.letGo() // its error follows from the first
	}
	return err
}
