package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/voicectl/voicectl/internal/secret"
)

const (
	// schemaName is where the tables live unless the URL names a search_path.
	schemaName = "voicectl"

	// The keys of the advisory locks: "voic" in ASCII and a number.
	keyMigrate = 0x766f6963_01
	keyWrite   = 0x766f6963_02

	postgresLimit   = 2 * time.Second // of one attempt to write
	postgresConnect = 2 * time.Second
)

// postgresEngine is the engine of a server that several processes may share. Each has one connection that writes
// and up to four that read, all made by pgx from the URL, with its sslmode, password file and hosts.
type postgresEngine struct {
	config *pgx.ConnConfig
	name   string // of the server, for messages: never with a password
	ours   bool   // the schema is ours to make
}

func newPostgres(database secret.Secret) (*postgresEngine, error) {
	text := database.Reveal()
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New("archive: DATABASE_URL is not the URL of a PostgreSQL database: " +
			"want postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, with special characters escaped")
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("archive: read DATABASE_URL: %w", hide(err, text, u))
	}
	config.RuntimeParams = maps.Clone(config.RuntimeParams)
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "voicectl"
	}
	_, named := config.RuntimeParams["search_path"]
	if !named {
		config.RuntimeParams["search_path"] = schemaName
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > postgresConnect {
		config.ConnectTimeout = postgresConnect
	}
	return &postgresEngine{config: config, name: fmt.Sprintf("PostgreSQL database %s on %s:%d", config.Database, config.Host, config.Port), ours: !named}, nil
}

// hide takes an error whose text tells the URL or its password, and leaves its kind.
func hide(err error, text string, u *url.URL) error {
	password, _ := u.User.Password()
	for _, p := range []string{text, password, url.QueryEscape(password), url.PathEscape(password), u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if p != "" && strings.Contains(err.Error(), p) {
			return hidden{"some part of it is not understood (its text is withheld, because it holds the password)", err}
		}
	}
	return err
}

// openWrite connects to a server that takes writes: with several hosts in the URL, to whichever does now.
func (p *postgresEngine) openWrite(ctx context.Context) (*sql.DB, error) {
	config := p.config.Copy()
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(durable))
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db, p); err != nil {
		return nil, errors.Join(fmt.Errorf("archive: open %s: %w", p.name, err), db.Close())
	}
	return db, nil
}

// durable makes a commit wait for the server's disk even where the database is set not to.
func durable(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

func (p *postgresEngine) openRead() (*sql.DB, error) {
	db := stdlib.OpenDB(*p.config.Copy())
	db.SetMaxOpenConns(4)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}

func (p *postgresEngine) there() error         { return nil }
func (p *postgresEngine) limit() time.Duration { return postgresLimit }
func (p *postgresEngine) hangsUp() bool        { return true }
func (p *postgresEngine) steps() []string      { return embedded("postgres") }

func (p *postgresEngine) begin(alone bool) string {
	if alone {
		return fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", int64(keyWrite))
	}
	return fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock_shared(%d)", int64(keyWrite))
}

func (p *postgresEngine) clock(ctx context.Context, q queryer) (n int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`).Scan(&n)
	return n, err
}

func (p *postgresEngine) version(ctx context.Context, q queryer) (n int, err error) {
	var known bool
	if err := q.QueryRowContext(ctx, `SELECT to_regclass('schema_version') IS NOT NULL`).Scan(&known); err != nil || !known {
		return 0, err
	}
	err = q.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func (p *postgresEngine) reserve(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(keyMigrate)); err != nil {
		return err
	}
	var known bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, schemaName).Scan(&known); err != nil {
		return err
	}
	if p.ours && !known {
		if _, err := tx.ExecContext(ctx, `CREATE SCHEMA `+schemaName); err != nil {
			return fmt.Errorf("%w (or name a schema that exists: DATABASE_URL with search_path=NAME)", err)
		}
	}
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)`)
	return err
}

func (p *postgresEngine) setVersion(ctx context.Context, tx *sql.Tx, version int) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM schema_version; INSERT INTO schema_version VALUES (%d)`, version))
	return err
}

// forget has nothing to do: deleted rows leave the server's files with its vacuum, and its log and copies
// when the operator's retention lets them go.
func (p *postgresEngine) forget(context.Context, *sql.Conn) error { return nil }

// check has nothing to do: the server looks after its pages.
func (p *postgresEngine) check(context.Context, *sql.DB) error { return nil }

// faulty goes by the class of the code, https://www.postgresql.org/docs/current/errcodes-appendix.html: data
// exception, integrity constraint, program limit exceeded.
func (p *postgresEngine) faulty(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54":
		return true
	}
	return false
}

// transient tells that a server may come up, or have room, if one waits a little.
func transient(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "53", "57", "08": // no room, going down or coming up, connection
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}
